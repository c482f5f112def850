"""What a person reads and can press in a list of blocks."""

import collections.abc
import dataclasses
import typing

from sandbox.slack.blocks import shapes

_INLINE = frozenset({"rich_text_section", "rich_text_preformatted", "rich_text_quote"})
_HIDDEN = frozenset(
    {
        "type",
        "block_id",
        "action_id",
        "value",
        "url",
        "image_url",
        "task_id",
        "status",
        "style",
        "width",
        "level",
        "confirm",
        "language",
    }
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A button, menu or input that a person can use."""

    kind: str
    text: str
    action_id: str
    block_id: str
    value: str | None
    url: str | None
    style: str | None
    needs_confirmation: bool
    element: shapes.Json
    """The element as it stands in the block."""


def visible_text(blocks: collections.abc.Sequence[shapes.Json]) -> str:
    """Return all text that a person sees in *blocks*, one line for each piece."""
    return "\n".join(line for block in blocks for line in _lines(block))


def controls(blocks: collections.abc.Sequence[shapes.Json]) -> tuple[Control, ...]:
    """List everything in *blocks* that has an action_id, in order."""
    return tuple(control for block in blocks for control in _block_controls(block))


def _block_controls(block: shapes.Json) -> collections.abc.Iterator[Control]:
    for child in block.get("child_blocks", []):
        yield from _block_controls(child)
    own = {key: entry for key, entry in block.items() if key != "child_blocks"}
    for element in _elements(own):
        yield Control(
            kind=element["type"],
            text=_label(element),
            action_id=element["action_id"],
            block_id=block.get("block_id", ""),
            value=element.get("value"),
            url=element.get("url"),
            style=element.get("style"),
            needs_confirmation="confirm" in element,
            element=element,
        )


def _elements(value: typing.Any) -> collections.abc.Iterator[shapes.Json]:
    if isinstance(value, list):
        for item in value:
            yield from _elements(item)
    elif isinstance(value, dict):
        if "action_id" in value:
            yield value
        for entry in value.values():
            yield from _elements(entry)


def _label(element: shapes.Json) -> str:
    shown = element.get("text") or element.get("placeholder") or {}
    return str(shown.get("text", "")) if isinstance(shown, dict) else ""


def _lines(value: typing.Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [line for item in value for line in _lines(item)]
    if not isinstance(value, dict):
        return []
    kind = value.get("type")
    if kind in _INLINE:
        return ["".join(_word(word) for word in value.get("elements", []))]
    if kind in {"table", "data_table"}:
        return [" | ".join(" ".join(_lines(cell)) for cell in row) for row in value.get("rows", [])]
    return [line for key, entry in value.items() if key not in _HIDDEN for line in _lines(entry)]


def _word(word: shapes.Json) -> str:
    match word.get("type"):
        case "emoji":
            return f":{word['name']}:"
        case "user":
            return f"<@{word['user_id']}>"
        case "usergroup":
            return f"<!subteam^{word['usergroup_id']}>"
        case "channel":
            return f"<#{word['channel_id']}>"
        case "broadcast":
            return f"<!{word['range']}>"
        case "link":
            return str(word.get("text") or word["url"])
        case "date":
            return str(word.get("fallback", word["timestamp"]))
        case _:
            return str(word.get("text", ""))
