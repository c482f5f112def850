"""
Reports as the audit log keeps them: whole up to a size; of a larger one the parts that say what was found.

A log of fifty thousand lines would take megabytes of the database, and is in Slack as a file. Of it the first and the
last lines are kept, with the number of lines between them.
"""

import dataclasses
from collections.abc import Iterable, Sequence

from bot.model import counts, reports
from bot.store import database

MAX_CHARACTERS = 250_000
"""Of one report, uncompressed."""
_MAX_SECTION_CHARACTERS = 50_000
"""Of a section of a larger report that is no log."""
_MAX_TEXT_CHARACTERS = 4_000
"""Of a headline, a cell or a fact of a larger report."""
_MAX_SECTIONS = 50
_HEAD_SHARE = 4
"""A quarter of the space of a log is for its first lines."""
_ENTRY_CHARACTERS = 100
"""What an entry, a row or a field takes beside its texts."""


def pack(report: reports.Report) -> bytes:
    """Return *report* as it is stored, shortened if it is large."""
    return database.pack(reports.to_document(shorten(report)))


def unpack(packed: bytes) -> reports.Report:
    """Return the report that `pack` has packed."""
    return reports.from_document(database.unpack(packed))


def shorten(report: reports.Report, max_characters: int = MAX_CHARACTERS) -> reports.Report:
    """Return *report*; one that is larger than *max_characters* without what does not fit, each omission counted."""
    if _size(report) <= max_characters:
        return report
    sections = list(report.sections[:_MAX_SECTIONS])
    logs = sum(isinstance(section, reports.Log) for section in sections)
    others = [section if isinstance(section, reports.Log) else _shorten(section) for section in sections]
    rest = max_characters - sum(_section_size(one) for one in others if not isinstance(one, reports.Log))
    share = max(rest, max_characters // 2) // max(logs, 1)
    kept = tuple(_shorten_log(one, share) if isinstance(one, reports.Log) else one for one in others)
    if len(report.sections) > len(sections):
        left_out = counts.counted(len(report.sections) - len(sections), "further section")
        kept += (reports.Text(text=f"{left_out} not recorded."),)
    shortened = dataclasses.replace(
        report,
        headline=_cut(report.headline, _MAX_TEXT_CHARACTERS),
        sections=kept,
        facts={name: _cut(value, 200) if isinstance(value, str) else value for name, value in report.facts.items()},
    )
    if _size(shortened) <= 2 * max_characters:
        return shortened
    too_large = reports.Text(text="The sections of this report are too large to be recorded.")
    return dataclasses.replace(shortened, sections=(too_large,))


def _size(report: reports.Report) -> int:
    facts = sum(len(name) + len(str(value)) for name, value in report.facts.items())
    actions = sum(len(action.command) + len(action.label) for action in report.next_actions)
    return len(report.headline) + facts + actions + sum(map(_section_size, report.sections))


def _section_size(section: reports.Section) -> int:
    match section:
        case reports.Log():
            return sum(len(entry.text) + _ENTRY_CHARACTERS for entry in section.entries)
        case reports.Code() | reports.Text():
            return len(section.text)
        case reports.Table():
            return sum(_texts_size(row.cells) for row in section.rows)
        case reports.Fields():
            return sum(map(_texts_size, section.pairs))
        case reports.Prose():
            return sum(_texts_size([paragraph.text]) for paragraph in section.paragraphs)
        case reports.Plan():
            return sum(_texts_size((task.title, task.status, task.detail)) for task in section.tasks)


def _texts_size(texts: Iterable[str]) -> int:
    return _ENTRY_CHARACTERS + sum(map(len, texts))


def _shorten(section: reports.Section) -> reports.Section:
    """Return *section*, which is no log, without what is too much."""
    if _section_size(section) <= _MAX_SECTION_CHARACTERS:
        return section
    match section:
        case reports.Code() | reports.Text():
            return dataclasses.replace(section, text=_cut(section.text, _MAX_SECTION_CHARACTERS))
        case reports.Table():
            rows = [_cut_row(row) for row in section.rows]
            kept = _fitting([_texts_size(row.cells) for row in rows])
            return dataclasses.replace(
                section, rows=tuple(rows[:kept]), title=_title(section.title, len(rows) - kept, "row")
            )
        case reports.Fields():
            pairs = [(_cut(name, 200), _cut(value, _MAX_TEXT_CHARACTERS)) for name, value in section.pairs]
            kept = _fitting([_texts_size(pair) for pair in pairs])
            return dataclasses.replace(
                section, pairs=tuple(pairs[:kept]), title=_title(section.title, len(pairs) - kept, "value")
            )
        case reports.Prose() | reports.Plan() | reports.Log():
            # posbot's own words, or shortened elsewhere.
            return section


def _cut_row(row: reports.Row) -> reports.Row:
    return dataclasses.replace(row, cells=tuple(_cut(cell, _MAX_TEXT_CHARACTERS) for cell in row.cells))


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return f"{text[:limit]} … ({counts.counted(len(text) - limit, 'character')} not recorded)"


def _fitting(sizes: Sequence[int]) -> int:
    """Return how many of *sizes*, from the first one, fit into a section; one at least."""
    total = 0
    for index, size in enumerate(sizes):
        total += size
        if total > _MAX_SECTION_CHARACTERS:
            return max(index, 1)
    return len(sizes)


def _title(title: str | None, left_out: int, noun: str) -> str | None:
    if not left_out:
        return title
    return f"{title or ''} ({counts.counted(left_out, noun)} not recorded)".strip()


def _shorten_log(section: reports.Log, max_characters: int) -> reports.Log:
    """Return the first and the last entries of *section*, and how many lines are omitted between them."""
    if _section_size(section) <= max_characters:
        return section
    entries, for_head = section.entries, max_characters // _HEAD_SHARE
    head = _count_fitting(entries, for_head)
    tail = _count_fitting(entries[: head - 1 : -1] if head else entries[::-1], max_characters - for_head)
    last = entries[len(entries) - tail :]
    if not tail:
        last = (dataclasses.replace(entries[-1], text=_cut(entries[-1].text, max_characters - for_head)),)
    left_out = entries[head : len(entries) - len(last)]
    lines = counts.counted(sum(entry.text.count("\n") + 1 for entry in left_out if not entry.is_annotation), "line")
    note = reports.LogEntry(text=f"{lines} not recorded", source=section.common, is_annotation=True)
    return dataclasses.replace(
        section,
        entries=(*entries[:head], *([note] if left_out else []), *last),
        title=f"{section.title or ''} (recorded without {lines} of it)".strip() if left_out else section.title,
    )


def _count_fitting(entries: Sequence[reports.LogEntry], characters: int) -> int:
    for index, entry in enumerate(entries):
        characters -= len(entry.text) + _ENTRY_CHARACTERS
        if characters < 0:
            return index
    return len(entries)
