"""Uploading files in three steps: ask for a URL, send the bytes there, share."""

import dataclasses
import secrets

from sandbox.slack.blocks import shapes
from sandbox.slack.methods import chat, tables
from sandbox.slack.state import arguments, contents, messages, workspace_state
from sandbox.slack.state import errors as slack_errors

MAX_ALT_TEXT = 1000
MAX_SNIPPET_BYTES = 1_000_000
MAX_CHANNELS = 100


def get_upload_url(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Return a URL that takes the bytes of one file."""
    name = given.required("filename")
    length = given.number("length", 0, 1_000_000_000)
    if len(given.text("alt_txt") or "") > MAX_ALT_TEXT:
        raise slack_errors.Refusal("alt_txt_too_large")
    if given.has("snippet_type") and length > MAX_SNIPPET_BYTES:
        raise slack_errors.Refusal("snippet_too_large")
    file = messages.File(
        id=state.new_id("F"),
        name=name,
        title=name,
        content=b"",
        length=length,
        alt_text=given.text("alt_txt") or "",
        snippet_type=given.text("snippet_type") or "",
    )
    ticket = secrets.token_urlsafe(18)
    state.files[file.id] = file
    state.upload_tickets[ticket] = file.id
    return {"upload_url": f"{state.base_url}/upload/v1/{ticket}", "file_id": file.id}


def complete_upload(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Share uploaded files, in one message for each channel."""
    wanted = given.structure("files", "invalid_arguments")
    if not isinstance(wanted, list) or not wanted:
        raise slack_errors.of_argument("files", "missing required field: files")
    files = [_uploaded(state, item) for item in wanted]
    channel_ids = given.names("channels") or given.names("channel_id")
    _share(state, given, files, channel_ids)
    for file in files:
        state.files[file.id] = dataclasses.replace(file, channel_ids=channel_ids, is_complete=True)
    state.changes.announce()
    return {"files": [_file_json(file, channel_ids) for file in files]}


def _share(
    state: workspace_state.State,
    given: arguments.Arguments,
    files: list[messages.File],
    channel_ids: tuple[str, ...],
) -> None:
    if len(channel_ids) > MAX_CHANNELS:
        raise slack_errors.Refusal("channels_limit_exceeded")
    if given.has("thread_ts") and len(channel_ids) != 1:
        raise slack_errors.of_argument("thread_ts", "needs exactly one channel")
    places = [state.find_channel(channel_id) for channel_id in channel_ids]
    for place in places:
        chat.require_open(state, place)
    comment = given.text("initial_comment")
    sent = {"blocks": None} if comment else {}
    content = contents.read_content(arguments.Arguments(given.values | sent), state.settings.refused_blocks)
    for place in places:
        state.add_bot_message(
            place.id,
            text=comment or "",
            blocks=content.blocks or (),
            thread_ts=chat.thread_of(state, place, given),
            file_ids=tuple(file.id for file in files),
        )


def _uploaded(state: workspace_state.State, item: object) -> messages.File:
    file = state.files.get(str(item.get("id"))) if isinstance(item, dict) else None
    if file is None or not isinstance(item, dict) or file.is_complete or not file.content:
        raise slack_errors.Refusal("file_not_found")
    return dataclasses.replace(file, title=str(item.get("title") or file.name))


def _file_json(file: messages.File, channel_ids: tuple[str, ...]) -> shapes.Json:
    return {
        "id": file.id,
        "name": file.name,
        "title": file.title,
        "size": len(file.content),
        "channels": list(channel_ids),
        "permalink": f"https://sandbox.invalid/files/{file.id}",
    }


METHODS = (
    tables.Method(
        name="files.getUploadURLExternal",
        answer=get_upload_url,
        scopes=("files:write",),
        tier=4,
        takes_json=False,
    ),
    tables.Method(name="files.completeUploadExternal", answer=complete_upload, scopes=("files:write",), tier=4),
)
