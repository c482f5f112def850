"""What is left of a message's room; whatever is shown takes its part, and what does not fit is counted."""

from collections.abc import Sequence

from bot.model import reports
from bot.render import elements, limits

Block = elements.Block


class Room:
    """What is left of a message; every section takes its part."""

    def __init__(self, characters: int, blocks: int, *, tables: int = 1) -> None:
        self._characters = characters
        self._blocks = blocks
        self._tables = tables
        self.left_out: list[str] = []
        self.files: list[reports.Log] = []
        self.is_whole = True
        """The log that was followed is shown to its beginning."""

    @property
    def characters(self) -> int:
        """Give how many are left."""
        return self._characters

    @property
    def is_full(self) -> bool:
        """Tell whether nothing more fits."""
        return self._characters < 1 or self._blocks < 1

    def take_block(self) -> None:
        """Count one more block."""
        self._blocks -= 1

    def take_table(self, columns: int) -> bool:
        """Tell whether a table block with so many columns may stand here; Slack takes one in a message."""
        fits = self._tables > 0 and columns <= limits.TABLE_COLUMNS
        self._tables -= fits
        return fits

    def take(self, text: str, what: str = "characters") -> str:
        """Give as much of *text* as there is room for."""
        kept = text if len(text) <= self._characters else text[: max(self._characters - 1, 0)] + "…"
        if len(text) > self._characters:
            self.left_out.append(f"{len(text) - len(kept) + 1:,} {what}")
        self._characters -= len(kept)
        return kept

    def take_while_fitting(self, sizes: Sequence[int], what: str) -> int:
        """Give how many of things with *sizes* fit, in their order; the others are counted as left out."""
        count = 0
        for size in sizes:
            if size > self._characters:
                break
            self._characters -= size
            count += 1
        if count < len(sizes):
            self.left_out.append(f"{len(sizes) - count:,} of {len(sizes):,} {what}")
        return count

    def title(self, title: str | None) -> list[Block]:
        """Give the line above a section, where it has a title."""
        if not title:
            return []
        return [elements.lines([elements.italic(elements.visible(self.take(title)))])]
