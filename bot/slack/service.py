"""Slack, assembled for `posbot serve`: identity, listeners, transports and the worker of live messages."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog
import tenacity
from aiohttp import web

from bot import app as bot_app
from bot import contexts, errors
from bot.config import settings as config_settings
from bot.dispatch import redaction
from bot.durable import live_messages
from bot.slack.client import api as slack_api
from bot.slack.client import history
from bot.slack.inbound import app_home, handler, listeners, socket_mode
from bot.slack.outbound import live_message_worker, log_stream, rate_limit, reconciler, rendering

log = structlog.get_logger()

_CHECK_SECONDS = 30.0
_START_ATTEMPTS = 5

Watch = Callable[[], Coroutine[Any, Any, None]]


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(errors.Unavailable),
    stop=tenacity.stop_after_attempt(_START_ATTEMPTS),
    wait=tenacity.wait_exponential_jitter(multiplier=0.5, max=8),
    before_sleep=lambda state: log.warning("slack does not answer", attempt=state.attempt_number, of=_START_ATTEMPTS),
    reraise=True,
)
async def identify(api: slack_api.SlackApi) -> slack_api.Identity:
    """
    Return who the token belongs to.

    Raises:
        errors.Refused: Slack does not accept the token.
        errors.Unavailable: Slack cannot be reached, after several attempts.
    """
    return await api.identify()


class SlackService:
    """What Slack reaches posbot by, and what posbot shows there; `watches` run as long as it serves."""

    def __init__(
        self,
        core: bot_app.Core,
        api: slack_api.SlackApi,
        identity: slack_api.Identity,
        access: config_settings.SlackAccess,
        *,
        settings: config_settings.Settings,
        registry: live_messages.Registry,
        stop: asyncio.Event,
    ) -> None:
        self._api = api
        self._stop = stop
        self._problem: str | None = None
        self.tasks = listeners.BackgroundTasks()
        limiter = rate_limit.EditLimiter()
        stream_options = log_stream.LogStreamOptions(record=core.audit, db=core.db, stopping=stop, limiter=limiter)
        core.member.timers.register(log_stream.TIMER, log_stream.request_stop)
        app = listeners.application(
            api,
            identity,
            handler=handler.RequestHandler(core.dispatcher, api, core.data.roles.channels, stream_options),
            home=app_home.AppHome(core.dispatcher, api),
            tasks=self.tasks,
        )
        self.route: web.RouteDef | None = None
        """Signed HTTP, where there is a signing secret."""
        if access.signing_secret:
            self.route = listeners.route(app, access.signing_secret, is_stopping=stop.is_set)
        self.sockets: socket_mode.SocketMode | None = None
        """Socket Mode, where there is an app-level token."""
        if access.app_token:
            self.sockets = socket_mode.SocketMode(
                app,
                access.app_token,
                api.reader,
                connections=settings.socket_connections,
                ping_seconds=settings.socket_ping_seconds,
            )
        dependencies = reconciler.Dependencies(
            store=live_messages.LiveMessageStore(core.db),
            registry=registry,
            api=api,
            history=history.SlackHistory(api, identity.user_id),
            renderer=rendering.Renderer(redactor=redaction.Redactor(settings.known_secrets)),
            member=core.member,
            now=contexts.now,
        )
        self._live_messages = live_message_worker.LiveMessageWorker(dependencies, limiter)
        core.worker.on_change = self._live_messages.wake

    @property
    def watches(self) -> Mapping[str, Watch]:
        """The tasks that run as long as posbot serves, by name."""
        watches: dict[str, Watch] = {"slack": self._watch_token, "live messages": self._live_messages.watch}
        return watches | ({"sockets": self.sockets.watch} if self.sockets is not None else {})

    async def readiness(self) -> str | None:
        """Return why Slack cannot be served, or None."""
        if self.sockets is not None and await self.sockets.alive() == 0:
            return "No Socket Mode connection to Slack is alive."
        return self._problem

    async def liveness(self) -> str | None:
        """Return why a new process is needed, or None."""
        if self.sockets is not None and self.sockets.is_hopeless:
            return "Socket Mode could not be restored; a new process may."
        return None

    async def close_sockets(self) -> None:
        """Receive nothing more over Socket Mode."""
        if self.sockets is not None:
            await self.sockets.close()

    async def _watch_token(self) -> None:
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            try:
                await self._api.identify()
                self._problem = None
            except errors.BotError as error:
                self._problem = str(error)
                log.error("slack check failed", reason=self._problem)
