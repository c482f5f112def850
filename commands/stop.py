"""Stop a command that runs until it is stopped, such as a log that is followed."""

from typing import Annotated

import pydantic

from bot import command, errors
from bot.model import invocations, reports, times


class Parameters(command.Parameters):
    """What to stop."""

    id: Annotated[
        str,
        command.Option(positional=True, label="ID"),
        pydantic.Field(pattern=r"^\d{4}-[0-9a-f]{10}$", description="the id shown under the response"),
    ]


async def run(parameters: Parameters, context: command.Context) -> reports.Report:
    """Record the request where the replica that runs the command finds it."""
    actor = context.invocation.actor
    request = invocations.CancelRequest(by=actor.name, at=context.now(), by_id=actor.id)
    outcome, first = await context.audit.request_stop(parameters.id, request, by=context.invocation)
    match outcome:
        case invocations.CancelResult.REQUESTED:
            headline = f"Stop requested: {parameters.id}."
        case invocations.CancelResult.ALREADY_REQUESTED:
            at = times.clock(first.at, context.now())
            headline = f"Stop already requested: {parameters.id}, by {first.by} at {at} UTC."
        case invocations.CancelResult.ENDED:
            headline = f"{parameters.id} has already ended."
        case invocations.CancelResult.UNKNOWN:
            raise errors.UsageError(
                f"No invocation has the id {parameters.id}.", hint="The id is shown under every response."
            )
    return reports.Report(verdict=reports.Verdict.OK, headline=headline, is_information=True)


COMMAND = command.Command(
    name=command.STOP,
    summary="stop following a log that you started, or that is shown where you ask",
    parameters=Parameters,
    run=run,
    examples=("stop 1123-0a1b2c3d4e",),
    reply=lambda _: invocations.Reply.ACKNOWLEDGEMENT,
    is_step=False,
)
