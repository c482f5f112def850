"""
The state machine of runs and their steps.

    run        event                                           next
    running    a question is asked                             waiting
    waiting    answer, no answer in time, cancellation         running
    running    every step has ended                            completed | completed with failures
    running    a step failed with on_failure: stop             (finally, then) failed | timed out | cancelled
    running    a person stops or escalates it                  (finally, then) cancelled | failed
    running    cancelled                                       (finally, then) cancelled
    running    timeout of the procedure                        (finally, then) timed out
    running    internal error                                  (finally, then) failed
    failed, timed out, cancelled    retry                      running, at the first step that did not succeed

    step       event                                           next                reason
    pending    condition not met                               skipped             CONDITION_NOT_MET
    pending    --step-by-step, or a confirmation is missing    waiting
    pending    started                                         running             none
    pending    an earlier step failed and skips or stops it    skipped             EARLIER_STEP
    pending    the run ends early                              skipped, cancelled  RUN_TIMED_OUT, CANCELLED_BY, …
    running    result                                          succeeded, failed   none
    running    failed, attempts left                           pending             ATTEMPT_FAILED
    running    failed, on_failure: ask                         waiting
    running    its timeout                                     timed out           none
    running    crash, repeatable                               pending             RESTARTED
    running    crash, a change                                 waiting             (finally: unknown, INTERRUPTED)
    running    run cancelled, repeatable                       cancelled           CANCELLED_WHILE_RUNNING
    running    run cancelled, a change                         unknown             CANCELLED_WHILE_RUNNING
    waiting    yes, confirmed                                  pending             CONFIRMED_BY
    waiting    declined, no answer in time                     cancelled           DECLINED_BY, NO_ANSWER
    waiting    skip                                            skipped, failed     SKIPPED_BY
    waiting    retry, it did not happen                        pending             RETRIED_BY, DID_NOT_HAPPEN
    waiting    it happened                                     succeeded           none
    waiting    stop, escalate, no answer in time               failed, unknown     STOPPED_BY, ESCALATED_BY, NO_ANSWER

Pure functions: nothing here waits, asks or writes. The executor performs what `decide` returns and stores every change
before the next; procedure tests use the same functions with given results.
"""

import dataclasses
import datetime
from collections.abc import Callable
from typing import Any

from bot import errors
from bot.model import invocations
from bot.procedures import runs, schema
from bot.procedures.definition import expressions, references
from bot.procedures.engine import questions
from bot.procedures.steps import kind, registry

