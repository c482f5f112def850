"""
The logs of pods, followed: each line once, whatever breaks, until nobody looks any more.

One task watches the pods, one reads each container, and one hands over what came, ten times a second. Who hands over
waits for the display, and readers wait for whoever hands over: what is not read yet stays on the node, not in memory.
"""

import asyncio
import collections
import contextlib
import dataclasses
import datetime
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import structlog

from bot import errors
from bot.kubernetes import model as kubernetes
from bot.kubernetes.logs import filters, parser, reader, tail_buffer
from bot.model import invocations, reports

if TYPE_CHECKING:
    from bot.kubernetes import workloads

log = structlog.get_logger()

_TICK_SECONDS = 0.1
_WAITING_ENTRIES = 20_000
"""Held between readers and display; beyond it readers wait."""
_OVERLAP_SECONDS = 2
"""Before the last line, from where a broken log is read again: stdout and stderr overtake each other by less."""
_PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """Whose logs."""

    cluster: "workloads.Workloads"
    selector: str
    container: str


@dataclasses.dataclass(slots=True, kw_only=True)
class FollowStats:
    """How much there was."""

    seconds: float = 0.0
    lines: int = 0
    shown: int = 0
    pods: int = 0


class _Deduplicator:
    """Tells lines that were read before from new ones, after a log is read again from some seconds earlier on."""

    def __init__(self) -> None:
        self._recent: collections.deque[tuple[datetime.datetime, int]] = collections.deque()
        self._known: collections.Counter[int] = collections.Counter()
        self._repeated: collections.Counter[int] = collections.Counter()
        self.newest: datetime.datetime | None = None
        self._oldest: datetime.datetime | None = None
        self._has_begun_again = False

    def begin_again(self) -> datetime.datetime | None:
        """Give from when on to read, and expect the lines since then once more."""
        self._repeated = self._known.copy()
        self._has_begun_again = self.newest is not None
        return self.newest - datetime.timedelta(seconds=_OVERLAP_SECONDS) if self.newest else None

    def new(self, lines: list[bytes]) -> list[bytes]:
        """Give those of *lines* that were not read before."""
        return [line for line in lines if self._is_new(line)]

    def _is_new(self, line: bytes) -> bool:
        key = hash(line)
        if self._repeated.get(key, 0):
            self._repeated[key] -= 1
            return False
        at = tail_buffer.timestamp(line.partition(b" ")[0])
        if at is not None:
            self._oldest = self._oldest or at
            if at < self._oldest and self._has_begun_again:
                # Older than the newest lines, with which it began.
                return False
            self.newest = max(self.newest or at, at)
            self._recent.append((at, key))
            self._known[key] += 1
            self._forget(self.newest - datetime.timedelta(seconds=_OVERLAP_SECONDS + 1))
        return True

    def _forget(self, before: datetime.datetime) -> None:
        while self._recent and self._recent[0][0] < before:
            _, key = self._recent.popleft()
            self._known[key] -= 1
            if not self._known[key]:
                del self._known[key]


