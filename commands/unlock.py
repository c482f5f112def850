"""Release a lock that a run holds, so that another run can start."""

from typing import Annotated

import pydantic

from bot import command
from bot.model import reports


class Parameters(command.Parameters):
    """Which lock, and why."""

    lock: Annotated[
        str,
        command.Option(positional=True, label="LOCK"),
        pydantic.Field(min_length=1, max_length=255, description="the name of the lock, as shown with a run"),
    ]
    reason: Annotated[
        str,
        command.Option(label="REASON"),
        pydantic.Field(min_length=5, max_length=500, description="why; kept in the audit log"),
    ]


async def run(parameters: Parameters, context: command.Context) -> reports.Report:
    """Release it and return which run held it: that run continues, so look at it first."""
    holder = await context.runs.unlock(parameters.lock)
    continues = "" if holder.state.is_final else " That run continues without it."
    return reports.Report(
        verdict=reports.Verdict.OK,
        headline=f"Lock “{parameters.lock}” released; it was held by the run {holder.id}.{continues}",
        sections=(reports.Fields(pairs=(("reason", parameters.reason), ("by", context.invocation.actor.name))),),
        facts={"lock": parameters.lock, "run": holder.id},
        next_actions=(reports.NextAction(label="Show run", command=f"run show {holder.id}"),),
    )


COMMAND = command.Command(
    name="unlock",
    summary="release a lock that a run holds",
    parameters=Parameters,
    run=run,
    examples=('unlock deployment:{service}:{environment} --reason "its run was abandoned"',),
    effect=command.Effect.CHANGE,
    sections=("how-to-use",),
    is_step=False,
    needs_procedures=True,
)
