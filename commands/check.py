"""
Check the data that posbot serves, and hold the catalogue against a checkout of the backend.

That the files themselves are sound was checked before this command ran: posbot does not start on unsound ones.
"""

import pathlib
from typing import Annotated

import pydantic

from bot import toolkit
from bot.model import reports
from bot.runbook import backend


class Parameters(toolkit.Parameters):
    """What to compare with."""

    backend: Annotated[
        pathlib.Path | None,
        toolkit.Option(label="PATH"),
        pydantic.Field(description="a checkout of durion-positivity-backend to compare the catalogue with"),
    ] = None


async def run(parameters: Parameters, tools: toolkit.Tools) -> reports.Report:
    """Give what is wrong with the data, or that nothing is."""
    size = f"{len(tools.catalogue.services)} services, {len(tools.environments.environments)} environments"
    if parameters.backend is None:
        return reports.Report(
            verdict=reports.Verdict.OK,
            headline=f"The runbook data is sound: {size}, {len(tools.runbook.sections)} sections.",
            facts={"differences": 0},
        )
    differences = backend.compare(tools.catalogue, parameters.backend)
    if not differences:
        return reports.Report(
            verdict=reports.Verdict.OK,
            headline=f"Catalogue and backend agree on {size.partition(',')[0]}.",
            facts={"differences": 0},
        )
    rows = tuple(
        reports.Row(
            verdict=reports.Verdict.WARNING,
            cells=(difference.service, difference.about, difference.catalogue, difference.backend, difference.where),
        )
        for difference in differences
    )
    plural = "s" * (len(rows) > 1)
    return reports.Report(
        verdict=reports.Verdict.WARNING,
        headline=f"{len(rows)} difference{plural} between the catalogue and the backend.",
        sections=(reports.Table(columns=("service", "about", "catalogue", "backend", "where"), rows=rows),),
        facts={"differences": len(rows)},
    )


COMMAND = toolkit.Command(
    word="check",
    summary="check the runbook data, and compare the catalogue with a checkout",
    parameters=Parameters,
    run=run,
    examples=("check", "check --backend ../durion-positivity-backend"),
    terminal_only=True,
)
