"""
What an outcome, an answer, a crash or an end means for a run.

What a run does next: pure functions from a run as it is remembered to a run as it goes on.

Nothing here waits, asks or writes. The engine performs what is decided and writes each change down before the next;
rehearsals decide with the same functions over mocked outcomes.
"""

import dataclasses
import datetime
from collections.abc import Callable
from typing import Any

from bot import errors
from bot.procedures import runs, schema
from bot.procedures.definition import expressions, references
from bot.procedures.engine import questions, steps
from bot.procedures.engine import steps as engine_steps

_OUT_OF_TIME = "the run’s time was over"


def start_step(run: runs.Run, step: schema.Step, action: engine_steps.Action, now: datetime.datetime) -> runs.Run:
    """Give *run* with *step* under way."""
    return replace_record(
        run,
        step.id,
        state=runs.StepState.RUNNING,
        action=action.text,
        began_at=now,
        ended_at=None,
        not_before=None,
        why="",
    )


def complete_step(run: runs.Run, step: schema.Step, outcome: engine_steps.Outcome, now: datetime.datetime) -> runs.Run:
    """Give *run* with what came of *step*, and what follows from that."""
    record = run.find(step.id)
    saved = {name: outcome.facts.get(fact) for name, fact in step.save.items()}
    run = replace_record(
        run,
        step.id,
        state=outcome.state,
        headline=outcome.headline,
        verdict=outcome.verdict,
        saved=saved,
        ended_at=now,
    )
    if not outcome.state.is_failure:
        return run
    # A change that was cut off may have happened.
    may_repeat = outcome.state is not runs.StepState.TIMED_OUT or step.may_be_repeated
    if step.retry is not None and may_repeat and record.attempt < step.retry.attempts and run.cancel is None:
        return replace_record(
            run,
            step.id,
            state=runs.StepState.PENDING,
            attempt=record.attempt + 1,
            why=f"attempt {record.attempt} of {step.retry.attempts} failed",
            not_before=now + step.retry.delay,
        )
    if step.on_failure == "ask":
        return questions.after_failure(run, step, outcome.headline, now)
    return _handle(run, step, now)


def skip_step(run: runs.Run, step_id: str, why: str, now: datetime.datetime) -> runs.Run:
    """Give *run* without the step called *step_id*."""
    return replace_record(run, step_id, state=runs.StepState.SKIPPED, why=why, ended_at=now)


def cancel_run(run: runs.Run, now: datetime.datetime) -> runs.Run:
    """Give *run* with nothing left to do but its end."""
    by = run.cancel.by if run.cancel is not None else "posbot"
    why = f"cancelled by {by}"
    record = run.current
    if record is not None and record.state is runs.StepState.RUNNING:
        step = run.procedure.find(record.id)
        state = runs.StepState.CANCELLED if step.may_be_repeated else runs.StepState.UNKNOWN
        run = replace_record(run, record.id, state=state, why=f"{why} while it was under way", ended_at=now)
    return _close(run, runs.StepState.CANCELLED, why, runs.RunState.CANCELLED, now)


def time_out_run(run: runs.Run, now: datetime.datetime) -> runs.Run:
    """Give *run* when the time of the whole procedure is over."""
    return _close(run, runs.StepState.SKIPPED, _OUT_OF_TIME, runs.RunState.TIMED_OUT, now)


def recover_step(run: runs.Run, step: schema.Step, now: datetime.datetime) -> runs.Run:
    """Give *run* with a step that was under way when posbot ended: again if that does no harm, else with a question."""
    record = run.find(step.id)
    if step.may_be_repeated:
        return replace_record(
            run,
            step.id,
            state=runs.StepState.PENDING,
            attempt=record.attempt + 1,
            agreed=record.agreed,
            why="posbot was restarted",
        )
    if run.procedure.is_end(step.id):
        # The end waits for nobody.
        return replace_record(
            run, step.id, state=runs.StepState.UNKNOWN, why="posbot ended in the middle of it", ended_at=now
        )
    return questions.whether_it_happened(run, step, record.why or "posbot ended in the middle of it", now)


