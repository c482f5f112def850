"""Posting, changing and deleting messages."""

from sandbox.slack.blocks import checking, shapes
from sandbox.slack.methods import tables
from sandbox.slack.state import arguments, channels, contents, messages, workspace_state
from sandbox.slack.state import errors as slack_errors


def post_message(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Post a message in a channel, in a thread, or to a person."""
    channel = _place(state, given.required("channel", "channel_not_found"))
    require_open(state, channel, public_scope="chat:write.public")
    content = _full_content(state, given)
    if content.blocks and checking.is_too_long(content.blocks):
        raise slack_errors.Refusal("msg_blocks_too_long")
    state.rate_limits.count_post(channel.id)
    message = state.add_bot_message(
        channel.id,
        text=content.text or "",
        blocks=content.blocks or (),
        attachments=content.attachments or (),
        metadata=content.metadata or None,
        thread_ts=thread_of(state, channel, given),
    )
    return {"channel": channel.id, "ts": message.ts, "message": message.to_json()}


def post_ephemeral(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Show a message to one member of a channel."""
    channel = state.find_channel(given.required("channel", "channel_not_found"))
    require_open(state, channel)
    user_id = given.required("user")
    if user_id not in channel.member_ids:
        raise slack_errors.Refusal("user_not_in_channel")
    content = _full_content(state, given)
    message = state.add_bot_message(
        channel.id,
        text=content.text or "",
        blocks=content.blocks or (),
        attachments=content.attachments or (),
        thread_ts=given.text("thread_ts"),
        seen_only_by=user_id,
    )
    return {"message_ts": message.ts}


def update(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Change a message of the bot; text without blocks takes the old blocks away."""
    channel = state.find_channel(given.required("channel", "channel_not_found"))
    message = _own_message(state, channel, given.required("ts"), "cant_update_message")
    if not state.is_bot_in(channel):
        raise slack_errors.Refusal("not_in_channel")
    if channel.is_archived:
        raise slack_errors.Refusal("is_inactive")
    if len(given.text("text") or "") > contents.MAX_UPDATE_TEXT:
        raise slack_errors.Refusal("msg_too_long")
    content = contents.read_content(given, state.settings.refused_blocks)
    if content.is_empty:
        raise slack_errors.Refusal("no_text")
    changed = apply_content(state, message, content)
    return {"channel": channel.id, "ts": changed.ts, "text": changed.text, "message": changed.to_json()}


def delete(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Delete a message of the bot."""
    channel = state.find_channel(given.required("channel", "channel_not_found"))
    message = _own_message(state, channel, given.required("ts"), "cant_delete_message")
    state.change_message(message, is_deleted=True)
    return {"channel": channel.id, "ts": message.ts}


def apply_content(
    state: workspace_state.State, message: messages.Message, content: contents.Content
) -> messages.Message:
    """Change *message* to *content*, keeping what Slack keeps when a part was not sent."""
    keeps_blocks = content.blocks is None and content.text is None
    keeps_attachments = content.attachments is None
    keeps_metadata = content.metadata is None
    return state.change_message(
        message,
        is_edit=True,
        text=message.text if content.text is None else content.text,
        blocks=message.blocks if keeps_blocks else content.blocks or (),
        attachments=message.attachments if keeps_attachments else content.attachments or (),
        metadata=message.metadata if keeps_metadata else content.metadata or None,
        has_edited_mark=message.has_edited_mark or not content.blocks,
    )


def require_open(state: workspace_state.State, channel: channels.Channel, public_scope: str | None = None) -> None:
    """
    Refuse a channel that is archived or that the bot is not in.

    *public_scope* is the scope with which membership of a public channel is not needed.
    """
    is_public = channel.kind is channels.Kind.PUBLIC
    if not state.is_bot_in(channel) and not (is_public and public_scope in state.settings.scopes):
        raise slack_errors.Refusal("not_in_channel")
    if channel.is_archived:
        raise slack_errors.Refusal("is_archived")


def thread_of(state: workspace_state.State, channel: channels.Channel, given: arguments.Arguments) -> str | None:
    """
    Return the thread that a new message goes to; a reply's ts leads to its parent.

    A parent that was deleted keeps its thread only when it had replies.
    """
    ts = given.text("thread_ts")
    if not ts:
        return None
    parent = state.messages.get((channel.id, ts))
    if parent is None or parent.is_ephemeral or (parent.is_deleted and not _has_replies(state, parent)):
        raise slack_errors.Refusal("thread_not_found")
    return parent.thread_ts or parent.ts


def _has_replies(state: workspace_state.State, parent: messages.Message) -> bool:
    return any(
        message.thread_ts == parent.ts and not message.is_deleted
        for message in state.messages.values()
        if message.channel_id == parent.channel_id
    )


def _full_content(state: workspace_state.State, given: arguments.Arguments) -> contents.Content:
    content = contents.read_content(given, state.settings.refused_blocks)
    if content.is_empty:
        raise slack_errors.Refusal("no_text")
    return content


def _place(state: workspace_state.State, name_or_id: str) -> channels.Channel:
    if name_or_id in state.users and name_or_id != state.settings.bot_user_id:
        return state.direct_channel(name_or_id, state.settings.bot_user_id)
    return state.find_channel(name_or_id)


def _own_message(state: workspace_state.State, channel: channels.Channel, ts: str, error: str) -> messages.Message:
    message = state.find_message(channel.id, ts)
    if message is None:
        raise slack_errors.Refusal("message_not_found")
    if message.user_id != state.settings.bot_user_id:
        raise slack_errors.Refusal(error)
    return message


METHODS = (
    tables.Method(name="chat.postMessage", answer=post_message, scopes=("chat:write",), tier=4),
    tables.Method(name="chat.postEphemeral", answer=post_ephemeral, scopes=("chat:write",), tier=4),
    tables.Method(name="chat.update", answer=update, scopes=("chat:write",)),
    tables.Method(name="chat.delete", answer=delete, scopes=("chat:write",)),
)
