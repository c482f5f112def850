"""The log of a run: the results of its steps in every attempt, and the answers of people."""

import datetime
from collections.abc import Iterator, Sequence

from bot.model import reports, times
from bot.procedures import headlines, runs, schema

MAX_BUTTONS = 4
"""Of the five that a message should have at most, one shares it."""


def step_results(
    run: runs.Run, answers: Sequence[runs.Question], now: datetime.datetime, *, attempt: int | None = None
) -> reports.Report:
    """
    Return one line for each step that was started or has ended, of all attempts or of the one *attempt*, newest first.

    Raises:
        errors.UsageError: there is no such attempt.
    """
    chosen = run.at_attempt(attempt or run.attempt)
    with_report = [record for record in chosen.steps if record.invocation]
    option = f" --attempt {attempt}" if attempt is not None else ""
    results = _results(chosen, now, has_title=bool(run.earlier))
    return reports.Report(
        is_information=True,
        verdict=chosen.state.verdict,
        headline=f"{headlines.subject(chosen)}: {'step results' if results.rows else 'no step has started yet'}",
        sections=(
            *([results] if results.rows else []),
            *(attempts(chosen, now) if attempt is None else ()),
            *_answers(chosen, answers, now, is_alone=attempt is not None),
        ),
        facts={"run": run.id, "attempt": chosen.attempt, "steps": len(_reached(chosen))},
        next_actions=tuple(
            reports.NextAction(
                label=run.procedure.find(record.id).title, command=f"run log {run.id} {record.id}{option}"
            )
            for record in sorted(with_report, key=lambda record: not record.state.is_failure)[:MAX_BUTTONS]
        ),
    )


def step_result(run: runs.Run, step: schema.Step, report: reports.Report | None) -> reports.Report:
    """Return the whole *report* of one step, or that it has none."""
    if report is not None:
        return reports.changed(report, headline=f"{step.title}: {report.headline}")
    return reports.Report(
        verdict=reports.Verdict.OK,
        headline=f"“{step.title}” has no report: {run.find(step.id).result}",
        facts={"run": run.id},
        next_actions=(reports.NextAction(label="Show run", command=f"run show {run.id}"),),
        is_information=True,
    )


def attempts(run: runs.Run, now: datetime.datetime) -> Iterator[reports.Table]:
    """Yield the step results of the attempts before the one that *run* is at, the newest first."""
    for number in range(run.attempt - 1, 0, -1):
        yield _results(run.at_attempt(number), now, has_title=True)


def _results(run: runs.Run, now: datetime.datetime, *, has_title: bool) -> reports.Table:
    rows = []
    for record in _reached(run):
        # The only place that shows the condition itself.
        is_conditional = record.reason is not None and record.reason.code is runs.ReasonCode.CONDITION_NOT_MET
        condition = f" ({record.reason.detail})" if is_conditional and record.reason is not None else ""
        is_skipped = record.state is runs.StepState.SKIPPED
        result = headlines.skipped(record) + condition if is_skipped else record.result
        at = _time(record.started_at or record.ended_at, now)
        rows.append(reports.Row(verdict=record.verdict, cells=(at, run.procedure.find(record.id).title, result)))
    title = f"Attempt {run.attempt}: {headlines.state(run)}" if has_title else None
    return reports.Table(columns=("at (UTC)", "step", "result"), rows=tuple(rows), title=title)


def _reached(run: runs.Run) -> list[runs.StepRecord]:
    return [record for record in run.steps if record.started_at is not None or record.state.is_final]


def _answers(
    run: runs.Run, answers: Sequence[runs.Question], now: datetime.datetime, *, is_alone: bool
) -> Iterator[reports.Table]:
    """Yield the answers given up to the attempt that *run* is at, or in that attempt alone."""
    start = run.started_at if is_alone else run.created_at
    rows = tuple(
        reports.Row(
            cells=(
                _time(one.answered_at, now),
                run.procedure.find(one.step).title,
                "no answer in time" if one.answer == runs.TIMEOUT else one.answer or "",
                "" if one.answer == runs.TIMEOUT else one.answered_by,
                one.comment,
            )
        )
        for one in answers
        if start <= one.asked_at and (run.ended_at is None or one.asked_at <= run.ended_at)
    )
    if rows:
        yield reports.Table(columns=("at (UTC)", "question", "answer", "by", "note"), rows=rows, title="Answers")


def _time(at: datetime.datetime | None, now: datetime.datetime) -> str:
    return times.clock(at, now) if at is not None else ""
