"""List runs of procedures: which there were, how they stand, and what they wait for."""

import datetime
from typing import Annotated

import pydantic

from bot import command
from bot.model import reports
from bot.procedures import reports as run_reports
from bot.procedures import runs

_MOST_BUTTONS = 4
"""Of the five that a message of Slack’s should have, one shares it."""


def _spelt(value: object) -> object:
    """Give a state as it is called; in a terminal a hyphen is easier to type than a quoted space."""
    return value.lower().replace("-", " ") if isinstance(value, str) else value


class Parameters(command.Parameters):
    """Which of them."""

    procedure: Annotated[
        str | None, command.Option(label="PROCEDURE"), pydantic.Field(description="only runs of this procedure")
    ] = None
    service: Annotated[
        command.ServiceName | None,
        command.Option(label="SERVICE"),
        pydantic.Field(description="only about this service"),
    ] = None
    state: Annotated[
        runs.RunState | None,
        pydantic.BeforeValidator(_spelt),
        command.Option(label="STATE"),
        pydantic.Field(description=f"only in this state: {', '.join(runs.RunState)}"),
    ] = None
    since: Annotated[
        command.Duration | None,
        command.Option(label="DURATION"),
        pydantic.Field(gt=datetime.timedelta(0), description="only those begun in the last 30m, 8h, …"),
    ] = None
    limit: Annotated[int, command.Option(label="N"), pydantic.Field(ge=1, le=100, description="how many at most")] = 10


async def run(parameters: Parameters, tools: command.Context) -> reports.Report:
    """Give the runs that are asked for, the newest first."""
    procedure = tools.procedure_catalog.find(parameters.procedure) if parameters.procedure is not None else None
    found = await tools.runs.list(
        runs.RunFilter(
            procedure=procedure.id if procedure is not None else None,
            state=parameters.state,
            service=parameters.service,
            since=tools.now() - parameters.since if parameters.since is not None else None,
            limit=parameters.limit,
        )
    )
    if not found:
        return reports.Report(
            verdict=reports.Verdict.OK, headline="There are no such runs.", facts={"count": 0}, is_information=True
        )
    waiting = [one for one in found if one.state is runs.RunState.WAITING]
    told = f", {len(waiting)} of them waiting for an answer" if waiting else ""
    return reports.Report(
        is_information=True,
        verdict=reports.Verdict.OK,
        headline=f"The last {len(found)} run{'s' * (len(found) > 1)}, newest first{told}.",
        sections=(_table(found),),
        facts={"count": len(found), "waiting": len(waiting)},
        next_actions=tuple(
            reports.NextAction(label=f"Show {one.id}", command=f"run show {one.id}", is_primary=one in waiting)
            for one in sorted(found, key=lambda one: one not in waiting)[:_MOST_BUTTONS]
        ),
    )


def _table(found: tuple[runs.Run, ...]) -> reports.Table:
    rows = tuple(
        reports.Row(
            verdict=one.state.verdict,
            cells=(
                one.id,
                run_reports.subject(one),
                str(one.state),
                _where(one),
                one.requester.name,
                f"{one.created_at:%m-%d %H:%M}",
            ),
        )
        for one in found
    )
    return reports.Table(columns=("run", "of what", "state", "where", "asked for by", "begun (UTC)"), rows=rows)


def _where(run: runs.Run) -> str:
    record = run.current
    if record is not None and not run.state.is_final:
        return run.procedure.find(record.id).title
    return run_reports.length(run.ended_at - run.created_at) if run.ended_at is not None else ""


COMMAND = command.Command(
    name="runs",
    summary="list runs of procedures, and what they wait for",
    parameters=Parameters,
    run=run,
    examples=("runs", "runs --state waiting", "runs --service pos-order --since 8h"),
    sections=("how-to-use",),
    is_step=False,
    needs_procedures=True,
)
