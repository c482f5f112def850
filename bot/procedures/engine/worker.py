"""The run worker: claims runs that nobody works on, and executes each in a task of its own."""

import asyncio
import datetime
from collections.abc import Callable, Collection

import structlog

from bot.durable import claims, membership, timers
from bot.model import invocations
from bot.procedures import runs
from bot.procedures.engine import executor, transitions
from bot.procedures.engine import store as run_store
from bot.procedures.steps import kind as step_kind
from bot.store import audit

log = structlog.get_logger()

MAX_CONCURRENT_RUNS = 50
"""Of one worker."""


class RunWorker:
    """Executes runs for one member; a `membership.Listener`."""

    def __init__(
        self,
        store: run_store.RunStore,
        member: membership.Membership,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self.runner: executor.StepRunner | None = None
        """Runs the commands of steps; set once at assembly, because the dispatcher needs the runs first."""
        self.on_change: Callable[[], None] | None = None
        """Called after every write about a run."""
        self.claims_new_runs = True
        """False in a terminal, which stays with one run."""
        self._store = store
        self._member = member
        self._now = now
        self._executing: dict[str, tuple[asyncio.Task[runs.Run], executor.RunControl, _Journal]] = {}
        self._leaving = asyncio.Event()
        self._may_be_more = True
        """There may be free runs for which it had no room."""
        self._poisoned: dict[str, tuple[str, claims.Claim]] = {}
        """Run that cannot go on → why."""
        self._unreadable: set[str] = set()
        self._orphans: dict[str, float] = {}
        """Run of its own that it does not execute → since when."""
        member.subscribe(self)

    @property
    def kind(self) -> str:
        """Return the kind of claims that it works on."""
        return run_store.RUN

    @property
    def has_room(self) -> bool:
        """Return whether it can execute one more run now."""
        is_working = self._member.id is not None and not self._leaving.is_set()
        return is_working and len(self._executing) < MAX_CONCURRENT_RUNS

    @property
    def validate(self) -> step_kind.ValidateParameters:
        """Return what checks the values that a step hands over."""
        return self._ensure_runner().validate

    async def drain(self, seconds: float) -> None:
        """Start no further step, and wait that long for the steps that are under way."""
        self._leaving.set()
        if self._executing:
            await asyncio.wait([task for task, *_ in self._executing.values()], timeout=seconds)

    def execute(self, run: runs.Run, claim: claims.Claim | None = None) -> "asyncio.Task[runs.Run]":
        """Execute *run*, which is claimed, and return the task that does."""
        if run.id in self._executing:
            return self._executing[run.id][0]
        control = executor.RunControl(leaving=self._leaving, on_change=self._announce)
        assert self._member.id is not None  # noqa: S101 - nothing is claimed before
        steady = timers.steady(self._now)
        claim = claim or claims.Claim(kind=run_store.RUN, subject=run.id)
        journal = _Journal(self._store, self._member, claim, self._now, steady)
        execution = executor.RunExecutor(run, journal, self._ensure_runner(), control, steady)
        task = asyncio.create_task(execution.work(), name=f"run {run.id}")
        self._executing[run.id] = (task, control, journal)
        self._announce()
        task.add_done_callback(lambda done: self._forget(run.id, done))
        return task

    async def claim(self, run_id: str) -> "asyncio.Task[runs.Run] | None":
        """Claim one run and execute it; None where another worker has it, or nothing is to be done."""
        if self._member.id is None:
            return None
        claimed = await self._store.claim(self._member.id, 1, run_id)
        return self.execute(*claimed.runs[0]) if claimed.runs else None

    def task_of(self, run_id: str) -> "asyncio.Task[runs.Run] | None":
        """Return the task that executes a run here, None where there is none."""
        return self._executing[run_id][0] if run_id in self._executing else None

    def wake(self) -> None:
        """Look for free runs now and not with the next heartbeat."""
        self._may_be_more = True
        self._member.wake()
        self._announce()

    async def on_heartbeat(self, own: tuple[claims.Claim, ...]) -> None:
        """Pass signals on, end runs that cannot go on, release what is executed by nobody, and claim free runs."""
        mine = {claim.subject: claim for claim in own if claim.kind == run_store.RUN}
        await self._pass_signals_on(mine)
        for run_id, (why, claim) in tuple(self._poisoned.items()):
            await self._fail(run_id, why, mine.get(run_id, claim))
        await self._release_orphans(mine)
        if self.claims_new_runs and self.has_room:
            await self._claim_free()

    async def drop_all(self) -> None:
        """Cancel all tasks and wait for them."""
        tasks = [task for task, *_ in self._executing.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _pass_signals_on(self, mine: dict[str, claims.Claim]) -> None:
        """A signal of a run that is under way means that its cancellation was requested."""
        signalled = [
            run_id
            for run_id, (_, _, journal) in self._executing.items()
            if run_id in mine and mine[run_id].signal != journal.claim.signal
        ]
        requests = await self._store.cancel_requests(signalled) if signalled else {}
        for run_id in signalled:
            if run_id not in self._executing:
                continue
            _, control, journal = self._executing[run_id]
            journal.claim = mine[run_id]
            if run_id in requests:
                control.cancel = requests[run_id]
                control.cancelled.set()

    async def _fail(self, run_id: str, why: str, claim: claims.Claim) -> None:
        """Let a run that cannot go on come to its end, so that it is not under way forever."""
        assert self._member.id is not None  # noqa: S101 - it is registered
        run = await self._store.find_own(self._member.id, run_id)
        failed = None
        if run is not None:
            failed = await self._store.write(
                transitions.fail_run(run, why, self._now()), self._member.id, claim, now=self._now()
            )
        del self._poisoned[run_id]
        if failed is not None:
            self.execute(failed, claim)

    async def _release_orphans(self, mine: Collection[str]) -> None:
        """Release what it was given by a transaction of which the confirmation was lost."""
        clock = membership.Lease.clock()
        orphans = {run_id for run_id in mine if run_id not in self._executing and run_id not in self._poisoned}
        self._orphans = {run_id: self._orphans.get(run_id, clock) for run_id in orphans}
        late = [run_id for run_id, since in self._orphans.items() if clock - since >= self._member.lease_seconds]
        if late:
            await self._member.release(run_store.RUN, late)

    async def _claim_free(self) -> None:
        if self._member.id is None:
            return
        room = MAX_CONCURRENT_RUNS - len(self._executing)
        claimed = await self._store.claim(self._member.id, room, without=tuple(self._unreadable))
        self._unreadable.update(claimed.unreadable)
        self._may_be_more = len(claimed.runs) >= room
        for run, claim in claimed.runs:
            self.execute(run, claim)

    def _ensure_runner(self) -> executor.StepRunner:
        if self.runner is None:
            raise RuntimeError("the worker was assembled without a runner of steps")
        return self.runner

    def _announce(self) -> None:
        if self.on_change is not None:
            self.on_change()

    def _forget(self, run_id: str, task: "asyncio.Task[runs.Run]") -> None:
        *_, journal = self._executing.pop(run_id)
        if self._may_be_more:
            self._member.wake()
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, executor.LeaseLost):
            log.warning("another worker has the run", run=run_id)
        elif error is not None:
            # Left as it is, it would be under way forever.
            log.error("run cannot go on", run=run_id, exc_info=error)
            why = f"internal error ({type(error).__name__}); details are in the log"
            self._poisoned[run_id] = (why, journal.claim)
            self._member.wake()


class _Journal:
    """Writes what one worker does with one run."""

    def __init__(
        self,
        store: run_store.RunStore,
        member: membership.Membership,
        claim: claims.Claim,
        now: timers.Clock,
        steady: timers.Clock,
    ) -> None:
        self.claim = claim
        self._store = store
        self._member = member
        self._worker = member.id or ""
        self._now = now
        self._steady = steady
        """By which the run's times are taken; a timer is due by the other, should that be set meanwhile."""

    async def write(
        self,
        run: runs.Run,
        *,
        rests: bool = False,
        until: datetime.datetime | None = None,
        begun: invocations.Invocation | None = None,
        ended: audit.Completion | None = None,
    ) -> runs.Run:
        now = self._now()
        if until is not None:
            until = now + (until - self._steady())
        written = await self._store.write(
            run, self._worker, self.claim, rests=rests, until=until, begun=begun, ended=ended, now=now
        )
        if written is None:
            raise executor.LeaseLost(run.id)
        return written

    async def ensure_lease(self) -> None:
        await self._member.ensure_lease()
