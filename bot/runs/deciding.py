"""
What a run does next: pure functions from a run as it is remembered to a run as it goes on.

Nothing here waits, asks or writes. The engine performs what is decided and writes each change down before the next;
rehearsals decide with the same functions over mocked outcomes.
"""

import dataclasses
import datetime
from collections.abc import Callable

from bot import errors
from bot.model import procedures, runs
from bot.procedures import expressions, scopes
from bot.runs import acting, asking, concluding

Prepare = Callable[[procedures.Step, scopes.Scope], acting.Action]
"""Renders what a step is about to do; raises errors.UsageError where its values do not fit."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """A step is to be done now."""

    run: runs.Run
    step: procedures.Step
    action: acting.Action


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Nothing is to be done before a moment, or, without one, before a person has answered."""

    run: runs.Run
    until: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Everything is done."""

    run: runs.Run


Move = Begin | Rest | End


def decide(run: runs.Run, now: datetime.datetime, prepare: Prepare) -> Move:
    """Give what *run* does next, after all that needs no doing: skipping, jumping, taking an answer in."""
    while True:
        if run.cancel is not None and run.ending is None:
            run = concluding.cancel(run, now)
        record = run.current
        if record is None:
            return End(run=concluding.finish(run, now))
        step = run.procedure.find(record.id)
        match record.state:
            case runs.StepState.WAITING:
                question = run.question
                if question is None or question.answer is None:
                    return Rest(run=run, until=question.expires_at if question is not None else None)
                run = concluding.take_answer(run, step, question, now)
            case runs.StepState.RUNNING:
                run = concluding.after_crash(run, step, now)
            case _:
                due = _due(step, record, now)
                if due is not None:
                    return Rest(run=run, until=due)
                begun = _begin(run, step, now, prepare)
                if isinstance(begun, Begin):
                    return begun
                run = begun


def _due(step: procedures.Step, record: runs.StepRecord, now: datetime.datetime) -> datetime.datetime | None:
    """Give when the next attempt is due, None where it is now."""
    if record.not_before is None or record.not_before <= now:
        return None
    # Further away than the whole delay it can only be where somebody has set the clock back.
    is_possible = step.retry is not None and record.not_before - now <= step.retry.delay
    return record.not_before if is_possible else None


def _begin(run: runs.Run, step: procedures.Step, now: datetime.datetime, prepare: Prepare) -> Begin | runs.Run:
    """Give that *step* is to be done, or the run with what stands before that: a reason to skip it, a question."""
    record, scope = run.find(step.id), scopes.of(run)
    try:
        if step.when is not None and not expressions.parse(step.when).evaluate(scope):
            return concluding.skip(run, step.id, f"not wanted, {step.when}", now)
    except errors.BotError as error:
        # Checked when the procedure was loaded, but perhaps by another version.
        return concluding.conclude(run, step, acting.Outcome.failure(str(error)), now)
    if run.is_step_by_step and not record.may_begin and not run.procedure.is_end(step.id):
        return asking.pause(run, step, now)
    try:
        action = prepare(step, scope)
    except errors.UsageError as error:
        return concluding.conclude(run, step, acting.Outcome.failure(str(error)), now)
    if step.uses == procedures.LINK:
        return concluding.conclude(run, step, acting.Outcome(state=runs.StepState.SUCCEEDED, headline=action.text), now)
    if step.is_built_in:
        return asking.person(run, step, action, now)
    if step.confirm is not None and record.agreed != action.digest:
        return asking.agreement(run, step, action, now)
    return Begin(run=concluding.begin(run, step, action, now), step=step, action=action)
