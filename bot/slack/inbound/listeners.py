"""
What Slack may send, and what becomes of it: the Bolt application.

Every listener acknowledges and hands its work over; the work begins once the acknowledgement is on the wire
(`ACKNOWLEDGEMENT` in the context), because Bolt's `ack()` only sets a value that leaves
later, when the loop is free again.
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
from bot.slack.inbound import acknowledgements, app_home, background_tasks, handler, payloads

log = structlog.get_logger()

COMMAND = "/pos"
ACKNOWLEDGEMENT = "acknowledgement"


class SlackListeners:
    """Connects Bolt's listeners with the conversations they begin."""

    def __init__(
        self,
        *,
        identity: slack_api.Identity,
        conversations: handler.RequestHandler,
        home: app_home.AppHome,
        workload: background_tasks.BackgroundTasks,
    ) -> None:
        self._identity = identity
        self._conversations = conversations
        self._home = home
        self._workload = workload

    def attach(self, app: AsyncApp) -> None:
        """Register everything the bot listens to on *app*."""
        app.command(COMMAND)(self._on_command)
        app.action(re.compile(f"^{message.RUN}:"))(self._on_click)
        app.action(re.compile(".*"))(self._on_other_click)
        app.event("app_mention")(self._on_mention)
        app.event("app_home_opened")(self._on_home)
        # Bolt answers 404 to events without a listener, which Slack takes for a failure and sends again.
        app.event(re.compile(".*"))(self._on_other_event)
        app.error(self._on_error)

    async def _on_command(self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        request = payloads.from_command(body)
        await ack()
        self._start(self._conversations.handle(request), context)

    async def _on_click(self, ack: AsyncAck, body: dict[str, Any], context: AsyncBoltContext) -> None:
        request = payloads.from_click(body)
        await ack()
        self._start(self._conversations.handle(request), context)

    async def _on_other_click(self, ack: AsyncAck) -> None:
        # Buttons that only open a link are reported too, and buttons of an older version may still stand somewhere.
        await ack()

    async def _on_mention(self, body: dict[str, Any], context: AsyncBoltContext) -> None:
        if not body["event"].get("user"):
            # Another app's message, with nobody behind it who could be asked whether they may.
            return
        request = payloads.from_mention(body, self._identity.user_id)
        self._start(self._conversations.handle(request), context)

    async def _on_home(self, body: dict[str, Any], context: AsyncBoltContext) -> None:
        if body["event"].get("tab", "home") == "home":
            self._start(self._home.show(body), context)

    async def _on_other_event(self, body: dict[str, Any]) -> None:
        log.debug("event not of interest", type=body.get("event", {}).get("type"))

    async def _on_error(self, error: Exception, body: dict[str, Any]) -> BoltResponse | None:
        kind = body.get("type") or body.get("command")
        is_ours = not isinstance(error, errors.UsageError)
        log.log(
            logging.ERROR if is_ours else logging.WARNING,
            "listener failed",
            type=kind,
            reason=str(error),
            exc_info=error if is_ours else None,
        )
        if kind == "event_callback":
            # Bolt has acknowledged it already.
            return None
        return BoltResponse(status=500 if is_ours else 400, body="The payload cannot be understood.\n")

    def _start(self, work: Coroutine[Any, Any, None], context: AsyncBoltContext) -> None:
        self._workload.start(_after(context.get(ACKNOWLEDGEMENT), work), name="conversation")


async def _after(acknowledgement: acknowledgements.Acknowledgement | None, work: Awaitable[None]) -> None:
    if acknowledgement is not None:
        await acknowledgement.over()
    await work


def application(api: slack_api.SlackApi, identity: slack_api.Identity) -> AsyncApp:
    """
    Give the Bolt application, authorised once and for all.

    Left to itself, Bolt asks Slack who it is within the three seconds of the first command.
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

    return AsyncApp(
        client=api.writer,
        authorize=authorize,
        # Whoever hands a request over has checked its signature, before Bolt looks into the body.
        request_verification_enabled=False,
        attaching_conversation_kwargs_enabled=False,
    )
