"""
Check the data that posbot serves, and hold the catalogue against a checkout of the backend.

Unsound files were refused before this command ran: posbot does not start on them. An unsound procedure is only disabled
then; here it is a failure.
"""

import dataclasses
import pathlib
import shlex
from collections.abc import Iterable, Iterator
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


async def run(parameters: Parameters, context: command.Context) -> reports.Report:
    """Return what is wrong with the data, or that nothing is."""
    if parameters.backend is None:
        return _own_data(context)
    size = counts.counted(len(context.catalog.services), "service")
    differences = drift.compare(context.catalog, parameters.backend)
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
        sections=(
            reports.Table(columns=("service", "about", "catalogue", "backend", "where"), rows=rows),
            reports.Text(
                text="Edit services.yaml where the backend is right, or the file named under “where” where it is not."
            ),
        ),
        facts={"differences": len(rows)},
        next_actions=(
            reports.NextAction(label="Run again", command=f"check --backend {shlex.quote(str(parameters.backend))}"),
        ),
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    verdict: reports.Verdict
    headline: str
    section: reports.Section


def _own_data(context: command.Context) -> reports.Report:
    book, results = context.procedure_catalog, _run_procedure_tests(context)
    findings = list(_findings(context, results))
    sizes = {
        "service": len(context.catalog.services),
        "environment": len(context.environments.environments),
        "section": len(context.runbook.sections),
        "procedure": len(book.procedures),
    }
    size = ", ".join(counts.counted(number, noun) for noun, number in sizes.items())
    uncovered = tuple(section.name for section in context.runbook.sections if _needs_procedure(section, context))
    sections = [finding.section for finding in findings]
    if uncovered:
        sections.append(reports.Text(title="Sections that no procedure carries out", text="\n".join(uncovered)))
    facts: dict[str, reports.Scalar] = {
        "differences": 0,
        "procedures": len(book.procedures),
        "disabled": len(book.invalid),
        "outdated": sum(1 for _ in _outdated(context)),
        "shared_health_urls": sum(1 for _ in _shared_urls(context)),
        "security_warnings": len(context.security_warnings),
        "unknown_names": len(book.warnings) + len(results.not_run),
        "procedure_tests": results.count,
        "failed_tests": len(results.failed),
        "uncovered": len(uncovered),
    }
    return reports.Report(
        verdict=findings[0].verdict if findings else reports.Verdict.OK,
        headline=findings[0].headline if findings else f"The runbook data is sound: {size}.",
        sections=tuple(sections),
        facts=facts,
    )


def _findings(context: command.Context, results: testing.Results) -> Iterator[_Finding]:
    """Yield what is wrong with the data, the worst first."""
    book, warning = context.procedure_catalog, reports.Verdict.WARNING
    if book.invalid:
        yield _Finding(
            verdict=reports.Verdict.FAILED,
            headline=f"{len(book.invalid)} of {len(book.invalid) + len(book.procedures)} procedures are disabled.",
            section=reports.Code(text="\n".join(one.reason for one in book.invalid)),
        )
    if results.failed:
        rows = tuple(reports.Row(verdict=reports.Verdict.FAILED, cells=failure) for failure in results.failed)
        yield _Finding(
            verdict=reports.Verdict.FAILED,
            headline=f"{len(results.failed)} of {results.count} procedure tests failed",
            section=reports.Table(title="Procedure tests", columns=("test", "reason"), rows=rows),
        )
    if shared := tuple(_shared_urls(context)):
        yield _Finding(
            verdict=warning,
            headline=f"{len(shared)} health URL{'s are' if len(shared) > 1 else ' is'} the same for several services",
            section=reports.Table(columns=("environment", "health URL", "services"), rows=shared),
        )
    if outdated := tuple(_outdated(context)):
        yield _Finding(
            verdict=warning,
            headline=f"{len(outdated)} of {len(book.procedures)} procedures were not held against what their section"
            " says.",
            section=reports.Table(columns=("procedure", "section", "what to do"), rows=outdated),
        )
    if context.security_warnings:
        yield _Finding(
            verdict=warning,
            headline=f"{counts.counted(len(context.security_warnings), 'secret')} not protected on the network",
            section=reports.Text(title="Not protected", text="\n".join(context.security_warnings)),
        )
    if unknown := tuple(_unknown_names(book.warnings, results)):
        examples = f"{len(book.warnings)} example{'s' * (len(book.warnings) != 1)}"
        tests = f"{len(results.not_run)} test{'s' * (len(results.not_run) != 1)}"
        yield _Finding(
            verdict=warning,
            headline=f"Unknown services or environments in {examples} and {tests} of procedures",
            section=reports.Table(title="Examples and tests", columns=("where", "reason"), rows=unknown),
        )


def _unknown_names(warnings: Iterable[str], results: testing.Results) -> Iterator[reports.Row]:
    """Yield the examples and tests with names that do not exist here; such a test is not run."""
    for where, reason in (*(warning.split(": ", 1) for warning in warnings), *results.not_run):
        yield reports.Row(verdict=reports.Verdict.WARNING, cells=(where, reason))


def _shared_urls(context: command.Context) -> Iterator[reports.Row]:
    """Yield the health URLs that several services have, where the health of one is shown as that of another."""
    for name, environment in context.environments.environments.items():
        for url, services in environment.shared_health_urls(context.catalog).items():
            yield reports.Row(verdict=reports.Verdict.WARNING, cells=(name, url, ", ".join(services)))


def _run_procedure_tests(context: command.Context) -> testing.Results:
    vocabulary = command.Vocabulary(
        catalog=context.catalog,
        environments=context.environments,
        commands=tuple(context.commands),
        aliases={alias: name for name, one in context.commands.items() for alias in one.aliases},
    )
    return testing.run_all(context.procedure_catalog, context.commands, vocabulary)


def _outdated(context: command.Context) -> Iterator[reports.Row]:
    """Return the procedures whose section was changed since somebody last held the two against each other."""
    for procedure in context.procedure_catalog.procedures:
        section = context.runbook.find(procedure.doc.section)
        if procedure.doc.reviewed == section.digest:
            continue
        what = "has changed" if procedure.doc.reviewed else "was never compared"
        advice = f"it {what}; compare the two, then write doc.reviewed: {section.digest}"
        yield reports.Row(verdict=reports.Verdict.WARNING, cells=(procedure.id, section.name, advice))


def _needs_procedure(section: runbook_sections.Section, context: command.Context) -> bool:
    """Return whether nothing carries *section* out, neither whole nor in its parts."""
    carried_out = {procedure.doc.section for procedure in context.procedure_catalog.procedures}
    parts = {section.marker, *(part.marker for part in context.runbook.subsections(section))}
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
