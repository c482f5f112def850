"""
The names that a place in a procedure may use, with what each of them holds.

A name is checked when the file is read, so that a run never meets one that means nothing.
"""

import dataclasses
import enum
from collections.abc import Mapping
from typing import TypeVar

from bot import errors
from bot.model import reports, runs
from bot.procedures import scopes

Held = TypeVar("Held")


class Sort(enum.StrEnum):
    """What a value is."""

    TEXT = "text"
    NUMBER = "number"
    TRUTH = "truth"
    # Only ever handed on: “90s” and “1m30s” are the same, which a comparison of texts would not see.
    DURATION = "duration"
    NULL = "null"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """What a name holds."""

    sort: Sort
    words: tuple[str, ...] = ()
    """The only texts that it can be, where these are known."""


OUTCOMES = tuple(state.value for state in runs.StepState if state.is_final)
OUTCOME = Type(sort=Sort.TEXT, words=OUTCOMES)
VERDICT = Type(sort=Sort.TEXT, words=tuple(verdict.value for verdict in reports.Verdict))
TEXT = Type(sort=Sort.TEXT)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Every name that may stand at one place of a procedure."""

    params: Mapping[str, Type]
    steps: Mapping[str, Mapping[str, Type]] = dataclasses.field(default_factory=dict)
    """The steps before this place, each with what it saves."""
    later: frozenset[str] = frozenset()
    """The steps that come only then; a name of one of these is answered with that."""

    def find(self, reference: scopes.Reference) -> Type:
        """
        Give what *reference* holds.

        Raises:
            errors.NotFound: there is no such name at this place; the sentence says which there are.
        """
        match reference.source:
            case scopes.Source.PARAM:
                return _one_of(self.params, "parameter", reference.name)
            case scopes.Source.RUN:
                return _one_of({"id": TEXT, "requester": TEXT}, "name under “run”", reference.name)
        saved = self.step(reference.step)
        match reference.source:
            case scopes.Source.OUTCOME:
                return OUTCOME
            case scopes.Source.VERDICT:
                return VERDICT
        return _one_of(saved, f"saved fact of the step {reference.step}", reference.name)

    def step(self, step_id: str) -> Mapping[str, Type]:
        """
        Give what the step called *step_id* saves.

        Raises:
            errors.NotFound: there is none before this place.
        """
        if step_id in self.later:
            raise errors.NotFound("earlier step", step_id, (), hint="Only steps further up are known here.")
        return _one_of(self.steps, "earlier step", step_id)


def _one_of(known: Mapping[str, Held], kind: str, name: str) -> Held:
    if name not in known:
        listed = f"Known here: {', '.join(known)}." if known else None
        raise errors.NotFound(kind, name, known, hint=listed)
    return known[name]