_Code, _Step, _Run = runs.ReasonCode, runs.StepState, runs.RunState
Prepare = Callable[[schema.Step, references.Scope], kind.Action]
"""Renders a step; raises errors.UsageError where its values are not valid."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StartStep:
    """Run the command of a step now."""

    run: runs.Run
    step: schema.Step
    action: kind.Action


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing to do before *until*, or, without one, before a person has answered."""

    run: runs.Run
    until: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The run has ended."""

    run: runs.Run


Decision = StartStep | Wait | Finish


def decide(run: runs.Run, now: datetime.datetime, prepare: Prepare) -> Decision:
    """Return what *run* does next, after everything that takes no time: conditions, jumps, answers."""
    while True:
        if run.cancel is not None and run.ending is None:
            run = cancel_run(run, now)
        record = run.current
        if record is None:
            return Finish(run=finish_run(run, now))
        step = run.procedure.find(record.id)
        match record.state:
            case _Step.WAITING:
                question = run.question
                if question is None or question.answer is None:
                    return Wait(run=run, until=question.expires_at if question is not None else None)
                run = apply_answer(run, step, question, now)
            case _Step.RUNNING:
                run = recover_step(run, step, now)
            case _:
                due = _next_attempt(step, record, now)
                if due is not None:
                    return Wait(run=run, until=due)
                next_ = _begin(run, step, now, prepare)
                if isinstance(next_, StartStep):
                    return next_
                run = next_


def _next_attempt(step: schema.Step, record: runs.StepRecord, now: datetime.datetime) -> datetime.datetime | None:
    """Return when the next attempt is due, None if it is now."""
    if record.not_before is None or record.not_before <= now:
        return None
    # More than the whole delay ahead means that the clock was set back.
    is_possible = step.retry is not None and record.not_before - now <= step.retry.delay
    return record.not_before if is_possible else None


def _begin(run: runs.Run, step: schema.Step, now: datetime.datetime, prepare: Prepare) -> StartStep | runs.Run:
    """Return that *step* starts, or the run after what comes before that: skipped, asked, or ended at once."""
    record, scope = run.find(step.id), references.of(run)
    try:
        if step.when is not None and not expressions.parse(step.when).evaluate(scope):
            return _skip(run, step.id, runs.Reason(_Code.CONDITION_NOT_MET, step.when), now)
        if run.is_step_by_step and not record.may_start and not run.procedure.is_end(step.id):
            return questions.ask(run, step, questions.before_step(step), now)
        action = prepare(step, scope)
    except (errors.UsageError, errors.BadConfiguration) as error:
        # Validated when the procedure was loaded, but perhaps by another version.
        return complete_step(run, step, kind.Outcome.failure(str(error)), now)
    match registry.find(step).start(step, action, record):
        case kind.Outcome() as outcome:
            return complete_step(run, step, outcome, now)
        case kind.QuestionDraft() as draft:
            return questions.ask(run, step, draft, now)
    return StartStep(run=start_step(run, step, action, now), step=step, action=action)


def start_step(run: runs.Run, step: schema.Step, action: kind.Action, now: datetime.datetime) -> runs.Run:
    """Return *run* with *step* running."""
    return replace_record(
        run,
        step.id,
        state=_Step.RUNNING,
        action=action.text,
        started_at=now,
        ended_at=None,
        not_before=None,
        reason=None,
    )


def complete_step(run: runs.Run, step: schema.Step, outcome: kind.Outcome, now: datetime.datetime) -> runs.Run:
    """Return *run* after *step* ended with *outcome*, with retry, skip or failure handling applied."""
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
    # A change that timed out may have happened.
    may_repeat = outcome.state is not _Step.TIMED_OUT or step.may_be_repeated
    if step.retry is not None and may_repeat and record.attempt < step.retry.attempts and run.cancel is None:
        return replace_record(
            run,
            step.id,
            state=_Step.PENDING,
            attempt=record.attempt + 1,
            reason=runs.Reason(_Code.ATTEMPT_FAILED, f"{record.attempt} of {step.retry.attempts}"),
            not_before=now + step.retry.delay,
        )
    if step.on_failure == "ask":
        return questions.ask(run, step, questions.after_failure(step, outcome.headline), now)
    return _handle_failure(run, step, now)


def _handle_failure(run: runs.Run, step: schema.Step, now: datetime.datetime) -> runs.Run:
    """Return *run* after *step* did not succeed and is not repeated: continue, jump or stop."""
    record = run.find(step.id)
    if run.procedure.is_end(step.id) or step.on_failure == "continue":
        return run
    reason = runs.Reason(_Code.EARLIER_STEP, f"{step.title.rstrip('?')} {record.state}")
    if isinstance(step.on_failure, schema.Goto):
        ids = [one.id for one in run.procedure.steps]
        between = ids[ids.index(step.id) + 1 : ids.index(step.on_failure.goto)]
        for step_id in (one for one in between if not run.find(one).state.is_final):
            run = _skip(run, step_id, reason, now)
        return run
    endings = {_Step.CANCELLED: _Run.CANCELLED, _Step.TIMED_OUT: _Run.TIMED_OUT}
    return _stop_run(run, _Step.SKIPPED, reason, endings.get(record.state, _Run.FAILED), now)


def recover_step(run: runs.Run, step: schema.Step, now: datetime.datetime) -> runs.Run:
    """Return *run* with a step that a crash interrupted: repeated if that does no harm, else with a question."""
    record = run.find(step.id)
    if step.may_be_repeated:
        reason = runs.Reason(_Code.RESTARTED)
        return replace_record(run, step.id, state=_Step.PENDING, attempt=record.attempt + 1, reason=reason)
    reason = record.reason or runs.Reason(_Code.INTERRUPTED)
    if run.procedure.is_end(step.id):
        # Steps of finally ask nobody.
        return replace_record(run, step.id, state=_Step.UNKNOWN, reason=reason, ended_at=now)
    return questions.ask(run, step, questions.after_interruption(step, record, str(reason)), now)


def apply_answer(run: runs.Run, step: schema.Step, question: runs.Question, now: datetime.datetime) -> runs.Run:
    """Return *run* after *question* was answered, or expired."""
    run = dataclasses.replace(run, state=_Run.RUNNING)
    match question.kind:
        case runs.QuestionKind.PAUSE:
            return _after_pause(run, step, question, now)
        case runs.QuestionKind.FAILURE:
            return _after_failure(run, step, question, now)
        case runs.QuestionKind.UNKNOWN:
            return _after_interruption(run, step, question, now)
    match registry.find(step).judge(step, question):
        case kind.Outcome() as outcome:
            return complete_step(run, step, outcome, now)
        case kind.Signal.CONFIRMED:
            reason = runs.Reason(_Code.CONFIRMED_BY, question.answered_by)
            return replace_record(run, step.id, state=_Step.PENDING, confirmed=question.action, reason=reason)
    run = replace_record(run, step.id, state=_Step.CANCELLED, reason=_by(_Code.DECLINED_BY, question), ended_at=now)
    return _handle_failure(run, step, now)


def _after_pause(run: runs.Run, step: schema.Step, question: runs.Question, now: datetime.datetime) -> runs.Run:
    if question.answer == runs.YES:
        return replace_record(run, step.id, state=_Step.PENDING, may_start=True)
    if question.answer == runs.SKIP:
        return _skip(run, step.id, runs.Reason(_Code.SKIPPED_BY, question.answered_by), now)
    return _stop_run(run, _Step.CANCELLED, _by(_Code.STOPPED_BY, question), _Run.CANCELLED, now)


def _after_failure(run: runs.Run, step: schema.Step, question: runs.Question, now: datetime.datetime) -> runs.Run:
    record, by = run.find(step.id), question.answered_by
    if question.answer == runs.RETRY:
        reason = runs.Reason(_Code.RETRIED_BY, by)
        return replace_record(run, step.id, state=_Step.PENDING, attempt=record.attempt + 1, reason=reason)
    if question.answer == runs.SKIP:
        reason = runs.Reason(_Code.SKIPPED_BY, by)
        return replace_record(run, step.id, state=_Step.FAILED, reason=reason, ended_at=now)
    reason = _by(_Code.ESCALATED_BY if question.answer == runs.ESCALATE else _Code.STOPPED_BY, question)
    run = replace_record(run, step.id, state=_Step.FAILED, reason=reason, ended_at=now)
    return _stop_run(run, _Step.SKIPPED, reason, _Run.FAILED, now)


def _after_interruption(run: runs.Run, step: schema.Step, question: runs.Question, now: datetime.datetime) -> runs.Run:
    record, by = run.find(step.id), question.answered_by
    if question.answer == runs.HAPPENED:
        headline = f"It happened, says {by}."
        return replace_record(run, step.id, state=_Step.SUCCEEDED, headline=headline, ended_at=now)
    if question.answer == runs.DID_NOT:
        # The confirmation was for one attempt, not for a second one.
        return replace_record(
            run,
            step.id,
            state=_Step.PENDING,
            attempt=record.attempt + 1,
            confirmed="",
            started_at=None,
            reason=runs.Reason(_Code.DID_NOT_HAPPEN, by),
        )
    reason = _by(_Code.ESCALATED_BY, question)
    run = replace_record(run, step.id, state=_Step.UNKNOWN, reason=reason, ended_at=now)
    return _stop_run(run, _Step.SKIPPED, reason, _Run.FAILED, now)


def cancel_run(run: runs.Run, now: datetime.datetime) -> runs.Run:
    """Return *run* with nothing left but `finally`, because its cancellation was requested."""
    by = run.cancel.by if run.cancel is not None else "posbot"
    record = run.current
    if record is not None and record.state is _Step.RUNNING:
        step = run.procedure.find(record.id)
        state = _Step.CANCELLED if step.may_be_repeated else _Step.UNKNOWN
        reason = runs.Reason(_Code.CANCELLED_WHILE_RUNNING, by)
        run = replace_record(run, record.id, state=state, reason=reason, ended_at=now)
    return _stop_run(run, _Step.CANCELLED, runs.Reason(_Code.CANCELLED_BY, by), _Run.CANCELLED, now)


def time_out_run(run: runs.Run, now: datetime.datetime) -> runs.Run:
    """Return *run* with nothing left but `finally`, because the procedure's timeout has passed."""
    return _stop_run(run, _Step.SKIPPED, runs.Reason(_Code.RUN_TIMED_OUT), _Run.TIMED_OUT, now)


