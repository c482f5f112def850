"""Free a lock that a run holds, so that another run may begin."""

from typing import Annotated

import pydantic

from bot import command
from bot.model import reports


class Parameters(command.Parameters):
    """Which lock, and why."""

    lock: Annotated[
        str,
        command.Option(positional=True, label="LOCK"),
        pydantic.Field(min_length=1, max_length=255, description="the lock, as a refusal or a run names it"),
    ]
    reason: Annotated[
        str,
        command.Option(label="REASON"),
        pydantic.Field(min_length=5, max_length=500, description="why; it stands in the record"),
    ]


async def run(parameters: Parameters, tools: command.Context) -> reports.Report:
    """Free it, and tell which run held it: that one goes on, so look at it first."""
    holder = await tools.runs.unlock(parameters.lock)
    goes_on = "" if holder.state.is_final else " That run goes on without it."
    return reports.Report(
        verdict=reports.Verdict.OK,
        headline=f"“{parameters.lock}” is free. The run {holder.id} held it.{goes_on}",
        sections=(reports.Fields(pairs=(("reason", parameters.reason), ("by", tools.invocation.actor.name))),),
        facts={"lock": parameters.lock, "run": holder.id},
        next_actions=(reports.NextAction(label="Show that run", command=f"run show {holder.id}"),),
    )


COMMAND = command.Command(
    name="unlock",
    summary="free a lock that a run holds",
    parameters=Parameters,
    run=run,
    examples=('unlock deployment:pos-order:prod --reason "its run was given up"',),
    effect=command.Effect.CHANGE,
    sections=("how-to-use",),
    is_step=False,
)
