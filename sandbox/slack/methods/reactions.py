"""Marks on messages and channels: reactions, pins and bookmarks."""

import re

from sandbox.slack.blocks import shapes
from sandbox.slack.methods import chat, tables
from sandbox.slack.state import arguments, channels, messages, workspace_state
from sandbox.slack.state import errors as slack_errors

MAX_PINS = 100


def add_reaction(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Put an emoji under a message."""
    name = given.required("name", "invalid_name")
    if not re.fullmatch(r"[a-z0-9_+'-]+(::skin-tone-[2-6])?", name):
        raise slack_errors.Refusal("invalid_name")
    _, message = _marked(state, given)
    if name in message.reactions:
        raise slack_errors.Refusal("already_reacted")
    state.change_message(message, reactions=(*message.reactions, name))
    return {}


def add_pin(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Pin a message to its channel."""
    channel, message = _marked(state, given)
    if message.ts in channel.pinned:
        raise slack_errors.Refusal("already_pinned")
    if len(channel.pinned) >= MAX_PINS:
        raise slack_errors.Refusal("too_many_pins")
    state.change_channel(channel.id, pinned=(*channel.pinned, message.ts))
    return {}


def add_bookmark(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Put a link into a channel's bookmarks."""
    channel = state.find_channel(given.required("channel_id", "channel_not_found"))
    chat.require_open(state, channel)
    title = given.required("title")
    if given.required("type") != "link":
        raise slack_errors.Refusal("invalid_bookmark_type")
    link = given.text("link") or ""
    if not link.startswith(("http://", "https://")):
        raise slack_errors.Refusal("invalid_link")
    state.change_channel(channel.id, bookmarks=(*channel.bookmarks, (title, link)))
    return {"bookmark": {"id": state.new_id("Bk"), "channel_id": channel.id, "title": title, "link": link}}


def _marked(state: workspace_state.State, given: arguments.Arguments) -> tuple[channels.Channel, messages.Message]:
    channel = state.find_channel(given.required("channel", "channel_not_found"))
    chat.require_open(state, channel)
    ts = given.required("timestamp", "no_item_specified")
    message = state.find_message(channel.id, ts)
    if message is None:
        raise slack_errors.Refusal("message_not_found")
    return channel, message


METHODS = (
    tables.Method(name="reactions.add", answer=add_reaction, scopes=("reactions:write",)),
    tables.Method(name="pins.add", answer=add_pin, scopes=("pins:write",), tier=2),
    tables.Method(name="bookmarks.add", answer=add_bookmark, scopes=("bookmarks:write",), tier=2),
)