def fail_run(run: runs.Run, why: str, now: datetime.datetime) -> runs.Run:
    """Return *run* with nothing left but `finally`, because of an error in posbot itself."""
    record = run.current
    if record is None:
        return finish_run(run, now)
    is_interrupted = record.state is _Step.RUNNING and not run.procedure.find(record.id).may_be_repeated
    reason = runs.Reason(_Code.ERROR, why)
    state = _Step.UNKNOWN if is_interrupted else _Step.FAILED
    run = replace_record(run, record.id, state=state, reason=reason, ended_at=now)
    if run.procedure.is_end(record.id):
        return run
    return _stop_run(run, _Step.SKIPPED, reason, _Run.FAILED, now)


def _stop_run(
    run: runs.Run, state: runs.StepState, reason: runs.Reason, ending: runs.RunState, now: datetime.datetime
) -> runs.Run:
    """Return *run* with nothing left but `finally`; steps that never started become *state*."""
    for step in run.procedure.steps:
        record = run.find(step.id)
        if record.state.is_final:
            continue
        # What is known of a step that was started is kept.
        final = state
        if record.started_at is not None and record.ended_at is not None:
            final = _Step.FAILED
        elif record.started_at is not None and not step.may_be_repeated:
            final = _Step.UNKNOWN
        run = replace_record(run, step.id, state=final, reason=reason, ended_at=now)
    return dataclasses.replace(run, state=_Run.RUNNING, ending=ending)


