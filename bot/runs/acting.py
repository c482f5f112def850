"""What a step is about to do, and what came of it."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import pydantic

from bot import errors, toolkit
from bot.model import invocations, procedures, reports, runs
from bot.procedures import scopes, templates

Validate = Callable[[str, Mapping[str, object]], tuple[toolkit.Command[Any], toolkit.Parameters]]
"""Gives a command by its word, and its parameters with these values; raises errors.UsageError."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One step with all its values."""

    text: str
    """As a line that could be typed, or the words of what a person is asked."""
    digest: str
    """Changes with anything that would be done."""
    command: toolkit.Command[Any] | None = None
    parameters: toolkit.Parameters | None = None
    content: procedures.Confirm | procedures.Manual | procedures.Link | None = None
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
    def of(cls, answer: invocations.Answer) -> "Outcome":
        """
        Give what an answer means for a step.

        A warning is a success that the run shows; that something could not be told is not, because whoever goes on
        relies on it.
        """
        report = answer.report
        is_good = answer.ending is invocations.Ending.DONE and report.verdict in {
            reports.Verdict.OK,
            reports.Verdict.WARNING,
        }
        state = runs.StepState.SUCCEEDED if is_good else runs.StepState.FAILED
        if answer.ending is invocations.Ending.TIMED_OUT:
            state = runs.StepState.TIMED_OUT
        return cls(state=state, headline=report.headline, verdict=report.verdict, facts=report.facts)


_CONTENTS: Mapping[str, type[procedures.Confirm | procedures.Manual | procedures.Link]] = {
    procedures.CONFIRM: procedures.Confirm,
    procedures.MANUAL: procedures.Manual,
    procedures.LINK: procedures.Link,
}


def render(step: procedures.Step, scope: scopes.Scope, validate: Validate) -> Action:
    """
    Give *step* with the values of *scope*.

    Raises:
        errors.UsageError: a value does not fit.
    """
    values = {name: templates.render(value, scope) for name, value in step.with_.items()}
    confirmation = str(templates.render(step.confirm.text, scope)) if step.confirm is not None else ""
    if step.uses in _CONTENTS:
        content = _content(step, values)
        text = content.instructions if isinstance(content, procedures.Manual) else content.text
        return Action(text=text, digest=_digest(step.id, step.uses, values), content=content)
    command, parameters = validate(step.uses, values)
    return Action(
        text=toolkit.line_of(command.word, parameters),
        digest=_digest(step.id, command.word, parameters.model_dump(mode="json"), confirmation),
        command=command,
        parameters=parameters,
        confirmation=confirmation,
    )


def _content(
    step: procedures.Step, values: Mapping[str, object]
) -> procedures.Confirm | procedures.Manual | procedures.Link:
    try:
        return _CONTENTS[step.uses].model_validate(values)
    except pydantic.ValidationError as error:
        raise errors.UsageError(f"{step.id}: {error.errors()[0]['msg']}.") from error


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
