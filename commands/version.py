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
        ("runbook data", context.data_digest),
        ("services", str(len(context.catalog.services))),
        ("environments", ", ".join(context.environments.environments)),
        ("default environment", context.environments.default),
        ("runbook sections", str(len(context.runbook.sections))),
        ("procedures", str(len(context.procedure_catalog.procedures))),
    )
    return reports.Report(
        is_information=True,
        verdict=reports.Verdict.OK,
        headline=f"posbot {version}",
        sections=(reports.Fields(pairs=pairs),),
        facts={"version": version, "data": context.data_digest},
    )


COMMAND = command.Command(
    name="version",
    summary="show the version of posbot and its data",
    parameters=Parameters,
    run=run,
    examples=("version",),
    needs_procedures=True,
    facts=command.facts(texts=("version", "data")),
)
