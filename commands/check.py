"""
Check the data that posbot serves, and hold the catalogue against a checkout of the backend.

Unsound files were refused before this command ran: posbot does not start on them. An unsound procedure is only disabled
then; here it is a failure.
"""

import pathlib
from collections.abc import Iterator
from typing import Annotated

import pydantic

from bot import command
from bot.config import drift
from bot.model import counts, reports
from bot.procedures import testing
from bot.runbook import sections as runbook_sections


class Parameters(command.Parameters):
    """What to compare with."""

    backend: Annotated[
        pathlib.Path | None,
        command.Option(label="PATH"),
        pydantic.Field(description="a checkout of durion-positivity-backend to compare the catalogue with"),
    ] = None


async def run(parameters: Parameters, tools: command.Context) -> reports.Report:
    """Return what is wrong with the data, or that nothing is."""
    if parameters.backend is None:
        return _own_data(tools)
    size = counts.counted(len(tools.catalog.services), "service")
    differences = drift.compare(tools.catalog, parameters.backend)
    if not differences:
        return reports.Report(
            verdict=reports.Verdict.OK,
            headline=f"Catalogue and backend agree on {size}.",
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


def _own_data(tools: command.Context) -> reports.Report:
    book = tools.procedure_catalog
    outdated = tuple(_outdated(tools))
    sizes = {
        "service": len(tools.catalog.services),
        "environment": len(tools.environments.environments),
        "section": len(tools.runbook.sections),
        "procedure": len(book.procedures),
    }
    size = ", ".join(counts.counted(number, noun) for noun, number in sizes.items())
    verdict, headline = reports.Verdict.OK, f"The runbook data is sound: {size}."
    sections: list[reports.Section] = []
    if outdated:
        verdict = reports.Verdict.WARNING
        headline = (
            f"{len(outdated)} of {len(book.procedures)} procedures were not held against what their section says."
        )
        sections.append(reports.Table(columns=("procedure", "section", "what to do"), rows=outdated))
    shared = tuple(_shared_urls(tools))
    if shared:
        verdict = reports.Verdict.WARNING
        headline = f"{len(shared)} health URL{'s are' if len(shared) > 1 else ' is'} the same for several services"
        sections.append(reports.Table(columns=("environment", "health URL", "services"), rows=shared))
    count, failures = _run_procedure_tests(tools)
    if failures:
        verdict = reports.Verdict.FAILED
        headline = f"{len(failures)} of {count} procedure tests failed"
        rows = tuple(reports.Row(verdict=reports.Verdict.FAILED, cells=failure) for failure in failures)
        sections.insert(0, reports.Table(title="Procedure tests", columns=("test", "reason"), rows=rows))
    if book.invalid:
        verdict = reports.Verdict.FAILED
        headline = f"{len(book.invalid)} of {len(book.invalid) + len(book.procedures)} procedures are disabled."
        sections.insert(0, reports.Code(text="\n".join(one.reason for one in book.invalid)))
    uncovered = tuple(section.name for section in tools.runbook.sections if _needs_procedure(section, tools))
    if uncovered:
        sections.append(reports.Text(title="Sections that no procedure carries out", text="\n".join(uncovered)))
    facts: dict[str, reports.Scalar] = {
        "differences": 0,
        "procedures": len(book.procedures),
        "disabled": len(book.invalid),
        "outdated": len(outdated),
        "shared_health_urls": len(shared),
        "procedure_tests": count,
        "failed_tests": len(failures),
        "uncovered": len(uncovered),
    }
    return reports.Report(verdict=verdict, headline=headline, sections=tuple(sections), facts=facts)


def _shared_urls(tools: command.Context) -> Iterator[reports.Row]:
    """Yield the health URLs that several services have, where the health of one is shown as that of another."""
    for name, environment in tools.environments.environments.items():
        for url, services in environment.shared_health_urls(tools.catalog).items():
            yield reports.Row(verdict=reports.Verdict.WARNING, cells=(name, url, ", ".join(services)))


def _run_procedure_tests(tools: command.Context) -> tuple[int, list[tuple[str, str]]]:
    vocabulary = command.Vocabulary(
        catalog=tools.catalog,
        environments=tools.environments,
        commands=tuple(tools.commands),
        aliases={alias: name for name, one in tools.commands.items() for alias in one.aliases},
    )
    return testing.run_all(tools.procedure_catalog, tools.commands, vocabulary)


def _outdated(tools: command.Context) -> Iterator[reports.Row]:
    """Return the procedures whose section was changed since somebody last held the two against each other."""
    for procedure in tools.procedure_catalog.procedures:
        section = tools.runbook.find(procedure.doc.section)
        if procedure.doc.reviewed == section.digest:
            continue
        what = "has changed" if procedure.doc.reviewed else "was never compared"
        advice = f"it {what}; compare the two, then write doc.reviewed: {section.digest}"
        yield reports.Row(verdict=reports.Verdict.WARNING, cells=(procedure.id, section.name, advice))


def _needs_procedure(section: runbook_sections.Section, tools: command.Context) -> bool:
    """Return whether nothing carries *section* out, neither whole nor in its parts."""
    carried_out = {procedure.doc.section for procedure in tools.procedure_catalog.procedures}
    parts = {section.marker, *(part.marker for part in tools.runbook.subsections(section))}
    return bool(section.number) and not parts & carried_out


COMMAND = command.Command(
    name="check",
    summary="validate the runbook data, compare the catalogue with a checkout",
    parameters=Parameters,
    run=run,
    examples=("check", "check --backend ../durion-positivity-backend"),
    is_terminal_only=True,
    needs_procedures=True,
)
