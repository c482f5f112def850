"""
Run a procedure, and deal with its runs: see them, answer what they ask, end them, let them go on.

`run PROCEDURE …` is the procedure's own command; what stands here is everything that follows `run` otherwise.
"""

import datetime
from typing import Annotated

import pydantic

from bot import command, errors
from bot.model import invocations, reports
from bot.procedures import commands as procedure_commands
from bot.procedures import reports as run_reports
from bot.procedures import runs, schema
from bot.procedures.definition import validation

_MOST_BUTTONS = 4
"""Of the five that a message of Slack’s should have, one shares it."""


class Parameters(command.Parameters):
    """What is to be done with which run."""

    action: Annotated[
        str,
        command.Option(positional=True, label="|".join(validation.ACTIONS)),
        pydantic.Field(description="or the name of a procedure, with what it needs, to begin a run of it"),
    ]
    id: Annotated[
        str,
        command.Option(positional=True, label="ID"),
        pydantic.Field(pattern=r"^r\d{4}-[0-9a-f]{8}$", description="the id of a run, such as r1124-0a1b2c3d"),
    ]
    words: Annotated[
        tuple[str, ...],
        command.Option(positional=True, label="ANSWER|STEP"),
        pydantic.Field(description="behind answer the answer, behind log a step of which to show all", max_length=20),
    ] = ()
    question: Annotated[
        str | None,
        command.Option(label="QUESTION"),
        pydantic.Field(pattern=r"^[0-9a-f]{10}$", description="answer this one only, and not what is asked now"),
    ] = None
    note: Annotated[
        str,
        command.Option(label="NOTE"),
        pydantic.Field(max_length=runs.NOTE_LIMIT, description="what to remember of the answer"),
    ] = ""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _action_is_known(cls, given: dict[str, object], info: pydantic.ValidationInfo) -> dict[str, object]:
        """Say of a procedure that is not there nothing else: what follows it would be taken for the id of a run."""
        action = str(given.get("action") or "").lower()
        if not action or action in validation.ACTIONS:
            return given | ({"action": action} if action else {})
        aliases = info.context.aliases if isinstance(info.context, command.Vocabulary) else {}
        known = [*validation.ACTIONS, *(name.removeprefix("run ") for name in aliases if name.startswith("run "))]
        raise ValueError(f"{errors.NotFound('procedure', action, known)} help lists them.")


async def run(parameters: Parameters, tools: command.Context) -> reports.Report:
    """Do what is asked for, and give how the run stands then."""
    match parameters.action:
        case "log":
            return await _log(await tools.runs.find(parameters.id), " ".join(parameters.words), tools)
        case "answer":
            return await _answer(parameters, tools)
        case "cancel":
            return await _cancel(parameters, tools)
        case "retry":
            return await _goes_on(await tools.runs.retry(parameters.id, by=tools.invocation), "goes on.", tools)
        case "follow" if _is_at_a_terminal(tools):
            return await procedure_commands.attach(await tools.runs.find(parameters.id), tools)
    return run_reports.summary(await tools.runs.find(parameters.id), tools.runbook)


async def _answer(parameters: Parameters, tools: command.Context) -> reports.Report:
    run = await tools.runs.find(parameters.id)
    wanted = " ".join(parameters.words).strip().lower()
    if not wanted:
        options = run.question.options if run.question is not None and run.question.answer is None else ()
        hint = f"Expected {' or '.join(options)}." if options else "It asks nothing now."
        raise errors.UsageError("The answer is missing.", hint=hint, words=(f"run show {run.id}",))
    given = await tools.runs.answer(
        run,
        _spelt(wanted, run),
        by=tools.invocation,
        comment=parameters.note,
        question_id=parameters.question,
    )
    title = run.procedure.find(given.step).title
    if given.answered_by != tools.invocation.actor.name or given.answer != _spelt(wanted, run):
        at = f" at {given.answered_at:%H:%M:%S} UTC" if given.answered_at is not None else ""
        # A question that nobody answered in time is closed by nobody.
        told = f"{title}: already answered “{given.answer}” by {given.answered_by}{at}."
        return _told(run, told)
    return await _goes_on(run, f"takes the answer “{given.answer}” for “{title}”.", tools)


