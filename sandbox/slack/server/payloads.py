"""What Slack sends to the bot, field by field."""

import uuid

from sandbox.slack.blocks import reading, shapes
from sandbox.slack.methods import views
from sandbox.slack.state import channels, messages, workspace_state


def command(
    state: workspace_state.State, user: channels.User, channel: channels.Channel, word: str, text: str
) -> shapes.Json:
    """Describe a slash command; every value is a string, and there is no thread."""
    own = state.settings
    return {
        "token": own.verification_token,
        "team_id": user.team_id,
        "team_domain": own.team_domain if user.team_id == own.team_id else user.team_id.lower(),
        "channel_id": channel.id,
        "channel_name": channel_name(channel),
        "user_id": user.id,
        "user_name": user.name,
        "command": word,
        "text": text,
        "api_app_id": own.app_id,
        "is_enterprise_install": "false" if own.enterprise_id is None else "true",
        "response_url": response_url(state, state.tokens.new_response_url(channel.id, user.id)),
        "trigger_id": state.tokens.new_trigger(user.id),
    } | ({} if own.enterprise_id is None else {"enterprise_id": own.enterprise_id, "enterprise_name": own.team_domain})


def click_on_message(
    state: workspace_state.State,
    user: channels.User,
    message: messages.Message,
    action: shapes.Json,
    values: shapes.Json,
) -> shapes.Json:
    """Describe the use of a control in a message, with the *values* of what else is in it."""
    channel = state.channels[message.channel_id]
    key = state.tokens.new_response_url(channel.id, user.id, message_ts=message.ts, thread_ts=message.thread_ts)
    container: shapes.Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": message.is_ephemeral,
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    body = _interaction(state, user, "block_actions") | {
        "container": container,
        "channel": {"id": channel.id, "name": channel_name(channel)},
        "state": {"values": values},
        "response_url": response_url(state, key),
        "actions": [action],
    }
    # Slack does not keep ephemeral messages, so it cannot show the bot the one that was clicked.
    return body if message.is_ephemeral else body | {"message": message.to_json()}


def click_on_view(
    state: workspace_state.State, user: channels.User, view: messages.View, action: shapes.Json, values: shapes.Json
) -> shapes.Json:
    """Describe the use of a control in a modal or on the Home tab."""
    return _interaction(state, user, "block_actions") | {
        "container": {"type": "view", "view_id": view.id},
        "view": views.view_json(state, view) | {"state": {"values": values}},
        "actions": [action],
    }


def submission(
    state: workspace_state.State, user: channels.User, view: messages.View, values: shapes.Json
) -> shapes.Json:
    """Describe a modal that was submitted."""
    return _interaction(state, user, "view_submission") | {
        "view": views.view_json(state, view) | {"state": {"values": values}},
        "response_urls": [],
    }


def closing(state: workspace_state.State, user: channels.User, view: messages.View) -> shapes.Json:
    """Describe a modal that was closed without submitting."""
    body = _interaction(state, user, "view_closed") | {"view": views.view_json(state, view), "is_cleared": False}
    return {key: value for key, value in body.items() if key != "trigger_id"}


def shortcut(
    state: workspace_state.State, user: channels.User, callback_id: str, message: messages.Message | None
) -> shapes.Json:
    """Describe a shortcut, global or on a message."""
    if message is None:
        body = _interaction(state, user, "shortcut")
        return body | {"callback_id": callback_id, "action_ts": state.new_ts()}
    channel = state.channels[message.channel_id]
    key = state.tokens.new_response_url(channel.id, user.id, message_ts=message.ts, thread_ts=message.thread_ts)
    return _interaction(state, user, "message_action") | {
        "callback_id": callback_id,
        "action_ts": state.new_ts(),
        "message_ts": message.ts,
        "channel": {"id": channel.id, "name": channel_name(channel)},
        "message": message.to_json(),
        "response_url": response_url(state, key),
    }


def action_of(state: workspace_state.State, control: reading.Control, chosen: shapes.Json) -> shapes.Json:
    """Describe one control's use; *chosen* is what differs by its kind."""
    action: shapes.Json = {
        "type": control.kind,
        "action_id": control.action_id,
        "block_id": control.block_id,
        "action_ts": state.new_ts(),
    }
    if control.kind == "button":
        action["text"] = control.element["text"]
        if control.value is not None:
            action["value"] = control.value
        if control.url is not None:
            action["url"] = control.url
    return action | chosen