def finish_run(run: runs.Run, now: datetime.datetime) -> runs.Run:
    """Return *run* in its final state."""
    has_failures = any(record.state.is_failure for record in run.steps)
    completed = _Run.COMPLETED_WITH_FAILURES if has_failures else _Run.COMPLETED
    return dataclasses.replace(run, state=run.ending or completed, ending=None, ended_at=now)


def retry_run(run: runs.Run, by: invocations.Actor, now: datetime.datetime) -> runs.Run:
    """
    Return *run*, which has ended, at the first step that did not succeed; the attempt that ended is kept.

    A change that was made is not made again, and if that is unknown, a person is asked first.
    """
    is_open = False
    steps = []
    for record in run.steps:
        is_open = is_open or record.state.is_failure or record.state is _Step.CANCELLED
        # If every step succeeded, the timeout may have passed between two of them.
        is_timed_out = record.reason is not None and record.reason.code is _Code.RUN_TIMED_OUT
        is_open = is_open or (record.state is _Step.SKIPPED and is_timed_out)
        steps.append(_reopen_step(run, record) if is_open else record)
    ended = runs.Attempt(
        state=run.state,
        steps=run.steps,
        ended_at=run.ended_at or now,
        retried_at=now,
        retried_by=by.name,
        retried_by_id=by.id,
        cancel=run.cancel,
    )
    return dataclasses.replace(
        run,
        state=_Run.RUNNING,
        ending=None,
        ended_at=None,
        cancel=None,
        active_seconds=0.0,
        steps=tuple(steps),
        earlier=(*run.earlier, ended),
    )


def _reopen_step(run: runs.Run, record: runs.StepRecord) -> runs.StepRecord:
    """Return the record of a step that may run once more."""
    is_change = not run.procedure.find(record.id).may_be_repeated and not run.procedure.is_end(record.id)
    if is_change and record.state is _Step.SUCCEEDED:
        return record
    if is_change and record.state in {_Step.UNKNOWN, _Step.TIMED_OUT} and record.started_at:
        # RUNNING without a worker: `recover_step` asks whether it happened.
        reason = record.reason or runs.Reason(_Code.NOT_FINISHED_IN_TIME)
        return dataclasses.replace(record, state=_Step.RUNNING, reason=reason, ended_at=None)
    return runs.StepRecord(id=record.id, attempt=record.attempt + (record.started_at is not None))


def replace_record(run: runs.Run, step_id: str, **values: Any) -> runs.Run:
    """Return *run* with other values in the record of one step."""
    steps = tuple(dataclasses.replace(record, **values) if record.id == step_id else record for record in run.steps)
    return dataclasses.replace(run, steps=steps)


def _skip(run: runs.Run, step_id: str, reason: runs.Reason, now: datetime.datetime) -> runs.Run:
    return replace_record(run, step_id, state=_Step.SKIPPED, reason=reason, ended_at=now)


def _by(code: runs.ReasonCode, question: runs.Question) -> runs.Reason:
    """Return who answered so, or that nobody did."""
    is_expired = question.answer in {None, runs.TIMEOUT}
    return runs.Reason(_Code.NO_ANSWER) if is_expired else runs.Reason(code, question.answered_by)
