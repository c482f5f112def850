"""What is said of a run in one line: its subject, its state, and the reasons of its steps."""

import datetime
from collections.abc import Mapping, Sequence

from bot.model import durations, reports
from bot.procedures import runs, schema
from bot.procedures.definition import references, templates

_MAX_FINE_SECONDS = 10.0
_MAX_SECONDS = 120.0
"""Up to which a duration is written in seconds."""


def subject(run: runs.Run) -> str:
    """Return the subject of a headline, such as `Post-deployment check · pos-order · prod`."""
    attempt = f" · attempt {run.attempt}" if run.earlier else ""
    return subject_of(run.procedure, run.params) + attempt


def subject_of(procedure: schema.Procedure, params: Mapping[str, reports.Scalar]) -> str:
    """Return the subject of a headline about a run of *procedure* with *params*."""
    target = [str(params[name]) for name in ("service", "env") if params.get(name) is not None]
    return " · ".join((procedure.title, *target))


def headline(run: runs.Run) -> str:
    """Return subject and state of *run*."""
    return f"{subject(run)}: {state(run)}"


def state(run: runs.Run) -> str:
    """Return the state of *run*, such as `failed at “Check health” after 43 s`."""
    record, took = run.current, ""
    if run.ended_at is not None:
        took = duration(run.ended_at - run.started_at)
    match run.state:
        case runs.RunState.RUNNING if record is not None:
            return f"step {run.steps.index(record) + 1} of {len(run.steps)}, {run.procedure.find(record.id).title}"
        case runs.RunState.WAITING if record is not None:
            return f"waiting for input, {run.procedure.find(record.id).title}"
        case runs.RunState.CANCELLED:
            return f"{_who_cancelled(run)} after {took}" if took else _who_cancelled(run)
        case runs.RunState.COMPLETED | runs.RunState.COMPLETED_WITH_FAILURES:
            count = sum(one.state.is_failure for one in run.steps)
            has_failures = run.state is runs.RunState.COMPLETED_WITH_FAILURES
            failed = f" with {count} failed step{'s' * (count > 1)}" if has_failures else ""
            completed = f"completed in {took}{failed}"
            came_to = outcome(run)
            return f"{came_to} ({completed})" if came_to else completed
        case runs.RunState.FAILED | runs.RunState.TIMED_OUT:
            last = next((one for one in reversed(run.steps) if one.state.is_failure), None)
            where = f" at “{run.procedure.find(last.id).title}”" if last is not None else ""
            return f"{run.state}{where} after {took}"
    return f"{run.state} in {took}" if took else str(run.state)


def joining(holders: Sequence[runs.Run]) -> str:
    """Return what to do about a lock that *holders* hold, a run or one that cannot be read."""
    what = [f"{headline(run)}, started by {run.requester.name}." for run in holders]
    commands = " or ".join(f"run watch {run.id}" for run in holders)
    join = f"Join it ({commands}), or wait" if commands else "Wait"
    return " ".join((*what, f"{join} until it has ended."))


def outcome(run: runs.Run) -> str:
    """Return what *run* came to, as the last step that succeeded says it; empty where none does."""
    for record in reversed(run.steps):
        text = run.procedure.find(record.id).outcome
        if text is not None and record.state is runs.StepState.SUCCEEDED:
            return str(templates.render(text, references.of(run)))
    return ""


def _who_cancelled(run: runs.Run) -> str:
    if run.cancel is not None:
        return f"cancelled by {run.cancel.by}"
    reasons = [record.reason for record in run.steps if record.state is runs.StepState.CANCELLED and record.reason]
    return f"cancelled ({reasons[0]})" if reasons else "cancelled"


def duration(span: datetime.timedelta) -> str:
    """Return a duration such as 40 ms, 1.4 s, 42 s, 12m3s."""
    seconds = max(span.total_seconds(), 0.0)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < _MAX_FINE_SECONDS:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < _MAX_SECONDS else durations.write(span)


def skipped(record: runs.StepRecord) -> str:
    """Return the reason of *record*; that it was skipped where the reason does not say so."""
    if record.reason is None or record.state is not runs.StepState.SKIPPED:
        return str(record.reason or "")
    match record.reason.code:
        case runs.ReasonCode.SKIPPED_BY:
            return str(record.reason)
        case runs.ReasonCode.EARLIER_STEP:
            return f"skipped ({record.reason})"
    return f"skipped: {record.reason}"
