"""
The file format of procedures, as models.

Here are the rules that one file fulfils by itself. What needs the commands, the runbook or the other procedures is
checked in `validation.py`, what belongs to one kind of step in `steps/`.
"""

import dataclasses
import datetime
import enum
import hashlib
import json
import pathlib
from collections.abc import Iterator
from typing import Annotated, Literal

import pydantic

from bot import errors
from bot.config import strict
from bot.model import durations, invocations

Id = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)]
"""Of a procedure: lower-case letters, digits and hyphens; also the name of its file."""
Name = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
"""Of a step, a parameter or a saved fact: used in expressions, so it has no hyphens."""
Line = Annotated[str, pydantic.StringConstraints(pattern=r"^\S.*$", max_length=150)]
Prose = Annotated[str, pydantic.StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]
Value = str | int | float | bool | tuple[str, ...]
"""Of a step's parameter; a text may contain `{{ … }}`."""
Location = tuple[str | int, ...]
"""Keys and indexes that lead to a value of a file."""

ANYONE_WITH_RUN, REQUESTER, NOT_REQUESTER, ROLE = "anyone_with_run", "requester", "not_requester", "role:"
"""Who may answer a question; a role's name follows the last."""


class _Model(strict.StrictModel):
    # What stands below a field describes it in the JSON Schema.
    model_config = pydantic.ConfigDict(populate_by_name=True, use_attribute_docstrings=True)


class ParamType(enum.StrEnum):
    """The type of a parameter."""

    SERVICE = "service"
    ENVIRONMENT = "environment"
    TEXT = "text"
    NUMBER = "number"
    CHOICE = "choice"
    FLAG = "flag"
    DURATION = "duration"


class Param(_Model):
    """A parameter. Required ones are positional, in the order of the file, the others are typed as `--name VALUE`."""

    name: Name
    type: ParamType
    help: Line
    default: str | int | float | bool | None = None
    """Without one it is required; an environment defaults to the default environment, a flag to false."""
    choices: tuple[Line, ...] = ()
    pattern: str | None = pydantic.Field(default=None, max_length=200)
    """A regular expression that the whole text must match."""
    min: float | None = None
    max: float | None = None

    @property
    def is_required(self) -> bool:
        """Whether it has no default."""
        return self.default is None and self.type not in {ParamType.ENVIRONMENT, ParamType.FLAG}

    @pydantic.model_validator(mode="after")
    def _keys_fit_the_type(self) -> "Param":
        if (self.type is ParamType.CHOICE) != bool(self.choices):
            raise errors.ValidationError("required for the type choice, not allowed for any other", "choices")
        if self.pattern is not None and self.type is not ParamType.TEXT:
            raise errors.ValidationError("only allowed for the type text", "pattern")
        if (self.min, self.max) != (None, None) and self.type is not ParamType.NUMBER:
            raise errors.ValidationError("only allowed for the type number", "min" if self.min is not None else "max")
        if self.type is ParamType.CHOICE and self.default is not None and self.default not in self.choices:
            raise errors.ValidationError(f"expected one of the choices: {', '.join(self.choices)}", "default")
        return self


class Doc(_Model):
    """The section of the runbook that the procedure carries out."""

    section: Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z0-9-]+$")]
    """Its marker in runbook.md."""
    reviewed: Annotated[str, pydantic.StringConstraints(pattern=r"^[0-9a-f]{12}$")] | None = None
    """Digest of the section when the procedure was last compared with it."""


class Binding(_Model):
    """The command that starts a run."""

    name: Id
    aliases: tuple[Id, ...] = ()
    examples: tuple[Line, ...] = pydantic.Field(min_length=1)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _key_was_renamed(cls, given: object) -> object:
        if isinstance(given, dict) and "word" in given:
            raise errors.ValidationError("this key is called name now; rename it", "word")
        return given


class Access(_Model):
    """Who may run the procedure."""

    run: tuple[Annotated[str, pydantic.StringConstraints(pattern=r"^\S+$")], ...] = pydantic.Field(min_length=1)
    """Names of roles, or `everyone`."""


Answerer = Annotated[str, pydantic.StringConstraints(pattern=r"^(requester|anyone_with_run|not_requester|role:\S+)$")]
"""Who may answer a question."""


class Confirm(_Model):
    """A question that has to be answered with yes; before a command, or as a step of its own."""

    text: Prose
    by: Answerer = REQUESTER
    timeout: durations.Duration = datetime.timedelta(minutes=15)
    """After which the question counts as answered with no."""
    labels: tuple[Line, Line] | None = None
    """The buttons for yes and no, if they are to say what they mean."""
    consequence: Prose | None = None
    """What a yes ends or changes: the person who presses it is asked to confirm that."""


class Retry(_Model):
    """How often a failed step is repeated."""

    attempts: int = pydantic.Field(ge=2, le=10)
    delay: durations.Duration = datetime.timedelta(seconds=5)


class Goto(_Model):
    """Continue at a later step."""

    goto: Name


class Step(_Model):
    """One step."""

    id: Name
    title: Line
    uses: Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z][a-z-]*$")]
    """The name of a command, or a kind of step that needs none, such as confirm, manual, link."""
    with_: dict[Name, Value] = pydantic.Field(default_factory=dict, alias="with")
    when: str | None = pydantic.Field(default=None, max_length=500)
    effect: invocations.Effect | None = None
    """The command's own unless given; always set in what is stored with a run."""
    idempotent: bool = False
    """Repeating it does no harm, so it is repeated after a crash."""
    timeout: durations.Duration | None = None
    retry: Retry | None = None
    save: dict[Name, Name] = pydantic.Field(default_factory=dict)
    """Name here → name of a fact that the command reports."""
    confirm: Confirm | None = None
    outcome: Line | None = None
    """What the run came to if this is the last step that succeeded: its headline begins with it. May have `{{ … }}`."""
    on_failure: Literal["stop", "continue", "ask"] | Goto = "stop"

    @property
    def may_be_repeated(self) -> bool:
        """Whether repeating it after a crash does no harm."""
        return self.idempotent or self.effect is not invocations.Effect.CHANGE


