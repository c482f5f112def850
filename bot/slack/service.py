"""Slack, assembled for `posbot serve`: identity, listeners, transports and the worker of live messages."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog
import tenacity
from aiohttp import web

from bot import app as bot_app
from bot import contexts, errors
from bot.config import roles
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


def _log_wait(state: tenacity.RetryCallState) -> None:
    api, error = state.args[0], state.outcome.exception() if state.outcome is not None else None
    log.warning(
        "waiting for slack", url=api.url, reason=str(error), attempt=state.attempt_number, attempts=_START_ATTEMPTS
    )


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(errors.Unavailable),
    stop=tenacity.stop_after_attempt(_START_ATTEMPTS),
    wait=tenacity.wait_exponential_jitter(multiplier=0.5, max=8),
    before_sleep=_log_wait,
    reraise=True,
)
async def identify(api: slack_api.SlackApi, access: config_settings.SlackAccess) -> slack_api.Identity:
    """
    Return who the bot token belongs to, once Slack accepts the app-level token, too.

    Raises:
        errors.Refused: Slack does not accept a token.
        errors.Unavailable: Slack cannot be reached, after several attempts.
    """
    identity = await api.identify()
    if access.app_token:
        await api.check_app_token(access.app_token)
    return identity


def served_workspaces(identity: slack_api.Identity, rules: roles.Roles) -> tuple[str, ...]:
    """Return the workspaces whose members are served; of an organization those that roles.yaml lists."""
    if not identity.is_organization_wide:
        return (identity.team_id, *rules.workspaces)
    if not rules.workspaces:
        log.warning(
            "no workspace is served",
            organization=identity.enterprise_id,
            hint="posbot is installed for an organization: list the workspaces it serves in roles.yaml (workspaces).",
        )
    return rules.workspaces


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
