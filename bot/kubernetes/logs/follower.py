"""
A followed log: each line once, through restarts, rollouts and lost connections, until it is stopped.

One task watches the pods, one per pod reads its container, and one passes new entries to the display ten times a
second. The display slows that task down and it slows the readers down: what is not read yet stays on the node.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import time
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import structlog

from bot import errors, text_threads
from bot.kubernetes import model as kubernetes
from bot.kubernetes.logs import deduplicators, filters, parser, reader, tail_buffer
from bot.model import counts, invocations, reports

if TYPE_CHECKING:
    from bot.kubernetes import workloads

log = structlog.get_logger()

_DISPLAY_INTERVAL_SECONDS = 0.1
_QUIET_SECONDS = 0.3
"""After which the last entry is taken as complete."""
_MAX_BUFFERED_BYTES = 256_000
"""Between readers and display; readers wait beyond it, and what they do not read stays on the node."""
_ENTRY_BYTES = 200
"""What an entry costs beside its text."""
_LINES_AT_ONCE = 250
"""Some milliseconds of the event loop."""
_RECONNECT_BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)


@dataclasses.dataclass(slots=True, kw_only=True)
class FollowStats:
    """Totals of a followed log."""

    seconds: float = 0.0
    lines_read: int = 0
    lines_shown: int = 0
    notes: int = 0
    """Lines of posbot's own among those shown, such as that a pod was restarted."""
    pods: int = 0


class _Turns:
    """
    Lets the followers of a process use half of its time together, however many there are and however much is logged.

    Each waits after its work, the longer the more of them there are; a single one does not wait.
    """

    def __init__(self) -> None:
        self.followers = 0

    @contextlib.contextmanager
    def follower(self) -> Iterator[None]:
        """Count a follower."""
        self.followers += 1
        try:
            yield
        finally:
            self.followers -= 1

    async def wait(self, seconds: float) -> None:
        """Wait after *seconds* of work."""
        await asyncio.sleep(seconds * 2 * (self.followers - 1))


_TURNS = _Turns()


