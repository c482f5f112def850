"""Who may do what, and where answers may stand."""

import fnmatch
import re
from collections.abc import Collection
from typing import Annotated

import pydantic

from bot.config import strict
from bot.model import invocations

Member = Annotated[str, pydantic.StringConstraints(pattern=r"^([UWS][A-Z0-9]{2,}|terminal:\S+)$")]
"""A Slack user id (U…, W…), a Slack user group id (S…), or `terminal:` and a user name, `*` for everyone there."""
ChannelPattern = Annotated[str, pydantic.StringConstraints(pattern=r"^[\w*?\[\]-]{1,80}$")]
"""A channel's name or id; `*` stands for any run of characters."""


class Role(strict.StrictModel):
    """People who may run commands that not everyone may."""

    members: tuple[Member, ...]
    may: tuple[str, ...]
    """Words of commands; none for a role that only runs procedures."""

    def user_groups(self) -> tuple[str, ...]:
        """Give the Slack user groups among the members."""
        return tuple(member for member in self.members if member.startswith("S"))

    def names(self, actor: invocations.Actor) -> bool:
        """Tell whether *actor* is a member by name; user groups are resolved elsewhere."""
        if actor.is_local:
            return any(fnmatch.fnmatchcase(actor.id, member) for member in self.members)
        return actor.id in self.members


class Channels(strict.StrictModel):
    """Where the bot answers."""

    reads: tuple[ChannelPattern, ...] = ("*",)
    """Channels in which everyone of the workspace may run commands that only read."""
    incidents: tuple[ChannelPattern, ...] = ("inc-*",)
    """Channels in which answers are visible to all, because all work on the same trouble."""

    def allow(self, place: invocations.Conversation) -> bool:
        """Tell whether *place* is a listed channel, or no channel at all."""
        return place.kind is not invocations.ConversationKind.CHANNEL or _matches(place, self.reads)

    def are_public(self, place: invocations.Conversation) -> bool:
        """Tell whether answers in *place* are for all who are there."""
        return place.kind is invocations.ConversationKind.CHANNEL and _matches(place, self.incidents)


class Roles(strict.StrictModel):
    """The whole of roles.yaml."""

    channels: Channels = Channels()
    people: dict[str, tuple[Member, ...]] = pydantic.Field(default_factory=dict)
    """Ids that are the same person, by name: one of Slack and one of a terminal."""
    roles: dict[str, Role] = pydantic.Field(default_factory=dict)

    def are_different(self, one: invocations.Actor, other: invocations.Actor) -> bool:
        """
        Tell whether two actors are surely two people.

        Somebody at a terminal and somebody in Slack may be one, unless `people` says who they are.
        """
        if one.is_local == other.is_local:
            return one.id != other.id
        names = [self._name_of(actor) for actor in (one, other)]
        return None not in names and names[0] != names[1]

    def _name_of(self, actor: invocations.Actor) -> str | None:
        return next((name for name, ids in self.people.items() if actor.id in ids), None)

    def allowing(self, word: str) -> dict[str, Role]:
        """Give the roles whose members may run the command *word*, by name."""
        return {name: role for name, role in self.roles.items() if word in role.may}

    def called(self, names: Collection[str]) -> dict[str, Role]:
        """Give the roles with these names, as far as there are any."""
        return {name: role for name, role in self.roles.items() if name in names}


def _matches(place: invocations.Conversation, patterns: tuple[str, ...]) -> bool:
    return any(
        fnmatch.fnmatchcase(candidate, re.sub(r"^#", "", pattern))
        for pattern in patterns
        for candidate in (place.id, place.name)
    )
