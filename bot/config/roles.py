"""Who may run which command, and in which channels."""

import fnmatch
import re
from collections.abc import Collection
from typing import Annotated

import pydantic

from bot import errors
from bot.config import strict
from bot.model import invocations

_MEMBER = re.compile(r"[UWS][A-Z0-9]{2,}|terminal:\S+")
_PERSON = re.compile(r"[UW][A-Z0-9]{2,}|terminal:[^\s*?\[\]]+")
_USER = re.compile(r"[UW][A-Z0-9]{2,}")
_EVERYONE = "*"
_WORKSPACE = re.compile(r"T[A-Z0-9]{2,}")
_CHANNEL = re.compile(r"[\w*?\[\]-]{1,80}")


def _member(value: str) -> str:
    if _MEMBER.fullmatch(value) is None:
        raise ValueError(
            f"“{value}” is no member; expected a Slack user id such as U012ABCDEF (in the person's profile: Copy member"
            " ID), a user group id such as S012ABCDEF, or terminal:NAME"
        )
    return value


def _person(value: str) -> str:
    if _PERSON.fullmatch(value) is None:
        raise ValueError(
            f"“{value}” is not the id of one person; expected a Slack user id such as U012ABCDEF, or terminal:NAME"
            " without *"
        )
    return value


def _guest(value: str) -> str:
    if value != _EVERYONE and _USER.fullmatch(value) is None:
        raise ValueError(f"“{value}” is no guest; expected a Slack user id such as U012ABCDEF, or * for every guest")
    return value


def _bot(value: str) -> str:
    if _USER.fullmatch(value) is None:
        raise ValueError(
            f"“{value}” is no bot; expected the Slack user id of its bot user, such as U012ABCDEF (in the app's"
            " profile: Copy member ID)"
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
Person = Annotated[str, pydantic.AfterValidator(_person)]
"""A Slack user id, or `terminal:` and a user name."""
Guest = Annotated[str, pydantic.AfterValidator(_guest)]
"""A Slack user id; `*` for every guest."""
Bot = Annotated[str, pydantic.AfterValidator(_bot)]
"""A Slack user id; no pattern, because a bot repeats what people write who have no access to posbot."""
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
    guests: tuple[Guest, ...] = ()
    """Guests of the served workspaces that are served like members."""
    bots: tuple[Bot, ...] = ()
    """Apps whose mentions are served."""
    people: dict[str, tuple[Person, ...]] = pydantic.Field(default_factory=dict)
    """Ids that are the same person, by name: of Slack, and of terminal accounts that nobody else uses."""
    roles: dict[str, Role] = pydantic.Field(default_factory=dict)

    @pydantic.model_validator(mode="after")
    def _ids_belong_to_one_person(self) -> "Roles":
        owners: dict[str, str] = {}
        for name, ids in self.people.items():
            for index, one in enumerate(ids):
                if owners.setdefault(one, name) != name:
                    raise errors.ValidationError(
                        f"{one} is also listed for {owners[one]}; expected each id for one person only, and an account"
                        " that several people use for none",
                        "people",
                        name,
                        index,
                    )
        return self

    def serves(self, actor: invocations.Actor) -> bool:
        """Return whether an actor of this kind is served: members, and the guests and bots that are listed."""
        match actor.kind:
            case invocations.ActorKind.GUEST:
                return _EVERYONE in self.guests or actor.id in self.guests
            case invocations.ActorKind.BOT:
                return actor.id in self.bots
        return actor.kind is invocations.ActorKind.MEMBER

    def are_different(self, one: invocations.Actor, other: invocations.Actor) -> bool:
        """
        Return whether two actors are certainly two people.

        A terminal account shows which account is used and not by whom, and one person may have several: two of them
        are never certainly two people, and one of them and a user in Slack only where `people` names both. A bot is
        nobody, because people make it write.
        """
        if (one.is_local and other.is_local) or invocations.ActorKind.BOT in {one.kind, other.kind}:
            return False
        names = [self._name_of(actor) for actor in (one, other)]
        if one.is_local or other.is_local:
            return None not in names and names[0] != names[1]
        return one.id != other.id and (names[0] is None or names[0] != names[1])

    def _name_of(self, actor: invocations.Actor) -> str | None:
        return next((name for name, ids in self.people.items() if actor.id in ids), None)

    def allowing(self, command: str) -> dict[str, Role]:
        """Return the roles whose members may run the command *command*, by name."""
        return {name: role for name, role in self.roles.items() if command in role.may}

    def called(self, names: Collection[str]) -> dict[str, Role]:
        """Return the roles with these names, as far as there are any."""
        return {name: role for name, role in self.roles.items() if name in names}