class Procedure(_Model):
    """A file of `runbook_data/procedures/`."""

    # The version of this format.
    version: Literal[1] = pydantic.Field(alias="schema")
    id: Id
    title: Line
    summary: Line
    owner: Line
    doc: Doc
    command: Binding
    access: Access
    lock: str | None = pydantic.Field(default=None, max_length=200)
    """Two runs with the same lock never run at the same time; may contain `{{ params.… }}`."""
    timeout: durations.Duration = datetime.timedelta(minutes=30)
    """For the whole run, without the time in which it waits for people."""
    params: tuple[Param, ...] = ()
    steps: tuple[Step, ...] = pydantic.Field(min_length=1, max_length=40)
    finally_: tuple[Step, ...] = pydantic.Field(default=(), max_length=5, alias="finally")
    """Run at the end, whatever the outcome."""

    @property
    def effect(self) -> invocations.Effect:
        """CHANGE if any step changes something."""
        changes = any(step.effect is invocations.Effect.CHANGE for step in self.all_steps())
        return invocations.Effect.CHANGE if changes else invocations.Effect.READ

    @property
    def names(self) -> tuple[str, ...]:
        """The names that start a run, the command's first."""
        return tuple(dict.fromkeys((self.command.name, *self.command.aliases, self.id)))

    def all_steps(self) -> tuple[Step, ...]:
        """Return every step in order, those of `finally` last."""
        return self.steps + self.finally_

    def is_end(self, step_id: str) -> bool:
        """Return whether the step belongs to `finally`."""
        return any(step.id == step_id for step in self.finally_)

    def find(self, step_id: str) -> Step:
        """
        Return the step with the id *step_id*.

        Raises:
            errors.NotFound
        """
        for step in self.all_steps():
            if step.id == step_id:
                return step
        raise errors.NotFound("step", step_id, [step.id for step in self.all_steps()])

    def located_steps(self) -> Iterator[tuple[Location, Step]]:
        """Yield every step with its location in the file."""
        for key, steps in (("steps", self.steps), ("finally", self.finally_)):
            for index, step in enumerate(steps):
                yield (key, index), step

    @pydantic.model_validator(mode="after")
    def _names_are_unique(self) -> "Procedure":
        located = [(("params", index), "name", param.name) for index, param in enumerate(self.params)]
        for entries in (located, [(place, "id", step.id) for place, step in self.located_steps()]):
            seen: set[str] = set()
            for location, key, name in entries:
                if name in seen:
                    raise errors.ValidationError(f"duplicate “{name}”", *location, key)
                seen.add(name)
        return self

    @pydantic.model_validator(mode="after")
    def _every_run_ends(self) -> "Procedure":
        ids = [step.id for step in self.steps]
        for location, step in self.located_steps():
            if not isinstance(step.on_failure, Goto):
                continue
            target = step.on_failure.goto
            if location[0] == "finally" or target not in ids[ids.index(step.id) + 1 :]:
                message = f"“{target}” is not a later step; expected one, so that every run ends"
                raise errors.ValidationError(message, *location, "on_failure", "goto")
        for index, step in enumerate(self.finally_):
            if step.on_failure == "ask" or step.confirm is not None:
                raise errors.ValidationError("a step of finally cannot ask a person", "finally", index)
        return self


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InvalidProcedure:
    """A file that is disabled until it is fixed; the others work."""

    name: str
    """Of the file, without its suffix."""
    reason: str
    """One line per error: file, line, key, what was expected."""
    command_names: tuple[str, ...] = ()
    """What would start it, as far as the file says so."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return everything that a person may call it."""
        return tuple(dict.fromkeys((self.name, *self.command_names)))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureCatalog:
    """All procedures."""

    procedures: tuple[Procedure, ...] = ()
    invalid: tuple[InvalidProcedure, ...] = ()
    warnings: tuple[str, ...] = ()
    """What is wrong with valid files and disables nothing, each with its file and key."""
    tests: pathlib.Path | None = dataclasses.field(default=None, compare=False)
    """The folder of their tests."""

    def find(self, name: str) -> Procedure:
        """
        Return the procedure that *name* starts.

        Raises:
            errors.NotFound: no procedure has this name.
            errors.UsageError: its file is invalid; says why.
        """
        for one in self.procedures:
            if name.lower() in one.names:
                return one
        self.refuse_invalid(name)
        raise errors.NotFound("procedure", name, [name for one in self.procedures for name in one.names])

    def refuse_invalid(self, name: str) -> None:
        """
        Raise if *name* is that of an invalid file.

        Raises:
            errors.UsageError
        """
        for one in self.invalid:
            if name.lower() in one.names:
                raise errors.UsageError(f"The procedure {one.name} is disabled: its file is invalid.", hint=one.reason)


def to_document(procedure: Procedure) -> dict[str, object]:
    """Return *procedure* as JSON-ready data that `from_document` reads."""
    return procedure.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def from_document(document: object) -> Procedure:
    """Return the procedure that `to_document` wrote."""
    return Procedure.model_validate(document)


def digest(procedure: Procedure) -> str:
    """Return twelve hexadecimal digits that change with the content of *procedure*."""
    text = json.dumps(to_document(procedure), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
