"""Tables: as Slack's table block, as aligned text where a message has one already, or as a list of wide rows."""

import unicodedata
from collections.abc import Iterable, Sequence

from bot.model import reports
from bot.slack.blocks import elements

Block = elements.Block

MAX_CELL_WIDTH = 60
"""A wider cell sticks out of its column, so that one long text does not widen every line."""
_MAX_LINE_WIDTH = 110
"""Wider lines are wrapped, where columns do not help any more."""
_MAX_ALIGNED_ROWS = 500
"""No message has room for more as text."""


def render(section: reports.Table, budget: elements.SpaceBudget) -> Iterable[Block]:
    """Yield the blocks of a table, and count rows that do not fit."""
    width = max([len(section.columns), *(len(row.cells) for row in section.rows)])
    if not width:
        return
    title = elements.title(section.title, budget)
    if title:
        budget.take_block()
        yield elements.block(title)
    right = frozenset(index for index, column in enumerate(section.columns) if column in section.figures)
    # Slack refuses empty rows, and a row may have fewer cells than there are columns, or more.
    lines = [(*cells, *[""] * (width - len(cells))) for cells in (section.columns, *map(_cells, section.rows))]
    is_block = budget.take_table(width)
    # A table block has a limit of rows; as text, only the characters count.
    is_list = not is_block and not fits(lines[:_MAX_ALIGNED_ROWS])
    if is_list:
        lines = lines[1:]
    elif not is_block:
        lines = aligned(lines[:_MAX_ALIGNED_ROWS], right=right) + lines[_MAX_ALIGNED_ROWS:]
    max_rows = elements.TABLE_ROWS if is_block else len(lines)
    count = budget.take_while_fitting([sum(len(cell) + 3 for cell in cells) for cells in lines[:max_rows]], "rows")
    if len(lines) > max_rows:
        budget.left_out.append(f"{len(lines) - max_rows:,} more rows")
    if count and is_block:
        yield {
            "type": "table",
            "column_settings": [
                {"align": "right" if index in right else "left", "is_wrapped": index > 0} for index in range(width)
            ],
            "rows": [
                [{"type": "raw_text", "text": elements.visible(cell)} for cell in cells] for cells in lines[:count]
            ],
        }
    elif count and is_list:
        yield elements.block([elements.bullets(map(_item, lines[:count]))])
    elif count:
        text = "\n".join("  ".join(cells).rstrip() for cells in lines[:count])
        yield elements.block([elements.preformatted(text)])


def _cells(row: reports.Row) -> tuple[str, ...]:
    if row.verdict is None or not row.cells:
        return row.cells
    return (f"{elements.VERDICT_MARKS[row.verdict]} {row.cells[0]}", *row.cells[1:])


def _item(cells: tuple[str, ...]) -> Block:
    first, *others = cells
    rest = " – ".join(cell for cell in others if cell.strip())
    return elements.section([elements.bold(elements.visible(first)), *([elements.text(f": {rest}")] if rest else [])])


def aligned(lines: Sequence[tuple[str, ...]], *, right: frozenset[int] = frozenset()) -> list[tuple[str, ...]]:
    """Return *lines* with their cells padded to columns; those in *right* are aligned to the right."""
    count = max((len(cells) for cells in lines), default=0)
    widths = [
        min(MAX_CELL_WIDTH, max(width_of(cells[index]) for cells in lines if index < len(cells)))
        for index in range(count)
    ]
    return [
        tuple(_padded(cell, widths[index], is_right=index in right) for index, cell in enumerate(cells))
        for cells in lines
    ]


def fits(lines: Sequence[tuple[str, ...]]) -> bool:
    """Return whether the longest of *lines* is short enough to be read in columns."""
    return all(sum(width_of(cell) + 2 for cell in cells) <= _MAX_LINE_WIDTH for cells in lines)


def width_of(text: str) -> int:
    """Return how many columns *text* takes: wide characters two, combining ones none."""
    return len(text) if text.isascii() else sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Cf", "Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _padded(cell: str, columns: int, *, is_right: bool) -> str:
    padding = " " * (columns - width_of(cell))
    return padding + cell if is_right else cell + padding
