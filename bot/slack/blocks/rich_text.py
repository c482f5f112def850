"""
Rich text, the block that most messages are made of, and the marks in front of headlines and tasks.

Slack interprets nothing inside rich text but its own elements: no mention, link or emoji hidden in a text.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bot.model import reports
from bot.slack.blocks import limits

Block = dict[str, Any]

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


def title(content: str | None, budget: limits.SpaceBudget) -> list[Block]:
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
        "indent": min(depth, limits.LIST_DEPTH),
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
    if span.url and span.url.startswith(("https://", "http://")) and len(span.url) <= limits.LINK:
        return {"type": "link", "url": span.url, "text": span.text, **styled}
    return {**text(span.text), **styled}
