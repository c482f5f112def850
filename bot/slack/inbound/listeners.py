"""
The Bolt application: what Slack may send, and which handler it goes to.

Every listener acknowledges and starts a background task. The task's work starts once the acknowledgement is sent
(`ACKNOWLEDGEMENT` in the context), because Bolt's `ack()` only sets a value that is sent later, when the event loop is
free again.
"""

import logging
import re
from collections.abc import Awaitable, Coroutine
from typing import Any

import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.response import BoltResponse

from bot import errors
from bot.slack.blocks import message
from bot.slack.client import api as slack_api
from bot.slack.inbound import app_home, manifest, payloads
from bot.slack.inbound import handler as inbound_handler
from bot.slack.inbound import tasks as inbound_tasks

log = structlog.get_logger()

ACKNOWLEDGEMENT = "acknowledgement"


def application(
    api: slack_api.SlackApi,
    identity: slack_api.Identity,
    *,
    handler: inbound_handler.RequestHandler,
    home: app_home.AppHome,
    tasks: inbound_tasks.BackgroundTasks,
) -> AsyncApp:
    """
    Return the Bolt application, authorized once.

    Left to itself, Bolt asks Slack for its identity within the three seconds of the first command.
    """
    authorized = AuthorizeResult(
        enterprise_id=identity.enterprise_id,
        team_id=identity.team_id,
        bot_id=identity.bot_id,
        bot_user_id=identity.user_id,
        bot_token=api.token,
    )

    async def authorize() -> AuthorizeResult:
        return authorized

    app = AsyncApp(
        client=api.writer,
        authorize=authorize,
        # `signed_http` checks the signature before Bolt parses the body.
        request_verification_enabled=False,
        attaching_conversation_kwargs_enabled=False,
    )
    _Listeners(identity, handler, home, tasks).attach(app)
    return app


class _Listeners:
    def __init__(
        self,
        identity: slack_api.Identity,
        handler: inbound_handler.RequestHandler,
        home: app_home.AppHome,
        tasks: inbound_tasks.BackgroundTasks,
    ) -> None:
        self._identity = identity
        self._handler = handler
        self._home = home
        self._tasks = tasks

    def attach(self, app: AsyncApp) -> None:
        """Register a listener for everything that Slack sends."""
        app.command(manifest.SLASH_COMMAND)(self._on_command)
        app.action(re.compile(f"^{message.RUN}:"))(self._on_click)
        app.action(re.compile(".*"))(self._on_other_click)
        app.event("app_mention")(self._on_mention)
        app.event("app_home_opened")(self._on_home)
        # Bolt answers 404 to events without a listener, which Slack treats as a failure and delivers again.
        app.event(re.compile(".*"))(self._on_other_event)
        app.error(self._on_error)

    async def _on_command(self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        request = payloads.from_command(body)
        await ack()
        self._start(self._handler.handle(request), context)

    async def _on_click(self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        request = payloads.from_click(body)
        await ack()
        self._start(self._handler.handle(request), context)

    async def _on_other_click(self, ack: AsyncAck) -> None:
        # Buttons that only open a link are reported too, and old messages may have buttons of an older version.
        await ack()

    async def _on_mention(self, body: dict[str, Any], context: AsyncBoltContext) -> None:
        if not body["event"].get("user"):
            # A message of another app, without a person whose permissions could be checked.
            return
        request = payloads.from_mention(body, self._identity.user_id)
        self._start(self._handler.handle(request), context)

    async def _on_home(self, body: dict[str, Any], context: AsyncBoltContext) -> None:
        if body["event"].get("tab", "home") == "home":
            self._start(self._home.publish(body), context)

    async def _on_other_event(self, body: dict[str, Any]) -> None:
        log.debug("event ignored", type=body.get("event", {}).get("type"))

    async def _on_error(self, error: Exception, body: dict[str, Any]) -> BoltResponse | None:
        kind = body.get("type") or body.get("command")
        is_internal = not isinstance(error, errors.UsageError)
        log.log(
            logging.ERROR if is_internal else logging.WARNING,
            "listener failed",
            type=kind,
            reason=str(error),
            exc_info=error if is_internal else None,
        )
        if kind == "event_callback":
            # Bolt has acknowledged it already.
            return None
        return BoltResponse(status=500 if is_internal else 400, body="The payload is malformed.\n")

    def _start(self, work: Coroutine[Any, Any, None], context: AsyncBoltContext) -> None:
        self._tasks.start(_after(context.get(ACKNOWLEDGEMENT), work), name="conversation")


async def _after(acknowledgement: inbound_tasks.Acknowledgement | None, work: Awaitable[None]) -> None:
    if acknowledgement is not None:
        await acknowledgement.wait()
    await work
