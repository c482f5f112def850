"""Text as typed by a person, and as the bot receives it."""

import re

from sandbox.slack.state import channels, workspace_state


def escape(text: str) -> str:
    """Write the three characters that Slack's markup is made of as entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def command_text(state: workspace_state.State, text: str) -> str:
    """Return what the bot receives for the words after a command, with `should_escape` or without."""
    return link_names(state, escape(text)) if state.settings.escapes_commands else text


def message_text(state: workspace_state.State, text: str) -> str:
    """Return what a message holds for the words typed: names and web addresses become links."""
    linked = re.sub(r"https?://[^\s|<>]+", lambda match: f"<{match[0]}>", escape(text))
    return link_names(state, linked)


def link_names(state: workspace_state.State, text: str) -> str:
    """Replace every @name and #channel that exists by its link."""
    text = re.sub(r"(?<![\w@])@([\w.-]+)", lambda match: _person_link(state, match), text)
    return re.sub(r"(?<![\w#&])#([\w-]+)", lambda match: _channel_link(state, match), text)


def _person_link(state: workspace_state.State, match: re.Match[str]) -> str:
    name = match[1].rstrip(".")
    rest = match[1][len(name) :]
    for user in state.users.values():
        if user.name == name:
            return f"<@{user.id}>{rest}"
    for group in state.groups.values():
        if group.handle == name:
            return f"<!subteam^{group.id}|@{name}>{rest}"
    return match[0]


def _channel_link(state: workspace_state.State, match: re.Match[str]) -> str:
    for channel in state.channels.values():
        if channel.name == match[1] and channel.kind is not channels.Kind.DIRECT:
            return f"<#{channel.id}|{channel.name}>"
    return match[0]
