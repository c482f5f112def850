"""Reading channels and what was said in them."""

import collections.abc
import typing

from sandbox.slack.blocks import shapes
from sandbox.slack.methods import tables
from sandbox.slack.state import arguments, channels, messages, workspace_state
from sandbox.slack.state import errors as slack_errors

_READ = ("channels:read", "groups:read", "im:read")
_HISTORY = ("channels:history", "groups:history", "im:history")
MAX_LIMIT = 999

_KINDS_BY_WORD = {
    "public_channel": channels.Kind.PUBLIC,
    "private_channel": channels.Kind.PRIVATE,
    "im": channels.Kind.DIRECT,
    "mpim": None,
}


def info(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Describe one channel."""
    channel = state.find_channel(given.required("channel", "channel_not_found"))
    tables.require_channel_scope(state, channel, "read")
    return {"channel": channel.to_json(state.settings.bot_user_id)}


def list_all(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """List the channels that the bot may know of."""
    words = given.names("types") or ("public_channel",)
    if any(word not in _KINDS_BY_WORD for word in words):
        raise slack_errors.Refusal("invalid_types")
    kinds = {_KINDS_BY_WORD[word] for word in words}
    for kind in kinds - {None}:
        tables.require_scope(state, f"{typing.cast('channels.Kind', kind).value}:read")
    known = [
        channel.to_json(state.settings.bot_user_id)
        for channel in state.channels.values()
        if channel.kind in kinds
        and (channel.kind is channels.Kind.PUBLIC or state.is_bot_in(channel))
        and not (channel.is_archived and given.flag("exclude_archived"))
    ]
    page, cursor = _page(known, given, default=100)
    return {"channels": page, **_cursor(cursor)}


def history(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """List a channel's messages, the newest first, without the replies."""
    channel = _readable(state, given)
    top = [message for message in _visible(state, channel) if message.thread_ts in (None, message.ts)]
    chosen = [message for message in reversed(top) if _is_within(message.ts, given)]
    page, cursor = _page(chosen, given, default=100)
    return {
        "messages": [_with_metadata(message, given) for message in page],
        "has_more": bool(cursor),
        "pin_count": len(channel.pinned),
        **_cursor(cursor),
    }


def replies(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """List a thread, the parent first."""
    channel = _readable(state, given)
    ts = given.required("ts")
    named = state.find_message(channel.id, ts)
    parent_ts = (named.thread_ts if named else None) or ts
    thread = [message for message in _visible(state, channel) if parent_ts in (message.ts, message.thread_ts)]
    if not thread:
        raise slack_errors.Refusal("thread_not_found")
    chosen = [message for message in thread if _is_within(message.ts, given)]
    page, cursor = _page(chosen, given, default=1000)
    return {
        "messages": [_with_metadata(message, given) for message in page],
        "has_more": bool(cursor),
        **_cursor(cursor),
    }


def _readable(state: workspace_state.State, given: arguments.Arguments) -> channels.Channel:
    channel = state.find_channel(given.required("channel", "channel_not_found"))
    tables.require_channel_scope(state, channel, "history")
    if not state.is_bot_in(channel):
        raise slack_errors.Refusal("not_in_channel")
    return channel


def _visible(state: workspace_state.State, channel: channels.Channel) -> list[messages.Message]:
    return [
        message
        for message in state.messages.values()
        if message.channel_id == channel.id and not message.is_deleted and not message.is_ephemeral
    ]


def _is_within(ts: str, given: arguments.Arguments) -> bool:
    oldest, latest = given.text("oldest"), given.text("latest")
    is_inclusive = given.flag("inclusive")
    after = oldest is None or float(ts) > float(oldest) or (is_inclusive and float(ts) == float(oldest))
    before = latest is None or float(ts) < float(latest) or (is_inclusive and float(ts) == float(latest))
    return after and before


def _with_metadata(message: messages.Message, given: arguments.Arguments) -> shapes.Json:
    body = message.to_json()
    if given.flag("include_all_metadata") and message.metadata:
        body["metadata"] = message.metadata
    return body


Item = typing.TypeVar("Item")


def _page(items: collections.abc.Sequence[Item], given: arguments.Arguments, default: int) -> tuple[list[Item], str]:
    limit = given.number("limit", min(default, MAX_LIMIT), MAX_LIMIT)
    cursor = given.text("cursor") or "0"
    if not cursor.isdecimal():
        raise slack_errors.Refusal("invalid_cursor")
    start = int(cursor)
    end = start + limit
    return list(items[start:end]), str(end) if end < len(items) else ""


def _cursor(cursor: str) -> shapes.Json:
    return {"response_metadata": {"next_cursor": cursor}}


METHODS = (
    tables.Method(name="conversations.info", answer=info, scopes=_READ, takes_json=False),
    tables.Method(name="conversations.list", answer=list_all, scopes=_READ, tier=2, takes_json=False),
    tables.Method(name="conversations.history", answer=history, scopes=_HISTORY, takes_json=False),
    tables.Method(name="conversations.replies", answer=replies, scopes=_HISTORY, takes_json=False),
)
