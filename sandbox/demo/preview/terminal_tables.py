"""Tables in a terminal of limited width; no cell is cut."""

from collections.abc import Sequence

import rich.cells
import rich.console
import rich.measure
import rich.padding
import rich.table
import rich.text

_GAP = 2
"""Columns between those of a table."""
_MARK_WIDTH = 2
"""Columns of the widest sign that stands alone in a cell, such as a coloured circle."""


class Table:
    """A table where its words fit; below that one entry for each row, because a cut cell would lie."""

    def __init__(
        self, rows: Sequence[Sequence[rich.text.Text]], alignments: Sequence[rich.console.JustifyMethod]
    ) -> None:
        self._rows = rows
        self._alignments = alignments
        self._gaps = _GAP * (len(alignments) - 1)

    def __rich_console__(
        self, _: rich.console.Console, options: rich.console.ConsoleOptions
    ) -> rich.console.RenderResult:
        """Choose by the width that is left."""
        widths = self._widths(options.max_width - self._gaps)
        yield self._table(widths) if widths else self._entries()

    def __rich_measure__(
        self, _: rich.console.Console, options: rich.console.ConsoleOptions
    ) -> rich.measure.Measurement:
        """Return the preferred width."""
        return rich.measure.Measurement(1, min(sum(self._natural()) + self._gaps, options.max_width))

    def _natural(self) -> list[int]:
        columns = zip(*self._rows, strict=True)
        return [max(_longest(cell.plain.splitlines()) for cell in column) for column in columns]

    def _widths(self, room: int) -> list[int] | None:
        """Return the widths that break no word and stay within *room*, or None where there are none."""
        widths = self._natural()
        least = [max(_longest(_unbroken(cell.plain)) for cell in column) for column in zip(*self._rows, strict=True)]
        if sum(least) > room:
            return None
        while sum(widths) > room:
            # Whoever has most to spare gives: sentences wrap before names and figures do.
            giver = max(range(len(widths)), key=lambda index: widths[index] - least[index])
            widths[giver] -= 1
        return widths

    def _table(self, widths: Sequence[int]) -> rich.console.Group:
        first, *rows = self._rows
        head = [cell.copy() for cell in first]
        for cell in head:
            cell.stylize_before("bold")
        line = rich.text.Text("─" * (sum(widths) + self._gaps), style="dim")
        return rich.console.Group(self._lines([head], widths), line, *([self._lines(rows, widths)] if rows else []))

    def _lines(self, rows: Sequence[Sequence[rich.text.Text]], widths: Sequence[int]) -> rich.table.Table:
        grid = rich.table.Table.grid(padding=(0, _GAP, 0, 0))
        for alignment, width in zip(self._alignments, widths, strict=True):
            grid.add_column(overflow="fold", justify=alignment, width=width)
        for row in rows:
            grid.add_row(*row)
        return grid

    def _entries(self) -> rich.console.Group:
        head, *rows = self._rows
        # A column of marks is no name for an entry, so the next one joins it.
        count = 2 if all(row[0].cell_len <= _MARK_WIDTH for row in rows) else 1
        above = rich.text.Text(" ", style="dim").join(head[:count] if rows else head)
        return rich.console.Group(above, *(self._entry(head, row, count) for row in rows))

    @staticmethod
    def _entry(
        head: Sequence[rich.text.Text], row: Sequence[rich.text.Text], count: int
    ) -> rich.console.RenderableType:
        title = rich.text.Text(" ").join(row[:count])
        rest = rich.text.Text()
        for name, cell in zip(head[count:], row[count:], strict=True):
            rest.append(" · " if rest else "", style="dim").append(f"{name.plain}: ", style="dim").append_text(cell)
        return rich.console.Group(title, rich.padding.Padding(rest, (0, 0, 0, 2)))


def _unbroken(text: str) -> list[str]:
    """Return the words of *text*; a sign that stands before the first stays with it."""
    words = text.split()
    if len(words) > 1 and rich.cells.cell_len(words[0]) <= _MARK_WIDTH and not words[0].isalnum():
        words[:2] = [" ".join(words[:2])]
    return words


def _longest(words: Sequence[str]) -> int:
    return max((rich.cells.cell_len(word) for word in words), default=1)
