"""What a procedure is validated against."""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any

from bot import command, errors
from bot.procedures import schema
from bot.runbook import sections


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ValidationContext:
    """Everything that a procedure may name and that is not in its own file."""

    commands: Mapping[str, command.Command[Any]]
    vocabulary: command.Vocabulary
    runbook: sections.Runbook
    roles: Collection[str]
    parse_error: Callable[[schema.Procedure, str], errors.UsageError | None]
    """Returns what is wrong with a command line that starts the procedure, None if nothing is."""

    def resolve(self, name: str) -> str:
        """Return the name of the command that *name* is, or is an alias of."""
        return self.vocabulary.aliases.get(name, name)

    def changes(self, step: schema.Step) -> bool:
        """Return whether *step* changes something, by itself or by its command."""
        used = self.commands.get(self.resolve(step.uses))
        return command.Effect.CHANGE in {step.effect, used.effect if used is not None else None}