class Follower:
    """Follows one container in all pods of a deployment."""

    def __init__(
        self, cluster: "workloads.Workloads", selector: str, container: str, query: reader.LogQuery, *, common: str
    ) -> None:
        self._cluster = cluster
        self._selector = selector
        self._container = container
        self._query = query
        self._common = common
        self._entries: list[reports.LogEntry] = []
        self._buffered_bytes = 0
        self._entries_changed = asyncio.Condition()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._selectors: dict[str, filters.ContextSelector] = {}
        self._pods: dict[str, kubernetes.Pod] = {}
        self._pods_changed = asyncio.Event()
        self._newest: datetime.datetime | None = None
        self._started_at = datetime.datetime.now(datetime.UTC)
        self.stats = FollowStats()

    async def run(self, display: invocations.Display, name: str) -> str:
        """
        Show new entries on *display* until it is stopped; return why it was stopped.

        Raises:
            errors.Refused, errors.Unavailable: the pods cannot be watched.
        """
        started = time.monotonic()
        stopped = asyncio.ensure_future(display.until_stopped())
        tasks = {asyncio.ensure_future(self._watch()), asyncio.ensure_future(self._show_continuously(display, name))}
        try:
            with _TURNS.follower():
                await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
            await self._flush()
            await self._show(display, name, 0.0)
            return stopped.result()
        finally:
            self.stats.seconds = time.monotonic() - started
            running: set[asyncio.Future[Any]] = {stopped, *tasks, *self._tasks.values()}
            for future in running:
                future.cancel()
            await asyncio.wait(running)

    async def _flush(self) -> None:
        """Stop the readers and add their last entries, which might have continued: every line read is shown."""
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())
        for pod, selector in self._selectors.items():
            self._entries += _log_entries(pod, selector.finish())

    async def _watch(self) -> None:
        """Start a reader for each pod that appears."""
        async for pod, exists in self._cluster.watch_pods(self._selector):
            if not reader.matches_pod(pod.name, self._query.pod):
                continue
            if exists:
                self._pods[pod.name] = pod
            else:
                self._pods.pop(pod.name, None)
            self._pods_changed.set()
            if exists and pod.name not in self._tasks and _has_log(pod.find_container(self._container)):
                self.stats.pods += 1
                is_new = pod.created_at > self._started_at
                if is_new:
                    await self._annotate(pod.name, "new pod")
                lines = None if is_new else self._query.lines
                self._tasks[pod.name] = asyncio.create_task(self._read(pod, lines), name=f"follow {pod.name}")

    async def _read(self, pod: kubernetes.Pod, lines: int | None) -> None:
        """Read one container from its newest *lines* until its pod is deleted, reconnecting after each break."""
        deduplicator, attempt, restarts = deduplicators.Deduplicator(), 0, self._restarts(pod)
        refusal = ""
        while True:
            newest = deduplicator.newest
            try:
                await self._read_once(pod.name, deduplicator, lines)
            except errors.MissingResource:
                pass
            except errors.Unavailable as error:
                log.info("followed log disconnected", pod=pod.name, reason=str(error))
            except errors.Refused as error:
                if refusal != str(error):
                    refusal = str(error)
                    await self._annotate(pod.name, f"cannot be read: {refusal}")
            # What was read last is complete now, however the connection ended.
            await self._buffer(_log_entries(pod.name, self._selectors[pod.name].finish()))
            attempt = 1 if deduplicator.newest != newest else attempt + 1
            current = self._pods.get(pod.name)
            if current is None:
                await self._annotate(pod.name, "pod deleted")
                self._tasks.pop(pod.name, None)
                return
            if self._restarts(current) > restarts:
                restarts, attempt = self._restarts(current), 1
                await self._annotate(
                    pod.name, f"restarted, {_last_termination(current.find_container(self._container))}"
                )
            with contextlib.suppress(TimeoutError):
                backoff = _RECONNECT_BACKOFF_SECONDS[min(attempt, len(_RECONNECT_BACKOFF_SECONDS)) - 1]
                async with asyncio.timeout(backoff):
                    self._pods_changed.clear()
                    await self._pods_changed.wait()

    async def _read_once(self, pod: str, deduplicator: deduplicators.Deduplicator, lines: int | None) -> None:
        since = deduplicator.reconnect()
        selector = filters.ContextSelector(self._query.filter, before=self._query.before, after=self._query.after)
        self._selectors[pod] = selector
        stream = self._cluster.stream_log(
            pod,
            self._container,
            follows=True,
            tail_lines=lines if since is None else None,
            since=since,
            since_seconds=self._query.since_seconds if since is None else None,
        )
        async with stream as chunks:
            async for complete in _complete_lines(chunks):
                for index in range(0, len(complete) or 1, _LINES_AT_ONCE):
                    some = complete[index : index + _LINES_AT_ONCE]
                    seconds = await self._read_lines(pod, some, deduplicator, selector)
                    await _TURNS.wait(seconds)

    async def _read_lines(
        self, pod: str, lines: list[bytes], deduplicator: deduplicators.Deduplicator, selector: filters.ContextSelector
    ) -> float:
        """Buffer the entries that *lines* complete; return the seconds of work that took."""
        selected = asyncio.ensure_future(text_threads.run(_select, pod, lines, deduplicator, selector))
        try:
            entries, new, seconds = await asyncio.shield(selected)
        except asyncio.CancelledError:
            # Every line that was read is shown, also at the end.
            entries, new, seconds = await selected
            self._entries += entries
            self.stats.lines_read += new
            raise
        self._newest = deduplicator.newest or self._newest
        await self._buffer(entries)
        self.stats.lines_read += new
        return seconds

    def _restarts(self, pod: kubernetes.Pod) -> int:
        container = pod.find_container(self._container)
        return container.restarts if container is not None else 0

    async def _annotate(self, pod: str, text: str) -> None:
        now = datetime.datetime.now(datetime.UTC)
        await self._buffer([reports.LogEntry(text=text, source=pod, at=now, is_annotation=True)])

    async def _buffer(self, entries: list[reports.LogEntry]) -> None:
        if not entries:
            return
        async with self._entries_changed:
            await self._entries_changed.wait_for(lambda: self._buffered_bytes < _MAX_BUFFERED_BYTES)
            self._entries += entries
            self._buffered_bytes += sum(len(entry.text) + _ENTRY_BYTES for entry in entries)

    async def _show_continuously(self, display: invocations.Display, name: str) -> None:
        while True:
            lines, started = self.stats.lines_read, time.monotonic()
            await asyncio.sleep(_DISPLAY_INTERVAL_SECONDS)
            shown = time.monotonic()
            await self._show(display, name, (self.stats.lines_read - lines) / (shown - started))
            await _TURNS.wait(time.monotonic() - shown)

    async def _show(self, display: invocations.Display, name: str, rate: float) -> None:
        async with self._entries_changed:
            entries, self._entries, self._buffered_bytes = self._entries, [], 0
            self._entries_changed.notify_all()
        self.stats.lines_shown += sum(entry.text.count("\n") + 1 for entry in entries if not entry.is_annotation)
        self.stats.notes += sum(entry.is_annotation for entry in entries)
        # By time within one batch; entries without a time stay first.
        entries.sort(key=lambda entry: entry.at.timestamp() if entry.at else 0.0)
        if entries:
            section = reports.Log(entries=tuple(entries), name=name, common=self._common)
            await display.append(section, self._status(rate))

    def _status(self, rate: float) -> str:
        parts = [counts.counted(len(self._pods), "pod"), f"{rate:,.0f} lines/s"]
        # The age of lines from before is no delay: a quiet service wrote its newest line long ago.
        if rate and self._newest is not None and self._newest >= self._started_at:
            delay = (datetime.datetime.now(datetime.UTC) - self._newest).total_seconds()
            parts.append(f"{max(delay, 0.0):.1f} s behind")
        return " · ".join(parts)


