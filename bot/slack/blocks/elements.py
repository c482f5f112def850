"""
The few pieces of Block Kit that all messages are made of; nothing in them is obeyed but what is written here.

The marks that say how things stand before anybody reads.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.model import reports

Block = dict[str, Any]


def rich(elements: Sequence[Block]) -> Block:
    """Give a block of lines and code."""
    return {"type": "rich_text", "elements": list(elements)}


def lines(elements: Sequence[Block]) -> Block:
    """Give running text."""
    return {"type": "rich_text_section", "elements": list(elements)}


def preformatted(content: str) -> Block:
    """Give text whose columns and line breaks matter."""
    return {"type": "rich_text_preformatted", "elements": [text(visible(content))]}


def text(content: str) -> Block:
    """Give text as it is."""
    return {"type": "text", "text": content}


def bold(content: str) -> Block:
    """Give text that stands out."""
    return {**text(content), "style": {"bold": True}}


def italic(content: str) -> Block:
    """Give text that stands back."""
    return {**text(content), "style": {"italic": True}}


def context(parts: Sequence[str]) -> Block:
    """Give a small grey line of *parts*, in Slack's markup."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": " · ".join(parts)}]}


def visible(content: str) -> str:
    """Give *content*, or a dash: Slack refuses empty texts, and those of white space alone."""
    return content if content.strip() else "–"


def fitted(content: str, limit: int) -> str:
    """Give *content* in at most *limit* characters."""
    return visible(content if len(content) <= limit else content[: limit - 1] + "…")


def escape(content: str) -> str:
    """Give *content* so that Slack takes no reference, link or entity in it (docs.slack.dev, formatting)."""
    return content.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


OF: Mapping[reports.Verdict, str] = {
    reports.Verdict.OK: "🟢",
    reports.Verdict.WARNING: "🟡",
    reports.Verdict.FAILED: "🔴",
    reports.Verdict.UNKNOWN: "⚪",
}
OF_TASKS: Mapping[reports.TaskState, str] = {
    reports.TaskState.PENDING: "▫️",
    reports.TaskState.RUNNING: "⏳",
    reports.TaskState.WAITING: "✋",
    reports.TaskState.DONE: "✅",
    reports.TaskState.FAILED: "❌",
    reports.TaskState.UNKNOWN: "❔",
    reports.TaskState.SKIPPED: "➖",
}
