"""
Permissions: who may run a command, start a procedure or answer its questions.

`Permissions` checks commands, `Authorizer` runs of procedures; both by the roles as they are now.
"""

import fnmatch
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from bot import command as bot_command
from bot import errors
from bot.config import roles
from bot.model import invocations

if TYPE_CHECKING:
    from bot.procedures import runs


class UserGroups(Protocol):
    """Knows who belongs to a Slack user group; the terminal has none."""

    async def members_of(self, group_id: str, /) -> frozenset[str]:
        """
        Return the ids of the members of a user group.

        Raises:
            errors.BotError: Slack did not respond; the caller then denies.
        """


class NoUserGroups:
    """Where there is no Slack to ask, nobody is in a user group."""

    async def members_of(self, _: str) -> frozenset[str]:
        """Return no members."""
        return frozenset()


def are_public(channels: roles.Channels, conversation: invocations.Conversation) -> bool:
    """Return whether everyone in *conversation* may see responses."""
    return conversation.kind is invocations.ConversationKind.CHANNEL and _is_listed(conversation, channels.incidents)


def _is_listed(conversation: invocations.Conversation, patterns: Sequence[str]) -> bool:
    return any(
        fnmatch.fnmatchcase(candidate, pattern.removeprefix("#"))
        for pattern in patterns
        for candidate in (conversation.id, conversation.name)
    )


class Permissions:
    """Decides by `roles.yaml`; *team_id* is the workspace the bot lives in, None outside Slack."""

    def __init__(self, rules: roles.Roles, *, team_id: str | None, user_groups: UserGroups) -> None:
        self._rules = rules
        self._workspaces = frozenset({team_id, *rules.workspaces}) if team_id is not None else None
        self._user_groups = user_groups

    def serve(self, workspaces: Collection[str]) -> None:
        """Serve the members of *workspaces* alone, once Slack has said where the app is installed."""
        self._workspaces = frozenset(workspaces)

    async def check(
        self, command: bot_command.Command[Any], actor: invocations.Actor, place: invocations.Conversation
    ) -> None:
        """
        Do nothing if *actor* may run *command* in *place*.

        A shared channel brings people of other companies in, so membership of a channel never counts: the person's
        own workspace does.

        Raises:
            errors.PermissionDenied: with what is missing and who can give it.
        """
        # A local actor anywhere but in a terminal is nobody: the entry points of Slack make none.
        if not (actor.is_local and place.kind is invocations.ConversationKind.TERMINAL):
            self._check_actor(actor)
            self._check_conversation(command, place)
        if command.needs_role:
            await self._check_role(command, actor)

    def _check_actor(self, actor: invocations.Actor) -> None:
        is_known = actor.kind is not invocations.ActorKind.UNKNOWN
        # Nobody of Slack's reaches a terminal but by a run that was begun there, and so was checked there.
        if self._workspaces is not None and actor.team_id not in self._workspaces and (is_known or actor.team_id):
            raise errors.PermissionDenied(
                "Permission denied: posbot serves only members of its own workspace.",
                hint="Ask a member of the channel to run it."
                f" Another workspace is served if roles.yaml lists it (workspaces: {actor.team_id or 'unknown'}).",
            )
        if not self._rules.serves(actor):
            raise _not_served(actor)

    def _check_conversation(self, command: bot_command.Command[Any], place: invocations.Conversation) -> None:
        is_channel = place.kind is invocations.ConversationKind.CHANNEL
        if is_channel and not _is_listed(place, self._rules.channels.reads):
            raise errors.PermissionDenied(
                "Permission denied: this channel is not allowed (roles.yaml: channels.reads).",
                hint="Use a DM with posbot, or ask a posbot administrator to add the channel.",
            )
        if command.is_terminal_only:
            raise errors.PermissionDenied(
                f"{command.name} reads local files and requires a terminal.",
                hint=f"In a terminal, run: posbot {command.name}",
            )

    async def has_role(self, name: str, actor: invocations.Actor) -> bool:
        """Return whether *actor* has the role called *name*."""
        role = self._rules.roles.get(name)
        return role is not None and (role.names(actor) or await self._is_in_a_group(role, actor))

    async def _check_role(self, command: bot_command.Command[Any], actor: invocations.Actor) -> None:
        own = command.roles
        granting = self._rules.allowing(command.name) if own is None else self._rules.called(own)
        for name in granting:
            if await self.has_role(name, actor):
                return
        raise role_required(command.name, granting)

    async def _is_in_a_group(self, role: roles.Role, actor: invocations.Actor) -> bool:
        if actor.is_local:
            return False
        for group in role.user_groups():
            try:
                members = await self._user_groups.members_of(group)
            except errors.BotError:
                # A question that Slack does not answer is a no: nobody gets a right by an outage.
                continue
            if actor.id in members:
                return True
        return False


def _not_served(actor: invocations.Actor) -> errors.PermissionDenied:
    """Return the error for an actor who is no member."""
    match actor.kind:
        case invocations.ActorKind.GUEST:
            return errors.PermissionDenied(
                "Permission denied: posbot does not serve guests.",
                hint=f"Ask a member to run it. A guest is served if roles.yaml lists them (guests: {actor.id}).",
            )
        case invocations.ActorKind.BOT:
            return errors.PermissionDenied(
                "Permission denied: posbot does not serve bots.",
                hint=f"A bot is served if roles.yaml lists it (bots: {actor.id}).",
            )
        case invocations.ActorKind.DEACTIVATED:
            return errors.PermissionDenied("Permission denied: the account is deactivated.")
    return errors.PermissionDenied(
        "Permission denied: Slack did not say whether you are a member or a guest.",
        hint="Retry in a minute. If it is denied again, posbot’s log has the reason (users.info, scope users:read).",
    )


def role_required(command: str, roles_granting: Collection[str]) -> errors.PermissionDenied:
    """Return the error for an actor without any of the roles that allow *command*."""
    if not roles_granting:
        return errors.PermissionDenied(
            f"Permission denied: no role allows {command} (roles.yaml: may).",
            hint=f"Ask a posbot administrator to list {command} under a role's `may`.",
        )
    members = ", ".join(f"{name}.members" for name in roles_granting)
    return errors.PermissionDenied(
        f"Permission denied: {command} requires the role {' or '.join(roles_granting)} (roles.yaml: {members}).",
        hint="Ask a posbot administrator for the role.",
    )


class Authorizer:
    """Decides about runs; the procedure is the one that is stored with the run, the roles are today's."""

    def __init__(self, checker: Permissions, rules: roles.Roles) -> None:
        self._checker = checker
        self._rules = rules

    async def may_run(self, run: "runs.Run", actor: invocations.Actor) -> bool:
        """Return whether *actor* may run the procedure of *run*; the conversation was checked before."""
        for name in run.procedure.access.run:
            if name == bot_command.EVERYONE or await self._checker.has_role(name, actor):
                return True
        return False

    async def has_role(self, role: str, actor: invocations.Actor) -> bool:
        """Return whether *actor* has the role."""
        return await self._checker.has_role(role, actor)

    def are_different(self, one: invocations.Actor, other: invocations.Actor) -> bool:
        """Return whether these are certainly two people."""
        return self._rules.are_different(one, other)
