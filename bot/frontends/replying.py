"""
An Answer, given where the question was asked.

A slash command or a click is answered over its response URL, which works where the bot is no member and lets five
answers follow within half an hour. A mention is answered in its thread by a message of the bot, which may change as
often as once a second.
"""

import time
from typing import Protocol

import structlog

from bot import errors, metrics
from bot.clients import slack_api
from bot.frontends import receiving
from bot.model import invocations, reports
from bot.render import blocks

log = structlog.get_logger()

_RESPONSE_USES = 5
_EDIT_SECONDS = 1.0
_PAUSES_SECONDS = (0.0, 15.0, 60.0, 240.0)
"""When the four uses of a response URL that are not the last may go to progress, counted from one to the next."""


class Reply(Protocol):
    """Somewhere to answer."""

    async def progress(self, report: reports.Report) -> None:
        """Show an unfinished report, unless it is too soon after the last one."""

    async def finish(self, answer: invocations.Answer) -> None:
        """Show the final answer; what Slack does not take is logged and counted."""


class Response:
    """Answers over a response URL, private unless the answer is for everyone."""

    def __init__(
        self, api: slack_api.SlackApi, origin: receiving.Origin, response_url: str, *, is_public: bool
    ) -> None:
        self._api = api
        self._origin = origin
        self._response_url = response_url
        self._is_public = is_public
        self._shown = 0
        self._last = 0.0

    async def progress(self, report: reports.Report) -> None:
        """Show an unfinished report, while uses are left."""
        pause = _PAUSES_SECONDS[self._shown] if self._shown < len(_PAUSES_SECONDS) else None
        if pause is None or time.monotonic() - self._last < pause:
            return
        await self._send(blocks.progress(report), is_public=False)

    async def finish(self, answer: invocations.Answer) -> None:
        """Show the final answer."""
        is_public = self._is_public or answer.is_for_everyone
        sharer = self._origin.user if answer.is_for_everyone else None
        await self._send(
            blocks.message(answer, can_share=not is_public, shared_by=sharer),
            is_public=is_public and answer.ending is invocations.Ending.DONE,
            replaces=not answer.is_for_everyone,
        )

    async def _send(self, message: blocks.Message, *, is_public: bool, replaces: bool = True) -> None:
        body = {
            "text": message.text,
            "blocks": list(message.blocks),
            "response_type": "in_channel" if is_public else "ephemeral",
            # A private answer that was clicked on makes way for the new one; what others see stays.
            "replace_original": replaces and self._origin.is_click and self._origin.is_private,
            **({"thread_ts": self._origin.thread} if self._origin.thread else {}),
        }
        self._shown += 1
        self._last = time.monotonic()
        try:
            await self._api.respond(self._response_url, body)
        except errors.Refused as error:
            log.warning("response URL refused", reason=str(error))
            await self._fall_back(message)
        except errors.Unavailable as error:
            _lose("unavailable", error)

    async def _fall_back(self, message: blocks.Message) -> None:
        # The URL is used up or too old; the answer was promised all the same.
        origin = self._origin
        try:
            await self._api.whisper(
                origin.channel, origin.user, thread=origin.thread, text=message.text, blocks=list(message.blocks)
            )
        except errors.BotError as error:
            _lose("refused", error)


class Thread:
    """Answers a mention in its thread, in sight of all who are there."""

    def __init__(self, api: slack_api.SlackApi, origin: receiving.Origin) -> None:
        self._api = api
        self._origin = origin
        self._timestamp: str | None = None
        self._last = 0.0

    async def progress(self, report: reports.Report) -> None:
        """Show an unfinished report, at most once a second."""
        if time.monotonic() - self._last >= _EDIT_SECONDS:
            await self._show(blocks.progress(report))

    async def finish(self, answer: invocations.Answer) -> None:
        """Show the final answer."""
        await self._show(blocks.message(answer))

    async def _show(self, message: blocks.Message) -> None:
        self._last = time.monotonic()
        channel, content = self._origin.channel, list(message.blocks)
        try:
            if self._timestamp is None:
                self._timestamp = await self._api.post(
                    channel, thread=self._origin.thread, text=message.text, blocks=content
                )
            else:
                await self._api.update(channel, self._timestamp, text=message.text, blocks=content)
        except errors.Unavailable as error:
            _lose("unavailable", error)
        except errors.Refused as error:
            _lose("refused", error)


def reply_to(api: slack_api.SlackApi, origin: receiving.Origin, *, is_public: bool) -> Reply:
    """Give where to answer what came from *origin*; *is_public* tells whether all in the place may see it."""
    if origin.response_url is not None:
        return Response(api, origin, origin.response_url, is_public=is_public or not origin.is_private)
    return Thread(api, origin)


def _lose(reason: str, error: errors.BotError) -> None:
    metrics.UNDELIVERED.labels(reason).inc()
    log.error("answer not delivered", reason=str(error))
