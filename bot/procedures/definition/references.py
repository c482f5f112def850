"""
What the names in a procedure mean while it runs.

The names that a place in a procedure may use, with what each of them holds.

A name is checked when the file is read, so that a run never meets one that means nothing.

Dotted words → what they refer to; one spelling for templates and expressions.
"""

import dataclasses
import enum
import re
from collections.abc import Mapping
from typing import TypeVar

from bot import errors
from bot.model import reports
from bot.procedures import runs


class Source(enum.Enum):
    """Where a name leads."""

    PARAM = enum.auto()
    OUTCOME = enum.auto()
    VERDICT = enum.auto()
    SAVED = enum.auto()
    RUN = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A name as it stands in a template or in an expression."""

    source: Source
    name: str = ""
    """Of the parameter, of the saved fact, or of what is asked of the run."""
    step: str = ""

    def __str__(self) -> str:
        match self.source:
            case Source.PARAM:
                return f"params.{self.name}"
            case Source.RUN:
                return f"run.{self.name}"
            case Source.SAVED:
                return f"steps.{self.step}.saved.{self.name}"
        return f"steps.{self.step}.{self.source.name.lower()}"


class Unknown(enum.Enum):
    """Stands for what only the run will tell."""

    YET = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What came of a step that is over."""

    outcome: runs.StepState
    verdict: str | None = None
    saved: Mapping[str, reports.Scalar] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """All names and their values at one moment of a run."""

    params: Mapping[str, reports.Scalar]
    steps: Mapping[str, StepResult] = dataclasses.field(default_factory=dict)
    """Those that are over."""
    run_id: str = ""
    requester: str = ""
    is_forecast: bool = False
    """The run is still to come: a step that is not here is not known, instead of nothing."""

    def look_up(self, reference: Reference) -> reports.Scalar | Unknown:
        """Give what *reference* means; null where its step did not run."""
        match reference.source:
            case Source.PARAM:
                return self.params.get(reference.name)
            case Source.RUN:
                value = self.run_id if reference.name == "id" else self.requester
                return Unknown.YET if self.is_forecast and not value else value
        past = self.steps.get(reference.step)
        if past is None:
            return Unknown.YET if self.is_forecast else None
        match reference.source:
            case Source.OUTCOME:
                return past.outcome.value
            case Source.VERDICT:
                return past.verdict
        return past.saved.get(reference.name)


def of(run: runs.Run) -> Scope:
    """Give what the names of the procedure mean at this moment of *run*."""
    return Scope(
        params=run.params,
        steps={
            record.id: StepResult(
                outcome=record.state,
                verdict=record.verdict.value if record.verdict is not None else None,
                saved=record.saved,
            )
            for record in run.steps
            if record.state.is_final
        },
        run_id=run.id,
        requester=run.requester.name,
    )


Held = TypeVar("Held")


class ValueType(enum.StrEnum):
    """What a value is."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "truth"
    # Only ever handed on: “90s” and “1m30s” are the same, which a comparison of texts would not see.
    DURATION = "duration"
    NULL = "null"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """What a name holds."""

    sort: ValueType
    words: tuple[str, ...] = ()
    """The only texts that it can be, where these are known."""


OUTCOMES = tuple(state.value for state in runs.StepState if state.is_final)
OUTCOME = Type(sort=ValueType.TEXT, words=OUTCOMES)
VERDICT = Type(sort=ValueType.TEXT, words=tuple(verdict.value for verdict in reports.Verdict))
TEXT = Type(sort=ValueType.TEXT)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Every name that may stand at one place of a procedure."""

    params: Mapping[str, Type]
    steps: Mapping[str, Mapping[str, Type]] = dataclasses.field(default_factory=dict)
    """The steps before this place, each with what it saves."""
    later: frozenset[str] = frozenset()
    """The steps that come only then; a name of one of these is answered with that."""

    def find(self, reference: Reference) -> Type:
        """
        Give what *reference* holds.

        Raises:
            errors.NotFound: there is no such name at this place; the sentence says which there are.
        """
        match reference.source:
            case Source.PARAM:
                return _one_of(self.params, "parameter", reference.name)
            case Source.RUN:
                return _one_of({"id": TEXT, "requester": TEXT}, "name under “run”", reference.name)
        saved = self.step(reference.step)
        match reference.source:
            case Source.OUTCOME:
                return OUTCOME
            case Source.VERDICT:
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


_NAME = re.compile(r"^[a-z][a-z0-9_]{0,31}$")
_BEHIND_A_STEP = "outcome, verdict or saved.NAME"


def refer(path: str) -> Reference:
    """
    Give what *path*, such as `steps.health.outcome`, refers to; whether there is such a thing is not looked at.

    Raises:
        errors.UsageError: it has no shape of a name; says which shapes there are.
    """
    if not path:
        raise errors.UsageError("a name is missing")
    root, *parts = path.split(".")
    for part in parts:
        if not _NAME.match(part):
            shown = errors.shorten(part, 40)
            raise errors.UsageError(f"“{shown}” is no name; one has small letters, figures and _ only")
    match root, parts:
        case "params", [name]:
            return Reference(source=Source.PARAM, name=name)
        case "run", ["id" | "requester" as name]:
            return Reference(source=Source.RUN, name=name)
        case "steps", [step, "outcome"]:
            return Reference(source=Source.OUTCOME, step=step)
        case "steps", [step, "verdict"]:
            return Reference(source=Source.VERDICT, step=step)
        case "steps", [step, "saved", name]:
            return Reference(source=Source.SAVED, step=step, name=name)
        case "steps", [step, *_]:
            raise errors.UsageError(
                f"“{errors.shorten(path, 60)}” leads nowhere; behind steps.{step} comes {_BEHIND_A_STEP}"
            )
    shown = errors.shorten(path, 60)
    raise errors.UsageError(
        f"“{shown}” is no name; there are params.NAME, steps.ID.outcome, steps.ID.verdict, steps.ID.saved.NAME"
    )