def _select(
    pod: str, lines: list[bytes], deduplicator: deduplicators.Deduplicator, selector: filters.ContextSelector
) -> tuple[list[reports.LogEntry], int, float]:
    """Return the selected entries that *lines* complete, how many lines were not read before, and the seconds taken."""
    started = time.monotonic()
    new = deduplicator.filter_new(lines)
    entries = _log_entries(pod, selector.feed(new) if lines else selector.finish())
    return entries, len(new), time.monotonic() - started


def _log_entries(pod: str, entries: Iterator[parser.Entry]) -> list[reports.LogEntry]:
    timed = [(entry.text.decode(errors="replace"), tail_buffer.parse_timestamp(entry.timestamp)) for entry in entries]
    return [reports.LogEntry(text=text, source=pod, at=at, first_at=at) for text, at in timed]


async def _complete_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """Yield complete lines as they arrive, and an empty list once after a quiet moment: the last entry is complete."""
    splitter, iterator = parser.LineSplitter(), aiter(chunks)
    pending: asyncio.Task[bytes] = asyncio.ensure_future(_next(iterator))
    try:
        is_quiet = False
        while True:
            done, _ = await asyncio.wait({pending}, timeout=None if is_quiet else _QUIET_SECONDS)
            if not done:
                is_quiet = True
                yield []
                continue
            is_quiet = False
            try:
                chunk = pending.result()
            except StopAsyncIteration:
                break
            pending = asyncio.ensure_future(_next(iterator))
            lines = splitter.feed(chunk) + splitter.flush()
            if lines:
                yield lines
        lines = splitter.finish()
        if lines:
            yield lines
    finally:
        pending.cancel()
        await asyncio.wait({pending})


async def _next(iterator: AsyncIterator[bytes]) -> bytes:
    return await anext(iterator)


def _has_log(container: kubernetes.Container | None) -> bool:
    if container is None or container.state is None:
        return False
    return not container.is_waiting or container.last_termination is not None


def _last_termination(container: kubernetes.Container | None) -> str:
    if container is None or container.last_termination is None:
        return "last termination unknown"
    last = container.last_termination
    return f"last termination: {last.reason or 'no reason'} (exit code {last.exit_code})"
