"""What a message may say: the checks shared by the chat methods, response urls and direct answers."""

import dataclasses

from sandbox.slack.blocks import checking, kinds, shapes
from sandbox.slack.state import arguments
from sandbox.slack.state import errors as slack_errors

MAX_TEXT = 40_000
MAX_UPDATE_TEXT = 4_000
MAX_MARKDOWN_TEXT = 12_000
MAX_ATTACHMENTS = 100


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A message's content that has passed the checks; None is what was not sent."""

    text: str | None
    blocks: tuple[shapes.Json, ...] | None
    attachments: tuple[shapes.Json, ...] | None
    metadata: shapes.Json | None

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to show."""
        return not (self.text or self.blocks or self.attachments)


def read_content(given: arguments.Arguments, refused: frozenset[str]) -> Content:
    """
    Read and check text, blocks, attachments and metadata.

    *refused* are kinds of blocks that the workspace does not know.
    Raises Refusal with Slack's error; text over 40,000 characters is cut, as Slack does.
    """
    text = given.text("text")
    blocks = _read_blocks(given, refused)
    if given.has("markdown_text"):
        text, blocks = _read_markdown(given)
    return Content(
        text=text[:MAX_TEXT] if text is not None else None,
        blocks=blocks,
        attachments=_read_attachments(given),
        metadata=_read_metadata(given),
    )


def _read_blocks(given: arguments.Arguments, refused: frozenset[str]) -> tuple[shapes.Json, ...] | None:
    blocks = given.structure("blocks", "invalid_blocks_format")
    if blocks is None:
        return None
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise slack_errors.Refusal("invalid_blocks_format")
    problems = checking.block_problems(blocks, kinds.Surface.MESSAGE) or _unknown(blocks, refused)
    if problems:
        raise slack_errors.of_problems("invalid_blocks", problems)
    return tuple(blocks)


def _unknown(blocks: list[shapes.Json], refused: frozenset[str]) -> list[shapes.Problem]:
    return [
        shapes.Problem(pointer=f"/blocks/{index}/type", message=f"unsupported type: {block['type']}", constraint="type")
        for index, block in enumerate(blocks)
        if block["type"] in refused
    ]


def _read_markdown(given: arguments.Arguments) -> tuple[str, tuple[shapes.Json, ...]]:
    if given.has("text") or given.has("blocks"):
        raise slack_errors.Refusal("markdown_text_conflict")
    markdown = given.required("markdown_text", "no_text")
    if len(markdown) > MAX_MARKDOWN_TEXT:
        raise slack_errors.Refusal("msg_too_long")
    return markdown, ({"type": "markdown", "text": markdown},)


def _read_attachments(given: arguments.Arguments) -> tuple[shapes.Json, ...] | None:
    attachments = given.structure("attachments", "invalid_attachments")
    if attachments is None:
        return None
    if not isinstance(attachments, list) or not all(isinstance(item, dict) for item in attachments):
        raise slack_errors.Refusal("invalid_attachments")
    if len(attachments) > MAX_ATTACHMENTS:
        raise slack_errors.Refusal("too_many_attachments")
    for index, attachment in enumerate(attachments):
        pointer = f"/attachments/{index}/blocks"
        problems = checking.block_problems(attachment.get("blocks", []), kinds.Surface.MESSAGE, pointer)
        if problems:
            raise slack_errors.of_problems("invalid_blocks", problems)
    return tuple(attachments)


def _read_metadata(given: arguments.Arguments) -> shapes.Json | None:
    metadata = given.structure("metadata", "invalid_metadata_format")
    if metadata is None:
        return None
    if not isinstance(metadata, dict):
        raise slack_errors.Refusal("invalid_metadata_format")
    is_complete = isinstance(metadata.get("event_type"), str) and isinstance(metadata.get("event_payload"), dict)
    if metadata and not is_complete:
        raise slack_errors.Refusal("invalid_metadata_schema")
    return metadata
