"""Say which posbot answers and what it runs on."""

import importlib.metadata
import platform

from bot import command
from bot.model import reports


class Parameters(command.Parameters):
    """There is nothing to choose."""


async def run(_: Parameters, context: command.Context) -> reports.Report:
    """Return the version, and the size and defaults of the data it serves."""
    version = importlib.metadata.version("posbot")
    pairs = (
        ("Python", platform.python_version()),
        ("services", str(len(context.catalog.services))),
        ("environments", ", ".join(context.environments.environments)),
        ("default environment", context.environments.default),
    )
    return reports.Report(
        is_information=True,
        verdict=reports.Verdict.OK,
        headline=f"posbot {version}",
        sections=(reports.Fields(pairs=pairs),),
        facts={"version": version},
    )


COMMAND = command.Command(
    name="version",
    summary="show the version of posbot and its data",
    parameters=Parameters,
    run=run,
    examples=("version",),
    facts=command.facts(texts=("version",)),
)
