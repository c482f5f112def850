"""
What a kind of step is: the base class, what it renders and returns, and the checks that kinds share.

`registry` has the table of all kinds.
"""

import abc
import dataclasses
import datetime
import enum
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

import pydantic

from bot import command as bot_command
from bot import errors
from bot.model import durations, invocations, reports
from bot.procedures import runs, schema
from bot.procedures.definition import references, templates, validation_context

ValidateParameters = Callable[[str, Mapping[str, object]], tuple[bot_command.Command[Any], bot_command.Parameters]]
"""Returns a command by name, and its parameters with these values; raises errors.UsageError."""
_MIN_TIMEOUT = datetime.timedelta(seconds=1)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A step with all its values."""

    text: str
    """A command line, or what a person is asked."""
    digest: str
    """Changes with anything that the step would do."""
    command: bot_command.Command[Any] | None = None
    parameters: bot_command.Parameters | None = None
    content: pydantic.BaseModel | None = None
    """The `with` mapping of a step without a command."""
    confirmation: str = ""
    """The question before a command."""
    consequence: str = ""
    """What the command changes; shown before the question is answered with yes."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a step ended."""

    state: runs.StepState
    headline: str = ""
    verdict: reports.Verdict | None = None
    facts: Mapping[str, reports.Scalar] = dataclasses.field(default_factory=dict)

    @classmethod
    def failure(cls, headline: str) -> "Outcome":
        """Return the outcome of a step that could not be started."""
        return cls(state=runs.StepState.FAILED, headline=headline, verdict=reports.Verdict.UNKNOWN)

    @classmethod
    def of(cls, response: invocations.Response) -> "Outcome":
        """
        Return what *response* means for a step.

        A warning counts as success and is shown; an unknown result does not, because later steps rely on it.
        """
        report = response.report
        has_result = report.verdict in {reports.Verdict.OK, reports.Verdict.WARNING}
        is_success = response.status is invocations.Status.OK and has_result
        state = runs.StepState.SUCCEEDED if is_success else runs.StepState.FAILED
        if response.status is invocations.Status.TIMED_OUT:
            state = runs.StepState.TIMED_OUT
        return cls(state=state, headline=report.headline, verdict=report.verdict, facts=report.facts)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class QuestionDraft:
    """A question to a person, before it belongs to a run."""

    kind: runs.QuestionKind
    text: str
    options: tuple[str, ...]
    by: str = schema.ANYONE_WITH_RUN
    timeout: datetime.timedelta = datetime.timedelta(hours=1)
    action: str = ""
    note: str = "none"
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    consequences: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Signal(enum.Enum):
    """What a kind decides beside outcomes and questions."""

    RUN_COMMAND = enum.auto()
    # The step may start now.
    CONFIRMED = enum.auto()
    # It must not.
    DECLINED = enum.auto()


class StepKind(abc.ABC):
    """What one kind of step is; stateless."""

    asks_person: ClassVar[bool] = False
    """It always waits for a person, so it cannot be a step of `finally`."""

    @abc.abstractmethod
    def validate(
        self, step: schema.Step, location: schema.Location, context: validation_context.ValidationContext
    ) -> Iterator[errors.ValidationError]:
        """Yield every error of *step* that is specific to this kind."""

    def facts(
        self, step: schema.Step, context: validation_context.ValidationContext
    ) -> Mapping[str, references.Type] | None:
        """Return the facts that `save` may name, None if the step is too wrong to tell."""
        del step, context
        return {}

    def answerer(self, step: schema.Step) -> str | None:
        """Return who has to answer at *step*, as in a question; None if no person is asked."""
        del step
        return None

    def options(self, step: schema.Step) -> tuple[str, ...]:
        """Return the answers that a person can give at *step*."""
        del step
        return ()

    @abc.abstractmethod
    def render(self, step: schema.Step, scope: references.Scope, validate: ValidateParameters) -> Action:
        """
        Return *step* with the values of *scope*.

        Raises:
            errors.UsageError: a value is not valid.
        """

    @abc.abstractmethod
    def start(self, step: schema.Step, action: Action, record: runs.StepRecord) -> "Signal | QuestionDraft | Outcome":
        """Return RUN_COMMAND, the question that comes first, or the outcome of a step that ends at once."""

    def judge(self, step: schema.Step, question: runs.Question) -> "Signal | Outcome":
        """Return CONFIRMED, DECLINED or the outcome that the answer to the question of `start` means."""
        del step
        return Signal.CONFIRMED if question.answer == runs.YES else Signal.DECLINED


def check_choices(choices: Iterable[str], location: schema.Location) -> Iterator[errors.ValidationError]:
    """Yield what is wrong with words that people type to choose."""
    seen: set[str] = set()
    for index, choice in enumerate(choices):
        if choice.startswith("-"):
            message = f"“{choice}” looks like an option; expected it not to begin with -"
            yield errors.ValidationError(message, *location, index)
        elif choice in seen:
            yield errors.ValidationError(f"duplicate “{choice}”", *location, index)
        seen.add(choice)


def check_values(
    model: type[pydantic.BaseModel], given: Mapping[str, schema.Value], location: schema.Location, context: object
) -> Iterator[errors.ValidationError]:
    """Yield what is wrong with the values that are known before the run; a sample stands for the others."""
    try:
        model.model_validate({key: templates.sampled(value) for key, value in given.items()}, context=context)
    except pydantic.ValidationError as error:
        for problem in error.errors():
            key = problem["loc"][0] if problem["loc"] else None
            if key not in given or not templates.has_names(given[str(key)]):
                yield errors.ValidationError(problem["msg"], *location, *problem["loc"])


def confirm_labels(confirm: schema.Confirm) -> Mapping[str, str]:
    """Return the labels of yes and no, where *confirm* has any."""
    return dict(zip((runs.YES, runs.NO), confirm.labels, strict=True)) if confirm.labels is not None else {}


def check_timeout(timeout: object, *location: str | int) -> Iterator[errors.ValidationError]:
    """Yield that *timeout* is too short."""
    try:
        parsed = durations.parse(timeout)
    except ValueError:
        return  # told where the values are validated against their model
    seconds = datetime.timedelta(seconds=parsed) if isinstance(parsed, int | float) else parsed
    if isinstance(seconds, datetime.timedelta) and seconds < _MIN_TIMEOUT:
        yield errors.ValidationError("expected 1s or more", *location)


def check_answerer(
    answerer: object, context: validation_context.ValidationContext, *location: str | int
) -> Iterator[errors.ValidationError]:
    """Yield that *answerer* names an unknown role."""
    role = str(answerer).removeprefix(schema.ROLE)
    if isinstance(answerer, str) and answerer.startswith(schema.ROLE) and role not in context.roles:
        yield errors.ValidationError(str(errors.NotFound("role in roles.yaml", role, context.roles)), *location)


def digest_of(*parts: object) -> str:
    """Return sixteen hexadecimal digits that change with any of *parts*."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
