"""
The manifest of the Slack app, generated from the commands so that both cannot disagree.

Its schema is Slack's (github.com/slackapi/manifest-schema): unknown keys are refused, names and hints have limits.
"""

import json
from collections.abc import Sequence
from typing import Any

from bot import command as bot_command
from bot import errors

SLASH_COMMAND = "/pos"
REQUEST_PATH = "/slack/events"
"""Of the request URL, where Slack sends what it does not send over Socket Mode."""

# Each scope with what needs it.
_SCOPES = {
    "app_mentions:read": "mentions, because slash commands cannot be typed in threads",
    "channels:history": "finding a live message again after a crash or a lost response of Slack",
    "channels:read": "the names of channels, which mentions leave out and roles.yaml contains",
    "chat:write": "responses to mentions, and to commands whose response URL is used up",
    "commands": "the slash command",
    "files:write": "logs that are too long for a message",
    "groups:history": "the same in private channels",
    "groups:read": "the names of private channels, which slash commands leave out",
    "im:history": "messages to the bot in its DM, and the same as above there",
    "im:write": "DMs, for files of private logs and for live messages whose channel accepts none",
    "usergroups:read": "roles that name a user group",
    "users:read": "the names of people, which mentions leave out and the audit shows",
}
_MAX_DESCRIPTION_LENGTH = 2_000
_MAX_HINT_LENGTH = 1_000


def build(commands: Sequence[bot_command.Command[Any]], url: str | None = None) -> dict[str, Any]:
    """Return the manifest for Socket Mode, or for signed HTTP at *url*, the public root of posbot's HTTP server."""
    request_url = None if url is None else url.rstrip("/") + REQUEST_PATH
    command_url = {} if request_url is None else {"url": request_url}
    event_url = {} if request_url is None else {"request_url": request_url}
    hint = " | ".join(command.name for command in commands if not command.is_terminal_only)
    return {
        "display_information": {
            "name": "posbot",
            "description": "Operations of the POS backend: health, diagnosis, runbook",
            "background_color": "#1f2937",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "pos", "always_online": True},
            "slash_commands": [
                {
                    "command": SLASH_COMMAND,
                    "description": "Check POS services, diagnose failures, run procedures"[:_MAX_DESCRIPTION_LENGTH],
                    "usage_hint": hint[:_MAX_HINT_LENGTH],
                    "should_escape": True,
                    **command_url,
                }
            ],
        },
        "oauth_config": {"scopes": {"bot": sorted(_SCOPES)}},
        "settings": {
            "event_subscriptions": {"bot_events": ["app_home_opened", "app_mention", "message.im"], **event_url},
            "interactivity": {"is_enabled": True, **event_url},
            "org_deploy_enabled": False,
            "socket_mode_enabled": url is None,
            "token_rotation_enabled": False,
        },
    }


def write(commands: Sequence[bot_command.Command[Any]], url: str | None) -> str:
    """
    Return the manifest as JSON, to be pasted into Slack.

    Raises:
        errors.UsageError: *url* is not https.
    """
    if url is not None and not url.startswith("https://"):
        raise errors.UsageError(
            "--url must be an https:// address.", hint="posbot manifest --url https://pos.example.com"
        )
    return json.dumps(build(commands, url), indent=2)
