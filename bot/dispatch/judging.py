"""Who may run a procedure and answer its questions, by the roles as they are now."""

from bot.dispatch import permissions
from bot.model import invocations, procedures, roles, runs


class Judge:
    """Decides about runs; the procedure is the one that is stored with the run, the roles are today's."""

    def __init__(self, checker: permissions.Permissions, rules: roles.Roles) -> None:
        self._checker = checker
        self._rules = rules

    async def may_run(self, run: runs.Run, actor: invocations.Actor) -> bool:
        """Tell whether somebody may run the procedure of *run*; that they may speak here at all was checked before."""
        for name in run.procedure.access.run:
            if name == procedures.EVERYONE or await self._checker.has_role(name, actor):
                return True
        return False

    async def has_role(self, role: str, actor: invocations.Actor) -> bool:
        """Tell whether somebody has a role."""
        return await self._checker.has_role(role, actor)

    def are_different(self, one: invocations.Actor, other: invocations.Actor) -> bool:
        """Tell whether these are surely two people."""
        return self._rules.are_different(one, other)
