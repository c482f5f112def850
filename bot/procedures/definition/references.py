"""
Dotted names such as `steps.health.outcome`, in templates and expressions alike.

`parse` reads one, `Names` knows which exist at one place of a file and of which type they are, `Scope` has their
values in a run. A name is validated when the file is loaded, so that a run never meets an unknown one.
"""

import dataclasses
import enum
import re
from collections.abc import Mapping
from typing import TypeVar

from bot import errors
from bot.command import ValueType
from bot.model import reports
from bot.procedures import runs


class Source(enum.Enum):
    """What a name refers to."""

    PARAM = enum.auto()
    OUTCOME = enum.auto()
    VERDICT = enum.auto()
    SAVED = enum.auto()
    RUN = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A parsed name."""

    source: Source
    name: str = ""
    """Of the parameter, of the saved fact, or of the property of the run."""
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
    """The value of a name that only the run will know."""

    YET = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """The result of a step that has ended."""

    outcome: runs.StepState
    verdict: str | None = None
    saved: Mapping[str, reports.Scalar] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The values of all names at one moment of a run."""

    params: Mapping[str, reports.Scalar]
    steps: Mapping[str, StepResult] = dataclasses.field(default_factory=dict)
    """Those that have ended."""
    run_id: str = ""
    requester: str = ""
    is_forecast: bool = False
    """Before the run: a step that is not here is unknown instead of null."""
    titles: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Of a forecast: the titles of the steps, to say after which one a value is known."""

    def look_up(self, reference: Reference) -> reports.Scalar | Unknown:
        """Return the value of *reference*; null if its step did not run."""
        match reference.source:
            case Source.PARAM:
                return self.params.get(reference.name)
            case Source.RUN:
                value = self.run_id if reference.name == "id" else self.requester
                return Unknown.YET if self.is_forecast and not value else value
        result = self.steps.get(reference.step)
        if result is None:
            return Unknown.YET if self.is_forecast else None
        match reference.source:
            case Source.OUTCOME:
                return result.outcome.value
            case Source.VERDICT:
                return result.verdict
        return result.saved.get(reference.name)


def of(run: runs.Run) -> Scope:
    """Return the values of all names at this moment of *run*."""
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


Known = TypeVar("Known")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """The type of a name's value."""

    value_type: ValueType
    choices: tuple[str, ...] = ()
    """The only texts that it can be, if these are known."""


OUTCOMES = tuple(state.value for state in runs.StepState if state.is_final)
OUTCOME = Type(value_type=ValueType.TEXT, choices=OUTCOMES)
VERDICT = Type(value_type=ValueType.TEXT, choices=tuple(verdict.value for verdict in reports.Verdict))
TEXT = Type(value_type=ValueType.TEXT)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Every name that exists at one place of a procedure."""

    params: Mapping[str, Type]
    steps: Mapping[str, Mapping[str, Type]] = dataclasses.field(default_factory=dict)
    """The earlier steps, each with what it saves."""
    later: frozenset[str] = frozenset()
    """The later steps; the error for the name of one says so."""

    def find(self, reference: Reference) -> Type:
        """
        Return the type of *reference*.

        Raises:
            errors.NotFound: the name does not exist here; the hint lists those that do.
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
        Return the types of what the step *step_id* saves.

        Raises:
            errors.NotFound: it is not an earlier step.
        """
        if step_id in self.later:
            raise errors.NotFound("earlier step", step_id, (), hint="Only earlier steps are known here.")
        return _one_of(self.steps, "earlier step", step_id)


def _one_of(known: Mapping[str, Known], kind: str, name: str) -> Known:
    if name not in known:
        listed = f"Known here: {', '.join(known)}." if known else None
        raise errors.NotFound(kind, name, known, hint=listed)
    return known[name]


_NAME = re.compile(r"^[a-z][a-z0-9_]{0,31}$")
_AFTER_STEP = "outcome, verdict or saved.NAME"


def parse(path: str) -> Reference:
    """
    Return *path* parsed; whether the name exists is not checked.

    Raises:
        errors.UsageError: it does not have the form of a name; says which forms there are.
    """
    if not path:
        raise errors.UsageError("a name is missing")
    root, *parts = path.split(".")
    for part in parts:
        if not _NAME.match(part):
            shown = errors.shorten(part, 40)
            raise errors.UsageError(f"“{shown}” is not a name: expected lower-case letters, digits and _ only")
    match root, parts:
        case "params", [name] | [name, "kubectl" | "context" | "namespace" | "deployment"]:
            return Reference(source=Source.PARAM, name=".".join(parts))
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
                f"“{errors.shorten(path, 60)}” is not a name; expected after steps.{step}: {_AFTER_STEP}"
            )
    shown = errors.shorten(path, 60)
    raise errors.UsageError(
        f"“{shown}” is not a name; expected params.NAME, steps.ID.outcome, steps.ID.verdict or steps.ID.saved.NAME"
    )
