"""
Commands whose executions can be counted: each appends a line to a file.

`read` reads and `change` changes; parameters decide how long they take and with which verdict they end.
"""

import asyncio
import pathlib
from typing import Annotated

import pydantic

from bot import command
from bot.model import reports


class Parameters(command.Parameters):
    """The line to append, and the verdict."""

    text: Annotated[str, command.Option(positional=True), pydantic.Field(description="the line")]
    notes: Annotated[pathlib.Path, pydantic.Field(description="the file")]
    verdict: Annotated[str, pydantic.Field(description="the verdict")] = "ok"
    seconds: Annotated[float, pydantic.Field(description="how long it takes")] = 0.0
    good_after: Annotated[int, pydantic.Field(description="number of failures before it succeeds")] = 0


async def run(parameters: Parameters, tools: command.Context) -> reports.Report:
    """Append the line and return the requested verdict."""
    with parameters.notes.open("a") as file:
        file.write(f"{parameters.text}\n")
    await asyncio.sleep(parameters.seconds)
    times = parameters.notes.read_text().splitlines().count(parameters.text)
    is_good = not parameters.good_after or times > parameters.good_after
    verdict = reports.Verdict(parameters.verdict if is_good else "failed")
    return reports.Report(
        verdict=verdict, headline=f"{parameters.text} came out {verdict}.", facts={"times": times, "who": "me"}
    )


READ = command.Command(name="read", summary="read", parameters=Parameters, run=run, examples=("read x --notes f",))
CHANGE = command.Command(
    name="change",
    summary="change",
    parameters=Parameters,
    run=run,
    examples=("change x --notes f",),
    effect=command.Effect.CHANGE,
)
