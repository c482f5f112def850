"""The whole check of a list of blocks or of a view, as Slack answers it."""

import collections
import collections.abc
import json
import typing

from sandbox.slack.blocks import kinds, objects, shapes

MAX_MESSAGE_BLOCKS = 50
MAX_VIEW_BLOCKS = 100
MAX_MARKDOWN_TOTAL = 12_000
MAX_VIEW_BYTES = 250_000
# Slack does not document this one. Reports of refusals begin between 12 and 13 thousand characters.
MAX_MESSAGE_CHARACTERS = 12_000

_MAX_PER_MESSAGE = {"table": 1, "data_visualization": 2}
_TEXT_KEYS = frozenset({"text", "title", "caption", "label", "alt_text", "fallback", "name"})


def block_problems(blocks: object, surface: kinds.Surface, pointer: str = "/blocks") -> list[shapes.Problem]:
    """Find everything that Slack would refuse in *blocks* on *surface*."""
    is_message = surface is kinds.Surface.MESSAGE
    maximum = MAX_MESSAGE_BLOCKS if is_message else MAX_VIEW_BLOCKS
    check = shapes.list_of(shapes.tagged(kinds.BY_SURFACE[surface]), maximum, 0)
    problems = list(check(blocks, pointer))
    if problems or not isinstance(blocks, list):
        return problems
    problems += _repeated_block_ids(blocks, pointer)
    for index, block in enumerate(blocks):
        problems += _repeated_action_ids(block, f"{pointer}/{index}")
    if is_message:
        problems += _too_many_of_a_kind(blocks, pointer)
    return problems


def view_problems(view: shapes.Json, pointer: str = "/view") -> list[shapes.Problem]:
    """Find everything that Slack would refuse in *view* apart from its blocks."""
    check = shapes.tagged({"modal": _modal, "home": _home})
    problems = list(check(view, pointer))
    if not problems and view["type"] == "modal" and "submit" not in view and _has_input(view):
        message = "a modal with an input block needs a submit button"
        problems.append(shapes.Problem(pointer=f"{pointer}/submit", message=message, constraint="required"))
    return problems


def is_view_too_large(view: shapes.Json) -> bool:
    """Return whether *view* is over the 250 kB that a view may weigh."""
    return len(json.dumps(view, separators=(",", ":")).encode()) > MAX_VIEW_BYTES


def is_too_long(blocks: collections.abc.Sequence[shapes.Json]) -> bool:
    """Return whether chat.postMessage would answer `msg_blocks_too_long`."""
    return count_characters(list(blocks)) > MAX_MESSAGE_CHARACTERS


def count_characters(value: typing.Any) -> int:
    """Count the characters of all texts within *value*."""
    if isinstance(value, list):
        return sum(count_characters(item) for item in value)
    if not isinstance(value, dict):
        return 0
    own = sum(len(entry) for key, entry in value.items() if key in _TEXT_KEYS and isinstance(entry, str))
    return own + sum(count_characters(entry) for entry in value.values())


def surface_of(view: shapes.Json) -> kinds.Surface:
    """Name the surface of a view by its type."""
    return kinds.Surface.HOME if view.get("type") == "home" else kinds.Surface.MODAL


def _any_blocks(value: object, pointer: str) -> collections.abc.Iterator[shapes.Problem]:
    # Blocks have their own check, which needs the view's type.
    return iter(())


_state = {
    "blocks": _any_blocks,
    "callback_id": shapes.text(objects.MAX_ID, 0),
    "external_id": shapes.text(objects.MAX_ID, 0),
    "private_metadata": shapes.text(3000, 0),
}
_home = shapes.shape(required={"blocks": _any_blocks}, optional=_state)
_modal = shapes.shape(
    required={"blocks": _any_blocks, "title": objects.plain_text(24)},
    optional={
        **_state,
        "submit": objects.plain_text(24),
        "close": objects.plain_text(24),
        "clear_on_close": shapes.flag,
        "notify_on_close": shapes.flag,
        "submit_disabled": shapes.flag,
    },
)


def _has_input(view: shapes.Json) -> bool:
    blocks = view["blocks"]
    return isinstance(blocks, list) and any(
        isinstance(block, dict) and block.get("type") == "input" for block in blocks
    )


def _repeated_block_ids(blocks: list[shapes.Json], pointer: str) -> list[shapes.Problem]:
    seen: set[str] = set()
    problems = []
    for where, block in _walk_blocks(blocks, pointer):
        name = block.get("block_id")
        if name is not None and name in seen:
            message = f"block_id already exists: {name}"
            problems.append(shapes.Problem(pointer=f"{where}/block_id", message=message, constraint="unique"))
        seen.add(name or "")
    return problems


def _walk_blocks(blocks: list[shapes.Json], pointer: str) -> collections.abc.Iterator[tuple[str, shapes.Json]]:
    for index, block in enumerate(blocks):
        yield f"{pointer}/{index}", block
        yield from _walk_blocks(block.get("child_blocks", []), f"{pointer}/{index}/child_blocks")


def _repeated_action_ids(block: shapes.Json, pointer: str) -> list[shapes.Problem]:
    if "child_blocks" in block:
        children = enumerate(block["child_blocks"])
        return [
            problem
            for index, child in children
            for problem in _repeated_action_ids(child, f"{pointer}/child_blocks/{index}")
        ]
    counts = collections.Counter(_action_ids(block))
    return [
        shapes.Problem(pointer=pointer, message=f"action_id already exists: {name}", constraint="unique")
        for name, count in counts.items()
        if count > 1
    ]


def _action_ids(value: typing.Any) -> collections.abc.Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _action_ids(item)
    elif isinstance(value, dict):
        if "action_id" in value:
            yield value["action_id"]
        for entry in value.values():
            yield from _action_ids(entry)


def _too_many_of_a_kind(blocks: list[shapes.Json], pointer: str) -> list[shapes.Problem]:
    problems = []
    counts = collections.Counter(block["type"] for _, block in _walk_blocks(blocks, pointer))
    for kind, most in _MAX_PER_MESSAGE.items():
        if counts[kind] > most:
            message = f"only {most} {kind} allowed per message"
            problems.append(shapes.Problem(pointer=pointer, message=message, constraint="max_items"))
    markdown = sum(len(block["text"]) for block in blocks if block["type"] == "markdown")
    if markdown > MAX_MARKDOWN_TOTAL:
        message = f"markdown blocks hold no more than {MAX_MARKDOWN_TOTAL} characters together"
        problems.append(shapes.Problem(pointer=pointer, message=message, constraint="max_length"))
    return problems
