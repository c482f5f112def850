"""The tail of a log, where there is no room for all of it: its last lines, long ones truncated."""

import collections
import dataclasses
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bot.model import log_lines, reports

MAX_LINE_LENGTH = 1_000
"""One longer line would take the place of many."""
MAX_LINES = 2_000
"""The most that fit in a message, were they empty but for their source."""


class Line(NamedTuple):
    """A line as it is shown."""

    text: str
    is_truncated: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The last lines of a log."""

    lines: tuple[Line, ...]
    total: int
    """How many lines the log has."""

    @property
    def is_whole(self) -> bool:
        """Whether the whole log is shown."""
        return len(self.lines) == self.total and not any(line.is_truncated for line in self.lines)

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(line.text for line in self.lines)

    def within(self, characters: int) -> "Tail":
        """Return as many of the last lines as fit into *characters*, and of the very last one at least a part."""
        kept: list[Line] = []
        for line in reversed(self.lines):
            if len(line.text) + 1 > characters:
                break
            characters -= len(line.text) + 1
            kept.append(line)
        if not kept and self.lines and characters > 1:
            kept.append(Line(f"{self.lines[-1].text[: characters - 1]}…", is_truncated=True))
        return Tail(lines=tuple(reversed(kept)), total=self.total)

    def describe(self) -> str:
        """Return a sentence about what is omitted."""
        if not self.lines:
            return f"{self.total:,} lines do not fit here."
        truncated = "long lines truncated" if any(line.is_truncated for line in self.lines) else ""
        if len(self.lines) == self.total:
            return f"{truncated.capitalize()}."
        return f"Last {len(self.lines):,} of {self.total:,} lines{f', {truncated}' if truncated else ''}."


class TailBuffer:
    """The tail of a log that grows, in bounded memory."""

    def __init__(self, max_characters: int) -> None:
        self._lines: collections.deque[Line] = collections.deque()
        self._max_characters = max_characters
        self.characters = 0
        self.total = 0

    def add(self, lines: Sequence[str]) -> None:
        """Append *lines*, and drop what is too old to be shown."""
        self.total += len(lines)
        for line in truncated(lines[-MAX_LINES:]):
            self._lines.append(line)
            self.characters += len(line.text) + 1
        while self.characters > self._max_characters and len(self._lines) > 1:
            self.characters -= len(self._lines.popleft().text) + 1

    def tail(self) -> Tail:
        """Return the tail as it is now."""
        return Tail(lines=tuple(self._lines), total=self.total)


def tail_of(log: reports.Log) -> Tail:
    """Return the tail of *log*, of which more may have to be left out."""
    # An entry is a line at least, so that no more of them have to be rendered.
    before, last = log.entries[:-MAX_LINES], log.entries[-MAX_LINES:]
    lines = list(log_lines.lines(dataclasses.replace(log, entries=last)))
    total = len(lines) + sum(log_lines.count(entry) for entry in before)
    return Tail(lines=tuple(truncated(lines[-MAX_LINES:])), total=total)


def truncated(lines: Iterable[str]) -> Iterable[Line]:
    """Yield *lines*, each with at most `MAX_LINE_LENGTH` characters."""
    for line in lines:
        is_long = len(line) > MAX_LINE_LENGTH
        yield Line(f"{line[: MAX_LINE_LENGTH - 1]}…" if is_long else line, is_truncated=is_long)
