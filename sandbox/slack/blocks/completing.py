"""The ids that Slack adds to blocks and elements that came without."""

import collections.abc
import copy
import typing

from sandbox.slack.blocks import shapes

_INTERACTIVE = frozenset(
    {
        "button",
        "overflow",
        "checkboxes",
        "radio_buttons",
        "datepicker",
        "timepicker",
        "datetimepicker",
        "plain_text_input",
        "email_text_input",
        "url_text_input",
        "number_input",
        "rich_text_input",
        "file_input",
    }
)


def complete_blocks(
    blocks: collections.abc.Sequence[shapes.Json], new_id: collections.abc.Callable[[], str]
) -> tuple[shapes.Json, ...]:
    """Copy *blocks*, giving every block a block_id and every interactive element an action_id."""
    copies = copy.deepcopy(list(blocks))
    for block in copies:
        _complete_block(block, new_id)
    return tuple(copies)


def _complete_block(block: shapes.Json, new_id: collections.abc.Callable[[], str]) -> None:
    block.setdefault("block_id", new_id())
    for child in block.get("child_blocks", []):
        _complete_block(child, new_id)
    _complete_elements(block, new_id)


def _complete_elements(value: typing.Any, new_id: collections.abc.Callable[[], str]) -> None:
    if isinstance(value, list):
        for item in value:
            _complete_elements(item, new_id)
    elif isinstance(value, dict):
        kind = str(value.get("type", ""))
        if kind in _INTERACTIVE or kind.endswith("_select"):
            value.setdefault("action_id", new_id())
        for entry in value.values():
            _complete_elements(entry, new_id)
