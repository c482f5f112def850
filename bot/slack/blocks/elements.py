"""
Rich text, of which most messages are made, and the limits of a Slack message or App Home.

Slack interprets nothing inside rich text but its own elements: no mention, link or emoji hidden in a text. What
does not fit into the `SpaceBudget` of a message is counted.

The limits are Slack's published ones for Block Kit (docs.slack.dev/reference/block-kit/blocks), except for
MESSAGE_CHARACTERS: chat.postMessage refuses messages whose blocks hold some 12,000 characters in total
(`msg_blocks_too_long`), which no page says, so that it stays well below.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bot.model import reports
from bot.slack.blocks import log_tail

Block = dict[str, Any]

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
CONFIRM_TITLE = 100
CONFIRM_TEXT = 300
CONFIRM_LABEL = 30
LIST_DEPTH = 8
LINK = 300
LINK_TEXT = 100
"""posbot's own limit: several links share a context line."""
NOTE = 500
"""posbot's own limit: a longer note would not fit into a line."""
NOTIFICATION_TEXT = 3_000
"""The text beside the blocks, for notifications and screen readers; chat.update refuses more than 4,000."""
HEADLINE = 1_000

VERDICT_MARKS: Mapping[reports.Verdict, str] = {
    reports.Verdict.OK: "🟢",
    reports.Verdict.WARNING: "🟡",
    reports.Verdict.FAILED: "🔴",
    reports.Verdict.UNKNOWN: "⚪",
}
TASK_MARKS: Mapping[reports.TaskState, str] = {
    reports.TaskState.PENDING: "▫️",
    reports.TaskState.RUNNING: "⏳",
    reports.TaskState.WAITING: "✋",
    reports.TaskState.DONE: "✅",
    reports.TaskState.FAILED: "❌",
    reports.TaskState.UNKNOWN: "❔",
    reports.TaskState.SKIPPED: "➖",
}


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
        """Return how many of the things with *sizes* fit, in their order; the rest is counted as omitted."""
        count = 0
        for size in sizes:
            if size > self.characters:
                break
            self.characters -= size
            count += 1
        if count < len(sizes):
            self.left_out.append(f"{len(sizes) - count:,} of {len(sizes):,} {what}")
        return count


def block(elements: Sequence[Block]) -> Block:
    """Return a rich text block of sections, lists and code."""
    return {"type": "rich_text", "elements": list(elements)}


def section(elements: Sequence[Block]) -> Block:
    """Return running text."""
    return {"type": "rich_text_section", "elements": list(elements)}


def preformatted(content: str) -> Block:
    """Return a code block, where columns and line breaks are kept."""
    return {"type": "rich_text_preformatted", "elements": [text(visible(content))]}


def text(content: str) -> Block:
    """Return plain text."""
    return {"type": "text", "text": content}


def bold(content: str) -> Block:
    """Return bold text."""
    return {**text(content), "style": {"bold": True}}


def italic(content: str) -> Block:
    """Return italic text."""
    return {**text(content), "style": {"italic": True}}


def title(content: str | None, budget: SpaceBudget) -> list[Block]:
    """Return the line above a section, where it has a title."""
    return [section([italic(visible(budget.take(content)))])] if content else []


def context(parts: Sequence[str]) -> Block:
    """Return a context block, small and grey, of *parts* in Slack's markup."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": " · ".join(parts)}]}


def visible(content: str) -> str:
    """Return *content*, or a dash: Slack refuses empty texts, and those of white space alone."""
    return content if content.strip() else "–"


def truncate(content: str, limit: int) -> str:
    """Return *content* in at most *limit* characters."""
    return visible(content if len(content) <= limit else content[: limit - 1] + "…")


def escape(content: str) -> str:
    """Return *content* so that Slack's markup finds no reference, link or entity in it (docs.slack.dev, formatting)."""
    return content.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def bullets(lines: Iterable[Block], *, is_ordered: bool = False, depth: int = 0, offset: int = 0) -> Block:
    """Return a list of *lines*."""
    return {
        "type": "rich_text_list",
        "style": "ordered" if is_ordered else "bullet",
        "indent": min(depth, LIST_DEPTH),
        **({"offset": offset} if offset > 0 else {}),
        "elements": list(lines),
    }


def prose(paragraphs: Sequence[reports.Paragraph]) -> list[Block]:
    """Return *paragraphs* in their order, with the items of a list together."""
    parts: list[Block] = []
    for (is_item, is_ordered, depth), group in itertools.groupby(paragraphs, _kind):
        members = list(group)
        if is_item:
            offset = int(members[0].bullet.rstrip(".")) - 1 if is_ordered else 0
            lines = (section(_styled(member.spans)) for member in members)
            parts.append(bullets(lines, is_ordered=is_ordered, depth=depth, offset=offset))
        else:
            # Slack puts no empty line between paragraphs.
            separated: list[Block] = []
            for index, member in enumerate(members):
                separated += [*([text("\n\n")] if index else []), *_styled(member.spans)]
            parts.append(section(separated))
    return parts


def _kind(paragraph: reports.Paragraph) -> tuple[bool, bool, int]:
    is_ordered = paragraph.bullet.rstrip(".").isdecimal()
    return bool(paragraph.bullet), is_ordered, paragraph.depth if paragraph.bullet else 0


def _styled(spans: Sequence[reports.Span]) -> list[Block]:
    joined: list[reports.Span] = []
    for span in spans:
        # Slack refuses a span of white space alone, so that it joins the one before.
        if joined and not span.text.strip():
            joined[-1] = dataclasses.replace(joined[-1], text=joined[-1].text + span.text)
        elif span.text.strip():
            joined.append(span)
    return [_element(span) for span in joined] or [text(visible(""))]


def _element(span: reports.Span) -> Block:
    styles = (("bold", span.is_bold), ("italic", span.is_italic), ("code", span.is_code))
    style = {name: True for name, is_set in styles if is_set}
    styled = {"style": style} if style else {}
    if span.url and span.url.startswith(("https://", "http://")) and len(span.url) <= LINK:
        return {"type": "link", "url": span.url, "text": span.text, **styled}
    return {**text(span.text), **styled}
