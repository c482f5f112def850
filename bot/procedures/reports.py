"""
A run in words: as a whole, and as the three things that a channel is told of it.

A channel sees how far it is (`live`), what a person is asked (`asked`) and that it is over (`ended`); whoever asks for
the run itself gets all of it in one report (`whole`).
"""

import datetime
import shlex
from collections.abc import Mapping, Sequence

from bot.model import durations, reports
from bot.procedures import runs, schema
from bot.procedures.engine import questions
from bot.runbook import sections

_FINE_SECONDS = 10.0
_SECONDS = 120.0
"""Up to which a length of time is told in seconds."""
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
_ANSWERERS = {
    "requester": "whoever began it",
    questions.ANYONE: "anyone who may run it",
    "not_requester": "anyone else who may run it",
}


def summary(run: runs.Run, runbook: sections.Runbook) -> reports.Report:
    """Give everything that a person should know of *run* now, with what can be done about it."""
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
    """Give how far *run* is; what a person is asked stands in a message of its own, which notifies."""
    return reports.Report(
        verdict=run.state.verdict,
        headline=headline(run),
        sections=(_plan(run),),
        next_actions=_actions(run),
        runbook=_pointers(run, runbook),
    )


def footer(run: runs.Run) -> tuple[str, ...]:
    """Give which run it is, who wanted it, and what it holds: what stands small below how far it is."""
    return tuple(" ".join(pair) for pair in _about(run).pairs)


def asked(run: runs.Run, question: runs.Question) -> reports.Report:
    """Give what *run* asks or has asked: with the answers to choose from, or with the one that was given."""
    title = run.procedure.find(question.step).title
    if question.answer is None:
        return reports.Report(
            verdict=reports.Verdict.UNKNOWN,
            headline=f"{subject(run)} waits for an answer: {title}",
            sections=(_question(run, question),),
            next_actions=_answers(run, question),
        )
    given = "nobody answered in time" if question.answer == runs.TIMEOUT else f"{question.answer}, {_by(question)}"
    comment = (reports.Text(title="Note", text=question.comment),) if question.comment else ()
    return reports.Report(
        verdict=reports.Verdict.OK,
        headline=f"{title} {given}" if title.endswith("?") else f"{title}: {given}",
        sections=(reports.Text(text=question.text), *comment),
        is_information=True,
    )


def ended(run: runs.Run, runbook: sections.Runbook) -> reports.Report:
    """Give that *run* is over, and what of it did not come out well."""
    bad = tuple(
        reports.Row(
            verdict=reports.Verdict.UNKNOWN if record.state is runs.StepState.UNKNOWN else reports.Verdict.FAILED,
            cells=(run.procedure.find(record.id).title, _came(record)),
        )
        for record in run.steps
        if record.state.is_failure
    )
    return reports.Report(
        verdict=run.state.verdict,
        headline=headline(run),
        sections=(reports.Table(columns=("step", "what came of it"), rows=bad),) if bad else (),
        next_actions=_actions(run),
        runbook=_pointers(run, runbook),
    )


def started(run: runs.Run) -> reports.Report:
    """Give that *run* has begun; how it goes is shown where all can see it."""
    return reports.Report(
        verdict=run.state.verdict,
        headline=f"{subject(run)} has begun.",
        sections=(_about(run),),
        facts={"run": run.id},
        next_actions=(reports.NextAction(label="Show", command=f"run show {run.id}"),),
        is_information=True,
        is_ephemeral=True,
    )


def planned(order: runs.RunRequest, steps: Sequence[runs.PlannedStep], runbook: sections.Runbook) -> reports.Report:
    """Give what a run of *order* would do, step by step, with what each depends on and whom it asks."""
    rows = tuple(reports.Row(cells=(step.title, ". ".join(_condition(step)), step.action)) for step in steps)
    changing = [step.step for step in steps if step.is_change]
    pairs = [
        ("changes", ", ".join(changing) or "nothing"),
        ("time limit", durations.write(order.procedure.timeout)),
        *([("lock", order.lock)] if order.lock is not None else []),
    ]
    return reports.Report(
        verdict=reports.Verdict.OK,
        headline=f"{named(order.procedure, order.params)}: this would be done. Nothing was done now.",
        sections=(reports.Table(columns=("step", "when", "what"), rows=rows), reports.Fields(pairs=tuple(pairs))),
        facts={"procedure": order.procedure.id, "steps": len(steps), "changes": len(changing), "lock": order.lock},
        next_actions=(reports.NextAction(label="Run it", command=runs.line_of(order.procedure, order.params)),),
        runbook=runbook.point_to(order.procedure.doc.section),
        is_information=True,
    )


def _condition(step: runs.PlannedStep) -> list[str]:
    if step.is_wanted is False:
        return ["left out"]
    parts = ["always"] if step.is_wanted and not step.is_end and not step.jumped_by else []
    if step.jumped_by:
        parts.append(f"not after a failure of {', '.join(step.jumped_by)}")
    if step.is_end:
        parts.append("at the end, however that comes")
    if step.is_wanted is None:
        parts.append(f"if {step.when}")
        parts += [f"depends on {', '.join(step.depends_on)}"] if step.depends_on else []
    if step.asks is not None:
        parts.append(f"asks {_ANSWERERS.get(step.asks, step.asks.replace(':', ' '))}")
    return parts


def prompt(run: runs.Run, question: runs.Question) -> str:
    """Give *question* for somebody who sits at a terminal."""
    return f"{run.procedure.find(question.step).title}\n{question.text}"


def subject(run: runs.Run) -> str:
    """Give what is carried out on what, as people would call it."""
    return named(run.procedure, run.params)


