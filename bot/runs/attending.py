"""
One worker's time with one run: does what is decided, and writes each change down before it does the next.

A step is under way only after that was written; what came of it is written together with the beginning of the next.
Whoever finds a run after a crash therefore knows which step it was in, and `deciding` knows what that means.
"""

import asyncio
import dataclasses
import datetime
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import structlog
import tenacity

from bot import errors, toolkit
from bot.model import invocations, procedures, reports, runs
from bot.procedures import scopes
from bot.runs import acting, concluding, deciding
from bot.store import invocations as invocation_store

log = structlog.get_logger()

STEP_SECONDS = 300.0
"""For a step that sets no limit and whose command has none of its own."""
END_SECONDS = 60.0
"""For each step at the end of a run, which is not held to the time of the whole."""


class Performer(Protocol):
    """Runs commands; the dispatcher, as a run sees it."""

    def validate(self, word: str, values: Mapping[str, object]) -> tuple[toolkit.Command[Any], toolkit.Parameters]:
        """
        Give a command and its parameters with these values.

        Raises:
            errors.UsageError
        """

    async def perform(
        self, invocation: invocations.Invocation, command: toolkit.Command[Any], parameters: toolkit.Parameters
    ) -> invocations.Answer:
        """Give a command's answer; the person is asked for permission as always, but nothing is recorded."""


class Ledger(Protocol):
    """Where a worker writes its runs down."""

    async def write(
        self,
        run: runs.Run,
        *,
        begun: invocations.Invocation | None = None,
        ended: invocation_store.Ended | None = None,
    ) -> runs.Run:
        """
        Give *run* as it is remembered now.

        Raises:
            Lost: somebody else works on it.
            errors.Unavailable: nobody knows whether it was written; writing the same again is safe.
        """

    async def stands(self) -> None:
        """Return once it is sure that nobody else has what was written as the worker's."""


class Lost(Exception):
    """Somebody else works on the run."""


@dataclasses.dataclass(slots=True, kw_only=True)
class Signals:
    """What may come between a worker and its run."""

    leaving: asyncio.Event
    """Set when the worker is to begin nothing more."""
    cancelled: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    """Set when somebody wants the run to end."""
    cancel: invocations.Stop | None = None
    on_change: Callable[[], None] | None = None
    """Called after everything that was written."""


