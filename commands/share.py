"""Show one of your own answers to everyone in the channel."""

from typing import Annotated

import pydantic

from bot import command, errors
from bot.model import invocations, reports


class Parameters(command.Parameters):
    """Which answer."""

    id: Annotated[
        str,
        command.Option(positional=True, label="ID"),
        pydantic.Field(pattern=r"^\d{4}-[0-9a-f]{10}$", description="the id that stands under the answer"),
    ]


async def run(parameters: Parameters, tools: command.Context) -> reports.Report:
    """Give the answer as it was, without asking again."""
    report = await tools.audit.find_report(parameters.id, actor_id=tools.invocation.actor.id)
    if report is None:
        raise errors.UsageError(
            f"None of your answers has the id {parameters.id}.", hint="The id stands under every answer."
        )
    return report


COMMAND = command.Command(
    name="share",
    summary="show one of your answers to everyone here",
    parameters=Parameters,
    run=run,
    examples=("share 1123-0a1b2c3d4e",),
    reply=lambda _: invocations.Reply.PUBLIC,
    is_step=False,
)
