"""
A procedure: steps of the runbook as data, in the form in which operators write them.

The shapes and the rules of one file alone stand here; what needs to know the commands, the runbook or the other
procedures is held against them in `bot/procedures/checking.py`.
"""

import dataclasses
import datetime
import enum
import hashlib
import json
from collections.abc import Iterator
from typing import Annotated, Literal

import pydantic

from bot import errors
from bot.model import durations

Id = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)]
"""Of a procedure: small letters, figures and hyphens; also the name of its file."""
Name = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
"""Of a step, a parameter, a saved fact: it stands in expressions, so there are no hyphens in it."""
Line = Annotated[str, pydantic.StringConstraints(pattern=r"^\S.*$", max_length=150)]
Prose = Annotated[str, pydantic.StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]
Value = str | int | float | bool | tuple[str, ...]
"""What a step hands to its command; in a text, `{{ … }}` stands for a value."""

EVERYONE = "everyone"
"""In `access`: whoever may run commands that only read."""
CONFIRM, MANUAL, LINK = "confirm", "manual", "link"
BUILT_IN = frozenset({CONFIRM, MANUAL, LINK})
"""What a step may use besides the commands."""


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True
    )


class Kind(enum.StrEnum):
    """What a parameter takes."""

    SERVICE = "service"
    ENVIRONMENT = "environment"
    TEXT = "text"
    NUMBER = "number"
    CHOICE = "choice"
    FLAG = "flag"
    DURATION = "duration"


class Param(_Strict):
    """One parameter; those that are required are typed in their order, the others as `--name VALUE`."""

    name: Name
    type: Kind
    help: Line
    default: str | int | float | bool | None = None
    """Without one it is required; an environment has the environments' own, a flag is off."""
    choices: tuple[Line, ...] = ()
    pattern: str | None = pydantic.Field(default=None, max_length=200)
    """A regular expression that the whole of a text must match."""
    min: float | None = None
    max: float | None = None

    @property
    def is_required(self) -> bool:
        """Tell whether whoever runs the procedure must give it."""
        return self.default is None and self.type not in {Kind.ENVIRONMENT, Kind.FLAG}

    @pydantic.model_validator(mode="after")
    def _rules_fit_the_type(self) -> "Param":
        if (self.type is Kind.CHOICE) != bool(self.choices):
            raise errors.ValidationError("expected choices for the type choice, and for no other", "choices")
        if self.pattern is not None and self.type is not Kind.TEXT:
            raise errors.ValidationError("only a text has a pattern", "pattern")
        if (self.min, self.max) != (None, None) and self.type is not Kind.NUMBER:
            raise errors.ValidationError("only a number has bounds", "min" if self.min is not None else "max")
        if self.type is Kind.CHOICE and self.default is not None and self.default not in self.choices:
            raise errors.ValidationError(f"expected one of the choices: {', '.join(self.choices)}", "default")
        return self


class Doc(_Strict):
    """The section of the runbook that the procedure carries out."""

    section: Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z0-9-]+$")]
    """Its marker in runbook.md."""
    reviewed: Annotated[str, pydantic.StringConstraints(pattern=r"^[0-9a-f]{12}$")] | None = None
    """Digest of the section when somebody last held the procedure against it."""


class Binding(_Strict):
    """The words that start it."""

    word: Id
    aliases: tuple[Id, ...] = ()
    examples: tuple[Line, ...] = pydantic.Field(min_length=1)


class Access(_Strict):
    """Who may run it."""

    run: tuple[Annotated[str, pydantic.StringConstraints(pattern=r"^\S+$")], ...] = pydantic.Field(min_length=1)
    """Names of roles, or `everyone`."""


Answerer = Annotated[str, pydantic.StringConstraints(pattern=r"^(requester|anyone_with_run|not_requester|role:\S+)$")]
"""Who may answer a question."""


class Confirm(_Strict):
    """Somebody has to agree to exactly what is about to be done."""

    text: Prose
    by: Answerer = "requester"
    timeout: durations.Duration = datetime.timedelta(minutes=15)
    """After which silence means no."""


class Manual(_Strict):
    """What a person does and answers for."""

    instructions: Prose
    answers: tuple[Line, ...] = pydantic.Field(default=("done", "not done"), min_length=2, max_length=5)
    """The first means that it went well, any other that it did not."""
    note: Literal["none", "optional", "required"] = "optional"
    by: Answerer = "anyone_with_run"
    timeout: durations.Duration = datetime.timedelta(minutes=30)


class Link(_Strict):
    """Something to read."""

    text: Prose
    section: str | None = None
    """A marker in runbook.md."""
    url: Annotated[str, pydantic.StringConstraints(pattern=r"^https?://\S+$")] | None = None

    @pydantic.model_validator(mode="after")
    def _leads_somewhere(self) -> "Link":
        if (self.section is None) == (self.url is None):
            raise ValueError("expected either a section of the runbook or a url")
        return self


class Retry(_Strict):
    """How often a step that fails is tried."""

    attempts: int = pydantic.Field(ge=2, le=10)
    delay: durations.Duration = datetime.timedelta(seconds=5)


class Goto(_Strict):
    """Go on at a later step."""

    goto: Name


class Effect(enum.StrEnum):
    """What a step does to the world."""

    READ = "read"
    CHANGE = "change"