class Attendance:
    """Works on one run until it ends, waits for a person, or the worker leaves."""

    def __init__(
        self,
        run: runs.Run,
        ledger: Ledger,
        performer: Performer,
        signals: Signals,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._run = self._written = run
        self._ledger = ledger
        self._performer = performer
        self._signals = signals
        self._now = now
        self._ended: invocation_store.Ended | None = None

    async def work(self) -> runs.Run:
        """
        Give the run as it was left.

        Raises:
            Lost: somebody else works on it.
        """
        while not self._signals.leaving.is_set():
            self._take_notice()
            move = deciding.decide(self._run, self._now(), self._prepare)
            self._run = move.run
            match move:
                case deciding.Begin():
                    await self._perform(move)
                case deciding.Rest() if self._run.state is runs.RunState.RUNNING and move.until is not None:
                    await self._write()
                    await self._pause(move.until)
                case _:
                    break
        await self._write()
        return self._run

    def _take_notice(self) -> None:
        """Look at what has happened beside the steps: somebody wants an end, or the time is over."""
        if self._signals.cancel is not None and self._run.cancel is None:
            self._run = dataclasses.replace(self._run, cancel=self._signals.cancel)
        if self._run.ending is None and self._seconds_left() <= 0:
            self._run = concluding.out_of_time(self._run, self._now())

    def _seconds_left(self) -> float:
        return self._run.procedure.timeout.total_seconds() - self._run.active_seconds

    def _prepare(self, step: procedures.Step, scope: scopes.Scope) -> acting.Action:
        return acting.render(step, scope, self._performer.validate)

    async def _perform(self, move: deciding.Begin) -> None:
        step, action = move.step, move.action
        assert action.command is not None  # noqa: S101 - what is begun has a command
        assert action.parameters is not None  # noqa: S101
        invocation = self._invocation(step, action)
        self._run = concluding.changed(self._run, step.id, invocation=invocation.id)
        await self._write(begun=invocation)
        # Whoever slept since then, with the whole machine or stopped by a signal, finds out before it does anything.
        await self._ledger.stands()
        started = time.monotonic()
        answer = await self._answer(
            self._performer.perform(invocation, action.command, action.parameters),
            self._limit(step, action),
            invocation,
        )
        seconds = time.monotonic() - started
        self._run = dataclasses.replace(self._run, active_seconds=self._run.active_seconds + seconds)
        self._ended = await invocation_store.ended(answer, word=action.command.word, duration_seconds=seconds)
        if answer.ending is not invocations.Ending.CANCELLED:
            self._run = concluding.conclude(self._run, step, acting.Outcome.of(answer), self._now())

    def _limit(self, step: procedures.Step, action: acting.Action) -> float:
        assert action.command is not None  # noqa: S101
        own = step.timeout.total_seconds() if step.timeout is not None else None
        limit = own or action.command.deadline(action.parameters) or STEP_SECONDS
        return min(limit, END_SECONDS if self._run.procedure.is_end(step.id) else self._seconds_left())

    async def _answer(
        self, work: Awaitable[invocations.Answer], seconds: float, invocation: invocations.Invocation
    ) -> invocations.Answer:
        """Give the answer, or that the time was over, or that somebody cancelled it."""
        task, stop = asyncio.ensure_future(work), asyncio.ensure_future(self._signals.cancelled.wait())
        # The end of a run is done whoever wants an end.
        awaited = {task, stop} if self._run.ending is None else {task}
        try:
            await asyncio.wait(awaited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            if stop.done() and stop in awaited:
                return _unfinished(invocation, invocations.Ending.CANCELLED, "Cancelled before it was done.")
            return _unfinished(invocation, invocations.Ending.TIMED_OUT, f"It did not finish within {seconds:g} s.")
        finally:
            for one in (task, stop):
                one.cancel()
            await asyncio.wait({task, stop})

    def _invocation(self, step: procedures.Step, action: acting.Action) -> invocations.Invocation:
        attempt = self._run.find(step.id).attempt
        return invocations.Invocation(
            id=f"{self._run.id}.{self._run.steps.index(self._run.find(step.id)) + 1}.{attempt}",
            text=action.text,
            door=invocations.Door.STEP,
            actor=self._run.requester,
            place=self._run.place,
            received_at=self._now(),
        )

    async def _pause(self, until: datetime.datetime) -> None:
        seconds, started = max((until - self._now()).total_seconds(), 0.0), time.monotonic()
        if self._run.ending is None:
            # Only waiting for people is not counted.
            seconds = min(seconds, max(self._seconds_left(), 0.0))
        events = {asyncio.ensure_future(one.wait()) for one in (self._signals.cancelled, self._signals.leaving)}
        try:
            await asyncio.wait(events, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for event in events:
                event.cancel()
            waited = self._run.active_seconds + time.monotonic() - started
            self._run = dataclasses.replace(self._run, active_seconds=waited)

    async def _write(self, begun: invocations.Invocation | None = None) -> None:
        if self._run is self._written:
            return
        async for attempt in _until_written():
            with attempt:
                self._run = await self._ledger.write(self._run, begun=begun, ended=self._ended)
        self._written, self._ended = self._run, None
        if self._signals.on_change is not None:
            self._signals.on_change()


def _until_written() -> tenacity.AsyncRetrying:
    """Give attempts for as long as the database is away: what was done must not be forgotten."""
    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(errors.Unavailable),
        wait=tenacity.wait_exponential_jitter(multiplier=0.2, max=5.0, jitter=0.2),
        before_sleep=_tell,
        reraise=True,
    )


def _tell(state: tenacity.RetryCallState) -> None:
    reason = state.outcome.exception() if state.outcome is not None else None
    log.warning("run not written down", attempt=state.attempt_number, reason=str(reason))


def _unfinished(invocation: invocations.Invocation, ending: invocations.Ending, headline: str) -> invocations.Answer:
    report = reports.Report(verdict=reports.Verdict.UNKNOWN, headline=headline)
    return invocations.Answer(invocation_id=invocation.id, ending=ending, report=report)