def fail_run(run: runs.Run, why: str, now: datetime.datetime) -> runs.Run:
    """Give *run*, which cannot go on where it stands, with nothing left to do but its end."""
    record = run.current
    if record is None:
        return finish_run(run, now)
    is_cut_off = record.state is runs.StepState.RUNNING and not run.procedure.find(record.id).may_be_repeated
    state = runs.StepState.UNKNOWN if is_cut_off else runs.StepState.FAILED
    run = replace_record(run, record.id, state=state, why=why, ended_at=now)
    if run.procedure.is_end(record.id):
        return run
    return _close(run, runs.StepState.SKIPPED, why, runs.RunState.FAILED, now)


def apply_answer(run: runs.Run, step: schema.Step, question: runs.Question, now: datetime.datetime) -> runs.Run:
    """Give *run* with what a person has answered, or that nobody did."""
    run = dataclasses.replace(run, state=runs.RunState.RUNNING)
    answer, by = question.answer or runs.TIMEOUT, question.answered_by
    match question.kind:
        case runs.QuestionKind.PAUSE:
            return _after_pause(run, step, answer, by, now)
        case runs.QuestionKind.CONFIRM if not step.is_built_in:
            return _after_agreement(run, step, question, now)
        case runs.QuestionKind.CONFIRM | runs.QuestionKind.MANUAL:
            return _after_person(run, step, question, now)
        case runs.QuestionKind.FAILURE:
            return _after_failure(run, step, answer, by, now)
    return _after_unknown(run, step, answer, by, now)


def finish_run(run: runs.Run, now: datetime.datetime) -> runs.Run:
    """Give *run* at its end."""
    has_failed = any(record.state.is_failure for record in run.steps)
    ending = runs.RunState.SUCCEEDED_WITH_FAILURES if has_failed else runs.RunState.SUCCEEDED
    return dataclasses.replace(run, state=run.ending or ending, ending=None, ended_at=now)


def retry_run(run: runs.Run) -> runs.Run:
    """
    Give *run*, which has ended, before the first step that did not come out well.

    A change that was made is not made again, and where nobody knows whether one was, that is asked first.
    """
    is_open = False
    steps = []
    for record in run.steps:
        is_open = is_open or record.state.is_failure or record.state is runs.StepState.CANCELLED
        # Where each step came out well, the time may have been over between two of them.
        is_open = is_open or (record.state is runs.StepState.SKIPPED and record.why == _OUT_OF_TIME)
        steps.append(_reopened(run, record) if is_open else record)
    return dataclasses.replace(
        run,
        state=runs.RunState.RUNNING,
        ending=None,
        ended_at=None,
        cancel=None,
        active_seconds=0.0,
        steps=tuple(steps),
    )


def _reopened(run: runs.Run, record: runs.StepRecord) -> runs.StepRecord:
    """Give the record of a step that may be done once more."""
    is_own_change = not run.procedure.find(record.id).may_be_repeated and not run.procedure.is_end(record.id)
    if is_own_change and record.state is runs.StepState.SUCCEEDED:
        return record
    if is_own_change and record.state in {runs.StepState.UNKNOWN, runs.StepState.TIMED_OUT} and record.began_at:
        why = record.why or "it did not finish in time"
        return dataclasses.replace(record, state=runs.StepState.RUNNING, why=why, ended_at=None)
    return runs.StepRecord(id=record.id, attempt=record.attempt + (record.began_at is not None))


def replace_record(run: runs.Run, step_id: str, **values: Any) -> runs.Run:
    """Give *run* with other values in the record of one step."""
    steps = tuple(dataclasses.replace(record, **values) if record.id == step_id else record for record in run.steps)
    return dataclasses.replace(run, steps=steps)


def _after_pause(run: runs.Run, step: schema.Step, answer: str, by: str, now: datetime.datetime) -> runs.Run:
    if answer == runs.YES:
        return replace_record(run, step.id, state=runs.StepState.PENDING, may_begin=True)
    if answer == runs.SKIP:
        return skip_step(run, step.id, f"skipped by {by}", now)
    why = f"stopped by {by}" if answer == runs.STOP else "nobody said go on in time"
    return _close(run, runs.StepState.CANCELLED, why, runs.RunState.CANCELLED, now)


