"""
The reports about runs.

A channel has three messages about a run: its progress (`live`), what a person is asked (`asked`) and the end (`ended`).
Who asks for the run gets all of it in one report (`summary`). `listing` is the list of runs; `step_results` and
`step_result` are the log of a run.
"""

import datetime
import shlex
from collections.abc import Mapping, Sequence

from bot.model import durations, reports
from bot.procedures import runs, schema
from bot.runbook import sections

MAX_BUTTONS = 4
"""Of the five that a message should have at most, one shares it."""
_MAX_FINE_SECONDS = 10.0
_MAX_SECONDS = 120.0
"""Up to which a duration is written in seconds."""
_STATES: Mapping[runs.StepState, reports.TaskState] = {
    runs.StepState.PENDING: reports.TaskState.PENDING,
    runs.StepState.RUNNING: reports.TaskState.RUNNING,
    runs.StepState.WAITING: reports.TaskState.WAITING,
    runs.StepState.SUCCEEDED: reports.TaskState.DONE,
    runs.StepState.FAILED: reports.TaskState.FAILED,
    runs.StepState.TIMED_OUT: reports.TaskState.FAILED,
    runs.StepState.UNKNOWN: reports.TaskState.UNKNOWN,
    runs.StepState.SKIPPED: reports.TaskState.SKIPPED,
    runs.StepState.CANCELLED: reports.TaskState.SKIPPED,
}


def summary(run: runs.Run, runbook: sections.Runbook) -> reports.Report:
    """Return everything that a person needs to know about *run*, with what can be done."""
    question = run.question if run.state is runs.RunState.WAITING else None
    return reports.Report(
        verdict=run.state.verdict,
        headline=headline(run),
        sections=(_plan(run), *([_question(run, question)] if question else []), _about(run)),
        facts=_facts(run),
        next_actions=(*(_answers(run, question) if question else ()), *_actions(run)),
        runbook=_pointers(run, runbook),
    )


def live(run: runs.Run, runbook: sections.Runbook) -> reports.Report:
    """Return the progress of *run*; a question has its own message, which notifies."""
    return reports.Report(
        verdict=run.state.verdict,
        headline=headline(run),
        sections=(_plan(run),),
        next_actions=_actions(run),
        runbook=_pointers(run, runbook),
    )


def footer(run: runs.Run) -> tuple[str, ...]:
    """Return the context line below the progress: id, requester, lock."""
    return tuple(" ".join(pair) for pair in _about(run).pairs)


def asked(run: runs.Run, question: runs.Question) -> reports.Report:
    """Return a question with its answers to choose from, or with the one that was given."""
    title = run.procedure.find(question.step).title
    if question.answer is None:
        return reports.Report(
            verdict=reports.Verdict.UNKNOWN,
            headline=f"{subject(run)}: {title}"
            if title.endswith("?")
            else f"{subject(run)}: waiting for input, {title}",
            sections=(_question(run, question),),
            next_actions=_answers(run, question),
        )
    at = f" at {question.answered_at:%H:%M:%S} UTC" if question.answered_at is not None else ""
    given = "no answer in time" if question.answer == runs.TIMEOUT else f"{question.answer}, {question.answered_by}{at}"
    note = (reports.Text(title="Note", text=question.comment),) if question.comment else ()
    return reports.Report(
        verdict=reports.Verdict.OK,
        headline=f"{title} {given}" if title.endswith("?") else f"{title}: {given}",
        sections=(reports.Text(text=question.text), *note),
        is_information=True,
    )


def ended(run: runs.Run, runbook: sections.Runbook) -> reports.Report:
    """Return the end of *run* with its failed steps."""
    failed = tuple(
        reports.Row(
            verdict=reports.Verdict.UNKNOWN if record.state is runs.StepState.UNKNOWN else reports.Verdict.FAILED,
            cells=(run.procedure.find(record.id).title, record.result),
        )
        for record in run.steps
        if record.state.is_failure
    )
    return reports.Report(
        verdict=run.state.verdict,
        headline=headline(run),
        sections=(reports.Table(columns=("step", "result"), rows=failed),) if failed else (),
        next_actions=_actions(run),
        runbook=_pointers(run, runbook),
    )


def started(run: runs.Run) -> reports.Report:
    """Return that *run* was started; its progress is a message for everyone."""
    return reports.Report(
        verdict=run.state.verdict,
        headline=f"{subject(run)}: started",
        sections=(_about(run),),
        facts={"run": run.id},
        next_actions=(_show(run),),
        is_information=True,
    )


def confirmation(run: runs.Run, text: str) -> reports.Report:
    """Return *text* about *run* for the person who asked for something."""
    return reports.Report(
        verdict=reports.Verdict.OK,
        headline=text,
        facts={"run": run.id},
        next_actions=(_show(run),),
        is_information=True,
    )


