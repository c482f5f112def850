"""A message with what stands around it: who wrote it, where, when, and who sees it."""

import dataclasses
import datetime

from sandbox.demo.preview import blocks, elements, markup
from sandbox.slack.blocks import reading, shapes
from sandbox.slack.state import messages

_DIRECT = "D"
"""What the ids of direct messages begin with."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A message, ready to be drawn."""

    author: str
    is_bot: bool
    place: str
    """The channel, as in `#pos-ops`, or what direct messages are called."""
    at: datetime.datetime
    groups: tuple[tuple[elements.Element, ...], ...]
    """What it says: a group of elements for each block, which stand a little apart."""
    is_private: bool = False
    """Only one person sees it."""
    is_in_thread: bool = False
    has_edited_mark: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A modal or a Home tab, ready to be drawn."""

    title: str
    groups: tuple[tuple[elements.Element, ...], ...]


def post_of(message: messages.Message, names: elements.Names) -> Post:
    """Return *message* with ids replaced by *names*; where the blocks say nothing, its text is shown."""
    shown = [blocks.read(block, names) for block in message.blocks]
    if not message.blocks:
        shown = [(elements.Paragraph(spans=markup.read(message.text, names)),)] if message.text else []
    shown += [_attached(attachment, names) for attachment in message.attachments]
    shown += [(_file(names.get(file_id, file_id)),) for file_id in message.file_ids]
    return Post(
        author=names.get(message.user_id, message.user_id),
        is_bot=message.bot_id is not None,
        place=_place(message.channel_id, names),
        at=datetime.datetime.fromtimestamp(float(message.ts), tz=datetime.UTC).astimezone(),
        groups=tuple(group for group in shown if group),
        is_private=message.is_ephemeral,
        is_in_thread=message.thread_ts not in {None, message.ts},
        has_edited_mark=message.has_edited_mark,
    )


def _place(channel_id: str, names: elements.Names) -> str:
    name = names.get(channel_id, channel_id)
    return name if channel_id.startswith(_DIRECT) else f"#{name}"


def _attached(attachment: shapes.Json, names: elements.Names) -> tuple[elements.Element, ...]:
    if attachment.get("blocks"):
        return blocks.read_all(attachment["blocks"], names)
    text = reading.visible_text([attachment])
    return (elements.Paragraph(spans=markup.read(text, names), kind=elements.Kind.QUOTE),) if text else ()


def _file(name: str) -> elements.Element:
    return elements.Paragraph(
        spans=(elements.Span("📎 "), elements.Span(name, elements.Style.BOLD)), kind=elements.Kind.QUOTE
    )


def view_of(view: messages.View, names: elements.Names) -> View:
    """Return *view* with ids replaced by *names*."""
    shown = (blocks.read(block, names) for block in view.blocks)
    return View(title=view.title or "Home", groups=tuple(group for group in shown if group))
