"""A row in the tables of methods."""

import collections.abc
import dataclasses
import enum

from sandbox.slack.blocks import shapes
from sandbox.slack.state import arguments, channels, workspace_state
from sandbox.slack.state import errors as slack_errors

Answer = collections.abc.Callable[[workspace_state.State, arguments.Arguments], shapes.Json]


class Token(enum.Enum):
    """The token that a method asks for."""

    BOT = "bot"
    APP = "app"
    NONE = "none"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method, and what is checked before it is carried out."""

    name: str
    answer: Answer
    scopes: tuple[str, ...] = ()
    """Any one of them will do."""
    tier: int = 3
    takes_json: bool = True
    """Slack's reading methods take forms only and overlook a JSON body."""
    token: Token = Token.BOT


def require_scope(state: workspace_state.State, *scopes: str) -> None:
    """Refuse unless the app was granted one of *scopes*."""
    granted = state.settings.scopes
    if scopes and not granted & set(scopes):
        raise slack_errors.Refusal("missing_scope", needed=",".join(scopes), provided=",".join(sorted(granted)))


def require_channel_scope(state: workspace_state.State, channel: channels.Channel, action: str) -> None:
    """Refuse unless the app may do *action* (read, history, write) with channels of this kind."""
    is_managing = channel.kind is channels.Kind.PUBLIC and action == "write"
    require_scope(state, "channels:manage" if is_managing else f"{channel.kind.value}:{action}")
