"""
One request from Slack, from its payload to the response that is shown.

`SlackDisplay` shows progress, a followed log and, at last, the response; `RequestHandler` hands requests to dispatch.
"""

import asyncio
import collections
import contextlib
import dataclasses
import time
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

import structlog

from bot import errors
from bot.config import roles
from bot.dispatch import dispatcher as dispatch_dispatcher
from bot.dispatch import permissions
from bot.model import invocations, reports
from bot.slack.client import api as slack_api
from bot.slack.client import errors as client_errors
from bot.slack.inbound import payloads
from bot.slack.outbound import log_stream, pending_responses, replies

log = structlog.get_logger()
Found = TypeVar("Found")

_SHUTDOWN_GRACE_SECONDS = 2.0
_IN_FLIGHT_SECONDS = 5.0
"""For progress that is being sent when the response is ready: sent after it, it would replace it."""
_IDENTIFY_PAUSE_SECONDS = 1.0
_MAX_SHARES = 1_000
_NO_NAMES = frozenset({"", "privategroup"})
"""What Slack sends in place of a channel's name."""
_ALREADY_SHARED = reports.Report(
    verdict=reports.Verdict.OK, headline="Already shared with the channel.", is_information=True
)
_STILL_WORKING = reports.Report(verdict=reports.Verdict.UNKNOWN, headline="Working on it.")


class SlackDisplay:
    """
    Shows progress without delaying the command, and the response at the end.

    Slack may be slow, or ask for a pause of half a minute; of the reports that come meanwhile the newest is shown. Once
    a log is followed, its message shows everything, the response included.
    """

    def __init__(
        self,
        api: slack_api.SlackApi,
        invocation: invocations.Invocation,
        target: replies.ReplyTarget,
        options: log_stream.LogStreamOptions,
        *,
        is_public: bool,
        pending: pending_responses.PendingResponses | None = None,
    ) -> None:
        self._api = api
        self._pending = pending
        self._noted: tuple[slack_api.MessageRef | None, slack_api.MessageRef | None] = (None, None)
        """The messages that a later process makes the response: of the progress, and of the followed log."""
        self._invocation = invocation
        self._target = target
        self._options = options
        self._is_public = replies.is_visible(target, is_public=is_public)
        self._reply = replies.reply_to(api, target, options.limiter, is_public=is_public)
        self._stream: log_stream.LogStream | None = None
        self._newest: reports.Report | None = None
        self._sender: asyncio.Task[None] | None = None
        # One call at a time: whatever is sent after something newer would replace it.
        self._lock = asyncio.Lock()
        self.has_progress = False
        """The requester sees that something happens."""

    async def progress(self, report: reports.Report) -> None:
        """Show *report* soon, unless a log is followed, which shows more."""
        self._newest, self.has_progress = report, True
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_progress(), name="progress")

    async def append(self, log: reports.Log, status: str) -> None:
        """Show *log* soon, at the end of the log that is followed."""
        await self._followed().append(log, status)

    async def until_stopped(self) -> str:
        """Wait until the followed log is to end; return why."""
        return await self._followed().until_stopped()

    async def ask(self, prompt: invocations.Prompt) -> invocations.Choice | None:
        """Return None: what a run asks in Slack has a message with buttons."""

    async def settle(self) -> None:
        """Drop progress that was not sent, and wait for progress that is being sent."""
        self._newest = None
        if self._sender is not None:
            await asyncio.wait({self._sender}, timeout=_IN_FLIGHT_SECONDS)
            self._sender.cancel()
            await asyncio.wait({self._sender})

    async def finish(self, response: invocations.Response) -> bool:
        """
        Show *response*; return False, logged and counted, where Slack accepts it nowhere.

        Raises:
            client_errors.NotAccepted: Slack surely did not accept it.
        """
        if self._stream is not None and await self._stream.finish(response):
            return True
        return await self._reply.finish(response)

    async def close(self) -> None:
        """Stop following, and drop the log."""
        if self._stream is not None:
            await self._stream.close()

    async def _send_progress(self) -> None:
        while self._newest is not None:
            async with self._lock:
                report, self._newest = self._newest, None
                if report is not None and self._stream is None:
                    await self._reply.progress(report)
                    await self._note_messages()

    async def _note_messages(self) -> None:
        shown = (self._reply.progress_message, self._stream.message if self._stream is not None else None)
        if self._pending is not None and shown != self._noted:
            self._noted = shown
            await self._pending.note_messages(self._invocation, progress=shown[0], followed=shown[1])

    def _followed(self) -> log_stream.LogStream:
        if self._stream is None:
            self._stream = log_stream.LogStream(
                self._api,
                self._invocation,
                self._target,
                self._reply,
                self._options,
                is_public=self._is_public,
                lock=self._lock,
                on_posted=self._note_messages,
            )
            self.has_progress = True
        return self._stream


