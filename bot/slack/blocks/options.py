"""
The end of a log, where there is no room for all of it: its last lines, none of them longer than can be read.

How an answer is shown, beyond what it says.
"""

import dataclasses
from collections.abc import Iterable
from typing import NamedTuple

from bot.model import log_lines, reports
from bot.slack.blocks import limits


class Line(NamedTuple):
    """A line as it is shown."""

    text: str
    is_cut: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The last lines of a log."""

    lines: tuple[Line, ...]
    total: int
    """How many lines the log has."""

    @property
    def is_whole(self) -> bool:
        """Tell whether there is nothing more to be seen."""
        return len(self.lines) == self.total and not any(line.is_cut for line in self.lines)

    @property
    def text(self) -> str:
        """Give the lines as one text."""
        return "\n".join(line.text for line in self.lines)

    def within(self, characters: int) -> "Tail":
        """Give as many of the last lines as fit into *characters*; of the very last one what fits of it."""
        kept: list[Line] = []
        for line in reversed(self.lines):
            if len(line.text) + 1 > characters:
                break
            characters -= len(line.text) + 1
            kept.append(line)
        if not kept and self.lines and characters > 1:
            kept.append(Line(f"{self.lines[-1].text[: characters - 1]}…", is_cut=True))
        return Tail(lines=tuple(reversed(kept)), total=self.total)

    def told(self) -> str:
        """Give a sentence about what is not shown."""
        if not self.lines:
            return f"There is no room for its {self.total:,} lines here."
        cut = "long ones are cut short" if any(line.is_cut for line in self.lines) else ""
        if len(self.lines) == self.total:
            return f"{cut.capitalize()}."
        return f"The last {len(self.lines):,} of {self.total:,} lines{f'; {cut}' if cut else ''}."


def of_log(log: reports.Log) -> Tail:
    """Give the end of *log*, of which more may have to be left out."""
    # Every entry is a line at least, so that no more of them need to be drawn.
    before, last = log.entries[: -limits.LOG_LINES], log.entries[-limits.LOG_LINES :]
    lines = list(log_lines.lines(dataclasses.replace(log, entries=last)))
    total = len(lines) + sum(log_lines.count(entry) for entry in before)
    return Tail(lines=tuple(shortened(lines[-limits.LOG_LINES :])), total=total)


def shortened(lines: Iterable[str]) -> Iterable[Line]:
    """Give *lines* as they are shown: each with so much of it as anybody reads."""
    most = limits.LOG_LINE
    for line in lines:
        yield Line(line, is_cut=False) if len(line) <= most else Line(f"{line[: most - 1]}…", is_cut=True)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """How an answer is shown, beyond what it says."""

    can_share: bool = False
    """With the button that shows a private answer to the channel."""
    shared_by: str | None = None
    """The id of the person who pressed that button."""
    tail: Tail | None = None
    """The end of the log that was followed for the answer."""
    whereabouts: str = "Narrow it down, or run it in a terminal."
    """Where there is more of a log than is shown."""
    has_plans: bool = True
    """Slack takes blocks for plans here, which not every workspace has."""


PLAIN = RenderOptions()
