"""What the bot says back to one person: through a response_url, or straight in its acknowledgement."""

import typing

from sandbox.slack.blocks import shapes
from sandbox.slack.methods import views
from sandbox.slack.state import arguments, contents, messages, tokens, workspace_state
from sandbox.slack.state import errors as slack_errors

_FLAGS = ("replace_original", "delete_original")


def post_answer(state: workspace_state.State, url: tokens.ResponseUrl, body: object) -> None:
    """
    Show the bot's answer, or change the message that was clicked.

    Raises Refusal, with the HTTP status of response urls, when Slack would not take it.
    """
    given = _read(body)
    channel = state.channels[url.channel_id]
    if channel.is_archived:
        raise slack_errors.Refusal("channel_is_archived", status=410)
    original = state.messages.get((url.channel_id, url.message_ts or ""))
    if given.flag("delete_original"):
        _delete(state, original)
        return
    content = _content(state, given)
    if given.flag("replace_original") and original is not None and not original.is_deleted:
        _replace(state, original, content)
        return
    _post(state, url, given, content)


def take_command_answer(state: workspace_state.State, url: tokens.ResponseUrl, body: typing.Any) -> str:
    """Show what a command's acknowledgement carried, and name the problem when Slack would not take it."""
    if body is None or body == "":
        return ""
    try:
        post_answer(state, url, {"text": body} if isinstance(body, str) else body)
    except slack_errors.Refusal as refusal:
        return refusal.error
    return ""


def take_submission_answer(state: workspace_state.State, view: messages.View, body: typing.Any) -> str:
    """Do what the acknowledgement of a submitted modal says, and name the problem when Slack would not."""
    action = body.get("response_action") if isinstance(body, dict) else None
    try:
        if not body or (isinstance(body, dict) and action is None):
            close_view(state, view)
        elif action == "clear":
            for below in views.open_views(state, view.user_id):
                close_view(state, below)
        elif action == "errors":
            _show_errors(state, view, body.get("errors"))
        elif action in ("update", "push"):
            _change_stack(state, view, action, body.get("view"))
        else:
            return "unknown response_action"
    except slack_errors.Refusal as refusal:
        return refusal.error
    return ""


def close_view(state: workspace_state.State, view: messages.View) -> None:
    """Take a modal away."""
    state.change_view(view, is_closed=True)


def _read(body: object) -> arguments.Arguments:
    if not isinstance(body, dict):
        raise slack_errors.Refusal("invalid_payload", status=400)
    if any(not isinstance(body.get(name, False), bool | str) for name in _FLAGS):
        raise slack_errors.Refusal("invalid_payload", status=400)
    if body.get("response_type", "ephemeral") not in ("ephemeral", "in_channel"):
        raise slack_errors.Refusal("invalid_payload", status=400)
    return arguments.Arguments(body)


def _content(state: workspace_state.State, given: arguments.Arguments) -> contents.Content:
    try:
        content = contents.read_content(given, state.settings.refused_blocks)
    except slack_errors.Refusal as refusal:
        raise slack_errors.Refusal(refusal.error, status=400, **refusal.extra) from refusal
    if content.is_empty:
        raise slack_errors.Refusal("no_text", status=400)
    return content


def _delete(state: workspace_state.State, original: messages.Message | None) -> None:
    if original is None or original.is_deleted:
        raise slack_errors.Refusal("message_not_found", status=404)
    state.change_message(original, is_deleted=True)


def _replace(state: workspace_state.State, original: messages.Message, content: contents.Content) -> None:
    state.change_message(
        original,
        is_edit=True,
        text=content.text or "",
        blocks=content.blocks or (),
        attachments=content.attachments or (),
    )


def _post(
    state: workspace_state.State,
    url: tokens.ResponseUrl,
    given: arguments.Arguments,
    content: contents.Content,
) -> None:
    is_public = given.text("response_type") == "in_channel"
    state.add_bot_message(
        url.channel_id,
        text=content.text or "",
        blocks=content.blocks or (),
        attachments=content.attachments or (),
        metadata=content.metadata or None,
        thread_ts=given.text("thread_ts") or url.thread_ts,
        seen_only_by=None if is_public else url.user_id,
    )


def _show_errors(state: workspace_state.State, view: messages.View, errors: object) -> None:
    inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
        raise slack_errors.Refusal("errors must name the block_id of input blocks")
    state.change_view(view, errors=dict(errors))


def _change_stack(state: workspace_state.State, view: messages.View, action: str, body: object) -> None:
    sound: shapes.Json = views.check_view(body, "modal")
    if action == "update":
        views.change_view(state, view, sound)
    elif len(views.open_views(state, view.user_id)) >= views.MAX_STACK:
        raise slack_errors.Refusal("push_limit_reached")
    else:
        views.show_modal(state, view.user_id, sound, root_id=view.root_id)