def listing(found: Sequence[runs.Run]) -> reports.Report:
    """Return a list of runs, those that wait for input with the first buttons."""
    if not found:
        return reports.Report(
            verdict=reports.Verdict.OK, headline="No runs found.", facts={"count": 0}, is_information=True
        )
    waiting = [run for run in found if run.state is runs.RunState.WAITING]
    rows = tuple(
        reports.Row(
            verdict=run.state.verdict,
            cells=(
                run.id,
                subject(run),
                "waiting for input" if run in waiting else str(run.state),
                _current_step_or_duration(run),
                run.requester.name,
                f"{run.created_at:%m-%d %H:%M}",
            ),
        )
        for run in found
    )
    columns = ("run", "procedure", "state", "step or duration", "requested by", "started (UTC)")
    suffix = f", {len(waiting)} waiting for input" if waiting else ""
    return reports.Report(
        is_information=True,
        verdict=reports.Verdict.OK,
        headline=f"{len(found)} run{'s' * (len(found) > 1)}, newest first{suffix}",
        sections=(reports.Table(columns=columns, rows=rows),),
        facts={"count": len(found), "waiting": len(waiting)},
        next_actions=tuple(
            reports.NextAction(label=f"Show {run.id}", command=f"run show {run.id}", is_primary=run in waiting)
            for run in sorted(found, key=lambda run: run not in waiting)[:MAX_BUTTONS]
        ),
    )


def _current_step_or_duration(run: runs.Run) -> str:
    if run.ended_at is not None:
        return _duration(run.ended_at - run.created_at)
    return run.procedure.find(run.current.id).title if run.current is not None else ""


def step_results(run: runs.Run) -> reports.Report:
    """Return the result of every step that was started or has ended, in one line each."""
    records = [record for record in run.steps if record.started_at is not None or record.state.is_final]
    rows = []
    for record in records:
        at = record.started_at or record.ended_at
        # The only place that shows the condition itself.
        is_conditional = record.reason is not None and record.reason.code is runs.ReasonCode.CONDITION_NOT_MET
        condition = f" ({record.reason.detail})" if is_conditional and record.reason is not None else ""
        result = _skipped(record) + condition if record.state is runs.StepState.SKIPPED else record.result
        title = run.procedure.find(record.id).title
        clock = f"{at:%H:%M:%S}" if at is not None else ""
        rows.append(reports.Row(verdict=record.verdict, cells=(clock, title, result)))
    with_report = [record for record in records if record.invocation]
    return reports.Report(
        is_information=True,
        verdict=run.state.verdict,
        headline=f"{subject(run)}: step results",
        sections=(reports.Table(columns=("at (UTC)", "step", "result"), rows=tuple(rows)),),
        facts={"run": run.id, "steps": len(records)},
        next_actions=tuple(
            reports.NextAction(label=run.procedure.find(record.id).title, command=f"run log {run.id} {record.id}")
            for record in sorted(with_report, key=lambda record: not record.state.is_failure)[:MAX_BUTTONS]
        ),
    )


def step_result(run: runs.Run, step: schema.Step, report: reports.Report | None) -> reports.Report:
    """Return the whole *report* of one step, or that it has none."""
    if report is not None:
        return reports.changed(report, headline=f"{step.title}: {report.headline}")
    record = run.find(step.id)
    return confirmation(run, f"“{step.title}” has no report: {record.result}")


def prompt(run: runs.Run, question: runs.Question) -> str:
    """Return *question* for a terminal."""
    return f"{run.procedure.find(question.step).title}\n{question.text}"


def subject(run: runs.Run) -> str:
    """Return the subject of a headline, such as `Post-deployment check · pos-order · prod`."""
    return subject_of(run.procedure, run.params)


def subject_of(procedure: schema.Procedure, params: Mapping[str, reports.Scalar]) -> str:
    """Return the subject of a headline about a run of *procedure* with *params*."""
    target = [str(params[name]) for name in ("service", "env") if params.get(name) is not None]
    return " · ".join((procedure.title, *target))


def headline(run: runs.Run) -> str:
    """Return subject and state of *run*."""
    return f"{subject(run)}: {_state(run)}"


def _state(run: runs.Run) -> str:
    record, took = run.current, ""
    if run.ended_at is not None:
        took = _duration(run.ended_at - run.created_at)
    match run.state:
        case runs.RunState.RUNNING if record is not None:
            return f"step {run.steps.index(record) + 1} of {len(run.steps)}, {run.procedure.find(record.id).title}"
        case runs.RunState.WAITING if record is not None:
            return f"waiting for input, {run.procedure.find(record.id).title}"
        case runs.RunState.CANCELLED:
            return f"{_who_cancelled(run)} after {took}" if took else _who_cancelled(run)
        case runs.RunState.COMPLETED_WITH_FAILURES:
            count = sum(one.state.is_failure for one in run.steps)
            return f"completed in {took} with {count} failed step{'s' * (count > 1)}"
        case runs.RunState.FAILED | runs.RunState.TIMED_OUT:
            last = next((one for one in reversed(run.steps) if one.state.is_failure), None)
            where = f" at “{run.procedure.find(last.id).title}”" if last is not None else ""
            return f"{run.state}{where} after {took}"
    return f"{run.state} in {took}" if took else str(run.state)


