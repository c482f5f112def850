"""
The sections of a report as blocks, within the room that a message has.

What does not fit is counted, never dropped in silence.
"""

from collections.abc import Iterable, Sequence

from bot.model import reports
from bot.render import columns, elements, limits, manners, marks, plans, proses, rooms, tails

Block = elements.Block

_TOLD_CHARACTERS = 100
"""For the sentence about how much of a log is shown."""
_LINES_DRAWN = 500
"""Of a table that is drawn as text; no message has room for more."""


def drawn(sections: Sequence[reports.Section], room: rooms.Room, manner: manners.Manner = manners.PLAIN) -> list[Block]:
    """Give *sections* in their order; logs, which can do with any room, get what the others leave."""
    drawn: dict[int, list[Block]] = {}
    for index in sorted(range(len(sections)), key=lambda index: isinstance(sections[index], reports.Log)):
        if room.is_full:
            left = [section for place, section in enumerate(sections) if place not in drawn]
            room.left_out.append(f"{len(left)} more sections")
            room.files += [section for section in left if isinstance(section, reports.Log)]
            break
        room.take_block()
        drawn[index] = list(_section(sections[index], room, manner))
    if manner.tail is not None:
        drawn[-1], room.is_whole = [], False
        if not room.is_full:
            room.take_block()
            block, room.is_whole = _log(manner.tail, None, room, manner)
            drawn[-1] = [block]
    return [block for index in sorted(drawn) for block in drawn[index]]


def _section(section: reports.Section, room: rooms.Room, manner: manners.Manner) -> Iterable[Block]:
    match section:
        case reports.Table():
            yield from _table(section, room)
        case reports.Fields():
            yield from _fields(section, room)
        case reports.Code():
            yield elements.rich([*room.title(section.title), elements.preformatted(room.take(section.text))])
        case reports.Text():
            text = elements.text(elements.visible(room.take(section.text)))
            yield elements.rich([*room.title(section.title), elements.lines([text])])
        case reports.Prose():
            yield from _prose(section, room)
        case reports.Plan():
            yield from plans.drawn(section, room, as_block=manner.has_plans)
        case reports.Log():
            block, is_whole = _log(tails.of_log(section), section.title, room, manner)
            room.files += [] if is_whole else [section]
            yield block


def _prose(section: reports.Prose, room: rooms.Room) -> Iterable[Block]:
    title = room.title(section.title)
    sizes = [len(paragraph.text) + len(paragraph.bullet) + 2 for paragraph in section.paragraphs]
    count = room.take_while_fitting(sizes, "paragraphs")
    if title or count:
        yield elements.rich([*title, *proses.drawn(section.paragraphs[:count])])


def _log(tail: tails.Tail, title: str | None, room: rooms.Room, manner: manners.Manner) -> tuple[Block, bool]:
    """Draw the end of a log, and tell whether that is all of it."""
    parts = room.title(title)
    shown = tail.within(room.characters)
    if not shown.is_whole:
        shown = tail.within(room.characters - len(manner.whereabouts) - _TOLD_CHARACTERS)
        parts.append(elements.lines([elements.italic(room.take(f"{shown.told()} {manner.whereabouts}"))]))
    if shown.lines:
        parts.append(elements.preformatted(room.take(shown.text)))
    elif not tail.total:
        parts.append(elements.lines([elements.text("No lines.")]))
    return elements.rich(parts), shown.is_whole


def _fields(section: reports.Fields, room: rooms.Room) -> Iterable[Block]:
    title = room.title(section.title)
    pairs = [(elements.visible(name), elements.visible(value)) for name, value in section.pairs]
    count = room.take_while_fitting([len(name) + len(value) + 3 for name, value in pairs], "values")
    words: list[Block] = []
    for index, (name, value) in enumerate(pairs[:count]):
        end = "" if index == count - 1 else "\n"
        words += [elements.bold(f"{name}: "), elements.text(value + end)]
    if title or words:
        yield elements.rich([*title, *([elements.lines(words)] if words else [])])


def _table(section: reports.Table, room: rooms.Room) -> Iterable[Block]:
    width = max([len(section.columns), *(len(row.cells) for row in section.rows)])
    if not width:
        return
    title = room.title(section.title)
    if title:
        room.take_block()
        yield elements.rich(title)
    # Slack refuses empty rows, and a row may have fewer cells than there are columns, or more.
    ragged = (section.columns, *(_marked(row) for row in section.rows))
    lines = [(*cells, *[""] * (width - len(cells))) for cells in ragged]
    is_block = room.take_table(width)
    # A table block's limit is one of rows; drawn as text, only the characters count.
    is_list = not is_block and not columns.fit(lines[:_LINES_DRAWN])
    if is_list:
        lines = lines[1:]
    elif not is_block:
        lines = columns.aligned(lines[:_LINES_DRAWN], right=_places(section)) + lines[_LINES_DRAWN:]
    sizes = [sum(len(cell) + 3 for cell in cells) for cells in lines]
    most = limits.TABLE_ROWS if is_block else len(lines)
    count = room.take_while_fitting(sizes[:most], "rows")
    if len(lines) > most:
        room.left_out.append(f"{len(lines) - most:,} more rows")
    if count and is_block:
        yield {
            "type": "table",
            "column_settings": _column_settings(section, width),
            "rows": [[_cell(cell) for cell in cells] for cells in lines[:count]],
        }
    elif count and is_list:
        yield elements.rich([proses.listed(lines[:count])])
    elif count:
        yield elements.rich([elements.preformatted("\n".join("  ".join(cells).rstrip() for cells in lines[:count]))])


def _marked(row: reports.Row) -> tuple[str, ...]:
    if row.verdict is None or not row.cells:
        return row.cells
    return (f"{marks.OF[row.verdict]} {row.cells[0]}", *row.cells[1:])


def _places(section: reports.Table) -> frozenset[int]:
    return frozenset(index for index, column in enumerate(section.columns) if column in section.figures)


def _column_settings(section: reports.Table, width: int) -> list[Block]:
    right = _places(section)
    return [{"align": "right" if index in right else "left", "is_wrapped": index > 0} for index in range(width)]


def _cell(text: str) -> Block:
    return {"type": "raw_text", "text": elements.visible(text)}