def _after_agreement(run: runs.Run, step: schema.Step, question: runs.Question, now: datetime.datetime) -> runs.Run:
    if question.answer == runs.YES:
        return replace_record(
            run, step.id, state=runs.StepState.PENDING, agreed=question.action, why=f"{question.answered_by} agreed"
        )
    return _denied(run, step, question, now)


def _after_person(run: runs.Run, step: schema.Step, question: runs.Question, now: datetime.datetime) -> runs.Run:
    if question.kind is runs.QuestionKind.CONFIRM and question.answer != runs.YES:
        return _denied(run, step, question, now)
    is_late = question.answer == runs.TIMEOUT
    said = "nobody answered in time" if is_late else f"{question.answered_by}: {question.answer}"
    headline = f"{said}, {question.comment}" if question.comment else said
    state = runs.StepState.SUCCEEDED if question.answer == question.options[0] else runs.StepState.FAILED
    facts = {"answer": question.answer, "note": question.comment or None}
    outcome = engine_steps.Outcome(state=runs.StepState.TIMED_OUT if is_late else state, headline=headline, facts=facts)
    return complete_step(run, step, outcome, now)


def _after_failure(run: runs.Run, step: schema.Step, answer: str, by: str, now: datetime.datetime) -> runs.Run:
    record = run.find(step.id)
    match answer:
        case runs.RETRY:
            return replace_record(
                run, step.id, state=runs.StepState.PENDING, attempt=record.attempt + 1, why=f"again, by {by}"
            )
        case runs.SKIP:
            return replace_record(run, step.id, state=runs.StepState.FAILED, why=f"{by} said skip", ended_at=now)
    why = {runs.STOP: f"stopped by {by}", runs.ESCALATE: f"escalated by {by}"}.get(answer, "nobody said what to do")
    run = replace_record(run, step.id, state=runs.StepState.FAILED, why=why, ended_at=now)
    return _close(run, runs.StepState.SKIPPED, why, runs.RunState.FAILED, now)


def _after_unknown(run: runs.Run, step: schema.Step, answer: str, by: str, now: datetime.datetime) -> runs.Run:
    record = run.find(step.id)
    match answer:
        case runs.HAPPENED:
            return replace_record(
                run, step.id, state=runs.StepState.SUCCEEDED, headline=f"{by} says that it happened.", ended_at=now
            )
        case runs.DID_NOT:
            # Somebody agreed to an attempt, not to a second one.
            return replace_record(
                run,
                step.id,
                state=runs.StepState.PENDING,
                attempt=record.attempt + 1,
                agreed="",
                began_at=None,
                why=f"{by} says that it did not happen",
            )
    why = f"escalated by {by}" if answer == runs.ESCALATE else "nobody said whether it happened"
    run = replace_record(run, step.id, state=runs.StepState.UNKNOWN, why=why, ended_at=now)
    return _close(run, runs.StepState.SKIPPED, why, runs.RunState.FAILED, now)


def _denied(run: runs.Run, step: schema.Step, question: runs.Question, now: datetime.datetime) -> runs.Run:
    why = "nobody agreed in time" if question.answer == runs.TIMEOUT else f"{question.answered_by} said no"
    run = replace_record(run, step.id, state=runs.StepState.CANCELLED, why=why, ended_at=now)
    return _handle(run, step, now)


def _handle(run: runs.Run, step: schema.Step, now: datetime.datetime) -> runs.Run:
    """Give *run* after a step that did not come out well and is not tried again."""
    record = run.find(step.id)
    if run.procedure.is_end(step.id) or step.on_failure == "continue":
        return run
    if isinstance(step.on_failure, schema.Goto):
        ids = [one.id for one in run.procedure.steps]
        between = ids[ids.index(step.id) + 1 : ids.index(step.on_failure.goto)]
        for step_id in (one for one in between if not run.find(one).state.is_final):
            run = skip_step(run, step_id, f"{step.id} {record.state}, so it went on at {step.on_failure.goto}", now)
        return run
    endings = {
        runs.StepState.CANCELLED: runs.RunState.CANCELLED,
        runs.StepState.TIMED_OUT: runs.RunState.TIMED_OUT,
    }
    ending = endings.get(record.state, runs.RunState.FAILED)
    return _close(run, runs.StepState.SKIPPED, f"{step.id} {record.state}", ending, now)


