"""The worker: shows that it lives, takes up runs that nobody works on, and buries workers that are dead."""

import asyncio
import contextlib
import datetime
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping

import structlog

from bot import errors
from bot.model import invocations, runs
from bot.runs import attending
from bot.store import invocations as invocation_store
from bot.store import workers

log = structlog.get_logger()

LEASE_SECONDS = 6.0
"""A worker that has not been seen alive for so long is buried."""
BEAT_SECONDS = 1.0
MOST_RUNS = 50
"""That one worker works on at the same time."""
_OBSERVATIONS = 4
"""Looks in vain before somebody is dead: while the database is away nobody can beat, and nobody can look."""


class Worker:
    """Works on runs, as one of several that may."""

    def __init__(
        self, store: workers.Workers, performer: attending.Performer, now: Callable[[], datetime.datetime]
    ) -> None:
        self._store = store
        self._performer = performer
        self._now = now
        self.id: str | None = None
        """None while it works on nothing."""
        self._attending: dict[str, tuple[asyncio.Task[runs.Run], attending.Signals]] = {}
        self._graves = _Graves()
        self._leaving = asyncio.Event()
        self._wake = asyncio.Event()
        self._given_up: set[str] = set()

    @property
    def has_room(self) -> bool:
        """Tell whether it can work on one more run now."""
        return self.id is not None and not self._leaving.is_set() and len(self._attending) < MOST_RUNS

    @contextlib.asynccontextmanager
    async def signed_in(self) -> AsyncIterator[None]:
        """Be known as a worker within the block; what is unfinished at its end is left to others."""
        self.id = await self._sign_in()
        try:
            yield
        finally:
            await self._drop_all()
            worker, self.id = self.id, None
            with contextlib.suppress(errors.Unavailable):
                await self._store.sign_off(worker)

    async def drain(self, seconds: float) -> None:
        """Begin nothing more, and wait that long for the steps that are under way."""
        self._leaving.set()
        if self._attending:
            await asyncio.wait([task for task, _ in self._attending.values()], timeout=seconds)

    async def watch(self, *, takes_up: bool = True) -> None:
        """Show that it lives, and take up what nobody works on unless it is there for one run only; for ever."""
        while True:
            self._wake.clear()
            try:
                await self._beat()
                if takes_up and self.has_room:
                    await self._take_up()
            except errors.Unavailable as error:
                log.warning("runs are not looked after", reason=str(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT_SECONDS):
                    await self._wake.wait()

    def attend(self, run: runs.Run, on_change: Callable[[runs.Run], None] | None = None) -> "asyncio.Task[runs.Run]":
        """Work on *run*, which is claimed; give the task that does."""
        signals = attending.Signals(leaving=self._leaving, on_change=on_change)
        assert self.id is not None  # noqa: S101 - nothing is claimed before
        ledger = _Ledger(self._store, self.id)
        attendance = attending.Attendance(run, ledger, self._performer, signals, self._now)
        task = asyncio.create_task(attendance.work(), name=f"run {run.id}")
        self._attending[run.id] = (task, signals)
        task.add_done_callback(lambda done: self._forget(run.id, done))
        return task

    async def claim(self, run_id: str) -> runs.Run | None:
        """Give the run of that id, to be attended; None where somebody else works on it, or nothing is to be done."""
        if self.id is None:
            return None
        found = await self._store.claim(self.id, 1, run_id)
        return found[0] if found else None

    def wake(self) -> None:
        """Look for runs now and not at the next beat."""
        self._wake.set()

    async def _sign_in(self) -> str:
        name = secrets.token_hex(6)
        await self._store.sign_in(name)
        return name

    async def _beat(self) -> None:
        assert self.id is not None  # noqa: S101 - it is signed in
        tick = await self._store.tick(self.id, self._now())
        if not tick.is_alive:
            log.error("taken for dead", worker=self.id)
            await self._drop_all()
            self.id = await self._sign_in()
            return
        for run_id, stop in tick.cancelled.items():
            self._cancel(run_id, stop)
        for worker, beat in self._graves.look(tick.beats, self.id):
            if await self._store.bury(worker, beat):
                log.warning("took the runs of a dead worker over", worker=worker)
        for question in tick.overdue:
            await self._store.expire(question, self._now())
        for run_id in tuple(self._given_up):
            await self._store.give_up(run_id, self._now())
            self._given_up.discard(run_id)

    def _cancel(self, run_id: str, stop: invocations.Stop) -> None:
        if run_id in self._attending:
            signals = self._attending[run_id][1]
            signals.cancel = stop
            signals.cancelled.set()

    async def _take_up(self) -> None:
        assert self.id is not None  # noqa: S101 - it is signed in
        for run in await self._store.claim(self.id, MOST_RUNS - len(self._attending)):
            self.attend(run)

    async def _drop_all(self) -> None:
        tasks = [task for task, _ in self._attending.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _forget(self, run_id: str, task: "asyncio.Task[runs.Run]") -> None:
        del self._attending[run_id]
        self._wake.set()
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, attending.Lost):
            log.warning("another worker has the run", run=run_id)
        elif error is not None:
            # Left as it is, it would be under way for ever.
            log.error("run cannot go on", run=run_id, exc_info=error)
            self._given_up.add(run_id)


class _Ledger:
    """Writes down what one worker does."""

    def __init__(self, store: workers.Workers, worker: str) -> None:
        self._store = store
        self._worker = worker

    async def write(
        self,
        run: runs.Run,
        *,
        begun: invocations.Invocation | None = None,
        ended: invocation_store.Ended | None = None,
    ) -> runs.Run:
        written = await self._store.write(run, self._worker, begun=begun, ended=ended)
        if written is None:
            raise attending.Lost(run.id)
        return written


class _Graves:
    """Knows who has not been seen alive for the length of the lease, by a clock that nobody can set."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, float, int]] = {}
        """Worker → its beat, since when it stands still, and how often that was looked at."""

    def look(self, beats: Mapping[str, int], own: str) -> list[tuple[str, int]]:
        """Give the workers that are dead, each with its last beat."""
        clock, seen = time.monotonic(), {}
        for worker, beat in beats.items():
            known = self._seen.get(worker)
            is_still = known is not None and known[0] == beat
            seen[worker] = (beat, known[1], known[2] + 1) if known is not None and is_still else (beat, clock, 1)
        self._seen = seen
        return [
            (worker, beat)
            for worker, (beat, since, looks) in seen.items()
            if worker != own and clock - since >= LEASE_SECONDS and looks >= _OBSERVATIONS
        ]
