"""
An Answer, given where the question was asked.

A slash command or a click is answered over its response URL, which works where the bot is no member and lets five
answers follow within half an hour. A mention is answered in its thread by a message of the bot, which may change as
often as once a second. Where Slack takes neither, the person is told directly.
"""

import asyncio
import time
from typing import Protocol

import structlog

from bot import errors, metrics
from bot.clients import slack_api
from bot.frontends import receiving
from bot.model import invocations, reports
from bot.render import blocks

log = structlog.get_logger()

_EDIT_SECONDS = 1.0
_PAUSES_SECONDS = (0.0, 15.0, 60.0, 240.0)
"""When the four uses of a response URL that are not the last may go to progress, counted from one to the next."""
_LAST_PROGRESS_SECONDS = 5.0
"""For a report that is on its way when the answer is ready: two at once would leave the wrong one standing."""


class Reply(Protocol):
    """Somewhere to answer."""

    async def progress(self, report: reports.Report) -> None:
        """Show an unfinished report, unless it is too soon after the last one; what Slack does not take is let go."""

    async def finish(self, answer: invocations.Answer) -> bool:
        """Show the final answer; give False, logged and counted, where Slack does not take it at all."""


class Progress:
    """
    The display of a conversation: unfinished reports go through its reply without holding the work up.

    The newest wins, one at a time.

    Slack may take its time, or ask to be left alone for half a minute; the command must not wait for that.
    """

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._newest: reports.Report | None = None
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="progress")
        self.is_shown = False

    async def progress(self, report: reports.Report) -> None:
        """Have *report* shown soon."""
        self._newest, self.is_shown = report, True
        self._wake.set()

    async def append(self, log: reports.Log, status: str) -> None:
        """Show nothing yet."""

    async def until_stopped(self) -> str:
        """Give at once that nobody looks."""
        return "because it cannot be seen here yet"

    async def close(self) -> None:
        """Show nothing more, once what is on its way has arrived."""
        self._newest = None
        self._wake.set()
        await asyncio.wait({self._task}, timeout=_LAST_PROGRESS_SECONDS)
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            report, self._newest = self._newest, None
            if report is None:
                return
            await self._reply.progress(report)


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
        """Show an unfinished report to the person, while uses are left."""
        pause = _PAUSES_SECONDS[self._shown] if self._shown < len(_PAUSES_SECONDS) else None
        if pause is None or time.monotonic() - self._last < pause:
            return
        self._shown += 1
        self._last = time.monotonic()
        body = self._body(blocks.progress(report), is_public=False)
        try:
            await self._api.respond(self._response_url, body, is_patient=False)
        except errors.BotError as error:
            log.info("progress not shown", reason=str(error))

    async def finish(self, answer: invocations.Answer) -> bool:
        """Show the final answer, in a whisper where the URL is used up or too old."""
        is_public = (self._is_public or answer.is_for_everyone) and answer.ending is invocations.Ending.DONE
        sharer = self._origin.user if answer.is_for_everyone else None
        message = blocks.message(answer, can_share=not is_public, shared_by=sharer)
        body = self._body(message, is_public=is_public, replaces=not answer.is_for_everyone)
        try:
            await self._api.respond(self._response_url, body)
        except (errors.Refused, slack_api.NotTaken) as error:
            log.warning("response not taken", reason=str(error))
            # What was meant for all is not delivered by telling one.
            return await self._whisper(message) and not is_public
        except errors.Unavailable as error:
            return _lost("unavailable", error)
        return True

    def _body(self, message: blocks.Message, *, is_public: bool, replaces: bool = True) -> dict[str, object]:
        return {
            "text": message.text,
            "blocks": list(message.blocks),
            "response_type": "in_channel" if is_public else "ephemeral",
            # A private answer that was clicked on makes way for the new one; what others see stays.
            "replace_original": replaces and self._origin.is_click and self._origin.is_private,
            **({"thread_ts": self._origin.thread} if self._origin.thread else {}),
        }

    async def _whisper(self, message: blocks.Message) -> bool:
        origin = self._origin
        try:
            await self._api.whisper(
                origin.channel, origin.user, thread=origin.thread, text=message.text, blocks=list(message.blocks)
            )
        except errors.Refused:
            return await _tell_directly(self._api, origin.user, message)
        except errors.Unavailable as error:
            return _lost("unavailable", error)
        return True


class Thread:
    """Answers a mention in its thread, in sight of all who are there."""

    def __init__(self, api: slack_api.SlackApi, origin: receiving.Origin) -> None:
        self._api = api
        self._origin = origin
        self._timestamp: str | None = None
        self._last = 0.0

    async def progress(self, report: reports.Report) -> None:
        """Show an unfinished report, at most once a second."""
        if time.monotonic() - self._last < _EDIT_SECONDS:
            return
        self._last = time.monotonic()
        try:
            await self._show(blocks.progress(report))
        except errors.BotError as error:
            log.info("progress not shown", reason=str(error))

    async def finish(self, answer: invocations.Answer) -> bool:
        """Show the final answer, directly to the person where the thread takes none."""
        message = blocks.message(answer)
        try:
            await self._show(message)
        except errors.Refused as error:
            log.warning("thread refused", reason=str(error))
            return await _tell_directly(self._api, self._origin.user, message)
        except errors.Unavailable as error:
            return _lost("unavailable", error)
        return True

    async def _show(self, message: blocks.Message) -> None:
        channel, content = self._origin.channel, list(message.blocks)
        if self._timestamp is not None:
            try:
                await self._api.update(channel, self._timestamp, text=message.text, blocks=content)
            except errors.Refused:
                # Somebody has deleted it meanwhile; the answer was promised all the same.
                self._timestamp = None
            else:
                return
        self._timestamp = await self._api.post(channel, thread=self._origin.thread, text=message.text, blocks=content)


def reply_to(api: slack_api.SlackApi, origin: receiving.Origin, *, is_public: bool) -> Reply:
    """Give where to answer what came from *origin*; *is_public* tells whether all in the place may see it."""
    if origin.response_url is not None:
        return Response(api, origin, origin.response_url, is_public=is_public or not origin.is_private)
    return Thread(api, origin)


async def _tell_directly(api: slack_api.SlackApi, user: str, message: blocks.Message) -> bool:
    try:
        await api.post(user, thread=None, text=message.text, blocks=list(message.blocks))
    except errors.BotError as error:
        return _lost("refused", error)
    return True


def _lost(reason: str, error: errors.BotError) -> bool:
    metrics.UNDELIVERED.labels(reason).inc()
    log.error("answer not delivered", reason=str(error))
    return False
