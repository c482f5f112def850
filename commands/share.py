"""Show one of your own responses to everyone in the channel."""

from typing import Annotated

import pydantic

from bot import command, errors
from bot.model import invocations, reports


class Parameters(command.Parameters):
    """Which response."""

    id: Annotated[
        str,
        command.Option(positional=True, label="ID"),
        pydantic.Field(pattern=r"^\d{4}-[0-9a-f]{10}$", description="the id shown under the response"),
    ]


async def run(parameters: Parameters, context: command.Context) -> reports.Report:
    """Return the recorded report; the command is not run again."""
    report = await context.audit.find_report(parameters.id, actor_id=context.invocation.actor.id)
    if report is None:
        raise errors.UsageError(
            f"None of your responses has the id {parameters.id}.", hint="The id is shown under every response."
        )
    return report


COMMAND = command.Command(
    name="share",
    summary="show one of your responses to everyone here",
    parameters=Parameters,
    run=run,
    examples=("share 1123-0a1b2c3d4e",),
    reply=lambda _: invocations.Reply.PUBLIC,
    is_step=False,
)
