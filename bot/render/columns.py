"""Text in columns, where a surface has nothing better: by the width a character takes, not by its count."""

import unicodedata
from collections.abc import Sequence

WIDEST = 60
_WIDEST_LINE = 110
"""What is wider has to be read over line ends, where columns are no help any more."""


def aligned(lines: Sequence[tuple[str, ...]], *, right: frozenset[int] = frozenset()) -> list[tuple[str, ...]]:
    """
    Give *lines* with their cells padded to columns; those in *right* are padded on the left.

    A cell that is wider than `WIDEST` stands out of its column, so that one long text does not widen every line.
    """
    count = max((len(cells) for cells in lines), default=0)
    widths = [min(WIDEST, max(width(cells[index]) for cells in lines if index < len(cells))) for index in range(count)]
    return [
        tuple(_padded(cell, widths[index], is_right=index in right) for index, cell in enumerate(cells))
        for cells in lines
    ]


def fit(lines: Sequence[tuple[str, ...]]) -> bool:
    """Tell whether the longest of *lines* is short enough to be read in columns."""
    return all(sum(width(cell) + 2 for cell in cells) <= _WIDEST_LINE for cells in lines)


def width(text: str) -> int:
    """Give how many columns *text* takes: wide characters two, combining ones none."""
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Cf", "Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _padded(cell: str, columns: int, *, is_right: bool) -> str:
    padding = " " * (columns - width(cell))
    return padding + cell if is_right else cell + padding
