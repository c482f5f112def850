"""One request from Slack, from its payload to the response that is shown."""

import asyncio
import collections
import dataclasses
from collections.abc import Awaitable
from typing import TypeVar

import structlog

from bot import errors
from bot.config import roles
from bot.dispatch import dispatcher as dispatch_dispatcher
from bot.model import invocations, reports
from bot.slack.client import api as slack_api
from bot.slack.inbound import payloads
from bot.slack.outbound import display as outbound_display
from bot.slack.outbound import log_stream

log = structlog.get_logger()
Found = TypeVar("Found")

_SHUTDOWN_GRACE_SECONDS = 2.0
_MAX_SHARES = 1_000
_NO_NAMES = frozenset({"", "privategroup"})
"""What Slack sends in place of a channel's name."""
_STILL_WORKING = reports.Report(verdict=reports.Verdict.UNKNOWN, headline="Working on it.")


class RequestHandler:
    """Dispatches requests and shows their responses; a duplicate has none."""

    def __init__(
        self,
        dispatcher: dispatch_dispatcher.Dispatcher,
        api: slack_api.SlackApi,
        channels: roles.Channels,
        options: log_stream.LogStreamOptions,
        *,
        patience_seconds: float = 2.5,
    ) -> None:
        self._dispatcher = dispatcher
        self._api = api
        self._channels = channels
        self._options = options
        self._patience_seconds = patience_seconds
        """After which the requester is told that work is in progress."""
        self._shared: collections.OrderedDict[tuple[str, str], None] = collections.OrderedDict()

    async def handle(self, request: payloads.Request) -> None:
        """Dispatch *request* and show its response; where posbot shuts down first, say so."""
        request = payloads.resolve(request, self._dispatcher.parser)
        display = self._display_of(request)
        try:
            request = dataclasses.replace(request, invocation=await self._complete(request.invocation))
            # Its conversation has a name now, which decides who may see the response.
            display = self._display_of(request)
            if request.is_share and not self._claim_share(request.invocation):
                response = _already_shared(request.invocation)
            else:
                response = await self._dispatch(request.invocation, display)
        except asyncio.CancelledError:
            async with asyncio.timeout(_SHUTDOWN_GRACE_SECONDS):
                await display.finish(_interrupted(request.invocation))
            raise
        else:
            if response.status is not invocations.Status.DUPLICATE:
                is_delivered = await display.finish(response)
                if request.is_share and not (is_delivered and response.status is invocations.Status.OK):
                    self._shared.pop((request.invocation.text, request.invocation.conversation.id), None)
        finally:
            await display.close()

    def _display_of(self, request: payloads.Request) -> outbound_display.SlackDisplay:
        is_public = self._channels.are_public(request.invocation.conversation)
        return outbound_display.SlackDisplay(
            self._api, request.invocation, request.target, self._options, is_public=is_public
        )

    def _claim_share(self, invocation: invocations.Invocation) -> bool:
        """Return whether that response was not shared here before: it is shared once, however often it is pressed."""
        key = (invocation.text, invocation.conversation.id)
        if key in self._shared:
            return False
        self._shared[key] = None
        if len(self._shared) > _MAX_SHARES:
            self._shared.popitem(last=False)
        return True

    async def _dispatch(
        self, invocation: invocations.Invocation, display: outbound_display.SlackDisplay
    ) -> invocations.Response:
        work = asyncio.ensure_future(self._dispatcher.dispatch(invocation, display))
        try:
            await asyncio.wait({work}, timeout=self._patience_seconds)
            if not work.done() and not display.has_progress:
                await display.progress(_STILL_WORKING)
            return await work
        finally:
            # Cancelled, it still records that it was.
            work.cancel()
            await asyncio.wait({work})
            await display.settle()

    async def _complete(self, invocation: invocations.Invocation) -> invocations.Invocation:
        """Return *invocation* with the names, and the team, that events leave out and private channels hide."""
        actor, conversation = invocation.actor, invocation.conversation
        if conversation.kind is invocations.ConversationKind.CHANNEL and conversation.name in _NO_NAMES:
            name = await _or_none(self._api.channel_name(conversation.id))
            conversation = dataclasses.replace(conversation, name=name or "")
        if actor.name in {"", actor.id} or actor.team_id is None:
            person = await _or_none(self._api.person(actor.id))
            if person is not None:
                actor = dataclasses.replace(actor, name=person.name, team_id=actor.team_id or person.team_id)
        return dataclasses.replace(invocation, actor=actor, conversation=conversation)


async def _or_none(lookup: Awaitable[Found]) -> Found | None:
    try:
        return await lookup
    except errors.BotError as error:
        log.info("name not found", reason=str(error))
        return None


def _already_shared(invocation: invocations.Invocation) -> invocations.Response:
    report = reports.Report(
        verdict=reports.Verdict.OK, headline="Already shared with the channel.", is_information=True
    )
    return invocations.Response(invocation_id=invocation.id, status=invocations.Status.DENIED, report=report)


def _interrupted(invocation: invocations.Invocation) -> invocations.Response:
    report = reports.Report(
        verdict=reports.Verdict.UNKNOWN,
        headline="posbot is being restarted: the command was cancelled.",
        sections=(reports.Text(text="If it changes something, check what it changed before you run it again."),),
        next_actions=(reports.NextAction(label="Run again", command=invocation.text),) if invocation.text else (),
    )
    return invocations.Response(invocation_id=invocation.id, status=invocations.Status.CANCELLED, report=report)
