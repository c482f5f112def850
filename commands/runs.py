"""List runs of procedures with their state."""

import datetime
from typing import Annotated

import pydantic

from bot import command
from bot.model import reports
from bot.procedures import reports as run_reports
from bot.procedures import runs


def _to_state(value: object) -> object:
    """Return the spelling of a state: a hyphen is easier to type than a quoted space."""
    return value.lower().replace("-", " ") if isinstance(value, str) else value


class Parameters(command.Parameters):
    """Which runs."""

    procedure: Annotated[
        str | None, command.Option(label="PROCEDURE"), pydantic.Field(description="only runs of this procedure")
    ] = None
    service: Annotated[
        command.ServiceName | None, command.Option(label="SERVICE"), pydantic.Field(description="only of this service")
    ] = None
    state: Annotated[
        runs.RunState | None,
        pydantic.BeforeValidator(_to_state),
        command.Option(label="STATE"),
        pydantic.Field(description=f"only in this state: {', '.join(runs.RunState)}"),
    ] = None
    since: Annotated[
        command.Duration | None,
        command.Option(label="DURATION"),
        pydantic.Field(gt=datetime.timedelta(0), description="only those started in the last 30m, 8h, …"),
    ] = None
    limit: Annotated[int, command.Option(label="N"), pydantic.Field(ge=1, le=100, description="how many at most")] = 10


async def run(parameters: Parameters, context: command.Context) -> reports.Report:
    """Return the runs that match, the newest first."""
    procedure = context.procedure_catalog.find(parameters.procedure).id if parameters.procedure is not None else None
    since = context.now() - parameters.since if parameters.since is not None else None
    wanted = runs.RunFilter(
        procedure=procedure,
        state=parameters.state,
        service=parameters.service,
        since=since,
        limit=parameters.limit,
    )
    return run_reports.listing(await context.runs.list_visible(wanted, by=context.invocation))


COMMAND = command.Command(
    name="run list",
    summary="list runs of procedures with their state",
    parameters=Parameters,
    run=run,
    examples=("run list", "run list --state waiting", "run list --service {service} --since 8h"),
    sections=("how-to-use",),
    is_step=False,
    needs_procedures=True,
    aliases=("runs",),
)
