"""
A followed log in Slack: one message with the newest lines, edited as often as the edit rate limit allows.

The follower appends lines and waits for nothing but the disk. The message is rendered from the newest lines at that
moment; all lines go to a file, which is uploaded to the message's thread at the end.

It ends by a cancel request in the audit log: one of a person, or that of the timer that is scheduled when following
starts. Without the database it ends by itself, a little later.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog

from bot import command, errors
from bot.durable import timers
from bot.model import invocations, log_lines, reports
from bot.slack.blocks import elements, log_tail
from bot.slack.blocks import message as blocks_message
from bot.slack.client import api as slack_api
from bot.slack.client import errors as client_errors
from bot.slack.client import files
from bot.slack.outbound import rate_limit, replies, spool, targets, uploads
from bot.store import audit, database

if TYPE_CHECKING:
    import sqlalchemy

log = structlog.get_logger()

TIMER = "log_stream"
"""The kind of the timers that end followed logs; their subjects are ids of invocations."""
_TIMED_OUT = "posbot"
"""In place of a person's name, in the cancel request of such a timer."""
MAX_FOLLOW_SECONDS = 600.0
"""The reader may have gone by then; the final message has a button to follow again."""
_STATUS_SECONDS = 5.0
"""Between edits that change nothing but the status line."""
_HEARTBEAT_SECONDS = 30.0
"""Between edits that change nothing, to notice that the message was deleted."""
_LAST_EDIT_BACKOFF_SECONDS = (0.0, 1.0, 4.0)
_IN_FLIGHT_SECONDS = 5.0
_SHUTDOWN_GRACE_SECONDS = 2.0
_MOVED_TO_DM = reports.Report(
    verdict=reports.Verdict.UNKNOWN, headline="Following in your DM with posbot. Press Stop there to end it."
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogStreamOptions:
    """How logs are followed."""

    record: audit.AuditLog
    """Holds cancel requests, whichever replica received them."""
    db: database.Database
    """For the timer that ends the log."""
    stopping: asyncio.Event
    """Set when posbot shuts down."""
    seconds: float = MAX_FOLLOW_SECONDS
    late_seconds: float = 15.0
    """After the timer is due; then the log ends by itself, because the database is unavailable."""
    post_seconds: float = 0.3
    """Before the message is posted: the first lines are there by then, or an error in place of them."""
    poll_seconds: float = 1.0
    """Between two looks for a cancel request."""
    spool_bytes: int = spool.MAX_FILE_BYTES
    space: spool.SpoolSpace = dataclasses.field(default_factory=spool.SpoolSpace)
    limiter: rate_limit.EditLimiter = dataclasses.field(default_factory=rate_limit.EditLimiter)


def request_stop(connection: "sqlalchemy.Connection", timer: timers.Timer) -> None:
    """Request that a followed log stops: the handler of its timer. Where the log has ended, nothing is written."""
    stop = invocations.CancelRequest(by=_TIMED_OUT, at=timers.now(connection))
    audit.request_stop(connection, timer.subject, stop)


class LogStream:
    """The message of one followed log, and the file with all of its lines."""

    def __init__(
        self,
        api: slack_api.SlackApi,
        invocation: invocations.Invocation,
        target: replies.ReplyTarget,
        reply: replies.Reply,
        options: LogStreamOptions,
        *,
        is_public: bool,
        lock: asyncio.Lock,
        on_posted: Callable[[], Awaitable[None]],
    ) -> None:
        self._api = api
        self._invocation = invocation
        self._target = target
        self._reply = reply
        self._options = options
        self._is_public = is_public
        self._lock = lock
        self._on_posted = on_posted
        self.tail = log_tail.TailBuffer(elements.MESSAGE_CHARACTERS)
        self._name, self._status = "log", ""
        self._spool = spool.Spool(options.space, options.spool_bytes)
        self.message: slack_api.MessageRef | None = None
        """Shows the log, once it is posted."""
        self._thread: str | None = None
        """For the file."""
        self._is_elsewhere = False
        self._is_stopped = asyncio.Event()
        self._reason = ""
        self._tasks = {
            asyncio.create_task(self._show(), name="followed log"),
            asyncio.create_task(self._watch(), name="end of followed log"),
        }

    async def append(self, section: reports.Log, status: str) -> None:
        """Add entries, to be shown soon; waits only for the disk."""
        lines = list(log_lines.lines(section))
        self.tail.add(lines)
        self._name, self._status = section.name, status
        await self._spool.add(lines)

    async def until_stopped(self) -> str:
        """Wait until it is cancelled, has timed out, or cannot be shown any more; return why."""
        await self._is_stopped.wait()
        return self._reason

    async def finish(self, response: invocations.Response) -> bool:
        """Show *response* in the message; return whether nothing else has to show it."""
        await self._end_tasks()
        if self.message is None or not await self._finish_message(self.message, response):
            return False
        return not self._is_elsewhere

    async def close(self) -> None:
        """Stop, and delete the file."""
        await self._end_tasks()
        self._options.limiter.forget(self._invocation.id)
        self._spool.close()

    async def _end_tasks(self) -> None:
        tasks, self._tasks = self._tasks, set()
        if not tasks:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_IN_FLIGHT_SECONDS), self._lock:
                pass
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("followed log failed", task=task.get_name(), exc_info=error)

    def _stop(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._is_stopped.set()

    async def _watch(self) -> None:
        """Wait for a cancel request, that of the timer included, or the end of posbot."""
        seconds = self._options.seconds
        timeout = f"after {seconds / 60:g} minutes" if seconds >= 60 else f"after {seconds:g} seconds"  # noqa: PLR2004 - a minute
        deadline = time.monotonic() + seconds + self._options.late_seconds
        await self._schedule_stop()
        while not self._options.stopping.is_set():
            try:
                request = await self._options.record.find_stop(self._invocation.id)
            except errors.Unavailable as error:
                log.info("cancel requests unavailable", reason=str(error))
                request = None
            if request is not None:
                # A person may be called posbot, too.
                is_timeout = request.by == _TIMED_OUT and not request.by_id
                self._stop(timeout if is_timeout else f"by {request.by}")
                return
            if time.monotonic() >= deadline:
                self._stop(timeout)
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._options.poll_seconds):
                    await self._options.stopping.wait()
        self._stop("because posbot is being restarted")

    async def _schedule_stop(self) -> None:
        def schedule(connection: "sqlalchemy.Connection") -> None:
            now = timers.now(connection)
            due_at = now + datetime.timedelta(seconds=self._options.seconds)
            timers.schedule(connection, TIMER, self._invocation.id, due_at, scheduled_at=now)

        try:
            await self._options.db.work(schedule)
        except errors.Unavailable as error:
            log.warning("timer of followed log not scheduled", reason=str(error))

    async def _show(self) -> None:
        """Post the message and keep it up to date until Slack refuses it."""
        await asyncio.sleep(self._options.post_seconds)
        try:
            async with self._lock:
                self.message = await self._post()
            await self._on_posted()
            await self._keep_up_to_date(self.message)
        except client_errors.SlackRefused as error:
            self.message = None
            self._stop(error.reason)
        except errors.BotError as error:
            log.warning("followed log not posted", reason=str(error))
            self._stop("because Slack did not show it")

    async def _post(self) -> slack_api.MessageRef:
        """Post the message where the request came from if everyone there may see it, else in a DM."""
        message, target = self._render(), self._target
        text, blocks = message.text, list(message.blocks)
        progress = self._reply.take_over() if self._is_public else None
        if progress is not None:
            try:
                await self._api.update(progress, text=text, blocks=blocks)
            except errors.Refused as error:
                log.info("progress cannot become the followed log", reason=str(error))
            else:
                self._thread = target.thread
                return progress

        async def send(candidate: targets.PostTarget) -> slack_api.MessageRef:
            self._thread = candidate.thread
            return await self._api.post(candidate.channel, thread=candidate.thread, text=text, blocks=blocks)

        channel = target.channel if self._is_public else None
        candidates = targets.fallbacks(self._api, user=target.user, channel=channel, thread=target.thread)
        posted = await targets.send_to_first(candidates, send)
        self._is_elsewhere = posted.channel != target.channel
        if self._is_elsewhere:
            await self._reply.progress(_MOVED_TO_DM, is_due=True)
        return posted

    async def _keep_up_to_date(self, message: slack_api.MessageRef) -> None:
        limiter, shown, edited_at = self._options.limiter, (-1, ""), time.monotonic()
        pause = limiter.edit_seconds
        while True:
            await asyncio.sleep(pause)
            newest, age = (self.tail.total, self._status), time.monotonic() - edited_at
            has_lines, has_status = newest[0] != shown[0], newest != shown and age > _STATUS_SECONDS
            pause = limiter.edit_seconds
            if not has_lines and not has_status and age <= _HEARTBEAT_SECONDS:
                continue
            await limiter.acquire(self._invocation.id)
            try:
                async with self._lock:
                    newest, rendered = (self.tail.total, self._status), self._render()
                    await self._api.update(message, text=rendered.text, blocks=list(rendered.blocks), is_patient=False)
            except client_errors.RateLimited as error:
                pause = limiter.slow_down(error.pause_seconds)
            except errors.Unavailable:
                pause = limiter.slow_down(None)
            else:
                shown, edited_at = newest, time.monotonic()
                limiter.recover()

    def _render(self) -> blocks_message.Message:
        own = self._invocation
        status = [part for part in (self._status, f"requested by {own.actor.name}", f"id {own.id}") if part]
        return blocks_message.following(self._name, self.tail.tail(), status, stop=f"{command.STOP} {own.id}")

    async def _finish_message(self, message: slack_api.MessageRef, response: invocations.Response) -> bool:
        """Show *response*, with the file in the thread; return False where Slack refuses it."""
        await self._spool.flush()
        is_cancelled = response.status is invocations.Status.CANCELLED
        last = self._render_last(response, uploads.RESTARTED if is_cancelled else self._whereabouts())
        if not await self._edit_last(message, last):
            return False
        if self._spool.size and not is_cancelled and not last.is_whole:
            await self._upload(message, response)
        return True

    async def _upload(self, message: slack_api.MessageRef, response: invocations.Response) -> None:
        to = files.UploadTarget(channel=message.channel, thread=self._thread or message.timestamp)
        try:
            problem = await uploads.upload(self._api, self._spool.upload(self._name), to)
        except asyncio.CancelledError:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SHUTDOWN_GRACE_SECONDS):
                    await self._edit_last(message, self._render_last(response, uploads.RESTARTED))
            raise
        if problem is not None:
            await self._edit_last(message, self._render_last(response, problem))

    def _render_last(self, response: invocations.Response, whereabouts: str) -> blocks_message.Message:
        options = elements.RenderOptions(tail=self.tail.tail(), whereabouts=whereabouts)
        return blocks_message.message(response, options)

    def _whereabouts(self) -> str:
        if not self._spool.size:
            return "No full log: the disk of posbot is full, or other followed logs use all of its space there."
        if not self._spool.dropped:
            return f"Full log: {self._name}, in this thread."
        return (
            f"{self._name} in this thread has the first {self._spool.lines:,} lines, without {self._spool.dropped:,}."
        )

    async def _edit_last(self, message: slack_api.MessageRef, last: blocks_message.Message) -> bool:
        for pause in _LAST_EDIT_BACKOFF_SECONDS:
            await asyncio.sleep(pause)
            try:
                await self._api.update(message, text=last.text, blocks=list(last.blocks))
            except errors.Refused as error:
                log.info("followed log is gone", reason=str(error))
                return False
            except errors.Unavailable as error:
                log.warning("last edit not accepted", reason=str(error))
            else:
                return True
        return False