def _spelt(answer: str, run: runs.Run) -> str:
    """Give *answer* as the question spells it."""
    options = run.question.options if run.question is not None else ()
    return next((option for option in options if option.lower() == answer), answer)


async def _cancel(parameters: Parameters, tools: command.Context) -> reports.Report:
    before = await tools.runs.find(parameters.id)
    if before.state.is_final:
        return _told(before, run_reports.headline(before))
    run = await tools.runs.cancel(parameters.id, by=tools.invocation)
    return await _goes_on(run, "was asked to come to its end.", tools)


async def _goes_on(run: runs.Run, what: str, tools: command.Context) -> reports.Report:
    """Stay with a run that goes on where somebody sits at a terminal; elsewhere others see how it goes."""
    if _is_at_a_terminal(tools):
        return await procedure_commands.attach(await tools.runs.find(run.id), tools)
    return _told(run, f"{run_reports.subject(run)} {what}")


def _is_at_a_terminal(tools: command.Context) -> bool:
    return tools.invocation.source is invocations.Source.TERMINAL


def _told(run: runs.Run, headline: str) -> reports.Report:
    return reports.Report(
        verdict=reports.Verdict.OK,
        headline=headline,
        facts={"run": run.id},
        next_actions=(reports.NextAction(label="Show", command=f"run show {run.id}"),),
        is_information=True,
        is_ephemeral=True,
    )


async def _log(run: runs.Run, step_id: str, tools: command.Context) -> reports.Report:
    """Give what the steps found: of each its sentence, of one that is named its whole report."""
    if step_id:
        return await _found_by(run, run.procedure.find(step_id), tools)
    done = [
        record for record in run.steps if record.began_at is not None or (record.state.is_final and record.headline)
    ]
    rows = tuple(
        reports.Row(
            verdict=record.verdict,
            cells=(_clock(record.began_at or record.ended_at), run.procedure.find(record.id).title, _came(record)),
        )
        for record in done
    )
    found = [record for record in done if record.invocation]
    return reports.Report(
        is_information=True,
        verdict=run.state.verdict,
        headline=f"{run_reports.subject(run)}: what its steps found.",
        sections=(reports.Table(columns=("at (UTC)", "step", "what came of it"), rows=rows),),
        facts={"run": run.id, "steps": len(done)},
        next_actions=tuple(
            reports.NextAction(label=run.procedure.find(record.id).title, command=f"run log {run.id} {record.id}")
            for record in sorted(found, key=lambda record: not record.state.is_failure)[:_MOST_BUTTONS]
        ),
    )


async def _found_by(run: runs.Run, step: schema.Step, tools: command.Context) -> reports.Report:
    record = run.find(step.id)
    report = await tools.audit.find_report(record.invocation) if record.invocation else None
    if report is None:
        reason = record.headline or record.why or f"it is {record.state}"
        return _told(run, f"“{step.title}” has no report: {reason}")
    return reports.changed(report, headline=f"{step.title}: {report.headline}")


def _came(record: runs.StepRecord) -> str:
    return record.headline or record.why or str(record.state)


def _clock(moment: datetime.datetime | None) -> str:
    return f"{moment:%H:%M:%S}" if moment is not None else ""


COMMAND = command.Command(
    name="run",
    summary="run a procedure, or see, answer, end or go on with a run",
    parameters=Parameters,
    run=run,
    examples=(
        "run show r1124-0a1b2c3d",
        'run answer r1124-0a1b2c3d yes --note "seen by bob"',
        "run log r1124-0a1b2c3d health",
        "run cancel r1124-0a1b2c3d",
    ),
    sections=("how-to-use",),
    deadline=lambda _: None,
    is_step=False,
    needs_procedures=True,
)
