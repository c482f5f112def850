"""
The executor: performs what `transitions` decides for one run, and writes each change before the next.

A step starts only after that was written, and its result is written together with the start of the next. After a crash
it is therefore known which step a run was in, and `transitions.recover_step` says what that means.
"""

import asyncio
import dataclasses
import datetime
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import structlog
import tenacity

from bot import command as bot_command
from bot import errors
from bot.model import invocations, reports
from bot.procedures import runs, schema
from bot.procedures.definition import references
from bot.procedures.engine import transitions
from bot.procedures.steps import kind, registry
from bot.store import audit

log = structlog.get_logger()

STEP_TIMEOUT_SECONDS = 300.0
"""Of a step that sets no timeout and whose command has no deadline."""
FINALLY_TIMEOUT_SECONDS = 60.0
"""Of each step under `finally`, which the timeout of the procedure does not count."""


class StepRunner(Protocol):
    """Runs the command of a step: the dispatcher, as a run sees it."""

    def validate(
        self, word: str, values: Mapping[str, object]
    ) -> tuple[bot_command.Command[Any], bot_command.Parameters]:
        """
        Return a command and its parameters with these values.

        Raises:
            errors.UsageError
        """

    async def perform(
        self, invocation: invocations.Invocation, command: bot_command.Command[Any], parameters: bot_command.Parameters
    ) -> invocations.Response:
        """Return the response of a command; permissions are checked as always, but nothing is recorded."""


class RunJournal(Protocol):
    """Writes the run of one worker."""

    async def write(
        self,
        run: runs.Run,
        *,
        rests: bool = False,
        until: datetime.datetime | None = None,
        begun: invocations.Invocation | None = None,
        ended: audit.Completion | None = None,
    ) -> runs.Run:
        """
        Write *run* and return it as it is stored now; one that *rests* is nobody's from then on.

        Raises:
            LeaseLost: another worker has the run.
            errors.Unavailable: nobody knows whether it was written; writing the same again is safe.
        """

    async def ensure_lease(self) -> None:
        """Return once it is certain that no other worker has what was written as this one's."""


class LeaseLost(Exception):
    """Another worker has the run."""


@dataclasses.dataclass(slots=True, kw_only=True)
class RunControl:
    """How a worker interrupts the execution of a run."""

    leaving: asyncio.Event
    """Set when the worker starts no further step."""
    cancelled: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    """Set when a cancellation was requested."""
    cancel: invocations.CancelRequest | None = None
    on_change: Callable[[], None] | None = None
    """Called after every write."""


