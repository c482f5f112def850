"""
The reports about runs.

A channel has three messages about a run: its progress (`live`), what a person is asked (`asked`) and the end (`ended`).
Who asks for the run gets all of it in one report (`summary`). `listing` is the list of runs; the log of a run is in
`step_results.py`.
"""

import dataclasses
import datetime
import shlex
from collections.abc import Mapping, Sequence

from bot.model import reports, times
from bot.procedures import headlines, instructions, runs, schema, step_results
from bot.runbook import sections

_CANCELLATION = (
    "This ends the run for everyone: steps that have not started will not run. A step that is running is interrupted,"
    " and what it changed is not undone."
)
_ENDINGS = frozenset({runs.ReasonCode.CANCELLED_BY, runs.ReasonCode.RUN_TIMED_OUT, runs.ReasonCode.EARLIER_STEP})
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


def summary(run: runs.Run, runbook: sections.Runbook, now: datetime.datetime) -> reports.Report:
    """Return everything that a person needs to know about *run*, with what can be done."""
    question = run.question if run.state is runs.RunState.WAITING else None
    return reports.Report(
        verdict=run.state.verdict,
        headline=headlines.headline(run),
        sections=(
            _plan(run),
            *(_question(run, question) if question else ()),
            _about(run),
            *step_results.attempts(run, now),
        ),
        facts=_facts(run),
        next_actions=(*(_answers(run, question) if question else ()), *_actions(run)),
        runbook=_pointers(run, runbook),
    )


def live(run: runs.Run, runbook: sections.Runbook) -> reports.Report:
    """Return the progress of *run*; a question has its own message, which notifies."""
    return reports.Report(
        verdict=run.state.verdict,
        headline=headlines.headline(run),
        sections=(_plan(run), *_earlier(run)),
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
            headline=f"{headlines.subject(run)}: {title}"
            if title.endswith("?")
            else f"{headlines.subject(run)}: waiting for input, {title}",
            sections=_question(run, question),
            next_actions=_answers(run, question),
        )
    at = f" at {times.clock(question.answered_at, question.asked_at)} UTC" if question.answered_at is not None else ""
    given = "no answer in time" if question.answer == runs.TIMEOUT else f"{question.answer}, {question.answered_by}{at}"
    note = (reports.Text(title="Note", text=question.comment),) if question.comment else ()
    return reports.Report(
        verdict=reports.Verdict.OK,
        headline=f"{title} {given}" if title.endswith("?") else f"{title}: {given}",
        sections=(*instructions.sections(None, question.text), *note),
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
        headline=headlines.headline(run),
        sections=(reports.Table(columns=("step", "result"), rows=failed),) if failed else (),
        next_actions=_actions(run),
        runbook=_pointers(run, runbook),
    )


