"""The kinds of step that use no command: confirm, manual, link, and the base for more."""

import abc
import datetime
from collections.abc import Iterator, Mapping
from typing import Annotated, Generic, Literal, TypeVar

import pydantic

from bot import command as bot_command
from bot import errors
from bot.config import strict
from bot.model import durations
from bot.procedures import runs, schema
from bot.procedures.definition import references, templates, validation_context
from bot.procedures.steps import kind

_COMMAND_KEYS = ("effect", "idempotent", "timeout", "retry", "confirm")
"""Keys of a step that are only allowed beside a command."""
Content = TypeVar("Content", bound=pydantic.BaseModel)


class BuiltInStep(kind.StepKind, Generic[Content]):
    """Base of the kinds that use no command: `with` holds a model of their own."""

    model: type[Content]

    @abc.abstractmethod
    def text(self, content: Content) -> str:
        """Return what the step says."""

    @abc.abstractmethod
    def start_with(self, content: Content, action: kind.Action) -> kind.QuestionDraft | kind.Outcome:
        """Return the question that the step asks, or its outcome."""

    def validate(
        self, step: schema.Step, location: schema.Location, context: validation_context.ValidationContext
    ) -> Iterator[errors.ValidationError]:
        """Yield keys that need a command, and what is wrong with the content."""
        for key in _COMMAND_KEYS:
            if key in step.model_fields_set:
                yield errors.ValidationError(f"not allowed beside {step.uses}, only beside a command", *location, key)
        yield from kind.check_values(self.model, step.with_, (*location, "with"), None)
        yield from kind.check_timeout(step.with_.get("timeout"), *location, "with", "timeout")
        yield from kind.check_answerer(step.with_.get("by"), context, *location, "with", "by")

    def answerer(self, step: schema.Step) -> str | None:
        """Return who has to answer."""
        field = self.model.model_fields.get("by")
        return str(step.with_.get("by", field.default)) if field is not None else None

    def render(self, step: schema.Step, scope: references.Scope, validate: kind.ValidateParameters) -> kind.Action:
        """Return the content with its values."""
        del validate
        values = {name: templates.render(value, scope) for name, value in step.with_.items()}
        try:
            content = self.model.model_validate(values)
        except pydantic.ValidationError as error:
            raise errors.UsageError(f"{step.title}: {error.errors()[0]['msg']}.") from error
        return kind.Action(text=self.text(content), digest=kind.digest_of(step.id, step.uses, values), content=content)

    def start(
        self, step: schema.Step, action: kind.Action, record: runs.StepRecord
    ) -> kind.Signal | kind.QuestionDraft | kind.Outcome:
        """Hand over to `start_with`."""
        del step, record
        assert isinstance(action.content, self.model)  # noqa: S101 - `render` made it
        return self.start_with(action.content, action)


class ConfirmStep(BuiltInStep[schema.Confirm]):
    """Asks for a yes: no, or no answer in time, cancels the step."""

    asks_person = True
    model = schema.Confirm

    def options(self, step: schema.Step) -> tuple[str, ...]:
        """Return yes and no."""
        del step
        return (runs.YES, runs.NO)

    def text(self, content: schema.Confirm) -> str:
        """Return the question."""
        return content.text

    def start_with(self, content: schema.Confirm, action: kind.Action) -> kind.QuestionDraft | kind.Outcome:
        """Ask."""
        return kind.QuestionDraft(
            kind=runs.QuestionKind.CONFIRM,
            text=content.text,
            options=(runs.YES, runs.NO),
            by=content.by,
            timeout=content.timeout,
            action=action.digest,
            labels=kind.confirm_labels(content),
            consequences={runs.YES: content.consequence} if content.consequence else {},
        )

    def judge(self, step: schema.Step, question: runs.Question) -> kind.Signal | kind.Outcome:
        """Return that a yes succeeded."""
        return _answered(question) if question.answer == runs.YES else super().judge(step, question)


class Manual(strict.StrictModel):
    """What a person does, and the possible results."""

    instructions: schema.Prose
    answers: tuple[schema.Line, ...] = pydantic.Field(default=("done", "not done"), min_length=2, max_length=5)
    """The first means success, any other failure."""
    note: Literal["none", "optional", "required"] = "optional"
    by: schema.Answerer = schema.ANYONE_WITH_RUN
    timeout: durations.Duration = datetime.timedelta(minutes=30)


