"""
A log that is followed in Slack: one message with the newest lines, edited as often as Slack takes it.

Whoever follows hands over lines as they come and waits for nothing but the disk. The message is drawn from what is
newest at that moment; all lines go to a file, which comes into the message's thread at the end.
"""

import asyncio
import collections
import contextlib
import dataclasses
import time
from collections.abc import Sequence

import structlog

from bot import errors
from bot.model import invocations, log_lines, reports
from bot.slack.blocks import limits, options
from bot.slack.blocks import message as blocks_message
from bot.slack.client import api as slack_api
from bot.slack.client import errors as client_errors
from bot.slack.client import files
from bot.slack.outbound import rate_limit, replies, targets, uploads
from bot.store import audit

log = structlog.get_logger()

FOLLOW_SECONDS = 600.0
"""After which nobody may be looking any more; the final message has a button to go on."""
SPOOL_BYTES = 100_000_000
_STATUS_SECONDS = 5.0
"""How often figures alone are worth an edit."""
_HEARTBEAT_SECONDS = 30.0
"""How often it is tried whether the message is still there, where nothing happens."""
_LAST_EDIT_PAUSES_SECONDS = (0.0, 1.0, 4.0)
_ON_ITS_WAY_SECONDS = 5.0
_LAST_WORDS_SECONDS = 2.0
_ELSEWHERE = reports.Report(
    verdict=reports.Verdict.UNKNOWN, headline="Following in your direct messages with posbot, where Stop ends it."
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogStreamOptions:
    """Under which conditions logs are followed."""

    record: audit.AuditLog
    """Where it says who wants an end, whichever posbot was told so."""
    stopping: asyncio.Event
    """Set when posbot itself is to end."""
    seconds: float = FOLLOW_SECONDS
    post_seconds: float = 0.3
    """Before the message is posted: the first lines are there by then, or an error in place of them."""
    poll_seconds: float = 1.0
    spool_bytes: int = SPOOL_BYTES
    limiter: rate_limit.EditLimiter = dataclasses.field(default_factory=rate_limit.EditLimiter)


class _TailView:
    """What a message about a log shows, in bounded memory."""

    def __init__(self) -> None:
        self._lines: collections.deque[options.Line] = collections.deque()
        self._characters = 0
        self.total = 0
        self.name = "log"
        self.status = ""

    def add(self, lines: Sequence[str]) -> None:
        self.total += len(lines)
        for line in options.shortened(lines[-limits.LOG_LINES :]):
            self._lines.append(line)
            self._characters += len(line.text) + 1
        while self._characters > limits.MESSAGE_CHARACTERS and len(self._lines) > 1:
            self._characters -= len(self._lines.popleft().text) + 1

    def tail(self) -> options.Tail:
        return options.Tail(lines=tuple(self._lines), total=self.total)


class LogStreamReply:
    """
    A reply that can also show a log while it grows.

    Until a log is followed it is the reply it was made from; from then on the followed log's message is the answer.
    """

    def __init__(
        self,
        api: slack_api.SlackApi,
        invocation: invocations.Invocation,
        target: targets.ReplyTarget,
        reply: replies.Reply,
        terms: LogStreamOptions,
        *,
        is_public: bool,
    ) -> None:
        self._api = api
        self._invocation = invocation
        self._target = target
        self._reply = reply
        self._terms = terms
        self._is_public = is_public
        self._board = _TailView()
        self._spool = uploads.Spool(terms.spool_bytes)
        self._limiter = terms.limiter
        self._tasks: set[asyncio.Task[None]] = set()
        self._spot: slack_api.MessageRef | None = None
        self._is_elsewhere = False
        self._is_stopped = asyncio.Event()
        self._reason = ""
        # One thing at a time is on its way to Slack: what is overtaken by something newer would stand for ever.
        self._turn = asyncio.Lock()
        self.has_begun = False

    async def progress(self, report: reports.Report) -> None:
        """Show an unfinished report, unless a log is followed, which shows more."""
        async with self._turn:
            if not self.has_begun:
                await self._reply.progress(report)

    async def append(self, section: reports.Log, status: str) -> None:
        """Take new entries, to be shown soon; waits only for the disk."""
        self._begin()
        lines = list(log_lines.lines(section))
        self._board.add(lines)
        self._board.name, self._board.status = section.name, status
        await self._spool.add(lines)

    async def until_stopped(self) -> str:
        """Wait until somebody stops it, the time is over, or it cannot be shown any more; give why."""
        self._begin()
        await self._is_stopped.wait()
        return self._reason

    async def finish(self, answer: invocations.Response) -> bool:
        """Show the final answer: in the message of the followed log, and where the question was asked."""
        await self._end_tasks()
        if not self.has_begun:
            return await self._reply.finish(answer)
        is_shown = self._spot is not None and await self._show_last(self._spot, answer)
        return is_shown if is_shown and not self._is_elsewhere else await self._reply.finish(answer)

    async def close(self) -> None:
        """Forget the log; nothing is shown any more."""
        await self._end_tasks()
        self._spool.close()

    def _begin(self) -> None:
        if not self.has_begun:
            self.has_begun = True
            self._tasks = {
                asyncio.create_task(self._show(), name="live message"),
                asyncio.create_task(self._watch(), name="live message's end"),
            }

    async def _end_tasks(self) -> None:
        tasks, self._tasks = self._tasks, set()
        if tasks:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ON_ITS_WAY_SECONDS), self._turn:
                    pass
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("live message failed", work=task.get_name(), exc_info=error)

    def _stop(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._is_stopped.set()

    async def _watch(self) -> None:
        """Look for whoever or whatever wants it to end."""
        until = time.monotonic() + self._terms.seconds
        while not self._terms.stopping.is_set():
            if time.monotonic() >= until:
                self._stop(f"after {_duration(self._terms.seconds)}")
                return
            wish = await self._wish()
            if wish is not None:
                self._stop(f"by {wish.by}")
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._terms.poll_seconds):
                    await self._terms.stopping.wait()
        self._stop("because posbot is being restarted")

    async def _wish(self) -> invocations.CancelRequest | None:
        try:
            return await self._terms.record.find_stop(self._invocation.id)
        except errors.Unavailable as error:
            log.info("nobody can stop it for now", reason=str(error))
            return None

    async def _show(self) -> None:
        """Post the message and keep it up to date until it cannot be any more."""
        await asyncio.sleep(self._terms.post_seconds)
        try:
            async with self._turn:
                self._spot = await self._post()
            await self._keep_up_to_date(self._spot)
        except client_errors.SlackRefused as error:
            self._spot = None
            self._stop(error.reason)
        except errors.BotError as error:
            log.warning("live message not posted", reason=str(error))
            self._stop("because Slack did not show it")

    async def _keep_up_to_date(self, spot: slack_api.MessageRef) -> None:
        shown, edited = (-1, ""), time.monotonic()
        pause = self._limiter.edit_seconds
        while True:
            await asyncio.sleep(pause)
            now, age = (self._board.total, self._board.status), time.monotonic() - edited
            is_due = now[0] != shown[0] or (now != shown and age > _STATUS_SECONDS) or age > _HEARTBEAT_SECONDS
            pause = self._limiter.edit_seconds
            if not is_due:
                continue
            await self._limiter.acquire(self._invocation.id)
            try:
                async with self._turn:
                    message = self._message()
                    await self._api.update(spot, text=message.text, blocks=list(message.blocks), is_patient=False)
            except client_errors.RateLimited as error:
                pause = self._limiter.slow_down(error.pause_seconds)
            except errors.Unavailable:
                pause = self._limiter.slow_down(None)
            else:
                shown, edited = now, time.monotonic()
                self._limiter.recover()

    async def _post(self) -> slack_api.MessageRef:
        """Post the message where the question was asked if all may see it there, else to the person directly."""
        message = self._message()
        text, content = message.text, list(message.blocks)
        if self._is_public:
            spot = self._reply.take_over()
            try:
                if spot is not None:
                    await self._api.update(spot, text=text, blocks=content)
                    return spot
                return await self._api.post(self._target.channel, thread=self._target.thread, text=text, blocks=content)
            except errors.Refused as error:
                log.info("no live message there", reason=str(error))
        spot = await self._api.post(self._target.user, thread=None, text=text, blocks=content)
        self._is_elsewhere = spot.channel != self._target.channel
        if self._is_elsewhere:
            await self._reply.progress(_ELSEWHERE, is_due=True)
        return spot

    def _message(self) -> blocks_message.Message:
        own = self._invocation
        status = [part for part in (self._board.status, f"asked for by {own.actor.name}", f"id {own.id}") if part]
        return blocks_message.following(self._board.name, self._board.tail(), status, stop=f"stop {own.id}")

    async def _show_last(self, spot: slack_api.MessageRef, answer: invocations.Response) -> bool:
        """Leave the message as it is to stand, with the file in its thread; give False where Slack takes it no more."""
        await self._spool.flush()
        is_cancelled = answer.status is invocations.Status.CANCELLED
        message = self._last(answer, uploads.RESTARTED if is_cancelled else self._told())
        if not await self._edit_last(spot, message):
            return False
        if self._spool.size and not is_cancelled and not message.is_whole:
            await self._file(spot, answer)
        return True

    async def _file(self, spot: slack_api.MessageRef, answer: invocations.Response) -> None:
        shelf = files.UploadTarget(channel=spot.channel, thread=self._target_thread(spot))
        upload = self._spool.upload(self._board.name)
        try:
            problem = await uploads.deliver(files.SlackFiles(self._api), upload, shelf)
        except asyncio.CancelledError:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_SECONDS):
                    await self._edit_last(spot, self._last(answer, uploads.RESTARTED))
            raise
        if problem is not None:
            await self._edit_last(spot, self._last(answer, problem))

    def _target_thread(self, spot: slack_api.MessageRef) -> str:
        is_there = self._is_public and spot.channel == self._target.channel and self._target.thread is not None
        return self._target.thread if is_there and self._target.thread else spot.timestamp

    def _last(self, answer: invocations.Response, whereabouts: str) -> blocks_message.Message:
        return blocks_message.message(answer, options.RenderOptions(tail=self._board.tail(), whereabouts=whereabouts))

    def _told(self) -> str:
        if not self._spool.size:
            return "posbot had no room on its disk for the others."
        if not self._spool.dropped:
            return f"All of them are in {self._board.name}, in this thread."
        return (
            f"The first {self._spool.lines:,} are in {self._board.name}, in this thread;"
            f" {self._spool.dropped:,} more did not fit into it."
        )

    async def _edit_last(self, spot: slack_api.MessageRef, message: blocks_message.Message) -> bool:
        for pause in _LAST_EDIT_PAUSES_SECONDS:
            await asyncio.sleep(pause)
            try:
                await self._api.update(spot, text=message.text, blocks=list(message.blocks))
            except errors.Refused as error:
                log.info("live message is gone", reason=str(error))
                return False
            except errors.Unavailable as error:
                log.warning("last edit not taken", reason=str(error))
            else:
                return True
        return False


def _duration(seconds: float) -> str:
    return f"{seconds / 60:g} minutes" if seconds >= 60 else f"{seconds:g} seconds"  # noqa: PLR2004 - a minute
