"""One question of a person in Slack, from its receipt to the answer that stands there."""

import asyncio
import dataclasses
from collections.abc import Awaitable

import structlog

from bot import errors
from bot.clients import slack_api
from bot.dispatch import dispatching
from bot.frontends import receiving, replying
from bot.model import invocations, reports, roles

log = structlog.get_logger()

_NO_NAMES = frozenset({"", "privategroup"})
"""What Slack sends instead of a channel's name."""
PATIENCE_SECONDS = 2.5
"""After that a person wonders whether anything happens, and is told that it does."""


class Conversations:
    """Answers requests of Slack."""

    def __init__(self, dispatcher: dispatching.Dispatcher, api: slack_api.SlackApi, channels: roles.Channels) -> None:
        self._dispatcher = dispatcher
        self._api = api
        self._channels = channels

    async def hold(self, request: receiving.Request) -> None:
        """Dispatch *request* and put its answer where it belongs; a duplicate is answered by nothing."""
        invocation = await self._named(request.invocation)
        is_public = self._channels.are_public(invocation.place)
        reply = replying.reply_to(self._api, request.origin, is_public=is_public)
        try:
            answer = await self._dispatch(invocation, reply)
        except asyncio.CancelledError:
            await reply.finish(_handed_back(invocation))
            raise
        if answer.ending is not invocations.Ending.DUPLICATE:
            await reply.finish(answer)

    async def _named(self, invocation: invocations.Invocation) -> invocations.Invocation:
        """Give *invocation* with the names that events leave out and private channels hide."""
        actor, place = invocation.actor, invocation.place
        if place.kind is invocations.PlaceKind.CHANNEL and place.name in _NO_NAMES:
            place = dataclasses.replace(place, name=await _or_nothing(self._api.channel_name(place.id)))
        if actor.name == actor.id:
            actor = dataclasses.replace(actor, name=await _or_nothing(self._api.user_name(actor.id)) or actor.id)
        return dataclasses.replace(invocation, actor=actor, place=place)

    async def _dispatch(self, invocation: invocations.Invocation, reply: replying.Reply) -> invocations.Answer:
        work = asyncio.ensure_future(self._dispatcher.dispatch(invocation, reply.progress))
        try:
            await asyncio.wait({work}, timeout=PATIENCE_SECONDS)
            if not work.done():
                await reply.progress(_still_working())
            return await work
        finally:
            # Cancelled work still records that it was.
            work.cancel()
            await asyncio.wait({work})


async def _or_nothing(name: Awaitable[str]) -> str:
    try:
        return await name
    except errors.BotError as error:
        log.info("name not known", reason=str(error))
        return ""


def _still_working() -> reports.Report:
    return reports.Report(verdict=reports.Verdict.UNKNOWN, headline="Working on it.")


def _handed_back(invocation: invocations.Invocation) -> invocations.Answer:
    hint = reports.Text(
        text="Nothing was changed by it. Send it again: another posbot, or this one in a moment, takes it."
    )
    report = reports.Report(
        verdict=reports.Verdict.UNKNOWN,
        headline="posbot is being restarted and did not finish this.",
        sections=(hint,),
        next_actions=(reports.NextAction(label="Run again", words=invocation.text),) if invocation.text else (),
    )
    return invocations.Answer(invocation_id=invocation.id, ending=invocations.Ending.CANCELLED, report=report)
