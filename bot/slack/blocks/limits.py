"""
How much fits into one Slack message or App Home, and how a report is rendered within it.

The limits are Slack's published ones for Block Kit (docs.slack.dev/reference/block-kit/blocks), except for
MESSAGE_CHARACTERS: chat.postMessage refuses messages whose blocks hold some 12,000 characters in total
(`msg_blocks_too_long`), which no page says, so that it stays well below.
"""

import dataclasses
from collections.abc import Sequence

from bot.model import reports
from bot.slack.blocks import log_tail

MESSAGE_CHARACTERS = 10_000
MESSAGE_BLOCKS = 50
HOME_BLOCKS = 100
TABLE_ROWS = 100
TABLE_COLUMNS = 20
PLAN_TASKS = 50
BUTTONS = 5
"""Slack accepts 25 in a block; more than five do not help."""
BUTTON_TEXT = 75
BUTTON_VALUE = 2_000
LIST_DEPTH = 8
LINK = 300
LINK_TEXT = 100
"""posbot's own limit: several links share a context line."""
NOTE = 500
"""posbot's own limit: a longer note would not fit into a line."""
NOTIFICATION_TEXT = 3_000
"""The text beside the blocks, for notifications and screen readers; chat.update refuses more than 4,000."""
HEADLINE = 1_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """How a report is rendered, beside what it says."""

    can_share: bool = False
    """With the button that shows a private response to the channel."""
    shared_by: str | None = None
    """The id of the person who pressed that button."""
    tail: log_tail.Tail | None = None
    """Of the log that was followed."""
    whereabouts: str = "Narrow it down, or run it in a terminal."
    """Where the whole log is, of which only the tail is shown."""
    has_plans: bool = True
    """The workspace accepts blocks for plans."""


DEFAULT_OPTIONS = RenderOptions()


class SpaceBudget:
    """The space that is left of a message; every section takes its part, and what does not fit is counted."""

    def __init__(self, characters: int, blocks: int, *, tables: int = 1) -> None:
        self.characters = characters
        self._blocks = blocks
        self._tables = tables
        self.left_out: list[str] = []
        self.files: list[reports.Log] = []
        self.is_whole = True
        """The log that was followed is shown from its beginning."""

    @property
    def is_full(self) -> bool:
        """Whether nothing more fits."""
        return self.characters < 1 or self._blocks < 1

    def take_block(self) -> None:
        """Count a block."""
        self._blocks -= 1

    def take_table(self, columns: int) -> bool:
        """Return whether a table block with so many columns is possible; Slack accepts one in a message."""
        fits = self._tables > 0 and columns <= TABLE_COLUMNS
        self._tables -= fits
        return fits

    def take(self, text: str) -> str:
        """Return as much of *text* as fits."""
        kept = text if len(text) <= self.characters else text[: max(self.characters - 1, 0)] + "…"
        if len(text) > self.characters:
            self.left_out.append(f"{len(text) - len(kept) + 1:,} characters")
        self.characters -= len(kept)
        return kept

    def take_while_fitting(self, sizes: Sequence[int], what: str) -> int:
        """Return how many of the things with *sizes* fit, in their order; the rest is counted as left out."""
        count = 0
        for size in sizes:
            if size > self.characters:
                break
            self.characters -= size
            count += 1
        if count < len(sizes):
            self.left_out.append(f"{len(sizes) - count:,} of {len(sizes):,} {what}")
        return count
