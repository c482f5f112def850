"""
What a step is about to do, and what came of it.

What a run would do, as far as that is known before it: its steps rendered as they would be, and nothing done.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import pydantic

from bot import command as bot_command
from bot import errors
from bot.model import invocations, reports
from bot.procedures import runs, schema
from bot.procedures.definition import expressions, references, templates

Validate = Callable[[str, Mapping[str, object]], tuple[bot_command.Command[Any], bot_command.Parameters]]
"""Gives a command by its word, and its parameters with these values; raises errors.UsageError."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One step with all its values."""

    text: str
    """As a line that could be typed, or the words of what a person is asked."""
    digest: str
    """Changes with anything that would be done."""
    command: bot_command.Command[Any] | None = None
    parameters: bot_command.Parameters | None = None
    content: schema.Confirm | schema.Manual | schema.Link | None = None
    """What a step without a command says."""
    confirmation: str = ""
    """What is asked before it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a step."""

    state: runs.StepState
    headline: str = ""
    verdict: reports.Verdict | None = None
    facts: Mapping[str, reports.Scalar] = dataclasses.field(default_factory=dict)

    @classmethod
    def failure(cls, headline: str) -> "Outcome":
        """Give that it could not be done, and why."""
        return cls(state=runs.StepState.FAILED, headline=headline, verdict=reports.Verdict.UNKNOWN)

    @classmethod
    def of(cls, answer: invocations.Response) -> "Outcome":
        """
        Give what an answer means for a step.

        A warning is a success that the run shows; that something could not be told is not, because whoever goes on
        relies on it.
        """
        report = answer.report
        is_good = answer.status is invocations.Status.OK and report.verdict in {
            reports.Verdict.OK,
            reports.Verdict.WARNING,
        }
        state = runs.StepState.SUCCEEDED if is_good else runs.StepState.FAILED
        if answer.status is invocations.Status.TIMED_OUT:
            state = runs.StepState.TIMED_OUT
        return cls(state=state, headline=report.headline, verdict=report.verdict, facts=report.facts)


_CONTENTS: Mapping[str, type[schema.Confirm | schema.Manual | schema.Link]] = {
    schema.CONFIRM: schema.Confirm,
    schema.MANUAL: schema.Manual,
    schema.LINK: schema.Link,
}


def render(step: schema.Step, scope: references.Scope, validate: Validate) -> Action:
    """
    Give *step* with the values of *scope*.

    Raises:
        errors.UsageError: a value does not fit.
    """
    values = {name: templates.render(value, scope) for name, value in step.with_.items()}
    confirmation = str(templates.render(step.confirm.text, scope)) if step.confirm is not None else ""
    if step.uses in _CONTENTS:
        content = _content(step, values)
        text = content.instructions if isinstance(content, schema.Manual) else content.text
        return Action(text=text, digest=_digest(step.id, step.uses, values), content=content)
    command, parameters = validate(step.uses, values)
    return Action(
        text=bot_command.command_line(command.name, parameters),
        digest=_digest(step.id, command.name, parameters.model_dump(mode="json"), confirmation),
        command=command,
        parameters=parameters,
        confirmation=confirmation,
    )


def _content(step: schema.Step, values: Mapping[str, object]) -> schema.Confirm | schema.Manual | schema.Link:
    try:
        return _CONTENTS[step.uses].model_validate(values)
    except pydantic.ValidationError as error:
        raise errors.UsageError(f"{step.id}: {error.errors()[0]['msg']}.") from error


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def plan(order: runs.RunRequest, validate: Validate) -> tuple[runs.PlannedStep, ...]:
    """Give every step of *order* in its order."""
    scope = references.Scope(params=order.params, requester=order.invocation.actor.name, is_forecast=True)
    return tuple(_planned(order.procedure, step, scope, validate) for step in order.procedure.all_steps())


def _planned(
    procedure: schema.Procedure, step: schema.Step, scope: references.Scope, validate: Validate
) -> runs.PlannedStep:
    forecast = expressions.parse(step.when).forecast(scope) if step.when is not None else None
    try:
        action = render(step, scope, validate).text
    except errors.UsageError:
        # A value that only the run will tell fits nothing yet.
        action = _unchecked(step, scope)
    return runs.PlannedStep(
        step=step.id,
        title=step.title,
        uses=step.uses,
        action=action,
        when=step.when,
        is_wanted=forecast.value if forecast is not None else True,
        depends_on=forecast.steps if forecast is not None else (),
        jumped_by=_jumped_by(procedure, step),
        asks=_asks(step),
        is_change=step.effect is schema.Effect.CHANGE,
        is_end=procedure.is_end(step.id),
    )


def _jumped_by(procedure: schema.Procedure, step: schema.Step) -> tuple[str, ...]:
    """Give the steps before *step* whose failure leads past it."""
    ids = [one.id for one in procedure.steps]
    if step.id not in ids:
        return ()
    own = ids.index(step.id)
    return tuple(
        one.id
        for one in procedure.steps[:own]
        if isinstance(one.on_failure, schema.Goto) and ids.index(one.on_failure.goto) > own
    )


def _unchecked(step: schema.Step, scope: references.Scope) -> str:
    values = {name: templates.render(value, scope) for name, value in step.with_.items()}
    return " ".join([step.uses, *(f"--{name.replace('_', '-')} {value}" for name, value in values.items())])


def _asks(step: schema.Step) -> str | None:
    """Give who has to answer at *step*, as a question says it; None where nobody is asked."""
    if step.confirm is not None:
        return step.confirm.by
    if step.uses == schema.CONFIRM:
        return str(step.with_.get("by", schema.Confirm.model_fields["by"].default))
    if step.uses == schema.MANUAL:
        return str(step.with_.get("by", schema.Manual.model_fields["by"].default))
    return None