def _close(run: runs.Run, state: runs.StepState, why: str, ending: runs.RunState, now: datetime.datetime) -> runs.Run:
    """Give *run* with nothing left to do but its end."""
    own = {step.id for step in run.procedure.steps}
    for record in run.steps:
        if record.id in own and not record.state.is_final:
            run = replace_record(run, record.id, state=_closed(run, record, state), why=why, ended_at=now)
    return dataclasses.replace(run, state=runs.RunState.RUNNING, ending=ending)


def _closed(run: runs.Run, record: runs.StepRecord, state: runs.StepState) -> runs.StepState:
    """Give *state* to a step that was never begun; what is known of the others is not lost by an end."""
    if record.began_at is None:
        return state
    if record.ended_at is not None:
        return runs.StepState.FAILED
    return state if run.procedure.find(record.id).may_be_repeated else runs.StepState.UNKNOWN


Prepare = Callable[[schema.Step, references.Scope], steps.Action]
"""Renders what a step is about to do; raises errors.UsageError where its values do not fit."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StartStep:
    """A step is to be done now."""

    run: runs.Run
    step: schema.Step
    action: steps.Action


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing is to be done before a moment, or, without one, before a person has answered."""

    run: runs.Run
    until: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """Everything is done."""

    run: runs.Run


Decision = StartStep | Wait | Finish


def decide(run: runs.Run, now: datetime.datetime, prepare: Prepare) -> Decision:
    """Give what *run* does next, after all that needs no doing: skipping, jumping, taking an answer in."""
    while True:
        if run.cancel is not None and run.ending is None:
            run = cancel_run(run, now)
        record = run.current
        if record is None:
            return Finish(run=finish_run(run, now))
        step = run.procedure.find(record.id)
        match record.state:
            case runs.StepState.WAITING:
                question = run.question
                if question is None or question.answer is None:
                    return Wait(run=run, until=question.expires_at if question is not None else None)
                run = apply_answer(run, step, question, now)
            case runs.StepState.RUNNING:
                run = recover_step(run, step, now)
            case _:
                due = _due(step, record, now)
                if due is not None:
                    return Wait(run=run, until=due)
                begun = _begin(run, step, now, prepare)
                if isinstance(begun, StartStep):
                    return begun
                run = begun


def _due(step: schema.Step, record: runs.StepRecord, now: datetime.datetime) -> datetime.datetime | None:
    """Give when the next attempt is due, None where it is now."""
    if record.not_before is None or record.not_before <= now:
        return None
    # Further away than the whole delay it can only be where somebody has set the clock back.
    is_possible = step.retry is not None and record.not_before - now <= step.retry.delay
    return record.not_before if is_possible else None


def _begin(run: runs.Run, step: schema.Step, now: datetime.datetime, prepare: Prepare) -> StartStep | runs.Run:
    """Give that *step* is to be done, or the run with what stands before that: a reason to skip it, a question."""
    record, scope = run.find(step.id), references.of(run)
    try:
        if step.when is not None and not expressions.parse(step.when).evaluate(scope):
            return skip_step(run, step.id, f"not wanted, {step.when}", now)
    except errors.BotError as error:
        # Checked when the procedure was loaded, but perhaps by another version.
        return complete_step(run, step, steps.Outcome.failure(str(error)), now)
    if run.is_step_by_step and not record.may_begin and not run.procedure.is_end(step.id):
        return questions.pause(run, step, now)
    try:
        action = prepare(step, scope)
    except errors.UsageError as error:
        return complete_step(run, step, steps.Outcome.failure(str(error)), now)
    if step.uses == schema.LINK:
        return complete_step(run, step, steps.Outcome(state=runs.StepState.SUCCEEDED, headline=action.text), now)
    if step.is_built_in:
        return questions.person(run, step, action, now)
    if step.confirm is not None and record.agreed != action.digest:
        return questions.agreement(run, step, action, now)
    return StartStep(run=start_step(run, step, action, now), step=step, action=action)
