"""
What Slack may send, and which handler it goes to: the Bolt application, acknowledgements, and background tasks.

Every listener acknowledges and starts a background task. Its work starts once the acknowledgement is sent
(`ACKNOWLEDGEMENT` in the context), because Bolt's `ack()` only sets a value that is sent later, when the event loop is
free again. It also waits until no other request waits for its acknowledgement: a burst of requests shares one event
loop, and work of the first would be paid for with the three seconds of the fiftieth.
"""

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.response import BoltResponse

from bot import errors
from bot.model import invocations
from bot.slack.blocks import message
from bot.slack.client import api as slack_api
from bot.slack.inbound import app_home, manifest, payloads
from bot.slack.inbound import handler as inbound_handler

log = structlog.get_logger()

ACKNOWLEDGEMENT = "acknowledgement"
ACK_TIMEOUT_SECONDS = 3.0
SHUTDOWN_GRACE_SECONDS = 3.0
"""For cancelled tasks to tell the requester that they were cancelled."""
_MAX_QUIET_WAIT_SECONDS = 0.25
"""How long a task waits for other acknowledgements; under constant load it must start all the same."""
_RESTART_SECONDS = 5.0


class Acknowledgements:
    """Counts requests that were received and not acknowledged."""

    def __init__(self) -> None:
        self._pending = 0
        self._is_quiet = asyncio.Event()
        self._is_quiet.set()

    @contextlib.contextmanager
    def pending(self) -> Iterator["Acknowledgement"]:
        """Count a request as pending until the end of the block, which sends its acknowledgement."""
        acknowledgement = Acknowledgement(self)
        self._pending += 1
        self._is_quiet.clear()
        try:
            yield acknowledgement
        finally:
            self._pending -= 1
            if self._pending == 0:
                self._is_quiet.set()
            acknowledgement.is_sent.set()

    async def wait_until_quiet(self) -> None:
        """Wait until no acknowledgement is pending, for a short time at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_MAX_QUIET_WAIT_SECONDS):
                await self._is_quiet.wait()


class Acknowledgement:
    """The acknowledgement of one request."""

    def __init__(self, others: Acknowledgements) -> None:
        self._others = others
        self.is_sent = asyncio.Event()

    async def wait(self) -> None:
        """Wait until it is sent, and those of other requests too."""
        try:
            async with asyncio.timeout(ACK_TIMEOUT_SECONDS):
                await self.is_sent.wait()
        except TimeoutError:
            # The connection broke before. The person sees an error of Slack and, a moment later, the response.
            log.warning("acknowledgement not sent")
        await self._others.wait_until_quiet()


class BackgroundTasks:
    """Tracked tasks: a failing one is logged and ends no other, and all are drained at the end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run *work* in a task; once drained, nothing is started."""
        if self._is_closed:
            log.warning("task rejected during shutdown", task=name)
            work.close()
            return
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    async def drain(self, seconds: float) -> None:
        """Wait *seconds* for running tasks, then cancel the rest and let them say so."""
        log.info("draining", tasks=len(self._tasks))
        deadline = time.monotonic() + seconds
        while self._tasks and time.monotonic() < deadline:
            await asyncio.wait(self._tasks, timeout=deadline - time.monotonic())
        self._is_closed = True
        late = set(self._tasks)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=SHUTDOWN_GRACE_SECONDS)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task failed", task=task.get_name(), exc_info=error)


async def run_forever(work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
    """Run *work* again whenever it ends; an exception is logged."""
    while True:
        try:
            await work()
        except Exception:
            # One of the places that may: a dead loop would take the whole bot with it, or leave it blind.
            log.exception("background loop failed", loop=name)
        await asyncio.sleep(_RESTART_SECONDS)


def application(
    api: slack_api.SlackApi,
    identity: slack_api.Identity,
    *,
    handler: inbound_handler.RequestHandler,
    home: app_home.AppHome,
    tasks: BackgroundTasks,
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
        tasks: BackgroundTasks,
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
        app.event("message")(self._on_message)
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
        if payloads.is_late_edit(body):
            return
        request = payloads.from_message(body, self._identity.user_id, invocations.Source.MENTION)
        self._start(self._handler.handle(request), context)

    async def _on_message(self, body: dict[str, Any], context: AsyncBoltContext) -> None:
        if not payloads.is_direct_message(body):
            # What people say in channels is not for posbot, and its own messages and edits come here, too.
            return
        request = payloads.from_message(body, self._identity.user_id, invocations.Source.DIRECT_MESSAGE)
        self._start(self._handler.handle(request), context)

    async def _on_home(self, body: dict[str, Any], context: AsyncBoltContext) -> None:
        if body["event"].get("tab", "home") == "home":
            self._start(self._home.publish(body, payloads.user_of_home(body)), context)

    async def _on_other_event(self, body: dict[str, Any]) -> None:
        log.debug("event ignored", type=body.get("event", {}).get("type"))

    async def _on_error(self, error: Exception, body: dict[str, Any]) -> BoltResponse | None:
        kind = body.get("type") or body.get("command")
        # Listeners only read payloads, and so does Bolt before them: what they miss is a key, or another type of it.
        is_malformed = isinstance(error, LookupError | AttributeError | TypeError | ValueError)
        is_internal = not isinstance(error, errors.UsageError) and not is_malformed
        log.log(
            logging.ERROR if is_internal else logging.WARNING,
            "listener failed",
            type=kind,
            reason=repr(error) if is_malformed else str(error),
            exc_info=error if is_internal else None,
        )
        if kind == "event_callback" and not is_malformed:
            # Bolt has acknowledged it already.
            return None
        return BoltResponse(status=500 if is_internal else 400, body="The payload is malformed.\n")

    def _start(self, work: Coroutine[Any, Any, None], context: AsyncBoltContext) -> None:
        self._tasks.start(_after(context.get(ACKNOWLEDGEMENT), work), name="conversation")


async def _after(acknowledgement: Acknowledgement | None, work: Awaitable[None]) -> None:
    if acknowledgement is not None:
        await acknowledgement.wait()
    await work
