"""
The manifest of the Slack app, made from the commands so that both cannot disagree.

Its shape is Slack's (github.com/slackapi/manifest-schema): unknown keys are refused, names and hints have limits.
"""

import json
from collections.abc import Sequence
from typing import Any

from bot import command as bot_command
from bot import errors
from bot.http import server
from bot.slack.inbound import listeners

# Each scope with the one thing that needs it.
_SCOPES = {
    "app_mentions:read": "mentions, because slash commands cannot be typed in threads",
    "channels:history": "finding its own message about a run again, where posbot died or Slack did not answer",
    "channels:read": "the names of channels, which mentions leave out and roles.yaml speaks of",
    "chat:write": "answers to mentions, and to commands whose response URL is used up",
    "commands": "the slash command",
    "files:write": "logs that are too long for a message",
    "groups:history": "the same in private channels",
    "groups:read": "the names of private channels, which slash commands leave out",
    "im:history": "the same in direct messages",
    "im:write": "the direct messages that a private log's file goes to, or a run whose channel takes no messages",
    "usergroups:read": "roles that name a user group",
    "users:read": "the names of people, which mentions leave out and the audit shows",
}
_DESCRIPTION_LIMIT = 2_000
_HINT_LIMIT = 1_000


def build(commands: Sequence[bot_command.Command[Any]], url: str | None = None) -> dict[str, Any]:
    """Give the manifest for Socket Mode, or for signed HTTP at *url*, the public root of the bot's own endpoints."""
    reached_at = {} if url is None else {"url": _request_url(url)}
    events_at = {} if url is None else {"request_url": _request_url(url)}
    words = [command for command in commands if not command.is_terminal_only]
    hint = " | ".join(command.name for command in words)
    return {
        "display_information": {
            "name": "posbot",
            "description": "The operations runbook of the POS backend, at hand in Slack",
            "background_color": "#1f2937",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": "pos", "always_online": True},
            "slash_commands": [
                {
                    "command": listeners.COMMAND,
                    "description": "Ask the POS services how they are, and what the runbook says"[:_DESCRIPTION_LIMIT],
                    "usage_hint": hint[:_HINT_LIMIT],
                    "should_escape": True,
                    **reached_at,
                }
            ],
        },
        "oauth_config": {"scopes": {"bot": sorted(_SCOPES)}},
        "settings": {
            "event_subscriptions": {"bot_events": ["app_home_opened", "app_mention"], **events_at},
            "interactivity": {"is_enabled": True, **events_at},
            "org_deploy_enabled": False,
            "socket_mode_enabled": url is None,
            "token_rotation_enabled": False,
        },
    }


def write(commands: Sequence[bot_command.Command[Any]], url: str | None) -> str:
    """
    Give the manifest as JSON, ready to be pasted into Slack.

    Raises:
        errors.UsageError: Slack could not reach *url*.
    """
    if url is not None and not url.startswith("https://"):
        raise errors.UsageError(
            "Slack calls https:// addresses only.", hint="posbot manifest --url https://pos.example.com"
        )
    return json.dumps(build(commands, url), indent=2)


def _request_url(url: str) -> str:
    return url.rstrip("/") + server.SLACK_PATH
