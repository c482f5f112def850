"""Text as typed by a person, and as the bot receives it."""

import re

from sandbox.slack.state import channels, workspace_state


def escape(text: str) -> str:
    """Write the three characters that Slack's markup is made of as entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def command_text(at: workspace_state.State, text: str) -> str:
    """Return what the bot receives for the words after a command, with `should_escape` or without."""
    return link_names(at, escape(text)) if at.settings.escapes_commands else text


def message_text(at: workspace_state.State, text: str) -> str:
    """Return what a message holds for the words typed: names and web addresses become links."""
    linked = re.sub(r"https?://[^\s|<>]+", lambda match: f"<{match[0]}>", escape(text))
    return link_names(at, linked)


def link_names(at: workspace_state.State, text: str) -> str:
    """Replace every @name and #channel that exists by its link."""
    text = re.sub(r"(?<![\w@])@([\w.-]+)", lambda match: _person_link(at, match), text)
    return re.sub(r"(?<![\w#&])#([\w-]+)", lambda match: _channel_link(at, match), text)


def _person_link(at: workspace_state.State, match: re.Match[str]) -> str:
    name = match[1].rstrip(".")
    rest = match[1][len(name) :]
    for user in at.users.values():
        if user.name == name:
            return f"<@{user.id}>{rest}"
    for group in at.groups.values():
        if group.handle == name:
            return f"<!subteam^{group.id}|@{name}>{rest}"
    return match[0]


def _channel_link(at: workspace_state.State, match: re.Match[str]) -> str:
    for channel in at.channels.values():
        if channel.name == match[1] and channel.kind is not channels.Kind.DIRECT:
            return f"<#{channel.id}|{channel.name}>"
    return match[0]
