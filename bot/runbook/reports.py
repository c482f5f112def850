"""Reports of runbook sections and of search results."""

from collections.abc import Iterable, Iterator, Sequence

from bot.model import reports
from bot.runbook import markdown, search
from bot.runbook import sections as runbook_sections

INDEX = "how-to-use"
MAX_BRIEF_CHARACTERS = 1_400
"""About one and a half screens of a phone."""
MAX_BUTTONS = 4
"""Of the five that a message should have; sharing takes one."""
_OVERVIEW = "overview"


def section_report(
    section: runbook_sections.Section,
    runbook: runbook_sections.Runbook,
    *,
    is_full: bool,
    commands: Sequence[tuple[str, str]],
    buttons: Sequence[reports.NextAction],
) -> reports.Report:
    """Return the report of *section*; *commands* are names and summaries of those that cover it, *buttons* run them."""
    content = markdown.parse(section.body)
    shown = content if is_full else tuple(_brief(content))
    omitted = len(content) - len(shown)
    subsections = runbook.subsections(section)
    sections: list[reports.Section] = [*shown]
    if omitted:
        sections.append(reports.Text(text=f"{omitted} more part{'s' * (omitted > 1)} with --full."))
    if subsections:
        pairs = tuple((one.number, one.title) for one in subsections)
        sections.append(reports.Fields(title="Sections", pairs=pairs))
    if commands:
        sections.append(reports.Fields(title="Commands", pairs=tuple(commands)))
    if documents := _related_documents(section, shown, content, runbook):
        paragraphs = tuple(reports.Paragraph(spans=(span,), bullet="•") for span in documents)
        sections.append(reports.Prose(title="Related documents", paragraphs=paragraphs))
    full = reports.NextAction(label="Whole section", command=f"runbook {section.marker} --full")
    actions = (*([full] if omitted and section.marker != INDEX else []), *buttons, *map(section_button, subsections))
    return reports.Report(
        is_information=True,
        verdict=reports.Verdict.OK,
        headline=section.name,
        sections=tuple(sections),
        facts={"section": section.marker, "number": section.number, "omitted": omitted},
        next_actions=actions[:MAX_BUTTONS],
        runbook=runbook.point_to(section.marker) if runbook.url else (),
    )


def section_button(section: runbook_sections.Section) -> reports.NextAction:
    """Return the button that shows *section*."""
    return reports.NextAction(label=section.name, command=f"runbook {section.number or section.marker}")


def search_report(query: str, matches: Sequence[search.Match]) -> reports.Report:
    """Return the report of the sections that match *query*."""
    if not matches:
        return reports.Report(
            is_information=True,
            verdict=reports.Verdict.OK,
            headline=f"No runbook section matches “{query}”",
            facts={"hits": 0},
            next_actions=(reports.NextAction(label="Runbook index", command="runbook"),),
        )
    first, *others = [section_button(match.section) for match in matches]
    primary = reports.NextAction(label=first.label, command=first.command, is_primary=True)
    return reports.Report(
        is_information=True,
        verdict=reports.Verdict.OK,
        headline=f"Runbook sections that match “{query}”",
        sections=(reports.Prose(paragraphs=tuple(_matching_sentence(match) for match in matches)),),
        facts={"hits": len(matches), "section": matches[0].section.marker, "number": matches[0].section.number},
        next_actions=(primary, *others),
    )


def _brief(sections: Sequence[reports.Section]) -> Iterator[reports.Section]:
    """Yield the first of *sections*, at least one, up to `MAX_BRIEF_CHARACTERS`."""
    remaining = MAX_BRIEF_CHARACTERS
    for section in sections:
        size = sum(map(len, markdown.sentences([section])))
        if size > remaining and remaining < MAX_BRIEF_CHARACTERS:
            return
        yield section
        remaining -= size


def _related_documents(
    section: runbook_sections.Section,
    shown: Sequence[reports.Section],
    content: Sequence[reports.Section],
    runbook: runbook_sections.Runbook,
) -> Iterable[reports.Span]:
    """Return the documents that *content* links to and *shown* does not; the index has those of the overview."""
    if section.marker == INDEX:
        return markdown.links(markdown.parse(runbook.find(_OVERVIEW).body))
    visible = {span.url for span in markdown.links(shown)}
    return [span for span in markdown.links(content) if span.url not in visible]


def _matching_sentence(match: search.Match) -> reports.Paragraph:
    spans = [reports.Span(text=f"{match.section.name}: ", is_italic=True)]
    spans += [reports.Span(text=text, is_bold=is_match) for text, is_match in match.fragments() if text]
    return reports.Paragraph(spans=tuple(spans), bullet="•")