def started(run: runs.Run) -> reports.Report:
    """Return that *run* was started; its progress is a message for everyone."""
    return reports.Report(
        # Of the start: how the run ends is not known yet, and is recorded with the run.
        verdict=reports.Verdict.OK,
        headline=f"{headlines.subject(run)}: started",
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


def unconfirmed(run: runs.Run, action: reports.NextAction) -> reports.Report:
    """Return that *action*, which ends or changes something, was typed and needs a confirmation: its button asks."""
    return reports.Report(
        verdict=reports.Verdict.UNKNOWN,
        headline=f"{headlines.subject(run)}: {action.label[:1].lower()}{action.label[1:]}?",
        sections=(reports.Text(text=action.consequence),),
        facts={"run": run.id},
        next_actions=(action, _show(run)),
        is_information=True,
    )


def cancellation(run: runs.Run) -> reports.NextAction:
    """Return the action that cancels *run*."""
    return reports.NextAction(label="Cancel run", command=f"run cancel {run.id}", consequence=_CANCELLATION)


def listing(found: Sequence[runs.Run]) -> reports.Report:
    """Return a list of runs, those that wait for input with the first buttons."""
    if not found:
        return reports.Report(
            verdict=reports.Verdict.OK, headline="No runs found.", facts={"count": 0}, is_information=True
        )
    waiting = [run for run in found if run.state is runs.RunState.WAITING]
    rows = tuple(
        reports.Row(
            # Neither its success nor its failure: the state says it.
            verdict=None if run.state is runs.RunState.CANCELLED else run.state.verdict,
            cells=(
                run.id,
                headlines.subject(run),
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
            for run in sorted(found, key=lambda run: run not in waiting)[: step_results.MAX_BUTTONS]
        ),
    )


def _current_step_or_duration(run: runs.Run) -> str:
    if run.ended_at is not None:
        return headlines.duration(run.ended_at - run.started_at)
    return run.procedure.find(run.current.id).title if run.current is not None else ""


def prompt(run: runs.Run, question: runs.Question) -> str:
    """Return *question* for a terminal."""
    return f"{run.procedure.find(question.step).title}\n{instructions.plain(question.text)}"


def _plan(run: runs.Run) -> reports.Plan:
    before = (None, *run.steps)
    return reports.Plan(
        tasks=tuple(
            reports.Task(
                id=record.id,
                title=run.procedure.find(record.id).title,
                state=_STATES[record.state],
                # What ended the run is the reason of all steps after it; it is said once.
                status="" if _is_repeated(record, last) else ", ".join(_status(record)),
                detail=record.headline if record.state.is_final else instructions.plain(record.action),
            )
            for last, record in zip(before, run.steps, strict=False)
        )
    )


def _is_repeated(record: runs.StepRecord, last: runs.StepRecord | None) -> bool:
    is_skipped = _STATES[record.state] is reports.TaskState.SKIPPED and record.reason is not None
    is_same = last is not None and last.state is record.state and last.reason == record.reason
    return is_skipped and is_same and record.reason is not None and record.reason.code in _ENDINGS


def _earlier(run: runs.Run) -> tuple[reports.Fields, ...]:
    """Return how the earlier attempts ended."""
    attempts = [run.at_attempt(number) for number in range(run.attempt - 1, 0, -1)]
    pairs = tuple((f"attempt {one.attempt}", headlines.state(one)) for one in attempts)
    return (reports.Fields(pairs=pairs),) if pairs else ()


def _status(record: runs.StepRecord) -> list[str]:
    parts = (
        [headlines.skipped(record)]
        if record.reason is not None and record.state is not runs.StepState.SUCCEEDED
        else []
    )
    if record.state is runs.StepState.TIMED_OUT:
        parts.insert(0, "timed out")
    if record.state is runs.StepState.SUCCEEDED and record.verdict is reports.Verdict.WARNING:
        parts.append("with a warning")
    if record.attempt > 1 and record.started_at is not None:
        parts.append(f"attempt {record.attempt}")
    if record.state.is_final and record.started_at is not None and record.ended_at is not None:
        parts.append(headlines.duration(record.ended_at - record.started_at))
    return parts


def _question(run: runs.Run, question: runs.Question) -> tuple[reports.Section, ...]:
    who = {
        schema.REQUESTER: run.requester.name,
        schema.ANYONE_WITH_RUN: "anyone who may run it",
        schema.NOT_REQUESTER: f"anyone who may run it except {run.requester.name}",
    }.get(question.by, f"the {question.by.replace(':', ' ')}")
    # With the date unless it is today's: of a timeout of 24 h, only the time of now would be left.
    is_today = question.expires_at.date() == question.asked_at.date()
    until = f"{question.expires_at:%H:%M}" if is_today else f"{question.expires_at:%m-%d %H:%M}"
    return instructions.sections(f"For {who}, until {until} UTC", question.text)


def _answers(run: runs.Run, question: runs.Question) -> tuple[reports.NextAction, ...]:
    """Return the answers as actions; each is bound to this question, which is bound to what it would start."""
    return tuple(
        dataclasses.replace(answer(run, question, option), is_primary=index == 0)
        for index, option in enumerate(question.options)
    )


def answer(run: runs.Run, question: runs.Question, option: str) -> reports.NextAction:
    """Return the action that answers *question* of *run* with *option*."""
    return reports.NextAction(
        label=question.labels.get(option, option[:1].upper() + option[1:]),
        command=f"run answer {run.id} {shlex.quote(option)} --question {question.id}",
        consequence=question.consequences.get(option, ""),
    )


def _actions(run: runs.Run) -> tuple[reports.NextAction, ...]:
    log = reports.NextAction(label="Step results", command=f"run log {run.id}")
    if not run.state.is_final:
        return (log, cancellation(run))
    if not run.can_be_retried:
        return (log,)
    return (log, reports.NextAction(label="Retry from failed step", command=f"run retry {run.id}"))


def _show(run: runs.Run) -> reports.NextAction:
    return reports.NextAction(label="Show run", command=f"run show {run.id}")


def _about(run: runs.Run) -> reports.Fields:
    requested = f"{run.requester.name}, {run.created_at:%m-%d %H:%M} UTC"
    pairs = [("run", run.id), ("requested by", requested)]
    if run.earlier:
        last = run.earlier[-1]
        pairs.append(("retried by", f"{last.retried_by}, {last.retried_at:%m-%d %H:%M} UTC"))
    return reports.Fields(pairs=(*pairs, *([("lock", run.lock)] if run.lock and not run.state.is_final else [])))


def _facts(run: runs.Run) -> dict[str, reports.Scalar]:
    facts: dict[str, reports.Scalar] = {
        "run": run.id,
        "procedure": run.procedure.id,
        "digest": run.digest,
        "state": run.state.value,
        "attempt": run.attempt,
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