def _who_cancelled(run: runs.Run) -> str:
    if run.cancel is not None:
        return f"cancelled by {run.cancel.by}"
    reasons = [record.reason for record in run.steps if record.state is runs.StepState.CANCELLED and record.reason]
    return f"cancelled ({reasons[0]})" if reasons else "cancelled"


def _duration(span: datetime.timedelta) -> str:
    """Return a duration such as 40 ms, 1.4 s, 42 s, 12m3s."""
    seconds = max(span.total_seconds(), 0.0)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < _MAX_FINE_SECONDS:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < _MAX_SECONDS else durations.write(span)


def _plan(run: runs.Run) -> reports.Plan:
    return reports.Plan(
        tasks=tuple(
            reports.Task(
                id=record.id,
                title=run.procedure.find(record.id).title,
                state=_STATES[record.state],
                status=", ".join(_status(record)),
                detail=record.headline if record.state.is_final else record.action,
            )
            for record in run.steps
        )
    )


def _status(record: runs.StepRecord) -> list[str]:
    parts = [_skipped(record)] if record.reason is not None and record.state is not runs.StepState.SUCCEEDED else []
    if record.state is runs.StepState.TIMED_OUT:
        parts.insert(0, "timed out")
    if record.state is runs.StepState.SUCCEEDED and record.verdict is reports.Verdict.WARNING:
        parts.append("with a warning")
    if record.attempt > 1 and record.started_at is not None:
        parts.append(f"attempt {record.attempt}")
    if record.state.is_final and record.started_at is not None and record.ended_at is not None:
        parts.append(_duration(record.ended_at - record.started_at))
    return parts


def _skipped(record: runs.StepRecord) -> str:
    """Return the reason of *record*; that it was skipped where the reason does not say so."""
    if record.reason is None or record.state is not runs.StepState.SKIPPED:
        return str(record.reason or "")
    match record.reason.code:
        case runs.ReasonCode.SKIPPED_BY:
            return str(record.reason)
        case runs.ReasonCode.EARLIER_STEP:
            return f"skipped ({record.reason})"
    return f"skipped: {record.reason}"


def _question(run: runs.Run, question: runs.Question) -> reports.Text:
    who = {
        schema.REQUESTER: run.requester.name,
        schema.ANYONE_WITH_RUN: "anyone who may run it",
        schema.NOT_REQUESTER: f"anyone who may run it except {run.requester.name}",
    }.get(question.by, f"the {question.by.replace(':', ' ')}")
    # With the date unless it is today's: of a timeout of 24 h, only the time of now would be left.
    is_today = question.expires_at.date() == question.asked_at.date()
    until = f"{question.expires_at:%H:%M}" if is_today else f"{question.expires_at:%m-%d %H:%M}"
    return reports.Text(title=f"For {who}, until {until} UTC", text=question.text)


def _answers(run: runs.Run, question: runs.Question) -> tuple[reports.NextAction, ...]:
    """Return the answers as actions; each is bound to this question, which is bound to what it would start."""
    return tuple(
        reports.NextAction(
            label=option[:1].upper() + option[1:],
            command=f"run answer {run.id} {shlex.quote(option)} --question {question.id}",
            is_primary=index == 0,
        )
        for index, option in enumerate(question.options)
    )


def _actions(run: runs.Run) -> tuple[reports.NextAction, ...]:
    log = reports.NextAction(label="Step results", command=f"run log {run.id}")
    if not run.state.is_final:
        return (log, reports.NextAction(label="Cancel run", command=f"run cancel {run.id}"))
    if run.state is runs.RunState.COMPLETED:
        return (log,)
    return (log, reports.NextAction(label="Retry from failed step", command=f"run retry {run.id}"))


def _show(run: runs.Run) -> reports.NextAction:
    return reports.NextAction(label="Show run", command=f"run show {run.id}")


def _about(run: runs.Run) -> reports.Fields:
    requested = f"{run.requester.name}, {run.created_at:%m-%d %H:%M} UTC"
    pairs = [("run", run.id), ("requested by", requested)]
    return reports.Fields(pairs=(*pairs, *([("lock", run.lock)] if run.lock and not run.state.is_final else [])))


def _facts(run: runs.Run) -> dict[str, reports.Scalar]:
    facts: dict[str, reports.Scalar] = {
        "run": run.id,
        "procedure": run.procedure.id,
        "digest": run.digest,
        "state": run.state.value,
        "question": run.question.id if run.question is not None and run.state is runs.RunState.WAITING else None,
    }
    for record in run.steps:
        facts[f"steps.{record.id}.outcome"] = record.state.value
        facts |= {f"steps.{record.id}.saved.{name}": value for name, value in record.saved.items()}
    return facts


def _pointers(run: runs.Run, runbook: sections.Runbook) -> tuple[reports.Pointer, ...]:
    """Return the section that the run carries out, unless it was removed since."""
    marker = run.procedure.doc.section
    return runbook.point_to(marker) if any(section.marker == marker for section in runbook.sections) else ()
