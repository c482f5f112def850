"""The worker: shows that it lives, takes up runs that nobody works on, and buries workers that are dead."""

import asyncio
import contextlib
import dataclasses
import datetime
import math
import secrets
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping

import structlog

from bot import errors
from bot.durable import workers
from bot.model import invocations
from bot.procedures import runs
from bot.procedures.engine import executor, transitions
from bot.procedures.steps import kind
from bot.store import audit

log = structlog.get_logger()

MAX_CONCURRENT_RUNS = 50
"""That one worker works on at the same time."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How quickly the death of a worker is seen; the same for all workers of one database."""

    lease_seconds: float = 6.0
    """A worker that has not been seen alive for so long is buried."""
    beat_seconds: float = 1.0
    looks: int = 4
    """In vain before somebody is dead: while the database is away nobody can beat, and nobody can look."""


class Lease:
    """
    Until when a worker is surely not buried, by a clock that also counts what a machine sleeps.

    A beat is seen by others after it was sent, so the length of the lease after that nobody can have buried it yet.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._until = -math.inf
        self._renewed = asyncio.Event()

    @staticmethod
    def clock() -> float:
        """Give seconds since the machine was started, asleep or not."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

    def renew(self, sent: float) -> None:
        """Take in that a beat sent at that moment by `clock` was written down."""
        self._until = sent + self._pace.lease_seconds
        self._renewed.set()

    async def holds(self) -> None:
        """Return once a good part of it is left."""
        while self._until - self.clock() < self._pace.lease_seconds / 2:
            self._renewed.clear()
            await self._renewed.wait()