class RequestHandler:
    """Dispatches requests and shows their responses; a duplicate has none."""

    def __init__(
        self,
        dispatcher: dispatch_dispatcher.Dispatcher,
        api: slack_api.SlackApi,
        channels: roles.Channels,
        options: log_stream.LogStreamOptions,
        pending: pending_responses.PendingResponses,
        *,
        progress_after_seconds: float = 2.5,
        identify_seconds: float = 240.0,
    ) -> None:
        self._dispatcher = dispatcher
        self._api = api
        self._channels = channels
        self._options = options
        self._pending = pending
        self._progress_after_seconds = progress_after_seconds
        """After which the requester is told that work is in progress."""
        self._identify_seconds = identify_seconds
        """For Slack to say who a person is; later, nobody would expect what they typed to be executed."""
        self._shared: collections.OrderedDict[tuple[str, str], invocations.Invocation] = collections.OrderedDict()
        """What was shared where, and by which invocation."""

    async def handle(self, request: payloads.Request) -> None:
        """Dispatch *request* and show its response; where posbot shuts down first, say so."""
        request = payloads.resolve(request, self._dispatcher.parser)
        display = self._display_of(request)
        reservation = self._dispatcher.limits.reservation(request.invocation.actor.id)
        try:
            invocation = await self._wait(self._complete(request), display)
            invocation = dataclasses.replace(invocation, reply_to=request.target.to_document())
            request = dataclasses.replace(request, invocation=invocation)
            if not display.has_progress:
                # Its conversation has a name now, which decides who may see the response.
                display = self._display_of(request)
            response = await self._refuse_second_share(request)
            if response is None:
                work = self._dispatcher.dispatch(request.invocation, display, reservation)
                response = await self._wait(work, display)
        except asyncio.CancelledError:
            # What Slack does not accept in time is left to the next process.
            with contextlib.suppress(client_errors.NotAccepted, TimeoutError):
                async with asyncio.timeout(_SHUTDOWN_GRACE_SECONDS):
                    await display.finish(_interrupted(request.invocation))
                    await self._pending.settle(request.invocation.id)
            raise
        else:
            if _is_refused_bot(request, response):
                await self._pending.settle(response.invocation_id)
            elif response.status is not invocations.Status.DUPLICATE:
                await self._finish(request, response, display)
        finally:
            reservation.release()
            await display.close()

    async def _finish(self, request: payloads.Request, response: invocations.Response, display: SlackDisplay) -> None:
        """Show *response*, later where Slack cannot be reached; what could not be shared can be shared again."""
        is_postponed = False
        try:
            is_delivered = await display.finish(response)
        except client_errors.NotAccepted as error:
            is_delivered = is_postponed = self._pending.postpone(response, error)
        if request.is_share and not (is_delivered and response.status is invocations.Status.OK):
            key = _share_key(request.invocation)
            if self._shared.get(key) is request.invocation:
                del self._shared[key]
        if not is_postponed:
            await self._pending.settle(response.invocation_id)

    def _display_of(self, request: payloads.Request) -> SlackDisplay:
        is_public = permissions.are_public(self._channels, request.invocation.conversation)
        return SlackDisplay(
            self._api,
            request.invocation,
            request.target,
            self._options,
            is_public=is_public,
            pending=self._pending,
        )

    async def _refuse_second_share(self, request: payloads.Request) -> invocations.Response | None:
        """Return the response to a click on Share after the first one: a response is shared with a channel once."""
        invocation = request.invocation
        if not request.is_share:
            return None
        first = self._shared.setdefault(_share_key(invocation), invocation)
        if len(self._shared) > _MAX_SHARES:
            self._shared.popitem(last=False)
        if first is invocation:
            return None
        if first.delivery_key is not None and first.delivery_key == invocation.delivery_key:
            # Slack delivered one click twice. The audit log would keep whichever begins first, perhaps this one.
            status = invocations.Status.DUPLICATE
            return invocations.Response(invocation_id=invocation.id, status=status, report=_ALREADY_SHARED)
        return await self._dispatcher.refuse(invocation, _ALREADY_SHARED)

    async def _wait(self, work: Coroutine[Any, Any, Found], display: SlackDisplay) -> Found:
        """Return what *work* returns; where that takes long, *display* shows that it is in progress."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task}, timeout=self._progress_after_seconds)
            if not task.done() and not display.has_progress:
                await display.progress(_STILL_WORKING)
            return await task
        finally:
            # Cancelled, it still records that it was.
            task.cancel()
            await asyncio.wait({task})
            await display.settle()

    async def _complete(self, request: payloads.Request) -> invocations.Invocation:
        """Return the invocation with what Slack knows of its actor and conversation, and who sees its response."""
        invocation = request.invocation
        actor, conversation = await asyncio.gather(
            self._complete_actor(invocation.actor), self._complete_conversation(invocation.conversation)
        )
        is_public = permissions.are_public(self._channels, conversation)
        return dataclasses.replace(
            invocation,
            actor=actor,
            conversation=conversation,
            is_public=request.is_share or replies.is_visible(request.target, is_public=is_public),
        )

    async def _complete_actor(self, actor: invocations.Actor) -> invocations.Actor:
        person = await _or_none(self._find_person(actor.id))
        if person is None:
            return actor
        is_named = actor.name not in {"", actor.id}
        # A message that a bot wrote in the name of a person is the bot's.
        kind = person.kind if actor.kind is invocations.ActorKind.UNKNOWN else actor.kind
        return dataclasses.replace(
            actor, name=actor.name if is_named else person.name, team_id=actor.team_id or person.team_id, kind=kind
        )

    async def _find_person(self, user: str) -> slack_api.Person:
        """Return a person, also where Slack does not answer for a moment: the response could not be shown either."""
        deadline = time.monotonic() + self._identify_seconds
        while True:
            try:
                return await self._api.person(user)
            except errors.Unavailable:
                if time.monotonic() >= deadline:
                    raise
            await asyncio.sleep(_IDENTIFY_PAUSE_SECONDS)

    async def _complete_conversation(self, conversation: invocations.Conversation) -> invocations.Conversation:
        if conversation.kind is not invocations.ConversationKind.CHANNEL or conversation.name not in _NO_NAMES:
            return conversation
        channel = await _or_none(self._api.channel(conversation.id))
        if channel is None:
            return dataclasses.replace(conversation, name="")
        is_private = channel.is_private or conversation.is_private
        return dataclasses.replace(conversation, name=channel.name, is_private=is_private)


async def _or_none(lookup: Awaitable[Found]) -> Found | None:
    try:
        return await lookup
    except errors.BotError as error:
        log.warning("person or channel not found", reason=str(error))
        return None


def _share_key(invocation: invocations.Invocation) -> tuple[str, str]:
    return invocation.text, invocation.conversation.id


def _is_refused_bot(request: payloads.Request, response: invocations.Response) -> bool:
    """Return whether a bot was refused, which is recorded and not shown: it might answer, and so on forever."""
    is_bot = request.invocation.actor.kind is invocations.ActorKind.BOT
    return is_bot and response.status is invocations.Status.DENIED


def _interrupted(invocation: invocations.Invocation) -> invocations.Response:
    report = reports.Report(
        verdict=reports.Verdict.UNKNOWN,
        headline="posbot is being restarted: the command was cancelled.",
        sections=(reports.Text(text="If it changes something, check what it changed before you run it again."),),
        next_actions=(reports.NextAction(label="Run again", command=invocation.text),) if invocation.text else (),
    )
    return invocations.Response(invocation_id=invocation.id, status=invocations.Status.CANCELLED, report=report)
