"""Logs read once: all sources concurrently, within limits of bytes, memory and time."""

import asyncio
import dataclasses
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot import errors, text_threads
from bot.kubernetes import model as kubernetes
from bot.kubernetes.logs import filters, parser, tail_buffer
from bot.model import reports

if TYPE_CHECKING:
    from bot.kubernetes import workloads

MAX_READ_BYTES = 1_000_000_000
"""For one query, over all pods."""
MAX_KEPT_BYTES = 12_000_000
"""For one query, over all pods: each byte costs five or six of memory until the response is delivered."""
MAX_READ_SECONDS = 100.0
"""The response is what was read until then."""
MAX_FILTER_SECONDS = 40.0
"""Of one log: a pattern that is slower must not keep the threads from the logs of others."""
LONG_LOG_BYTES = 300_000_000
"""
A log that is longer is read again from its newest lines. Asking for those at once would make the node read every log
twice: backwards to find where they begin, then forwards. Nodes keep some ten megabytes of a log.
"""
IDLE_TIMEOUT_SECONDS = 10.0
"""A node that sends nothing for so long must not delay the logs of the others."""
_MIN_KEPT_BYTES = 1_000_000
_EXPECTED_LINE_BYTES = 2_000
"""Ten times what most lines have; of longer ones fewer are kept."""
_MAX_LINES = 5_000_000
"""Of a long log, its newest."""
_EXTRA_LINES = 200
"""Read beyond those asked for, so that the first stack trace has its beginning."""
_MAX_CONCURRENT_READS = 24
_MAX_SUGGESTIONS = 10
_EVICTED = "Evicted"
_REMOVED = b"unable to retrieve container logs"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """What is read of which logs."""

    lines: int = 200
    """The newest matching lines of each pod."""
    filter: filters.Filter = dataclasses.field(default_factory=filters.Filter)
    before: int = 0
    after: int = 0
    since_seconds: int | None = None
    container: str | None = None
    """None for the service's own."""
    pod: str | None = None
    """A pod's name or the end of it; None for all pods."""
    is_previous: bool = False
    """Only logs from before the last restart."""

    @property
    def tail_lines(self) -> int | None:
        """Lines asked of the node; None for all of them, because filtering happens here."""
        return self.lines + _EXTRA_LINES if self.filter.is_empty else None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One log: of a container, or of its previous run."""

    pod: kubernetes.Pod
    container: str
    is_previous: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogResult:
    """What was read of one source."""

    source: Source
    entries: tuple[reports.LogEntry, ...] = ()
    lines_read: int = 0
    bytes_read: int = 0
    lines_matched: int = 0
    lines_omitted: int = 0
    """Matching lines that are older than those returned."""
    bytes_truncated: int = 0
    is_memory_limited: bool = False
    """Lines were omitted for MAX_KEPT_BYTES, although the query asked for them."""
    is_incomplete: bool = False
    """A read limit was reached before the newest lines."""
    error: errors.BotError | None = None
    """Why nothing, or nothing more, could be read."""

    @property
    def unavailable_reason(self) -> str | None:
        """The error as a sentence."""
        return str(self.error) if self.error else None


def select_pods(pods: Sequence[kubernetes.Pod], name: str | None) -> list[kubernetes.Pod]:
    """
    Return the pods called *name*, or whose names end in it; all of them for None.

    Raises:
        errors.NotFound: there is none.
    """
    selected = [pod for pod in pods if matches_pod(pod.name, name)]
    if name is not None and not selected:
        names = [pod.name for pod in pods]
        raise errors.NotFound("pod", name, names, hint=_existing(names))
    return selected


def matches_pod(pod: str, name: str | None) -> bool:
    """Return whether *name* means *pod*: its name, the end of it, or None for any."""
    return name is None or pod == name or pod.endswith(f"-{name}")


def select_sources(pods: Sequence[kubernetes.Pod], container: str, *, is_previous: bool) -> list[Source]:
    """
    Return the logs of *container*: the current one and that from before a restart; with *is_previous* only the latter.

    Raises:
        errors.NotFound: no pod has such a container.
    """
    names = sorted({one.name for pod in pods for one in pod.containers})
    if pods and container not in names:
        raise errors.NotFound("container", container, names, hint=_existing(names))
    sources = []
    for pod in pods:
        one = pod.find_container(container)
        # While a container waits for its restart, the node returns the previous log as the current one.
        if one is not None and (is_previous or (one.restarts and not one.is_waiting)):
            sources.append(Source(pod=pod, container=container, is_previous=True))
        if one is not None and not is_previous:
            sources.append(Source(pod=pod, container=container))
    return sources


async def read(
    cluster: "workloads.Workloads",
    sources: Sequence[Source],
    query: LogQuery,
    *,
    max_bytes: int = MAX_READ_BYTES,
    long_log_bytes: int = LONG_LOG_BYTES,
    idle_seconds: float = IDLE_TIMEOUT_SECONDS,
) -> tuple[LogResult, ...]:
    """Return a result for each source, in their order; one that cannot be read carries its error."""
    limits = _Limits(max_bytes, MAX_READ_SECONDS, max_kept_bytes(query, len(sources)), idle_seconds)
    slots = asyncio.Semaphore(_MAX_CONCURRENT_READS)

    async def read_source(source: Source) -> LogResult:
        if not source.pod.node:
            # The API server returns an empty log, as for a quiet service.
            return LogResult(source=source, error=_not_scheduled(source.pod))
        async with slots:
            try:
                return await _read(cluster, source, query, limits, long_log_bytes if query.tail_lines is None else None)
            except _LongLogError:
                return await _read(cluster, source, query, limits, None)

    return tuple(await asyncio.gather(*(read_source(source) for source in sources)))


async def read_tail(cluster: "workloads.Workloads", source: Source, *, lines: int = 400) -> LogResult:
    """Return the newest entries of one source, or the error."""
    [result] = await read(cluster, [source], LogQuery(lines=lines))
    return result


def max_kept_bytes(query: LogQuery, logs: int) -> int:
    """Return how many bytes are kept of each of *logs* logs."""
    expected = max(query.lines * _EXPECTED_LINE_BYTES, _MIN_KEPT_BYTES // max(logs, 1))
    return min(expected, tail_buffer.MAX_BYTES, MAX_KEPT_BYTES // max(logs, 1))


class _Limits:
    """Read limits of one query; bytes and time are shared by its sources."""

    def __init__(self, max_bytes: int, max_seconds: float, kept_bytes: int, idle_seconds: float) -> None:
        self._bytes_left = max_bytes
        self._deadline = time.monotonic() + max_seconds
        self.kept_bytes = kept_bytes
        self.idle_seconds = idle_seconds

    def spend(self, amount: int) -> bool:
        """Count *amount* bytes; return whether more may be read."""
        self._bytes_left -= amount
        return self._bytes_left > 0 and time.monotonic() < self._deadline

    def refund(self, amount: int) -> None:
        """Count *amount* bytes as not read."""
        self._bytes_left += amount


class _LongLogError(Exception):
    """The log must be read from its newest lines."""


class LogPipeline:
    """The stages that one log passes: line splitter, filter with context, tail buffer."""

    def __init__(self, query: LogQuery, max_bytes: int) -> None:
        self._splitter = parser.LineSplitter()
        self._selector = filters.ContextSelector(query.filter, before=query.before, after=query.after)
        has_context = bool(query.before or query.after)
        self._buffer = tail_buffer.TailBuffer(query.lines, collapses=not has_context, max_bytes=max_bytes)
        self.seconds = 0.0
        """Of CPU time, spent on it so far."""

    @property
    def bytes_read(self) -> int:
        """Bytes fed so far."""
        return self._splitter.bytes_read

    async def feed(self, chunk: bytes) -> None:
        """Buffer *chunk*; process a piece of text in a thread once it is complete."""
        self._splitter.add(chunk)
        if self._splitter.is_full:
            await text_threads.run(self._process_piece)

    def result(self, source: Source, error: errors.BotError | None, *, is_incomplete: bool) -> LogResult:
        """Process what is buffered and return the result."""
        lines = self._splitter.finish()
        if self._splitter.lines_read == 1 and lines and lines[0].startswith(_REMOVED):
            error = errors.MissingResource("The node has already removed that log.")
        else:
            self._process(lines)
            for entry in self._selector.finish():
                self._buffer.add(entry)
        return LogResult(
            source=source,
            entries=tuple(self._buffer.entries(source.pod.name)),
            lines_read=self._splitter.lines_read,
            bytes_read=self._splitter.bytes_read,
            lines_matched=self._selector.lines_matched,
            lines_omitted=self._buffer.lines_omitted,
            bytes_truncated=self._splitter.bytes_truncated,
            is_memory_limited=self._buffer.is_memory_limited,
            is_incomplete=is_incomplete,
            error=error,
        )

    def _process_piece(self) -> None:
        started = time.thread_time()
        self._process(self._splitter.flush())
        self.seconds += time.thread_time() - started

    def _process(self, lines: list[bytes]) -> None:
        if lines:
            for entry in self._selector.feed(lines):
                self._buffer.add(entry)


async def _read(
    cluster: "workloads.Workloads", source: Source, query: LogQuery, limits: _Limits, long_log_bytes: int | None
) -> LogResult:
    """Read one source; raise _LongLogError once it has more than *long_log_bytes*."""
    pipeline, unavailable, is_incomplete = LogPipeline(query, limits.kept_bytes), None, False
    stream = cluster.stream_log(
        source.pod.name,
        source.container,
        is_previous=source.is_previous,
        tail_lines=(query.tail_lines or _MAX_LINES) if long_log_bytes is None else None,
        since_seconds=query.since_seconds,
        idle_seconds=limits.idle_seconds,
    )
    try:
        async with stream as chunks:
            async for chunk in chunks:
                await pipeline.feed(chunk)
                if long_log_bytes is not None and pipeline.bytes_read > long_log_bytes:
                    limits.refund(pipeline.bytes_read - len(chunk))
                    raise _LongLogError
                if not limits.spend(len(chunk)) or pipeline.seconds > MAX_FILTER_SECONDS:
                    is_incomplete = True
                    break
    except errors.BotError as error:
        unavailable = _evicted(error, source.pod)
    return await text_threads.run(pipeline.result, source, unavailable, is_incomplete=is_incomplete)


def _not_scheduled(pod: kubernetes.Pod) -> errors.BotError:
    reason = f": {pod.unschedulable_reason}" if pod.unschedulable_reason else "."
    return errors.MissingResource(f"Pod not scheduled yet{reason}", hint="Check its events for the scheduler's reason.")


def _evicted(error: errors.BotError, pod: kubernetes.Pod) -> errors.BotError:
    """Return *error*, or why an evicted pod has no log."""
    if not isinstance(error, errors.MissingResource) or pod.reason != _EVICTED:
        return error
    return errors.MissingResource(f"Pod evicted, its log was removed. {pod.message}".strip(), hint=error.hint)


def _existing(names: Sequence[str]) -> str:
    return f"Existing: {', '.join(names[:_MAX_SUGGESTIONS]) or 'none'}."