class Worker:
    """Works on runs, as one of several that may."""

    def __init__(
        self,
        store: workers.Workers,
        performer: executor.StepRunner,
        now: Callable[[], datetime.datetime],
        pace: Pace = Pace(),
    ) -> None:
        self._store = store
        self._performer = performer
        self._now = now
        self.id: str | None = None
        """None while it works on nothing."""
        self.on_change: Callable[[], None] | None = None
        """Called whenever something about a run was written down here."""
        self._attending: dict[str, tuple[asyncio.Task[runs.Run], executor.RunControl]] = {}
        self._pace = pace
        self._lease = Lease(pace)
        self._graves = _Graves(pace)
        self._leaving = asyncio.Event()
        self._wake = asyncio.Event()
        self._may_be_more = True
        """There may be runs that nobody works on and for which it had no room."""
        self._broken: dict[str, str] = {}
        """Run that cannot go on → why."""
        self._unreadable: set[str] = set()
        self._strays: dict[str, float] = {}
        """Run of its own that it does not work on → since when."""

    @property
    def has_room(self) -> bool:
        """Tell whether it can work on one more run now."""
        return self.id is not None and not self._leaving.is_set() and len(self._attending) < MAX_CONCURRENT_RUNS

    @property
    def validate(self) -> kind.ValidateParameters:
        """Give what checks the values that a step hands over."""
        return self._performer.validate

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
                async with asyncio.timeout(self._pace.beat_seconds):
                    await self._wake.wait()

    def attend(self, run: runs.Run) -> "asyncio.Task[runs.Run]":
        """Work on *run*, which is claimed; give the task that does."""
        if run.id in self._attending:
            return self._attending[run.id][0]
        signals = executor.RunControl(leaving=self._leaving, on_change=self._announce)
        assert self.id is not None  # noqa: S101 - nothing is claimed before
        ledger = _Ledger(self._store, self.id, self._lease)
        attendance = executor.RunExecutor(run, ledger, self._performer, signals, self._now)
        task = asyncio.create_task(attendance.work(), name=f"run {run.id}")
        self._attending[run.id] = (task, signals)
        self._announce()
        task.add_done_callback(lambda done: self._forget(run.id, done))
        return task

    async def claim(self, run_id: str) -> runs.Run | None:
        """Give the run of that id, to be attended; None where somebody else works on it, or nothing is to be done."""
        if self.id is None:
            return None
        found = await self._store.claim(self.id, 1, run_id)
        return found.runs[0] if found.runs else None

    def task_of(self, run_id: str) -> "asyncio.Task[runs.Run] | None":
        """Give the task that works on a run here, None where there is none."""
        return self._attending[run_id][0] if run_id in self._attending else None

    def wake(self) -> None:
        """Look for runs now and not at the next beat."""
        self._may_be_more = True
        self._wake.set()
        self._announce()

    async def holds(self) -> None:
        """Return once it is sure that nobody has taken this worker for dead."""
        await self._lease.holds()

    def _announce(self) -> None:
        if self.on_change is not None:
            self.on_change()

    async def _sign_in(self) -> str:
        name, sent = secrets.token_hex(6), Lease.clock()
        await self._store.sign_in(name)
        self._lease.renew(sent)
        return name

    async def _beat(self) -> None:
        assert self.id is not None  # noqa: S101 - it is signed in
        sent = Lease.clock()
        tick = await self._store.tick(self.id, self._now())
        if not tick.is_alive:
            log.error("taken for dead", worker=self.id)
            await self._drop_all()
            self.id = await self._sign_in()
            return
        self._lease.renew(sent)
        for run_id, stop in tick.cancelled.items():
            self._cancel(run_id, stop)
        for worker, beat in self._graves.look(tick.beats, self.id):
            if await self._store.bury(worker, beat):
                log.warning("took the runs of a dead worker over", worker=worker)
        for question in tick.overdue:
            await self._store.expire(question, self._now())
        for run_id, why in tuple(self._broken.items()):
            await self._break_off(run_id, why)
        await self._release_strays(tick.runs)

    async def _break_off(self, run_id: str, why: str) -> None:
        """Let a run that cannot go on come to its end, so that nothing is under way for ever."""
        assert self.id is not None  # noqa: S101 - it is signed in
        run = await self._store.find(self.id, run_id)
        written = None
        if run is not None:
            written = await self._store.write(transitions.fail_run(run, why, self._now()), self.id)
        del self._broken[run_id]
        if written is not None and written.state is runs.RunState.RUNNING:
            self.attend(written)

    async def _release_strays(self, own: Collection[str]) -> None:
        """Leave to anybody what became its own by a transaction of which it never learnt that it was done."""
        assert self.id is not None  # noqa: S101 - it is signed in
        clock = Lease.clock()
        strays = {run_id for run_id in own if run_id not in self._attending and run_id not in self._broken}
        self._strays = {run_id: self._strays.get(run_id, clock) for run_id in strays}
        late = [run_id for run_id, since in self._strays.items() if clock - since >= self._pace.lease_seconds]
        if late:
            await self._store.release(self.id, late)

    def _cancel(self, run_id: str, stop: invocations.CancelRequest) -> None:
        if run_id in self._attending:
            signals = self._attending[run_id][1]
            signals.cancel = stop
            signals.cancelled.set()

    async def _take_up(self) -> None:
        assert self.id is not None  # noqa: S101 - it is signed in
        room = MAX_CONCURRENT_RUNS - len(self._attending)
        found = await self._store.claim(self.id, room, without=tuple(self._unreadable))
        self._unreadable.update(found.unreadable)
        self._may_be_more = len(found.runs) >= room
        for run in found.runs:
            self.attend(run)

    async def _drop_all(self) -> None:
        tasks = [task for task, _ in self._attending.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _forget(self, run_id: str, task: "asyncio.Task[runs.Run]") -> None:
        del self._attending[run_id]
        if self._may_be_more:
            self._wake.set()
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, executor.LeaseLost):
            log.warning("another worker has the run", run=run_id)
        elif error is not None:
            # Left as it is, it would be under way for ever.
            log.error("run cannot go on", run=run_id, exc_info=error)
            self._broken[run_id] = f"posbot made a mistake ({type(error).__name__}); the log has the rest"
            self._wake.set()


class _Ledger:
    """Writes down what one worker does."""

    def __init__(self, store: workers.Workers, worker: str, lease: Lease) -> None:
        self._store = store
        self._worker = worker
        self._lease = lease

    async def write(
        self,
        run: runs.Run,
        *,
        begun: invocations.Invocation | None = None,
        ended: audit.Ended | None = None,
    ) -> runs.Run:
        written = await self._store.write(run, self._worker, begun=begun, ended=ended)
        if written is None:
            raise executor.LeaseLost(run.id)
        return written

    async def ensure_lease(self) -> None:
        await self._lease.holds()


class _Graves:
    """Knows who has not been seen alive for the length of the lease, by a clock that nobody can set."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
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
            if worker != own and clock - since >= self._pace.lease_seconds and looks >= self._pace.looks
        ]
