"""One question of a person in Slack, from its receipt to the answer that stands there."""

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
from bot.slack.outbound import log_stream, replies

log = structlog.get_logger()
Found = TypeVar("Found")

PATIENCE_SECONDS = 2.5
"""After that a person wonders whether anything happens, and is told that it does."""
_LAST_WORDS_SECONDS = 2.0
_SHARES_REMEMBERED = 1_000
_NO_NAMES = frozenset({"", "privategroup"})
"""What Slack sends instead of a channel's name."""


class RequestHandler:
    """Answers requests of Slack."""

    def __init__(
        self,
        dispatcher: dispatch_dispatcher.Dispatcher,
        api: slack_api.SlackApi,
        channels: roles.Channels,
        terms: log_stream.LogStreamOptions,
    ) -> None:
        self._dispatcher = dispatcher
        self._api = api
        self._channels = channels
        self._terms = terms
        self._shared: collections.OrderedDict[tuple[str, str], None] = collections.OrderedDict()

    async def handle(self, request: payloads.Request) -> None:
        """Dispatch *request* and put its answer where it belongs; a duplicate is answered by nothing."""
        reply = self._reply_to(request)
        try:
            request = dataclasses.replace(request, invocation=await self._completed(request.invocation))
            reply = self._reply_to(request)
            answer = await self._answer(request.invocation, reply, is_share=request.is_share)
        except asyncio.CancelledError:
            async with asyncio.timeout(_LAST_WORDS_SECONDS):
                await reply.finish(_handed_back(request.invocation))
            raise
        else:
            if answer.status is not invocations.Status.DUPLICATE:
                await self._finish(request, reply, answer)
        finally:
            await reply.close()

    def _reply_to(self, request: payloads.Request) -> log_stream.LogStreamReply:
        is_public = self._channels.are_public(request.invocation.conversation)
        reply = replies.reply_to(self._api, request.target, is_public=is_public)
        is_for_all = replies.is_for_all(request.target, is_public=is_public)
        return log_stream.LogStreamReply(
            self._api, request.invocation, request.target, reply, self._terms, is_public=is_for_all
        )

    async def _finish(
        self, request: payloads.Request, reply: log_stream.LogStreamReply, answer: invocations.Response
    ) -> None:
        is_delivered = await reply.finish(answer)
        if request.is_share and not (is_delivered and answer.status is invocations.Status.OK):
            self._shared.pop((request.invocation.text, request.invocation.conversation.id), None)

    async def _answer(
        self, invocation: invocations.Invocation, reply: log_stream.LogStreamReply, *, is_share: bool
    ) -> invocations.Response:
        if is_share and not self._claim_share(invocation):
            return _already_shared(invocation)
        return await self._dispatch(invocation, reply)

    def _claim_share(self, invocation: invocations.Invocation) -> bool:
        """Tell whether nobody has shared that answer here; shown to everyone once, however often it is pressed."""
        key = (invocation.text, invocation.conversation.id)
        if key in self._shared:
            return False
        self._shared[key] = None
        if len(self._shared) > _SHARES_REMEMBERED:
            self._shared.popitem(last=False)
        return True

    async def _dispatch(
        self, invocation: invocations.Invocation, reply: log_stream.LogStreamReply
    ) -> invocations.Response:
        progress = replies.Progress(reply)
        work = asyncio.ensure_future(self._dispatcher.dispatch(invocation, progress))
        try:
            await asyncio.wait({work}, timeout=PATIENCE_SECONDS)
            if not work.done() and not progress.is_shown:
                await progress.progress(_STILL_WORKING)
            return await work
        finally:
            # Cancelled work still records that it was.
            work.cancel()
            await asyncio.wait({work})
            await progress.close()

    async def _completed(self, invocation: invocations.Invocation) -> invocations.Invocation:
        """Give *invocation* with the names, and the team, that events leave out and private channels hide."""
        actor, place = invocation.actor, invocation.conversation
        if place.kind is invocations.ConversationKind.CHANNEL and place.name in _NO_NAMES:
            name = await _or_none(self._api.channel_name(place.id))
            place = dataclasses.replace(place, name=name or "")
        if actor.name in {"", actor.id} or actor.team_id is None:
            person = await _or_none(self._api.person(actor.id))
            if person is not None:
                actor = dataclasses.replace(actor, name=person.name, team_id=actor.team_id or person.team_id)
        return dataclasses.replace(invocation, actor=actor, conversation=place)


async def _or_none(looked_up: Awaitable[Found]) -> Found | None:
    try:
        return await looked_up
    except errors.BotError as error:
        log.info("name not known", reason=str(error))
        return None


_STILL_WORKING = reports.Report(verdict=reports.Verdict.UNKNOWN, headline="Working on it.")


def _already_shared(invocation: invocations.Invocation) -> invocations.Response:
    report = reports.Report(
        verdict=reports.Verdict.OK, headline="That answer is in the channel already.", is_information=True
    )
    return invocations.Response(invocation_id=invocation.id, status=invocations.Status.DENIED, report=report)


def _handed_back(invocation: invocations.Invocation) -> invocations.Response:
    hint = reports.Text(
        text="Nothing was changed by it. Send it again: another posbot, or this one in a moment, takes it."
    )
    report = reports.Report(
        verdict=reports.Verdict.UNKNOWN,
        headline="posbot is being restarted and did not finish this.",
        sections=(hint,),
        next_actions=(reports.NextAction(label="Run again", command=invocation.text),) if invocation.text else (),
    )
    return invocations.Response(invocation_id=invocation.id, status=invocations.Status.CANCELLED, report=report)