class Follower:
    """Follows the logs of a deployment, through restarts of its containers and of the bot's connections."""

    def __init__(self, target: Target, wish: reader.LogQuery, *, pod: str | None, common: str) -> None:
        self._target = target
        self._wish = wish
        self._pod = pod
        self._common = common
        self._waiting: list[reports.LogEntry] = []
        self._room = asyncio.Condition()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._pods: dict[str, kubernetes.Pod] = {}
        self._changed = asyncio.Event()
        self._newest: datetime.datetime | None = None
        self._began_at = datetime.datetime.now(datetime.UTC)
        self.counts = FollowStats()

    async def run(self, display: invocations.Display, name: str) -> str:
        """
        Show what comes on *display* until it is stopped; give why it was.

        Raises:
            errors.Refused, errors.Unavailable: the pods cannot be watched.
        """
        started = time.monotonic()
        stopped = asyncio.ensure_future(display.until_stopped())
        works = {asyncio.ensure_future(self._watch()), asyncio.ensure_future(self._hand_over(display, name))}
        try:
            await asyncio.wait({stopped, *works}, return_when=asyncio.FIRST_COMPLETED)
            for work in works:
                if work.done():
                    work.result()
            await self._show(display, name, 0.0)
            return stopped.result()
        finally:
            self.counts.seconds = time.monotonic() - started
            tasks = {stopped, *works, *self._tasks.values()}
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _watch(self) -> None:
        """Begin to read whatever pod appears."""
        async for pod, is_there in self._target.cluster.watch_pods(self._target.selector):
            if self._pod is not None and not (pod.name == self._pod or pod.name.endswith(f"-{self._pod}")):
                continue
            if is_there:
                self._pods[pod.name] = pod
            else:
                self._pods.pop(pod.name, None)
            self._changed.set()
            task = self._tasks.get(pod.name)
            if is_there and task is None and _has_begun(pod, self._target.container):
                self.counts.pods += 1
                is_new = pod.created_at > self._began_at
                if is_new:
                    await self._remark(pod.name, "new pod")
                lines = None if is_new else self._wish.lines
                self._tasks[pod.name] = asyncio.create_task(self._read(pod, lines), name=f"follow {pod.name}")

    async def _read(self, pod: kubernetes.Pod, lines: int | None) -> None:
        """
        Read one container until its pod has gone, from its newest *lines* on.

        It begins again after each restart and each broken connection.
        """
        resumer, attempt, restarts = _Deduplicator(), 0, _restarts(pod, self._target.container)
        refusal = ""
        while True:
            before = resumer.newest
            try:
                await self._read_once(pod.name, resumer, lines)
            except errors.MissingResource:
                pass
            except errors.Unavailable as error:
                log.info("followed log broke", pod=pod.name, reason=str(error))
            except errors.Refused as error:
                if refusal != str(error):
                    refusal = str(error)
                    await self._remark(pod.name, f"cannot be read: {refusal}")
            attempt = 1 if resumer.newest != before else attempt + 1
            now = self._pods.get(pod.name)
            if now is None:
                await self._remark(pod.name, "ended, the pod is gone")
                self._tasks.pop(pod.name, None)
                return
            if _restarts(now, self._target.container) > restarts:
                restarts = _restarts(now, self._target.container)
                await self._remark(pod.name, f"started again, {_how_it_ended(now, self._target.container)}")
                attempt = 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PAUSES_SECONDS[min(attempt, len(_PAUSES_SECONDS)) - 1]):
                    self._changed.clear()
                    await self._changed.wait()

    async def _read_once(self, name: str, resumer: _Deduplicator, lines: int | None) -> None:
        since = resumer.begin_again()
        selector = filters.ContextSelector(self._wish.filter, before=self._wish.before, after=self._wish.after)
        cutter = parser.LineSplitter()
        stream = self._target.cluster.log(
            name,
            self._target.container,
            follows=True,
            newest=lines if since is None else None,
            since=since,
            since_seconds=self._wish.since_seconds if since is None else None,
        )
        async with stream as pieces:
            async for whole in _as_they_come(pieces, cutter):
                new = resumer.new(whole)
                self.counts.lines += len(new)
                self._newest = resumer.newest or self._newest
                entries = list(selector.feed(new)) if new else list(selector.finish())
                await self._add([_entry(entry.text, name, entry.stamp) for entry in entries])
        await self._add([_entry(entry.text, name, entry.stamp) for entry in selector.finish()])

    async def _remark(self, pod: str, text: str) -> None:
        now = datetime.datetime.now(datetime.UTC)
        await self._add([reports.LogEntry(text=text, source=pod, at=now, is_annotation=True)])

    async def _add(self, entries: list[reports.LogEntry]) -> None:
        if not entries:
            return
        async with self._room:
            await self._room.wait_for(lambda: len(self._waiting) < _WAITING_ENTRIES)
            self._waiting += entries

    async def _hand_over(self, display: invocations.Display, name: str) -> None:
        while True:
            lines, started = self.counts.lines, time.monotonic()
            await asyncio.sleep(_TICK_SECONDS)
            await self._show(display, name, (self.counts.lines - lines) / (time.monotonic() - started))

    async def _show(self, display: invocations.Display, name: str, rate: float) -> None:
        async with self._room:
            entries, self._waiting = self._waiting, []
            self._room.notify_all()
        self.counts.shown += sum(entry.text.count("\n") + 1 for entry in entries if not entry.is_annotation)
        # In the order of time within what came together; entries that have none stay where they were.
        entries.sort(key=lambda entry: entry.at.timestamp() if entry.at else 0.0)
        if entries:
            await display.append(
                reports.Log(entries=tuple(entries), name=name, common=self._common), self._status(rate)
            )

    def _status(self, rate: float) -> str:
        pods = len(self._pods)
        words = [f"{pods} {'pod' if pods == 1 else 'pods'}", f"{rate:,.0f} lines/s"]
        if self._newest is not None:
            behind = (datetime.datetime.now(datetime.UTC) - self._newest).total_seconds()
            words += [f"{max(behind, 0.0):.1f} s behind"] if rate else []
        return " · ".join(words)


async def _as_they_come(pieces: AsyncIterator[bytes], cutter: parser.LineSplitter) -> AsyncIterator[list[bytes]]:
    """Give whole lines as soon as they are there, and nothing where none came for a moment: then an entry is whole."""
    iterator = aiter(pieces)
    coming: asyncio.Task[bytes] = asyncio.ensure_future(_next(iterator))
    try:
        is_quiet = False
        while True:
            done, _ = await asyncio.wait({coming}, timeout=None if is_quiet else _TICK_SECONDS * 3)
            if not done:
                is_quiet = True
                yield []
                continue
            is_quiet = False
            try:
                piece = coming.result()
            except StopAsyncIteration:
                break
            coming = asyncio.ensure_future(_next(iterator))
            lines = cutter.feed(piece) + cutter.flush()
            if lines:
                yield lines
        lines = cutter.finish()
        if lines:
            yield lines
    finally:
        coming.cancel()
        await asyncio.wait({coming})


async def _next(iterator: AsyncIterator[bytes]) -> bytes:
    return await anext(iterator)


def _entry(text: bytes, source: str, stamp: bytes) -> reports.LogEntry:
    at = tail_buffer.timestamp(stamp)
    return reports.LogEntry(text=text.decode(errors="replace"), source=source, at=at, first_at=at)


def _has_begun(pod: kubernetes.Pod, container: str) -> bool:
    one = pod.find_container(container)
    return one is not None and one.state is not None and (not one.is_waiting or one.last is not None)


def _restarts(pod: kubernetes.Pod, container: str) -> int:
    one = pod.find_container(container)
    return one.restarts if one is not None else 0


def _how_it_ended(pod: kubernetes.Pod, container: str) -> str:
    one = pod.find_container(container)
    if one is None or one.last is None:
        return "it is not known how it ended"
    return f"the one before ended: {one.last.reason or 'no reason given'} ({one.last.exit_code})"