def named(procedure: schema.Procedure, params: Mapping[str, reports.Scalar]) -> str:
    """Give *procedure* with what it is carried out on."""
    target = [str(params[name]) for name in ("service", "env") if params.get(name) is not None]
    return f"{procedure.title}: {' in '.join(target)}" if target else procedure.title


def headline(run: runs.Run) -> str:
    """Give how things stand with *run* in one sentence."""
    record = run.current
    match run.state:
        case runs.RunState.RUNNING if record is not None:
            return f"{subject(run)}, {_place(run, record)}."
        case runs.RunState.WAITING if record is not None:
            return f"{subject(run)}, {_place(run, record)} waits for an answer."
        case runs.RunState.CANCELLED:
            return f"{subject(run)} was cancelled{_took(run)}: {_why_cancelled(run)}."
        case runs.RunState.SUCCEEDED_WITH_FAILURES:
            count = sum(one.state.is_failure for one in run.steps)
            return f"{subject(run)} came to its end{_took(run)}; {count} step{'s' * (count > 1)} on the way failed."
        case runs.RunState.FAILED | runs.RunState.TIMED_OUT:
            worst = next((one for one in reversed(run.steps) if one.state.is_failure), None)
            where = f" at “{run.procedure.find(worst.id).title}”" if worst is not None else ""
            return f"{subject(run)} {run.state}{where}{_took(run)}."
    return f"{subject(run)} {run.state}{_took(run)}."


def _why_cancelled(run: runs.Run) -> str:
    if run.cancel is not None:
        return f"{run.cancel.by} wanted it"
    reasons = (record.why for record in run.steps if record.state is runs.StepState.CANCELLED and record.why)
    return next(reasons, "nobody says why")


def _place(run: runs.Run, record: runs.StepRecord) -> str:
    return f"step {run.steps.index(record) + 1} of {len(run.steps)}, “{run.procedure.find(record.id).title}”"


def _took(run: runs.Run) -> str:
    return f" after {length(run.ended_at - run.created_at)}" if run.ended_at is not None else ""


def length(span: datetime.timedelta) -> str:
    """Give a length of time as people say it: 40 ms, 1.4 s, 42 s, 12m3s."""
    seconds = max(span.total_seconds(), 0.0)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < _FINE_SECONDS:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < _SECONDS else durations.write(span)


def _plan(run: runs.Run) -> reports.Plan:
    return reports.Plan(tasks=tuple(_task(run, record) for record in run.steps))


def _task(run: runs.Run, record: runs.StepRecord) -> reports.Task:
    return reports.Task(
        id=record.id,
        title=run.procedure.find(record.id).title,
        state=_STATES[record.state],
        status=", ".join(_status(record)),
        detail=record.headline if record.state.is_final else record.action,
    )


def _status(record: runs.StepRecord) -> list[str]:
    parts = [record.why] if record.why and record.state is not runs.StepState.SUCCEEDED else []
    if record.state is runs.StepState.TIMED_OUT:
        parts.insert(0, "timed out")
    if record.state is runs.StepState.SUCCEEDED and record.verdict is reports.Verdict.WARNING:
        parts.append("with a warning")
    if record.attempt > 1 and record.began_at is not None:
        parts.append(f"attempt {record.attempt}")
    if record.state.is_final and record.began_at is not None and record.ended_at is not None:
        parts.append(length(record.ended_at - record.began_at))
    return parts


def _came(record: runs.StepRecord) -> str:
    """Give what came of a step that did not come out well; a reason that is not its headline belongs with it."""
    return " · ".join(filter(None, (record.headline, record.why))) or str(record.state)


def _question(run: runs.Run, question: runs.Question) -> reports.Text:
    who = {
        "requester": run.requester.name,
        questions.ANYONE: "anyone who may run it",
        "not_requester": f"anyone who may run it but {run.requester.name}",
    }.get(question.by, f"the {question.by.replace(':', ' ')}")
    # The day where it is not the one on which it was asked: of a day's patience only the time of now would stand there.
    is_today = question.expires_at.date() == question.asked_at.date()
    until = f"{question.expires_at:%H:%M}" if is_today else f"{question.expires_at:%m-%d %H:%M}"
    return reports.Text(title=f"For {who}, until {until} UTC", text=question.text)


def _by(question: runs.Question) -> str:
    at = f" at {question.answered_at:%H:%M:%S} UTC" if question.answered_at is not None else ""
    return f"{question.answered_by}{at}"


def _answers(run: runs.Run, question: runs.Question) -> tuple[reports.NextAction, ...]:
    """Give the answers that can be chosen; each is bound to this one question, which is bound to what would be done."""
    return tuple(
        reports.NextAction(
            label=option[:1].upper() + option[1:],
            command=f"run answer {run.id} {shlex.quote(option)} --question {question.id}",
            is_primary=index == 0,
        )
        for index, option in enumerate(question.options)
    )


def _actions(run: runs.Run) -> tuple[reports.NextAction, ...]:
    log = reports.NextAction(label="What was found", command=f"run log {run.id}")
    if not run.state.is_final:
        return (log, reports.NextAction(label="Cancel", command=f"run cancel {run.id}"))
    if run.state is runs.RunState.SUCCEEDED:
        return (log,)
    return (log, reports.NextAction(label="Try again from there", command=f"run retry {run.id}"))


def _about(run: runs.Run) -> reports.Fields:
    began = f"{run.requester.name}, {run.created_at:%m-%d %H:%M} UTC"
    pairs = [("run", run.id), ("asked for by", began)]
    return reports.Fields(pairs=(*pairs, *([("holds", run.lock)] if run.lock and not run.state.is_final else [])))


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
    """Give the section that the run carries out; a run of long ago may name one that is gone."""
    known = {section.marker for section in runbook.sections}
    wanted = run.procedure.doc.section
    return runbook.point_to(wanted) if wanted in known else ()
