"""Wraps the cells of a table: between words, and within a name only after its hyphens."""

from collections.abc import Iterator

import rich.cells


def longest_word(text: str) -> int:
    """Return how many cells the longest word of *text* takes."""
    return max(map(rich.cells.cell_len, text.split()), default=1)


def longest_piece(text: str) -> int:
    """Return the same of the pieces between the hyphens of its words."""
    return max((rich.cells.cell_len(piece) for word in text.split() for piece in _pieces(word)), default=1)


def wrap(text: str, width: int) -> str:
    """Return *text* with line breaks, so that its lines take at most *width* cells where its pieces do."""
    return "\n".join(_wrap_line(line, width) for line in text.split("\n"))


def _wrap_line(text: str, width: int) -> str:
    if rich.cells.cell_len(text) <= width:
        return text
    lines, line = [], ""
    for word in text.split(" "):
        separator = " " if line else ""
        if rich.cells.cell_len(f"{line}{separator}{word}") <= width:
            line = f"{line}{separator}{word}"
            continue
        for piece in _pieces(word):
            if rich.cells.cell_len(f"{line}{separator}{piece}") > width and line:
                lines.append(line)
                line, separator = "", ""
            line, separator = f"{line}{separator}{piece}", ""
    return "\n".join((*lines, line))


def _pieces(word: str) -> Iterator[str]:
    """Yield the parts of a name such as pos-vehicle-fitment, hyphens included; an id or an option is one part."""
    begin = 0
    for index in range(1, len(word) - 1):
        if word[index] == "-" and word[index - 1].isalpha() and word[index + 1].isalpha():
            yield word[begin : index + 1]
            begin = index + 1
    yield word[begin:]
