"""Rich text blocks, on their own and within tables, plans and tasks."""

import datetime
from collections.abc import Iterator

from sandbox.demo.preview import elements
from sandbox.slack.blocks import shapes

_STYLES = {
    "bold": elements.Style.BOLD,
    "italic": elements.Style.ITALIC,
    "strike": elements.Style.STRUCK,
    "underline": elements.Style.UNDERLINED,
    "code": elements.Style.CODE,
}
_KINDS = {
    "rich_text_section": elements.Kind.TEXT,
    "rich_text_preformatted": elements.Kind.CODE,
    "rich_text_quote": elements.Kind.QUOTE,
}


def read(block: shapes.Json, names: elements.Names) -> tuple[elements.Element, ...]:
    """Return the parts of a rich text block, one below the other."""
    return tuple(_part(part, names) for part in block["elements"])


def read_inline(block: shapes.Json, names: elements.Names) -> elements.Spans:
    """Return a rich text block where there is room for text only; its parts become lines."""
    spans: list[elements.Span] = []
    for line in _lines(block["elements"], names):
        spans += [elements.Span("\n")] * bool(spans) + list(line)
    return tuple(spans)


def _part(part: shapes.Json, names: elements.Names) -> elements.Element:
    if part["type"] != "rich_text_list":
        return elements.Paragraph(spans=_spans(part, names), kind=_KINDS[part["type"]])
    is_ordered = part["style"] == "ordered"
    return elements.Bullets(
        items=tuple(_spans(item, names) for item in part["elements"]),
        first_number=part.get("offset", 0) + 1 if is_ordered else None,
        indent=part.get("indent", 0),
    )


def _lines(parts: list[shapes.Json], names: elements.Names) -> Iterator[elements.Spans]:
    for part in parts:
        if part["type"] == "rich_text_list":
            for item in part["elements"]:
                yield (elements.Span("• "), *_spans(item, names))
        else:
            yield _spans(part, names)


def _spans(part: shapes.Json, names: elements.Names) -> elements.Spans:
    return tuple(_span(word, names) for word in part["elements"])


def _span(word: shapes.Json, names: elements.Names) -> elements.Span:
    style = elements.Style.PLAIN
    for name, flag in word.get("style", {}).items():
        style |= _STYLES.get(name, elements.Style.PLAIN) if flag else elements.Style.PLAIN
    mention = style | elements.Style.MENTION
    match word["type"]:
        case "link":
            return elements.Span(word.get("text") or word["url"], style, url=word["url"])
        case "emoji":
            return elements.Span(_emoji(word), style)
        case "user":
            return elements.Span(f"@{names.get(word['user_id'], word['user_id'])}", mention)
        case "usergroup":
            return elements.Span(f"@{names.get(word['usergroup_id'], word['usergroup_id'])}", mention)
        case "channel":
            return elements.Span(f"#{names.get(word['channel_id'], word['channel_id'])}", mention)
        case "broadcast":
            return elements.Span(f"@{word['range']}", mention)
        case "date":
            return elements.Span(_date(word), style, url=word.get("url"))
        case _:
            return elements.Span(str(word.get("text", word.get("value", ""))), style)


def _emoji(word: shapes.Json) -> str:
    if "unicode" not in word:
        return f":{word['name']}:"
    return "".join(chr(int(number, 16)) for number in word["unicode"].split("-"))


def _date(word: shapes.Json) -> str:
    moment = datetime.datetime.fromtimestamp(word["timestamp"], tz=datetime.UTC)
    return str(word.get("fallback") or f"{moment:%Y-%m-%d %H:%M} UTC")