class Step(_Strict):
    """One step."""

    id: Name
    title: Line
    uses: Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z][a-z-]*$")]
    """The word of a command, or confirm, manual, link."""
    with_: dict[Name, Value] = pydantic.Field(default_factory=dict, alias="with")
    when: str | None = pydantic.Field(default=None, max_length=500)
    effect: Effect | None = None
    """The command's own if not given; what is stored with a run always says it."""
    idempotent: bool = False
    """Doing it twice does no harm, so it is done again where posbot died in the middle of it."""
    timeout: durations.Duration | None = None
    retry: Retry | None = None
    save: dict[Name, Name] = pydantic.Field(default_factory=dict)
    """Name here → name of a fact that the command reports."""
    confirm: Confirm | None = None
    on_failure: Literal["stop", "continue", "ask"] | Goto = "stop"

    @property
    def may_be_repeated(self) -> bool:
        """Tell whether doing it again after a crash can do no harm."""
        return self.idempotent or self.effect is not Effect.CHANGE

    @property
    def is_built_in(self) -> bool:
        """Tell whether it uses no command."""
        return self.uses in BUILT_IN


class Procedure(_Strict):
    """A whole file of `runbook_data/procedures/`."""

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
    """Two runs with the same lock do not run at the same time; a text with `{{ params.… }}` in it."""
    timeout: durations.Duration = datetime.timedelta(minutes=30)
    """For the whole run, without the time in which it waits for people."""
    params: tuple[Param, ...] = ()
    steps: tuple[Step, ...] = pydantic.Field(min_length=1, max_length=40)
    finally_: tuple[Step, ...] = pydantic.Field(default=(), max_length=5, alias="finally")
    """Done at the end, however it comes."""

    @property
    def effect(self) -> Effect:
        """Give what the whole does to the world."""
        changes = any(step.effect is Effect.CHANGE for step in self.all_steps())
        return Effect.CHANGE if changes else Effect.READ

    @property
    def words(self) -> tuple[str, ...]:
        """Give everything that can be typed for it, its own word first."""
        return tuple(dict.fromkeys((self.command.word, *self.command.aliases, self.id)))

    def all_steps(self) -> tuple[Step, ...]:
        """Give every step in the order in which they come."""
        return self.steps + self.finally_

    def is_end(self, step_id: str) -> bool:
        """Tell whether the step is one of those that are done at the end, however it comes."""
        return any(step.id == step_id for step in self.finally_)

    def find(self, step_id: str) -> Step:
        """
        Give the step called *step_id*.

        Raises:
            errors.NotFound
        """
        for step in self.all_steps():
            if step.id == step_id:
                return step
        raise errors.NotFound("step", step_id, [step.id for step in self.all_steps()])

    def placed_steps(self) -> Iterator[tuple[tuple[str | int, ...], Step]]:
        """Give every step with the place at which the file has it."""
        for key, steps in (("steps", self.steps), ("finally", self.finally_)):
            for index, step in enumerate(steps):
                yield (key, index), step

    @pydantic.model_validator(mode="after")
    def _names_mean_one_thing(self) -> "Procedure":
        seen: set[str] = set()
        for index, param in enumerate(self.params):
            if param.name in seen:
                raise errors.ValidationError(
                    f"“{param.name}” stands here twice; expected a name of its own", "params", index
                )
            seen.add(param.name)
        seen = set()
        for place, step in self.placed_steps():
            if step.id in seen:
                raise errors.ValidationError(f"“{step.id}” stands here twice; expected an id of its own", *place, "id")
            seen.add(step.id)
        return self

    @pydantic.model_validator(mode="after")
    def _every_run_ends(self) -> "Procedure":
        ids = [step.id for step in self.steps]
        for place, step in self.placed_steps():
            if not isinstance(step.on_failure, Goto):
                continue
            target = step.on_failure.goto
            if place[0] == "finally" or target not in ids[ids.index(step.id) + 1 :]:
                message = f"“{target}” is no later step; expected one, so that every run ends"
                raise errors.ValidationError(message, *place, "on_failure", "goto")
        for index, step in enumerate(self.finally_):
            if step.on_failure == "ask" or step.confirm is not None or step.uses in {CONFIRM, MANUAL}:
                message = "the end waits for nobody; expected no question to a person here"
                raise errors.ValidationError(message, "finally", index)
        return self


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InvalidProcedure:
    """A file that is not what it should be; the others work."""

    name: str
    """Of the file, without its ending."""
    reason: str
    """One line per mistake: file, line, key, what was expected."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureCatalog:
    """All procedures."""

    procedures: tuple[Procedure, ...] = ()
    invalid: tuple[InvalidProcedure, ...] = ()

    def find(self, word: str) -> Procedure:
        """
        Give the procedure that *word* stands for.

        Raises:
            errors.NotFound: there is none, or its file is disabled.
        """
        for one in self.procedures:
            if word.lower() in one.words:
                return one
        reason = next((one.reason for one in self.invalid if one.name == word.lower()), None)
        names = [name for one in self.procedures for name in one.words]
        raise errors.NotFound("procedure", word, names, hint=f"Its file is disabled: {reason}" if reason else None)


def to_document(procedure: Procedure) -> dict[str, object]:
    """Give *procedure* as JSON-ready data; `from_document` gives the same procedure back."""
    return procedure.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def from_document(document: object) -> Procedure:
    """Give the procedure that `to_document` made *document* of."""
    return Procedure.model_validate(document)


def digest(procedure: Procedure) -> str:
    """Give what changes with anything that the procedure says: twelve hexadecimal figures."""
    text = json.dumps(to_document(procedure), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
