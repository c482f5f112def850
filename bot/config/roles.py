"""Who may run which command, and in which channels."""

import fnmatch
import re
from collections.abc import Collection
from typing import Annotated

import pydantic

from bot.config import strict
from bot.model import invocations

_MEMBER = re.compile(r"[UWS][A-Z0-9]{2,}|terminal:\S+")
_WORKSPACE = re.compile(r"T[A-Z0-9]{2,}")
_CHANNEL = re.compile(r"[\w*?\[\]-]{1,80}")


def _member(value: str) -> str:
    if _MEMBER.fullmatch(value) is None:
        raise ValueError(
            f"“{value}” is no member; expected a Slack user id such as U012ABCDEF (in the person's profile: Copy member"
            " ID), a user group id such as S012ABCDEF, or terminal:NAME"
        )
    return value


def _channel(value: str) -> str:
    if value.startswith("#"):
        raise ValueError(f"“{value}” begins with #; expected the name alone, {value.lstrip('#') or 'ops'}")
    if _CHANNEL.fullmatch(value) is None:
        raise ValueError(
            f"“{value}” is no name of a channel; expected letters, digits, - and _, or a pattern like inc-*"
        )
    return value


Member = Annotated[str, pydantic.AfterValidator(_member)]
"""A Slack user id (U…, W…), a Slack user group id (S…), or `terminal:` and a user name, `*` for everyone there."""
ChannelPattern = Annotated[str, pydantic.AfterValidator(_channel)]
"""A channel's name or id; `*` stands for any run of characters."""


def _known_command(name: str, info: pydantic.ValidationInfo) -> str:
    names: Collection[str] | None = (info.context or {}).get("commands")
    if names is not None and name not in names:
        raise ValueError(f"“{name}” is no command; expected one of {', '.join(names)}")
    return name


KnownCommand = Annotated[str, pydantic.AfterValidator(_known_command)]
"""Name of a command; validated where the context has `commands`."""


class Role(strict.StrictModel):
    """Members who may run commands that require a role."""

    members: tuple[Member, ...]
    may: tuple[KnownCommand, ...]
    """Names of commands; none for a role that only runs procedures."""

    def user_groups(self) -> tuple[str, ...]:
        """Return the Slack user groups among the members."""
        return tuple(member for member in self.members if member.startswith("S"))

    def names(self, actor: invocations.Actor) -> bool:
        """Return whether *actor* is a member by id; user groups are resolved by `dispatch`."""
        if actor.is_local:
            return any(fnmatch.fnmatchcase(actor.id, member) for member in self.members)
        return actor.id in self.members


class Channels(strict.StrictModel):
    """Where posbot responds."""

    reads: tuple[ChannelPattern, ...] = ("*",)
    """Channels in which every member of the workspace may run commands that only read."""
    incidents: tuple[ChannelPattern, ...] = ("inc-*",)
    """Channels in which responses are visible to all, because all work on the same incident."""


def _workspace(value: str) -> str:
    if _WORKSPACE.fullmatch(value) is None:
        raise ValueError(f"“{value}” is no workspace; expected its id, such as T012ABCDEF")
    return value


Workspace = Annotated[str, pydantic.AfterValidator(_workspace)]
"""Slack's id of a workspace."""


class Roles(strict.StrictModel):
    """The whole of roles.yaml."""

    workspaces: tuple[Workspace, ...] = ()
    """Workspaces whose members are served: all of them where the app is installed for a whole organization, and those
    beside the app's own otherwise."""
    channels: Channels = Channels()
    people: dict[str, tuple[Member, ...]] = pydantic.Field(default_factory=dict)
    """Ids that are the same person, by name: one of Slack and one of a terminal."""
    roles: dict[str, Role] = pydantic.Field(default_factory=dict)

    def are_different(self, one: invocations.Actor, other: invocations.Actor) -> bool:
        """
        Return whether two actors are certainly two people.

        A user at a terminal and a user in Slack may be one person, unless `people` says who they are.
        """
        if one.is_local == other.is_local:
            return one.id != other.id
        names = [self._name_of(actor) for actor in (one, other)]
        return None not in names and names[0] != names[1]

    def _name_of(self, actor: invocations.Actor) -> str | None:
        return next((name for name, ids in self.people.items() if actor.id in ids), None)

    def allowing(self, command: str) -> dict[str, Role]:
        """Return the roles whose members may run the command *command*, by name."""
        return {name: role for name, role in self.roles.items() if command in role.may}

    def called(self, names: Collection[str]) -> dict[str, Role]:
        """Return the roles with these names, as far as there are any."""
        return {name: role for name, role in self.roles.items() if name in names}
