"""
Commands whose doing can be counted from outside: each appends a line to a file.

`look` reads and `turn` changes; both take as long, and come out as, they are told.
"""

import asyncio
import pathlib
from typing import Annotated

import pydantic

from bot import command
from bot.model import reports


class Parameters(command.Parameters):
    """What to note, and how it shall come out."""

    text: Annotated[str, command.Option(positional=True), pydantic.Field(description="what is noted")]
    notes: Annotated[pathlib.Path, pydantic.Field(description="the file")]
    verdict: Annotated[str, pydantic.Field(description="how it comes out")] = "ok"
    seconds: Annotated[float, pydantic.Field(description="how long it takes")] = 0.0
    good_after: Annotated[int, pydantic.Field(description="how often it fails first")] = 0


async def run(parameters: Parameters, tools: command.Context) -> reports.Report:
    """Note it and give what is wanted."""
    with parameters.notes.open("a") as file:
        file.write(f"{parameters.text}\n")
    await asyncio.sleep(parameters.seconds)
    times = parameters.notes.read_text().splitlines().count(parameters.text)
    is_good = not parameters.good_after or times > parameters.good_after
    verdict = reports.Verdict(parameters.verdict if is_good else "failed")
    return reports.Report(
        verdict=verdict, headline=f"{parameters.text} came out {verdict}.", facts={"times": times, "who": "me"}
    )


LOOK = command.Command(name="look", summary="read", parameters=Parameters, run=run, examples=("look x --notes f",))
TURN = command.Command(
    name="turn",
    summary="change",
    parameters=Parameters,
    run=run,
    examples=("turn x --notes f",),
    effect=command.Effect.CHANGE,
)
