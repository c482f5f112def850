"""End what goes on until somebody ends it, such as a log that is followed."""

from typing import Annotated

import pydantic

from bot import command, errors
from bot.model import invocations, reports


class Parameters(command.Parameters):
    """What to end."""

    id: Annotated[
        str,
        command.Option(positional=True, label="ID"),
        pydantic.Field(pattern=r"^\d{4}-[0-9a-f]{10}$", description="the id that stands under the answer"),
    ]


async def run(parameters: Parameters, tools: command.Context) -> reports.Report:
    """Put the wish on record, where the posbot that does the work looks for it."""
    wish = invocations.CancelRequest(by=tools.invocation.actor.name, at=tools.now())
    outcome, counting = await tools.audit.request_stop(parameters.id, wish)
    match outcome:
        case invocations.CancelResult.REQUESTED:
            headline = f"{parameters.id} was asked to stop."
        case invocations.CancelResult.ALREADY_REQUESTED:
            headline = f"{parameters.id} was already stopped by {counting.by} at {counting.at:%H:%M:%S} UTC."
        case invocations.CancelResult.ENDED:
            headline = f"{parameters.id} has already ended."
        case invocations.CancelResult.UNKNOWN:
            raise errors.UsageError(
                f"Nothing with the id {parameters.id} is on record.", hint="The id stands under every answer."
            )
    return reports.Report(verdict=reports.Verdict.OK, headline=headline, is_information=True)


COMMAND = command.Command(
    name=command.STOP,
    summary="end a log that is being followed",
    parameters=Parameters,
    run=run,
    examples=("stop 1123-0a1b2c3d4e",),
    reply=lambda _: invocations.Reply.ACKNOWLEDGEMENT,
    is_step=False,
)
