"""End what goes on until somebody ends it, such as a log that is followed."""

from typing import Annotated

import pydantic

from bot import errors, toolkit
from bot.model import invocations, reports


class Parameters(toolkit.Parameters):
    """What to end."""

    id: Annotated[
        str,
        toolkit.Option(positional=True, label="ID"),
        pydantic.Field(pattern=r"^\d{4}-[0-9a-f]{10}$", description="the id that stands under the answer"),
    ]


async def run(parameters: Parameters, tools: toolkit.Tools) -> reports.Report:
    """Put the wish on record, where the posbot that does the work looks for it."""
    wish = invocations.Stop(by=tools.invocation.actor.name, at=tools.now())
    outcome, counting = await tools.invocations.request_stop(parameters.id, wish)
    match outcome:
        case invocations.StopOutcome.ASKED:
            headline = f"{parameters.id} was asked to stop."
        case invocations.StopOutcome.ASKED_BEFORE:
            headline = f"{parameters.id} was already stopped by {counting.by} at {counting.at:%H:%M:%S} UTC."
        case invocations.StopOutcome.ENDED:
            headline = f"{parameters.id} has already ended."
        case invocations.StopOutcome.UNKNOWN:
            raise errors.UsageError(
                f"Nothing with the id {parameters.id} is on record.", hint="The id stands under every answer."
            )
    return reports.Report(verdict=reports.Verdict.OK, headline=headline, is_information=True)


COMMAND = toolkit.Command(
    word="stop",
    summary="end a log that is being followed",
    parameters=Parameters,
    run=run,
    examples=("stop 1123-0a1b2c3d4e",),
    is_step=False,
)
