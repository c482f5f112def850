"""Slack, assembled for `posbot serve`: identity, listeners, transports and the worker of live messages."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import structlog
from aiohttp import web

from bot import app as bot_app
from bot import contexts, errors
from bot.config import roles
from bot.config import settings as config_settings
from bot.dispatch import redaction
from bot.durable import live_messages
from bot.slack.client import api as slack_api
from bot.slack.client import history
from bot.slack.inbound import app_home, handler, listeners, manifest, refusals, signed_http, socket_mode
from bot.slack.outbound import (
    live_message_worker,
    log_stream,
    pending_responses,
    rate_limit,
    reconciler,
    rendering,
    spool,
)

log = structlog.get_logger()

REQUEST_PATH = manifest.REQUEST_PATH
_CHECK_SECONDS = 30.0

Watch = Callable[[], Coroutine[Any, Any, None]]


async def identify(api: slack_api.SlackApi, access: config_settings.SlackAccess) -> slack_api.Identity:
    """
    Return who the bot token belongs to, once Slack accepts the app-level token, too.

    Raises:
        errors.Refused: Slack does not accept a token.
        errors.Unavailable: Slack cannot be reached.
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
        refused: refusals.Refusals,
    ) -> None:
        self._api = api
        self._stop = stop
        self._problem: str | None = None
        self.tasks = listeners.BackgroundTasks()
        limiter = rate_limit.EditLimiter()
        spool.delete_abandoned()
        stream_options = log_stream.LogStreamOptions(record=core.audit, db=core.db, stopping=stop, limiter=limiter)
        core.member.timers.register(log_stream.TIMER, log_stream.request_stop)
        channels = core.data.roles.channels
        pending = pending_responses.PendingResponses(
            api, core.audit, core.db, core.member, channels=channels, limiter=limiter, now=contexts.now
        )
        app = listeners.application(
            api,
            identity,
            handler=handler.RequestHandler(core.dispatcher, api, channels, stream_options, pending),
            home=app_home.AppHome(core.dispatcher, api),
            tasks=self.tasks,
        )
        self.receive: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
        """Signed HTTP at REQUEST_PATH, where there is a signing secret."""
        if access.signing_secret:
            self.receive = signed_http.route(app, access.signing_secret, refused, is_stopping=stop.is_set).handler
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
        if self.sockets is not None and self.sockets.alive() == 0:
            return "No Socket Mode connection to Slack is alive."
        return self._problem

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