class RunExecutor:
    """Executes one run until it ends, waits for a person, or the worker leaves."""

    def __init__(
        self,
        run: runs.Run,
        ledger: RunJournal,
        performer: StepRunner,
        signals: RunControl,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._run = self._written = run
        self._ledger = ledger
        self._performer = performer
        self._signals = signals
        self._now = now
        self._ended: audit.Completion | None = None

    async def work(self) -> runs.Run:
        """
        Return the run as it was left: ended, waiting, or in the middle where the worker leaves.

        Raises:
            LeaseLost: another worker has the run.
        """
        self._count_delay()
        while not self._signals.leaving.is_set():
            self._apply_control()
            move = transitions.decide(self._run, self._now(), self._prepare)
            self._run = move.run
            if isinstance(move, transitions.StartStep):
                await self._perform(move)
                continue
            until = move.until if isinstance(move, transitions.Wait) else None
            await self._rest(until if self._run.state is runs.RunState.RUNNING else None)
            return self._run
        await self._write()
        return self._run

    def _count_delay(self) -> None:
        """Count the delay before the next attempt as time of the run: only waiting for people is not counted."""
        record = self._run.current
        if record is None or record.not_before is None or record.ended_at is None:
            return
        delay = (record.not_before - record.ended_at).total_seconds()
        passed = min(max((self._now() - record.ended_at).total_seconds(), 0.0), max(delay, 0.0))
        # Where the clock was set back, the timer has measured the delay.
        is_over = record.not_before <= self._now() or self._now() < record.ended_at
        run = dataclasses.replace(self._run, active_seconds=self._run.active_seconds + passed)
        changes = {"not_before": None} if is_over else {"ended_at": self._now()}
        self._run = transitions.replace_record(run, record.id, **changes)

    def _apply_control(self) -> None:
        """Apply a requested cancellation, and the timeout of the procedure."""
        if self._signals.cancel is not None and self._run.cancel is None:
            self._run = dataclasses.replace(self._run, cancel=self._signals.cancel)
        if self._run.ending is None and self._seconds_left() <= 0:
            self._run = transitions.time_out_run(self._run, self._now())

    def _seconds_left(self) -> float:
        return self._run.procedure.timeout.total_seconds() - self._run.active_seconds

    def _prepare(self, step: schema.Step, scope: references.Scope) -> kind.Action:
        return registry.find(step).render(step, scope, self._performer.validate)

    async def _perform(self, move: transitions.StartStep) -> None:
        step, action = move.step, move.action
        assert action.command is not None  # noqa: S101 - what is begun has a command
        assert action.parameters is not None  # noqa: S101
        invocation = self._invocation(step, action)
        self._run = transitions.replace_record(self._run, step.id, invocation=invocation.id)
        await self._write(begun=invocation)
        # The process may have been suspended since the write.
        await self._ledger.ensure_lease()
        started = time.monotonic()
        answer = await self._respond(
            self._performer.perform(invocation, action.command, action.parameters),
            self._limit(step, action),
            invocation,
        )
        seconds = time.monotonic() - started
        self._run = dataclasses.replace(self._run, active_seconds=self._run.active_seconds + seconds)
        self._ended = await audit.completion(answer, command=action.command.name, duration_seconds=seconds)
        if answer.status is not invocations.Status.CANCELLED:
            self._run = transitions.complete_step(self._run, step, kind.Outcome.of(answer), self._now())

    def _limit(self, step: schema.Step, action: kind.Action) -> float:
        assert action.command is not None  # noqa: S101
        own = step.timeout.total_seconds() if step.timeout is not None else None
        limit = own or action.command.deadline(action.parameters) or STEP_TIMEOUT_SECONDS
        return min(limit, FINALLY_TIMEOUT_SECONDS if self._run.procedure.is_end(step.id) else self._seconds_left())

    async def _respond(
        self, work: Awaitable[invocations.Response], seconds: float, invocation: invocations.Invocation
    ) -> invocations.Response:
        """Return the response, or that it timed out or was cancelled."""
        task, stop = asyncio.ensure_future(work), asyncio.ensure_future(self._signals.cancelled.wait())
        # Steps under `finally` are not cancelled.
        awaited = {task, stop} if self._run.ending is None else {task}
        try:
            await asyncio.wait(awaited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            if stop.done() and stop in awaited:
                return _unfinished(invocation, invocations.Status.CANCELLED, "Cancelled before it finished.")
            return _unfinished(invocation, invocations.Status.TIMED_OUT, f"Timed out after {seconds:g} s.")
        finally:
            for one in (task, stop):
                one.cancel()
            await asyncio.wait({task, stop})

    def _invocation(self, step: schema.Step, action: kind.Action) -> invocations.Invocation:
        attempt = self._run.find(step.id).attempt
        return invocations.Invocation(
            id=f"{self._run.id}.{self._run.steps.index(self._run.find(step.id)) + 1}.{attempt}",
            text=action.text,
            source=invocations.Source.STEP,
            actor=self._run.requester,
            conversation=self._run.conversation,
            received_at=self._now(),
        )

    async def _rest(self, until: datetime.datetime | None) -> None:
        """Leave the run to a timer, a person or nobody; *until* the next attempt at most as long as it may take."""
        if until is not None and self._run.ending is None:
            until = min(until, self._now() + datetime.timedelta(seconds=max(self._seconds_left(), 0.0)))
        await self._write(rests=True, until=until)

    async def _write(
        self,
        begun: invocations.Invocation | None = None,
        *,
        rests: bool = False,
        until: datetime.datetime | None = None,
    ) -> None:
        if self._run is self._written and not rests:
            return
        async for attempt in _until_written():
            with attempt:
                self._run = await self._ledger.write(
                    self._run, rests=rests, until=until, begun=begun, ended=self._ended
                )
        self._written, self._ended = self._run, None
        if self._signals.on_change is not None:
            self._signals.on_change()


def _until_written() -> tenacity.AsyncRetrying:
    """Retry for as long as the database is away: what was done must not be forgotten."""
    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(errors.Unavailable),
        wait=tenacity.wait_exponential_jitter(multiplier=0.2, max=5.0, jitter=0.2),
        before_sleep=_log_retry,
        reraise=True,
    )


def _log_retry(state: tenacity.RetryCallState) -> None:
    reason = state.outcome.exception() if state.outcome is not None else None
    log.warning("run not written", attempt=state.attempt_number, reason=str(reason))


def _unfinished(invocation: invocations.Invocation, ending: invocations.Status, headline: str) -> invocations.Response:
    report = reports.Report(verdict=reports.Verdict.UNKNOWN, headline=headline)
    return invocations.Response(invocation_id=invocation.id, status=ending, report=report)
