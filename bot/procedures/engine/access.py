"""Who may see a run, run its procedure and answer its questions."""

from typing import Protocol

from bot import errors
from bot.model import invocations
from bot.procedures import runs, schema
from bot.procedures.steps import registry

_OWN_KINDS = frozenset({invocations.ConversationKind.CHANNEL, invocations.ConversationKind.DM})
"""Conversations whose id tells that two requests were made in the same one; everyone's App Home has the same."""


class Authorizer(Protocol):
    """Decides who may do what with a run."""

    async def may_run(self, run: runs.Run, actor: invocations.Actor) -> bool:
        """Return whether *actor* may run the procedure of *run*."""

    async def has_role(self, role: str, actor: invocations.Actor) -> bool:
        """Return whether *actor* has a role."""

    def are_different(self, one: invocations.Actor, other: invocations.Actor) -> bool:
        """Return whether these are certainly two people."""


class RunAccess:
    """The permissions of the actor of an invocation at a run, by the roles as they are now."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def may_see(self, run: runs.Run, by: invocations.Invocation) -> bool:
        """
        Return whether the actor may see *run*.

        That is who requested it, who can read the conversation where it was started, who may run its procedure, and
        who has a role that one of its questions is for.
        """
        if by.actor.id == run.requester.id or _can_read(run, by) or await self._authorizer.may_run(run, by.actor):
            return True
        answerers = {registry.find(step).answerer(step) or "" for step in run.procedure.all_steps()}
        for role in sorted(one.removeprefix(schema.ROLE) for one in answerers if one.startswith(schema.ROLE)):
            if await self._authorizer.has_role(role, by.actor):
                return True
        return False

    async def ensure_may_see(self, run: runs.Run, by: invocations.Invocation) -> None:
        """Raise errors.PermissionDenied unless the actor may see *run*."""
        if not await self.may_see(run, by):
            raise errors.PermissionDenied(
                f"Permission denied: the run {run.id} was started in another conversation, and its procedure requires"
                f" the role {_required(run)}.",
                hint="Open it in the conversation where it was started, or ask a posbot administrator for the role.",
            )

    async def ensure_may_run(self, run: runs.Run, by: invocations.Invocation) -> None:
        """Raise errors.PermissionDenied unless the actor may run the procedure of *run*."""
        if not await self._authorizer.may_run(run, by.actor):
            raise errors.PermissionDenied(
                f"Permission denied: {run.procedure.id} requires the role {_required(run)}.",
                hint="Ask a posbot administrator for the role.",
            )

    async def ensure_may_answer(self, run: runs.Run, question: runs.Question, by: invocations.Invocation) -> None:
        """Raise errors.PermissionDenied unless the actor may answer *question*."""
        if question.by.startswith(schema.ROLE):
            role = question.by.removeprefix(schema.ROLE)
            if not await self._authorizer.has_role(role, by.actor):
                raise errors.PermissionDenied(f"That is for the role {role} to answer.")
            return
        await self.ensure_may_run(run, by)
        if question.by == schema.REQUESTER and by.actor.id != run.requester.id:
            raise errors.PermissionDenied(f"That is for {run.requester.name} to answer, who asked for the run.")
        if question.by == schema.NOT_REQUESTER and not self._authorizer.are_different(run.requester, by.actor):
            raise errors.PermissionDenied(
                "That is for another person to answer than who requested the run.",
                hint=_how_to_be_another(run.requester, by.actor),
            )


def _can_read(run: runs.Run, by: invocations.Invocation) -> bool:
    """Return whether the actor can read the conversation where *run* was started, as far as that is known."""
    started, here, actor = run.conversation, by.conversation, by.actor
    if started.kind is invocations.ConversationKind.TERMINAL:
        return here.kind is started.kind
    if started.kind in _OWN_KINDS and started.id == here.id:
        return True
    # Guests can read only the channels that they are members of.
    is_member = actor.is_local or (
        actor.kind is invocations.ActorKind.MEMBER and actor.team_id == run.requester.team_id
    )
    return is_member and started.is_private is False


def _required(run: runs.Run) -> str:
    names = run.procedure.access.run
    return f"{' or '.join(names)} (roles.yaml: {', '.join(f'{name}.members' for name in names)})"


def _how_to_be_another(requester: invocations.Actor, actor: invocations.Actor) -> str:
    """Return how a second person can answer, where one of the two may be anybody."""
    if requester.id == actor.id and not requester.is_local:
        return "Ask another person to answer it in Slack."
    if invocations.ActorKind.BOT in {requester.kind, actor.kind}:
        return "A bot writes what people make it write. Start the run and answer it as yourself, in Slack."
    if requester.is_local:
        return (
            f"Who uses the account {requester.id} is not known. Start the run in Slack, or list the account in"
            " roles.yaml for the one person who uses it (people)."
        )
    if actor.is_local:
        return (
            f"Who uses the account {actor.id} is not known. Answer it in Slack, or list the account in roles.yaml for"
            " the one person who uses it (people)."
        )
    return "roles.yaml lists both for one person (people): ask another person to answer it."
