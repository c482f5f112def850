"""Say which posbot answers and what it runs on."""

import importlib.metadata
import platform

from bot import toolkit
from bot.model import reports


class Parameters(toolkit.Parameters):
    """There is nothing to choose."""


async def run(_: Parameters, tools: toolkit.Tools) -> reports.Report:
    """Give the version, and the size and defaults of the data it serves."""
    version = importlib.metadata.version("posbot")
    pairs = (
        ("Python", platform.python_version()),
        ("services", str(len(tools.catalogue.services))),
        ("environments", ", ".join(tools.environments.environments)),
        ("default environment", tools.environments.default),
    )
    return reports.Report(
        is_information=True,
        verdict=reports.Verdict.OK,
        headline=f"posbot {version}",
        sections=(reports.Fields(pairs=pairs),),
        facts={"version": version},
    )


COMMAND = toolkit.Command(
    word="version",
    summary="say which posbot answers",
    parameters=Parameters,
    run=run,
    examples=("version",),
    facts=toolkit.facts(texts=("version",)),
)