def event(
    state: workspace_state.State, body: shapes.Json, user: channels.User, channel: channels.Channel | None
) -> shapes.Json:
    """Wrap an event as the Events API does."""
    own = state.settings
    is_shared = channel is not None and channel.is_shared
    strange = {"user_team": user.team_id, "source_team": user.team_id} if is_shared else {}
    if own.enterprise_id is not None:
        # slack_bolt (request/internals.py) knows events whose user_team is the organization.
        strange = {"user_team": own.enterprise_id, "source_team": own.enterprise_id}
    return {
        "token": own.verification_token,
        "team_id": own.team_id,
        "context_team_id": own.team_id,
        "context_enterprise_id": own.enterprise_id,
        "api_app_id": own.app_id,
        "event": body | strange,
        "type": "event_callback",
        "event_id": state.new_id("Ev"),
        "event_time": int(state.clock.seconds()),
        "authorizations": [
            {
                # docs.slack.dev, developing for organizations: no workspace where the app is installed for all.
                "enterprise_id": own.enterprise_id,
                "team_id": own.team_id if own.enterprise_id is None else None,
                "user_id": own.bot_user_id,
                "is_bot": True,
                "is_enterprise_install": own.enterprise_id is not None,
            }
        ],
        "is_ext_shared_channel": is_shared,
        "event_context": uuid.uuid4().hex,
    }


def message_event(state: workspace_state.State, message: messages.Message, kind: str) -> shapes.Json:
    """Describe a message of a person: *kind* is `app_mention` or `message`."""
    channel = state.channels[message.channel_id]
    body = message.to_json() | {
        "type": kind,
        "client_msg_id": str(uuid.uuid4()),
        "channel": message.channel_id,
        "event_ts": message.ts,
    }
    if kind == "message":
        body["channel_type"] = "im" if channel.kind is channels.Kind.DIRECT else "channel"
    return body


def changed_event(state: workspace_state.State, message: messages.Message, before: messages.Message) -> shapes.Json:
    """Describe the edit of a message in a direct message channel (docs.slack.dev, message_changed)."""
    ts = state.new_ts()
    return {
        "type": "message",
        "subtype": "message_changed",
        "channel": message.channel_id,
        "channel_type": "im",
        "ts": ts,
        "event_ts": ts,
        "message": message.to_json(),
        "previous_message": before.to_json(),
    }


def home_event(state: workspace_state.State, user: channels.User, tab: str) -> shapes.Json:
    """Describe the opening of the app's Home or Messages tab."""
    body: shapes.Json = {
        "type": "app_home_opened",
        "user": user.id,
        "channel": state.direct_channel(user.id, state.settings.bot_user_id).id,
        "tab": tab,
        "event_ts": state.new_ts(),
    }
    home = state.homes.get(user.id)
    return body | ({"view": views.view_json(state, home)} if home and tab == "home" else {})


def response_url(state: workspace_state.State, key: str) -> str:
    """Return the address of the response url *key*."""
    return f"{state.base_url}/commands/{state.settings.team_id}/{key}"


def channel_name(channel: channels.Channel) -> str:
    """Return the name of *channel* as payloads write it."""
    return {
        channels.Kind.DIRECT: "directmessage",
        channels.Kind.PRIVATE: "privategroup",
    }.get(channel.kind, channel.name)


def _interaction(state: workspace_state.State, user: channels.User, kind: str) -> shapes.Json:
    own = state.settings
    return {
        "type": kind,
        "token": own.verification_token,
        "team": {"id": own.team_id, "domain": own.team_domain},
        "enterprise": None if own.enterprise_id is None else {"id": own.enterprise_id, "name": own.team_domain},
        "is_enterprise_install": own.enterprise_id is not None,
        "api_app_id": own.app_id,
        "user": {
            "id": user.id,
            "username": user.name,
            "name": user.name,
            "team_id": user.team_id,
        },
        "trigger_id": state.tokens.new_trigger(user.id),
    }
