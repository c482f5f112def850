"""What is wrong with the steps of a procedure: what they use and hand over, what they depend on and keep."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pydantic

from bot import errors, toolkit
from bot.model import procedures
from bot.procedures import expressions, names, surroundings, templates

_Place = tuple[str | int, ...]
_CONTENTS: Mapping[str, type[pydantic.BaseModel]] = {
    procedures.CONFIRM: procedures.Confirm,
    procedures.MANUAL: procedures.Manual,
    procedures.LINK: procedures.Link,
}
_ROLE = "role:"
_FOR_COMMANDS = ("effect", "idempotent", "timeout", "retry", "confirm")
"""Keys of a step that mean nothing where no command is used."""


def mistakes(
    procedure: procedures.Procedure, params: Mapping[str, names.Type], around: surroundings.Surroundings
) -> Iterator[errors.Misplaced]:
    """Give every mistake in the steps of *procedure*, in their order."""
    saved: dict[str, Mapping[str, names.Type]] = {}
    ids = [step.id for step in procedure.all_steps()]
    for index, (place, step) in enumerate(procedure.placed_steps()):
        known = names.Names(params=params, steps=dict(saved), later=frozenset(ids[index:]))
        yield from _names(step, place, known)
        yield from _content(step, place, around) if step.is_built_in else _command(step, place, around)
        yield from _people(step, place, around)
        saved[step.id] = {name: _fact(step, fact, around) or names.TEXT for name, fact in step.save.items()}
        yield from _facts(step, place, around)


def changes(step: procedures.Step, commands: Mapping[str, toolkit.Command[Any]]) -> bool:
    """Tell whether *step* changes something, by itself or because its command does."""
    command = commands.get(step.uses)
    own = step.effect is procedures.Effect.CHANGE
    return own or (command is not None and command.effect is toolkit.Effect.CHANGE)


def _names(step: procedures.Step, place: _Place, known: names.Names) -> Iterator[errors.Misplaced]:
    if step.when is not None:
        try:
            problems = expressions.parse(step.when).check(known)
        except errors.BadConfiguration as error:
            problems = [str(error)]
        yield from (errors.Misplaced(problem, *place, "when") for problem in problems)
    for key, value in step.with_.items():
        yield from (errors.Misplaced(problem, *place, "with", key) for problem in templates.check(value, known))
    if step.confirm is not None:
        problems = list(templates.check(step.confirm.text, known))
        yield from (errors.Misplaced(problem, *place, "confirm", "text") for problem in problems)


def _command(step: procedures.Step, place: _Place, around: surroundings.Surroundings) -> Iterator[errors.Misplaced]:
    usable = {word: one for word, one in around.commands.items() if one.is_step and not one.terminal_only}
    command = usable.get(step.uses)
    if command is None:
        if step.uses in around.commands:
            message = f"“{step.uses}” is no step; expected one of {', '.join(usable)}"
        else:
            message = str(errors.NotFound("command", step.uses, [*usable, *procedures.BUILT_IN]))
        yield errors.Misplaced(message, *place, "uses")
        return
    if step.effect is procedures.Effect.READ and command.effect is toolkit.Effect.CHANGE:
        yield errors.Misplaced(f"{step.uses} changes something; expected change, or no effect", *place, "effect")
    fields = command.parameters.model_fields
    for key in step.with_:
        if key not in fields:
            unknown = errors.NotFound(f"parameter of {step.uses}", key, fields)
            yield errors.Misplaced(f"{unknown} Expected some of {', '.join(fields)}", *place, "with", key)
    known = {key: value for key, value in step.with_.items() if key in fields}
    yield from _values(command.parameters, known, (*place, "with"), around.vocabulary)


def _content(step: procedures.Step, place: _Place, around: surroundings.Surroundings) -> Iterator[errors.Misplaced]:
    odd = [key for key in _FOR_COMMANDS if key in step.model_fields_set]
    for key in odd:
        yield errors.Misplaced(f"a step that uses {step.uses} has none; expected it only beside a command", *place, key)
    yield from _values(_CONTENTS[step.uses], step.with_, (*place, "with"), None)
    section = step.with_.get("section")
    markers = [one.marker for one in around.runbook.sections]
    if step.uses == procedures.LINK and isinstance(section, str) and section not in markers:
        unknown = errors.NotFound("marker in runbook.md", section, markers)
        yield errors.Misplaced(str(unknown), *place, "with", "section")


def _values(
    model: type[pydantic.BaseModel], given: Mapping[str, procedures.Value], place: _Place, context: object
) -> Iterator[errors.Misplaced]:
    """Give what is wrong with the values that are known before the run; any text stands for those that are not."""
    try:
        model.model_validate({key: templates.sampled(value) for key, value in given.items()}, context=context)
    except pydantic.ValidationError as error:
        for problem in error.errors():
            key = problem["loc"][0] if problem["loc"] else None
            if key not in given or not templates.has_names(given[str(key)]):
                yield errors.Misplaced(problem["msg"], *place, *problem["loc"])


def _people(step: procedures.Step, place: _Place, around: surroundings.Surroundings) -> Iterable[errors.Misplaced]:
    named = [(step.confirm.by, (*place, "confirm", "by"))] if step.confirm is not None else []
    by = step.with_.get("by") if step.is_built_in else None
    named += [(by, (*place, "with", "by"))] if isinstance(by, str) else []
    for answerer, where in named:
        role = answerer.removeprefix(_ROLE)
        if answerer.startswith(_ROLE) and role not in around.roles:
            yield errors.Misplaced(str(errors.NotFound("role in roles.yaml", role, around.roles)), *where)


def _facts(step: procedures.Step, place: _Place, around: surroundings.Surroundings) -> Iterator[errors.Misplaced]:
    known = list(_known_facts(step, around))
    for name, fact in step.save.items():
        if fact not in known and (step.is_built_in or step.uses in around.commands):
            unknown = errors.NotFound(f"fact of {step.uses}", fact, known)
            told = f"Expected some of {', '.join(known)}" if known else "It reports none"
            yield errors.Misplaced(f"{unknown} {told}", *place, "save", name)


def _fact(step: procedures.Step, fact: str, around: surroundings.Surroundings) -> names.Type | None:
    return _known_facts(step, around).get(fact)


def _known_facts(step: procedures.Step, around: surroundings.Surroundings) -> Mapping[str, names.Type]:
    if step.uses == procedures.MANUAL:
        given = step.with_.get("answers")
        answers = given if isinstance(given, tuple) else procedures.Manual.model_fields["answers"].default
        return {"answer": names.Type(sort=names.Sort.TEXT, words=answers), "note": names.TEXT}
    command = around.commands.get(step.uses)
    kinds = command.facts if command is not None else {}
    return {name: names.Type(sort=names.Sort(kind.value)) for name, kind in kinds.items()}
