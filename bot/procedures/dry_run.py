"""The report of a dry run: what a run would do."""

from collections.abc import Sequence

from bot.model import durations, reports
from bot.procedures import headlines, runs, schema
from bot.runbook import sections

_ANSWERERS = {
    schema.REQUESTER: "the requester",
    schema.ANYONE_WITH_RUN: "anyone who may run it",
    schema.NOT_REQUESTER: "anyone else who may run it",
}


def planned(order: runs.RunRequest, steps: Sequence[runs.PlannedStep], runbook: sections.Runbook) -> reports.Report:
    """Return what a run of *order* would do: each step with its condition and who is asked."""
    rows = tuple(reports.Row(cells=(step.title, ". ".join(_condition(step)), step.action)) for step in steps)
    changing = [step.title for step in steps if step.is_change]
    pairs = [
        ("changes", ", ".join(changing) or "nothing by posbot itself"),
        ("timeout", durations.write(order.procedure.timeout)),
        *([("lock", order.lock)] if order.lock is not None else []),
    ]
    return reports.Report(
        verdict=reports.Verdict.OK,
        headline=f"{headlines.subject_of(order.procedure, order.params)} · Dry run: no changes were made.",
        sections=(reports.Table(columns=("step", "when", "action"), rows=rows), reports.Fields(pairs=tuple(pairs))),
        facts={"procedure": order.procedure.id, "steps": len(steps), "changes": len(changing), "lock": order.lock},
        next_actions=(reports.NextAction(label="Run", command=runs.line_of(order.procedure, order.params)),),
        runbook=runbook.point_to(order.procedure.doc.section),
        is_information=True,
    )


def _condition(step: runs.PlannedStep) -> list[str]:
    if step.is_condition_met is False:
        return ["skipped: condition not met"]
    parts = ["always"] if step.is_condition_met and not step.is_end and not step.skipped_after else []
    if step.skipped_after:
        parts.append(f"unless {_either(step.skipped_after)} failed")
    if step.is_end:
        parts.append("at the end, whatever the outcome")
    if step.is_condition_met is None:
        parts.append(f"depends on {', '.join(step.depends_on) or 'all earlier steps'}")
    if step.asks is not None:
        parts.append(f"asks {_ANSWERERS.get(step.asks, step.asks.replace(':', ' '))}")
    return parts


def _either(titles: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(titles[:-1]), *titles[-1:])))
