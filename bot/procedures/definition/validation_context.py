"""What a procedure is held against when it is read."""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any

from bot import command
from bot.procedures import schema
from bot.runbook import sections


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ValidationContext:
    """Everything that a procedure may speak of and that is not in its own file."""

    commands: Mapping[str, command.Command[Any]]
    vocabulary: command.Vocabulary
    runbook: sections.Runbook
    roles: Collection[str]
    parse_error: Callable[[schema.Procedure, str], str | None]
    """Gives what is wrong with a line that begins with a word of the procedure, None where nothing is."""
