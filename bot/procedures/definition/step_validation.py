"""What is wrong with the steps of a procedure: what they use and hand over, what they depend on and keep."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pydantic

from bot import command as bot_command
from bot import errors
from bot.procedures import schema
from bot.procedures.definition import expressions, references, templates, validation_context

_Place = tuple[str | int, ...]
_CONTENTS: Mapping[str, type[pydantic.BaseModel]] = {
    schema.CONFIRM: schema.Confirm,
    schema.MANUAL: schema.Manual,
    schema.LINK: schema.Link,
}
_ROLE = "role:"
_FOR_COMMANDS = ("effect", "idempotent", "timeout", "retry", "confirm")
"""Keys of a step that mean nothing where no command is used."""


def validate(
    procedure: schema.Procedure, params: Mapping[str, references.Type], around: validation_context.ValidationContext
) -> Iterator[errors.ValidationError]:
    """Give every mistake in the steps of *procedure*, in their order."""
    saved: dict[str, Mapping[str, references.Type]] = {}
    ids = [step.id for step in procedure.all_steps()]
    for index, (place, step) in enumerate(procedure.placed_steps()):
        known = references.Names(params=params, steps=dict(saved), later=frozenset(ids[index:]))
        yield from _names(step, place, known)
        yield from _content(step, place, around) if step.is_built_in else _command(step, place, around)
        yield from _people(step, place, around)
        saved[step.id] = {name: _fact(step, fact, around) or references.TEXT for name, fact in step.save.items()}
        yield from _facts(step, place, around)


def changes(step: schema.Step, commands: Mapping[str, bot_command.Command[Any]]) -> bool:
    """Tell whether *step* changes something, by itself or because its command does."""
    command = commands.get(step.uses)
    own = step.effect is schema.Effect.CHANGE
    return own or (command is not None and command.effect is bot_command.Effect.CHANGE)


def _names(step: schema.Step, place: _Place, known: references.Names) -> Iterator[errors.ValidationError]:
    if step.when is not None:
        try:
            problems = expressions.parse(step.when).check(known)
        except errors.BadConfiguration as error:
            problems = [str(error)]
        yield from (errors.ValidationError(problem, *place, "when") for problem in problems)
    for key, value in step.with_.items():
        yield from (errors.ValidationError(problem, *place, "with", key) for problem in templates.check(value, known))
    if step.confirm is not None:
        problems = list(templates.check(step.confirm.text, known))
        yield from (errors.ValidationError(problem, *place, "confirm", "text") for problem in problems)


def _command(
    step: schema.Step, place: _Place, around: validation_context.ValidationContext
) -> Iterator[errors.ValidationError]:
    usable = {word: one for word, one in around.commands.items() if one.is_step and not one.is_terminal_only}
    command = usable.get(step.uses)
    if command is None:
        if step.uses in around.commands:
            message = f"“{step.uses}” is no step; expected one of {', '.join(usable)}"
        else:
            message = str(errors.NotFound("command", step.uses, [*usable, *schema.BUILT_IN]))
        yield errors.ValidationError(message, *place, "uses")
        return
    if step.effect is schema.Effect.READ and command.effect is bot_command.Effect.CHANGE:
        yield errors.ValidationError(f"{step.uses} changes something; expected change, or no effect", *place, "effect")
    fields = command.parameters.model_fields
    for key in step.with_:
        if key not in fields:
            unknown = errors.NotFound(f"parameter of {step.uses}", key, fields)
            yield errors.ValidationError(f"{unknown} Expected some of {', '.join(fields)}", *place, "with", key)
    known = {key: value for key, value in step.with_.items() if key in fields}
    yield from _values(command.parameters, known, (*place, "with"), around.vocabulary)


def _content(
    step: schema.Step, place: _Place, around: validation_context.ValidationContext
) -> Iterator[errors.ValidationError]:
    odd = [key for key in _FOR_COMMANDS if key in step.model_fields_set]
    for key in odd:
        yield errors.ValidationError(
            f"a step that uses {step.uses} has none; expected it only beside a command", *place, key
        )
    yield from _values(_CONTENTS[step.uses], step.with_, (*place, "with"), None)
    section = step.with_.get("section")
    markers = [one.marker for one in around.runbook.sections]
    if step.uses == schema.LINK and isinstance(section, str) and section not in markers:
        unknown = errors.NotFound("marker in runbook.md", section, markers)
        yield errors.ValidationError(str(unknown), *place, "with", "section")


def _values(
    model: type[pydantic.BaseModel], given: Mapping[str, schema.Value], place: _Place, context: object
) -> Iterator[errors.ValidationError]:
    """Give what is wrong with the values that are known before the run; any text stands for those that are not."""
    try:
        model.model_validate({key: templates.sampled(value) for key, value in given.items()}, context=context)
    except pydantic.ValidationError as error:
        for problem in error.errors():
            key = problem["loc"][0] if problem["loc"] else None
            if key not in given or not templates.has_names(given[str(key)]):
                yield errors.ValidationError(problem["msg"], *place, *problem["loc"])


def _people(
    step: schema.Step, place: _Place, around: validation_context.ValidationContext
) -> Iterable[errors.ValidationError]:
    named = [(step.confirm.by, (*place, "confirm", "by"))] if step.confirm is not None else []
    by = step.with_.get("by") if step.is_built_in else None
    named += [(by, (*place, "with", "by"))] if isinstance(by, str) else []
    for answerer, where in named:
        role = answerer.removeprefix(_ROLE)
        if answerer.startswith(_ROLE) and role not in around.roles:
            yield errors.ValidationError(str(errors.NotFound("role in roles.yaml", role, around.roles)), *where)


def _facts(
    step: schema.Step, place: _Place, around: validation_context.ValidationContext
) -> Iterator[errors.ValidationError]:
    known = list(_known_facts(step, around))
    for name, fact in step.save.items():
        if fact not in known and (step.is_built_in or step.uses in around.commands):
            unknown = errors.NotFound(f"fact of {step.uses}", fact, known)
            told = f"Expected some of {', '.join(known)}" if known else "It reports none"
            yield errors.ValidationError(f"{unknown} {told}", *place, "save", name)


def _fact(step: schema.Step, fact: str, around: validation_context.ValidationContext) -> references.Type | None:
    return _known_facts(step, around).get(fact)


def _known_facts(step: schema.Step, around: validation_context.ValidationContext) -> Mapping[str, references.Type]:
    if step.uses == schema.MANUAL:
        given = step.with_.get("answers")
        answers = given if isinstance(given, tuple) else schema.Manual.model_fields["answers"].default
        return {"answer": references.Type(sort=references.ValueType.TEXT, words=answers), "note": references.TEXT}
    command = around.commands.get(step.uses)
    kinds = command.facts if command is not None else {}
    return {name: references.Type(sort=references.ValueType(kind.value)) for name, kind in kinds.items()}
