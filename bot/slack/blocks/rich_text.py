"""Paragraphs, lists and wide rows as Slack's rich text."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

from bot.model import reports
from bot.slack.blocks import elements, limits

Block = elements.Block


def render(paragraphs: Sequence[reports.Paragraph]) -> list[Block]:
    """Give *paragraphs* as they follow each other, the items of a list together."""
    parts: list[Block] = []
    for (is_item, is_ordered, depth), group in itertools.groupby(paragraphs, _kind):
        members = list(group)
        if is_item:
            offset = int(members[0].bullet.rstrip(".")) - 1 if is_ordered else 0
            parts.append(_list(map(_line, members), is_ordered=is_ordered, depth=depth, offset=offset))
        else:
            # Slack puts paragraphs right under each other; an empty line between them is ours to make.
            apart: list[Block] = []
            for index, member in enumerate(members):
                apart += [*([elements.text("\n\n")] if index else []), *_words(member.spans)]
            parts.append(elements.lines(apart))
    return parts


def listed(rows: Sequence[tuple[str, ...]]) -> Block:
    """Give rows that are too wide for columns as a list, each with its first cell in front."""
    return _list((_row(cells) for cells in rows), is_ordered=False)


def _kind(paragraph: reports.Paragraph) -> tuple[bool, bool, int]:
    is_ordered = paragraph.bullet.rstrip(".").isdecimal()
    return bool(paragraph.bullet), is_ordered, paragraph.depth if paragraph.bullet else 0


def _list(lines: Iterable[Block], *, is_ordered: bool, depth: int = 0, offset: int = 0) -> Block:
    return {
        "type": "rich_text_list",
        "style": "ordered" if is_ordered else "bullet",
        "indent": min(depth, limits.LIST_DEPTH),
        **({"offset": offset} if offset > 0 else {}),
        "elements": list(lines),
    }


def _line(paragraph: reports.Paragraph) -> Block:
    return elements.lines(_words(paragraph.spans))


def _row(cells: tuple[str, ...]) -> Block:
    first, *others = cells
    rest = " – ".join(cell for cell in others if cell.strip())
    words = [elements.bold(elements.visible(first)), *([elements.text(f": {rest}")] if rest else [])]
    return elements.lines(words)


def _words(spans: Sequence[reports.Span]) -> list[Block]:
    return [_word(span) for span in _joined(spans)] or [elements.text(elements.visible(""))]


def _joined(spans: Sequence[reports.Span]) -> list[reports.Span]:
    """Give *spans* without any of white space alone, which Slack refuses: it goes to the one before."""
    joined: list[reports.Span] = []
    for span in spans:
        if joined and not span.text.strip():
            joined[-1] = dataclasses.replace(joined[-1], text=joined[-1].text + span.text)
        elif span.text.strip():
            joined.append(span)
    return joined


def _word(span: reports.Span) -> Block:
    style = {
        name: True
        for name, is_set in (("bold", span.is_bold), ("italic", span.is_italic), ("code", span.is_code))
        if is_set
    }
    styled = {"style": style} if style else {}
    if span.url and span.url.startswith(("https://", "http://")) and len(span.url) <= limits.LINK:
        return {"type": "link", "url": span.url, "text": span.text, **styled}
    return {**elements.text(span.text), **styled}