class ManualStep(BuiltInStep[Manual]):
    """A person does something and answers with the result."""

    asks_person = True
    model = Manual

    def validate(
        self, step: schema.Step, location: schema.Location, context: validation_context.ValidationContext
    ) -> Iterator[errors.ValidationError]:
        """Yield also what is wrong with the answers."""
        yield from super().validate(step, location, context)
        given = step.with_.get("answers")
        answers = [answer.lower() for answer in given] if isinstance(given, tuple) else []
        yield from kind.check_choices(answers, (*location, "with", "answers"))
        for index, answer in enumerate(answers):
            if answer == runs.TIMEOUT:
                yield errors.ValidationError(f"“{answer}” is reserved", *location, "with", "answers", index)

    def facts(
        self, step: schema.Step, context: validation_context.ValidationContext
    ) -> Mapping[str, references.Type] | None:
        """Return the answer, which is one of a closed list, and the note."""
        del context
        answers = references.Type(value_type=bot_command.ValueType.TEXT, choices=self.options(step))
        return {"answer": answers, "note": references.TEXT}

    def options(self, step: schema.Step) -> tuple[str, ...]:
        """Return the answers of the step."""
        given = step.with_.get("answers")
        default: tuple[str, ...] = Manual.model_fields["answers"].default
        return given if isinstance(given, tuple) else default

    def text(self, content: Manual) -> str:
        """Return the instructions."""
        return content.instructions

    def start_with(self, content: Manual, action: kind.Action) -> kind.QuestionDraft | kind.Outcome:
        """Ask for the result."""
        return kind.QuestionDraft(
            kind=runs.QuestionKind.MANUAL,
            text=content.instructions,
            options=content.answers,
            by=content.by,
            timeout=content.timeout,
            action=action.digest,
            note=content.note,
        )

    def judge(self, step: schema.Step, question: runs.Question) -> kind.Signal | kind.Outcome:
        """Return what the answer means."""
        del step
        return _answered(question)


class Link(strict.StrictModel):
    """Something to read."""

    text: schema.Prose
    section: str | None = None
    """A marker in runbook.md."""
    url: Annotated[str, pydantic.StringConstraints(pattern=r"^https?://\S+$")] | None = None

    @pydantic.model_validator(mode="after")
    def _has_a_target(self) -> "Link":
        if (self.section is None) == (self.url is None):
            raise ValueError("expected either a section of the runbook or a url")
        return self


class LinkStep(BuiltInStep[Link]):
    """Shows something to read."""

    model = Link

    def validate(
        self, step: schema.Step, location: schema.Location, context: validation_context.ValidationContext
    ) -> Iterator[errors.ValidationError]:
        """Yield also that the section does not exist."""
        yield from super().validate(step, location, context)
        section = step.with_.get("section")
        markers = [one.marker for one in context.runbook.sections]
        if isinstance(section, str) and section not in markers:
            unknown = errors.NotFound("marker in runbook.md", section, markers)
            yield errors.ValidationError(str(unknown), *location, "with", "section")

    def text(self, content: Link) -> str:
        """Return the text."""
        return content.text

    def start_with(self, content: Link, action: kind.Action) -> kind.QuestionDraft | kind.Outcome:
        """Succeed at once."""
        del content
        return kind.Outcome(state=runs.StepState.SUCCEEDED, headline=action.text)


def _answered(question: runs.Question) -> kind.Outcome:
    """Return the outcome of a step that consists of the answer to *question*."""
    is_expired = question.answer == runs.TIMEOUT
    answer = "no answer in time" if is_expired else f"{question.answered_by}: {question.answer}"
    state = runs.StepState.SUCCEEDED if question.answer == question.options[0] else runs.StepState.FAILED
    return kind.Outcome(
        state=runs.StepState.TIMED_OUT if is_expired else state,
        headline=f"{answer}, {question.comment}" if question.comment else answer,
        facts={"answer": question.answer, "note": question.comment or None},
    )
