"""What a procedure is held against when it is read."""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any

from bot import toolkit
from bot.model import procedures, runbooks


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Everything that a procedure may speak of and that is not in its own file."""

    commands: Mapping[str, toolkit.Command[Any]]
    vocabulary: toolkit.Vocabulary
    runbook: runbooks.Runbook
    roles: Collection[str]
    misunderstanding: Callable[[procedures.Procedure, str], str | None]
    """Gives what is wrong with a line that begins with a word of the procedure, None where nothing is."""
