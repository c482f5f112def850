"""
The logs of pods, read once: all at the same time, each bounded, together in the order of time.

Which logs a question is about.

Entries that were read before, filtered again.
"""

import asyncio
import dataclasses
import datetime
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bot import errors
from bot.kubernetes import model as kubernetes
from bot.kubernetes.logs import filters, parser, tail_buffer
from bot.model import reports

if TYPE_CHECKING:
    from bot.kubernetes import workloads
import collections

MOST_BYTES = 1_000_000_000
"""Read for one question, over all pods."""
MOST_KEPT_BYTES = 12_000_000
"""Kept for one answer, over all pods: each of them costs five or six of memory until the answer is delivered."""
MOST_SECONDS = 100.0
"""After which what was read so far is the answer."""
_MOST_LINES = 5_000_000
"""Of a long log; the newest ones, because the node looks for them from the end."""
LONG_BYTES = 300_000_000
"""
A log that is longer is begun again, from its newest lines on. Asked for those at once, the node would read each log
twice: from its end, to find where they begin, and then forwards. Nodes keep some ten megabytes of a log.
"""
IDLE_SECONDS = 10.0
"""A node that sends nothing for so long is not waited for: the logs of the others are to be shown as well."""
_MARGIN = 200
"""Lines read beyond those wanted, so that the trace that the first of them belongs to has its beginning."""
_AT_ONCE = 24
_EVICTED = "Evicted"
_GONE = b"unable to retrieve container logs"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """What is wanted of every log."""

    lines: int = 200
    """The newest so many that are wanted, of each pod."""
    filter: filters.Filter = dataclasses.field(default_factory=filters.Filter)
    before: int = 0
    after: int = 0
    since_seconds: int | None = None

    @property
    def newest(self) -> int | None:
        """Give how many lines the node is asked for; None for all of them, which are filtered here."""
        return self.lines + _MARGIN if self.filter.are_none else None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One log: of a container, or of the one before it."""

    pod: kubernetes.Pod
    container: str
    is_previous: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogResult:
    """What was taken from one log."""

    source: Source
    entries: tuple[reports.LogEntry, ...] = ()
    lines_read: int = 0
    bytes_read: int = 0
    lines_matched: int = 0
    lines_left_out: int = 0
    """Wanted, but older than the newest that were asked for."""
    bytes_cut: int = 0
    """Of lines that are longer than what is kept of one."""
    is_full: bool = False
    """Some were left out although so many were asked for, because together they were too long."""
    problem: errors.BotError | None = None
    """Why nothing, or no more, could be read."""
    is_incomplete: bool = False
    """A bound was hit, so the newest lines were not read."""

    @property
    def problem_text(self) -> str | None:
        """Give in a sentence why nothing, or no more, could be read."""
        return str(self.problem) if self.problem else None


class _Budget:
    """What may still be read, over all logs of a question, and what of each."""

    most_kept = tail_buffer.MOST_BYTES
    idle_seconds = IDLE_SECONDS

    def __init__(self, most_bytes: int, most_seconds: float) -> None:
        self._bytes = most_bytes
        self._until = time.monotonic() + most_seconds

    def spend(self, amount: int) -> bool:
        """Tell whether there is more to spend after *amount*."""
        self._bytes -= amount
        return self._bytes > 0 and time.monotonic() < self._until

    def give_back(self, amount: int) -> None:
        """Take *amount* as not read."""
        self._bytes += amount


class _TooLongError(Exception):
    """A log that is to be read from its newest lines on."""


async def read(
    cluster: "workloads.Workloads",
    sources: Sequence[Source],
    wish: LogQuery,
    *,
    most_bytes: int = MOST_BYTES,
    long_bytes: int = LONG_BYTES,
    idle_seconds: float = IDLE_SECONDS,
) -> tuple[LogResult, ...]:
    """Give a portion of each source, in their order; what cannot be read says why."""
    budget = _Budget(most_bytes, MOST_SECONDS)
    budget.most_kept, budget.idle_seconds = most_kept(len(sources)), idle_seconds
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(source: Source) -> LogResult:
        if not source.pod.node:
            # The API server gives an empty log then, which looks like that of a quiet service.
            return LogResult(source=source, problem=_without_node(source.pod))
        async with slots:
            try:
                return await _read(cluster, source, wish, budget, long_bytes if wish.newest is None else None)
            except _TooLongError:
                return await _read(cluster, source, wish, budget, None)

    return tuple(await asyncio.gather(*(one(source) for source in sources)))


def most_kept(logs: int) -> int:
    """Give how many bytes are kept of each of so many *logs*."""
    return min(tail_buffer.MOST_BYTES, MOST_KEPT_BYTES // max(logs, 1))


async def newest(
    cluster: "workloads.Workloads",
    pod: kubernetes.Pod,
    container: str,
    *,
    is_previous: bool = False,
    lines: int = 400,
) -> LogResult:
    """Give the newest entries of one log; its trouble says why there are none."""
    source = Source(pod=pod, container=container, is_previous=is_previous)
    [portion] = await read(cluster, [source], LogQuery(lines=lines))
    return portion


def merge(portions: Iterable[LogResult], *, collapses: bool = True) -> list[reports.LogEntry]:
    """Give the entries of all *portions* in the order of time, traces that several pods share held once."""
    entries = [entry for portion in portions for entry in portion.entries]
    return tail_buffer.collapse_repeats(entries) if collapses else sorted(entries, key=_time)


def _time(entry: reports.LogEntry) -> datetime.datetime:
    return entry.at or datetime.datetime.max.replace(tzinfo=datetime.UTC)


async def _read(
    cluster: "workloads.Workloads", source: Source, wish: LogQuery, budget: _Budget, long_bytes: int | None
) -> LogResult:
    """Give what is wanted of a log; one that has more than *long_bytes* is left with _TooLongError."""
    intake, problem, is_incomplete = _LogPipeline(wish, budget.most_kept), None, False
    log = cluster.log(
        source.pod.name,
        source.container,
        is_previous=source.is_previous,
        newest=(wish.newest or _MOST_LINES) if long_bytes is None else None,
        since_seconds=wish.since_seconds,
        idle_seconds=budget.idle_seconds,
    )
    try:
        async with log as pieces:
            async for piece in pieces:
                intake.take(piece)
                if long_bytes is not None and intake.bytes_read > long_bytes:
                    budget.give_back(intake.bytes_read - len(piece))
                    raise _TooLongError
                if not budget.spend(len(piece)):
                    is_incomplete = True
                    break
    except errors.BotError as error:
        problem = _explained(error, source.pod)
    return intake.portion(source, problem, is_incomplete=is_incomplete)


class _LogPipeline:
    """What has come of one log."""

    def __init__(self, wish: LogQuery, most_kept: int) -> None:
        collapses = wish.before == wish.after == 0
        self._cutter = parser.LineSplitter()
        self._selector = filters.ContextSelector(wish.filter, before=wish.before, after=wish.after)
        self._keeper = tail_buffer.TailBuffer(wish.lines, collapses=collapses, most_bytes=most_kept)

    @property
    def bytes_read(self) -> int:
        return self._cutter.bytes_read

    def take(self, piece: bytes) -> None:
        self._take(self._cutter.feed(piece))

    def portion(self, source: Source, problem: errors.BotError | None, *, is_incomplete: bool) -> LogResult:
        lines = self._cutter.finish()
        if self._cutter.lines_read == 1 and lines and lines[0].startswith(_GONE):
            problem = errors.MissingResource("The node has removed that log already.")
        else:
            self._take(lines)
            for entry in self._selector.finish():
                self._keeper.add(entry)
        return LogResult(
            source=source,
            entries=tuple(self._keeper.entries(source.pod.name)),
            lines_read=self._cutter.lines_read,
            bytes_read=self._cutter.bytes_read,
            lines_matched=self._selector.lines_matched,
            lines_left_out=self._keeper.lines_left_out,
            bytes_cut=self._cutter.bytes_cut,
            is_full=self._keeper.is_full,
            problem=problem,
            is_incomplete=is_incomplete,
        )

    def _take(self, lines: list[bytes]) -> None:
        if lines:
            for entry in self._selector.feed(lines):
                self._keeper.add(entry)


def _without_node(pod: kubernetes.Pod) -> errors.BotError:
    because = f": {pod.unscheduled_because}" if pod.unscheduled_because else "."
    return errors.MissingResource(f"It has no node yet{because}", hint="See its events for what the scheduler says.")


def _explained(error: errors.BotError, pod: kubernetes.Pod) -> errors.BotError:
    """Give *error* with what the cluster says of a pod that its node has thrown out."""
    if not isinstance(error, errors.MissingResource) or pod.reason != _EVICTED:
        return error
    return errors.MissingResource(
        f"The pod was evicted, and its log went with it. {pod.message}".strip(), hint=error.hint
    )


_NAMED = 10


def pods(found: Sequence[kubernetes.Pod], name: str | None) -> list[kubernetes.Pod]:
    """
    Give the pods that are meant: all, or those called *name* or whose names end in it.

    Raises:
        errors.NotFound: there is none.
    """
    if name is None:
        return list(found)
    chosen = [pod for pod in found if pod.name == name or pod.name.endswith(f"-{name}")]
    if not chosen:
        names = [pod.name for pod in found]
        raise errors.NotFound("pod", name, names, hint=_there_are(names))
    return chosen


def sources(pods: Sequence[kubernetes.Pod], container: str, *, is_previous: bool) -> list[Source]:
    """
    Give the logs of *container* in *pods*: of now, and of before a restart; *is_previous* is only the latter.

    Raises:
        errors.NotFound: no pod has such a container.
    """
    names = sorted({one.name for pod in pods for one in pod.containers})
    if pods and container not in names:
        raise errors.NotFound("container", container, names, hint=_there_are(names))
    chosen = []
    for pod in pods:
        one = pod.find_container(container)
        # Of a container that waits for its next start, the node gives the one before as that of now.
        if one is not None and (is_previous or (one.restarts and not one.is_waiting)):
            chosen.append(Source(pod=pod, container=container, is_previous=True))
        if one is not None and not is_previous:
            chosen.append(Source(pod=pod, container=container))
    return chosen


def _there_are(names: Sequence[str]) -> str:
    return f"There {'is' if len(names) == 1 else 'are'}: {', '.join(names[:_NAMED]) or 'none'}."


def with_restarts(entries: Sequence[reports.LogEntry], portions: Sequence[LogResult]) -> list[reports.LogEntry]:
    """Give *entries* with a remark where a container was started again."""
    remarks = [_restart(portion.source) for portion in portions if _shows_an_end(portion)]
    both = [*entries, *(remark for remark in remarks if remark is not None)]
    last = datetime.datetime.max.replace(tzinfo=datetime.UTC)
    return sorted(both, key=lambda entry: entry.at or last)


def _shows_an_end(portion: LogResult) -> bool:
    container = portion.source.pod.find_container(portion.source.container)
    is_last = container is not None and container.is_waiting
    return bool(portion.entries) and (portion.source.is_previous or is_last)


def _restart(source: Source) -> reports.LogEntry | None:
    container = source.pod.find_container(source.container)
    if container is None or container.last is None:
        return None
    ended = container.last
    then = "waits to be started again" if container.is_waiting else "started again"
    text = f"ended: {ended.reason or 'for no given reason'} ({ended.exit_code}), {then}"
    return reports.LogEntry(text=text, source=source.pod.name, at=ended.finished_at, is_annotation=True)


def filtered(entries: Sequence[reports.LogEntry], wish: LogQuery, *, pod: str | None = None) -> list[reports.LogEntry]:
    """Give those of *entries* that *wish* asks for, of the pod whose name ends in *pod* if one is given."""
    found: list[reports.LogEntry] = []
    earlier: collections.deque[reports.LogEntry] = collections.deque(maxlen=wish.before)
    still_after = 0
    for entry in entries:
        if pod is not None and not (entry.source == pod or entry.source.endswith(f"-{pod}")):
            continue
        if not entry.is_annotation and wish.filter.accept(entry.text.encode()):
            found += [*earlier, entry]
            earlier.clear()
            still_after = wish.after
        elif still_after:
            still_after -= 1
            found.append(entry)
        else:
            earlier.append(entry)
    return _newest(found, wish.lines)


def _newest(entries: list[reports.LogEntry], lines: int) -> list[reports.LogEntry]:
    kept: collections.deque[reports.LogEntry] = collections.deque()
    for entry in reversed(entries):
        lines -= entry.text.count("\n") + 1
        if lines < 0 and kept:
            break
        kept.appendleft(entry)
    return list(kept)
