"""
Where messages are posted, and the one fallback where Slack accepts them nowhere else.

    thread of the request  →  its channel  →  DM of the requester

    async for target in targets.fallbacks(api, user=..., channel=..., thread=...):
        ...  try there; the next one after a `SlackRefused`

    await targets.send_to_first(targets.fallbacks(...), send)

`send_to_first` goes on to the next target after a refusal, unless the app (token, scope) or the message itself is at
fault: then no other target would help. What a refusal means is in `client/errors.py`.
"""

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import structlog

from bot import errors
from bot.slack.client import api as slack_api
from bot.slack.client import errors as client_errors

log = structlog.get_logger()
Result = TypeVar("Result")

_NOT_THE_TARGET = frozenset({client_errors.Kind.APP_AT_FAULT, client_errors.Kind.BLOCKS_REFUSED})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PostTarget:
    """A channel, or a thread in it, where a message may be posted."""

    channel: str
    thread: str | None = None
    is_dm: bool = False
    """Only one person sees it."""


async def fallbacks(
    api: slack_api.SlackApi, *, user: str, channel: str | None, thread: str | None = None, stays_in_thread: bool = False
) -> AsyncIterator[PostTarget]:
    """
    Yield the targets of a message, the best first; the DM with *user* is opened only when it is its turn.

    Without a *channel* (App Home, or a private message) that is the only one. A message that *stays in its thread*
    makes no sense in the channel without it.
    """
    if channel is not None:
        is_dm = channel.startswith("D")
        yield PostTarget(channel=channel, thread=thread, is_dm=is_dm)
        if thread is not None and not stays_in_thread:
            yield PostTarget(channel=channel, is_dm=is_dm)
    try:
        direct = await api.open_dm(user)
    except errors.Refused as error:
        log.info("no DM with the requester", user=user, reason=str(error))
        return
    if direct != channel:
        yield PostTarget(channel=direct, is_dm=True)


async def send_to_first(
    candidates: AsyncIterator[PostTarget], send: Callable[[PostTarget], Awaitable[Result]]
) -> Result:
    """
    Return what *send* returns for the first of *candidates* that does not refuse.

    Raises:
        errors.Refused: all refused, or the app or the message is at fault.
        errors.Unavailable: Slack did not answer; nothing else was tried, because the message may be there.
    """
    refusal = errors.Refused("No channel of Slack accepts the message.")
    async for target in candidates:
        try:
            return await send(target)
        except client_errors.SlackRefused as error:
            log.info("message refused", channel=target.channel, thread=target.thread, reason=str(error))
            refusal = error
            if error.kind in _NOT_THE_TARGET:
                break
    raise refusal
