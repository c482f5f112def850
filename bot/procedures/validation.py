"""
Validation of a procedure as a whole: its names, roles, parameters, lock and steps.

Every error has its location in the file, so that a run never meets what could have been found before. These are not
rules of the models, because runs that were stored long ago are read with the models too.
"""

import datetime
from collections.abc import Iterable, Iterator, Mapping

import pydantic

from bot import command as bot_command
from bot import errors
from bot.procedures import schema
from bot.procedures.definition import expressions, parameters, references, templates, validation_context
from bot.procedures.steps import kind, registry

ACTIONS = ("list", "show", "watch", "log", "answer", "cancel", "retry")
"""What `run` takes instead of the name of a procedure."""
RESERVED = frozenset({"completion", "serve", "manifest", "migrate", "schema", "generate", "follow", *ACTIONS})
"""Names that mean something else in a terminal, or after `run`."""


def validate(
    procedure: schema.Procedure, file: str, context: validation_context.ValidationContext, owners: Mapping[str, str]
) -> Iterator[errors.ValidationError]:
    """Yield every error in *procedure* of *file*; *owners* are the command names of other files, with these files."""
    if procedure.id != file:
        yield errors.ValidationError(f"“{procedure.id}” is not the name of the file; expected {file}", "id")
    yield from _validate_doc_and_access(procedure, context)
    yield from _validate_names(procedure, context, owners)
    param_errors = list(_validate_params(procedure, context))
    yield from param_errors
    types = parameters.types_of(procedure.params)
    if procedure.lock is not None:
        problems = templates.validate(procedure.lock, references.Names(params=types))
        yield from (errors.ValidationError(problem, "lock") for problem in problems)
    yield from _validate_steps(procedure, types, context)
    if procedure.timeout < datetime.timedelta(seconds=1):
        yield errors.ValidationError("expected 1s or more", "timeout")
    if not param_errors:
        yield from _validate_examples(procedure, context)


def _validate_doc_and_access(
    procedure: schema.Procedure, context: validation_context.ValidationContext
) -> Iterator[errors.ValidationError]:
    markers = [section.marker for section in context.runbook.sections]
    if procedure.doc.section not in markers:
        unknown = errors.NotFound("marker in runbook.md", procedure.doc.section, markers)
        yield errors.ValidationError(str(unknown), "doc", "section")
    for index, role in enumerate(procedure.access.run):
        if role != bot_command.EVERYONE and role not in context.roles:
            unknown = errors.NotFound("role in roles.yaml", role, [*context.roles, bot_command.EVERYONE])
            yield errors.ValidationError(str(unknown), "access", "run", index)
    changing = [step for step in procedure.all_steps() if context.changes(step)]
    if changing and bot_command.EVERYONE in procedure.access.run:
        message = f"“{changing[0].id}” changes something; expected roles, not everyone"
        yield errors.ValidationError(message, "access", "run")


def _validate_names(
    procedure: schema.Procedure, context: validation_context.ValidationContext, owners: Mapping[str, str]
) -> Iterator[errors.ValidationError]:
    located: list[tuple[str, schema.Location]] = [
        (procedure.id, ("id",)),
        (procedure.command.name, ("command", "name")),
    ]
    located += [(alias, ("command", "aliases", index)) for index, alias in enumerate(procedure.command.aliases)]
    reserved = RESERVED | {*context.commands, *context.vocabulary.aliases}
    seen: set[str] = set()
    for name, location in located:
        if name in reserved:
            yield errors.ValidationError(f"“{name}” is reserved", *location)
        elif name in owners:
            yield errors.ValidationError(f"“{name}” is already used by {owners[name]}", *location)
        elif name in seen and location != ("command", "name"):
            yield errors.ValidationError(f"duplicate “{name}”", *location)
        seen.add(name)


def _validate_params(
    procedure: schema.Procedure, context: validation_context.ValidationContext
) -> Iterable[errors.ValidationError]:
    for index, param in enumerate(procedure.params):
        location = ("params", index)
        if param.name in parameters.RESERVED:
            yield errors.ValidationError(f"“{param.name}” is an option of every procedure", *location, "name")
        elif not parameters.can_be_named(param.name):
            yield errors.ValidationError(f"“{param.name}” is reserved by Python or pydantic", *location, "name")
        elif param.pattern is not None and not parameters.is_pattern(param.pattern):
            message = "not a valid regular expression; look-around and backreferences are not supported"
            yield errors.ValidationError(message, *location, "pattern")
        elif param.min is not None and param.max is not None and param.min > param.max:
            yield errors.ValidationError("less than min", *location, "max")
        elif (param.type is schema.ParamType.FLAG) != isinstance(param.default, bool) and param.default is not None:
            # In quotes, or as a word such as no, it would turn the flag on.
            expected = "true or false" if param.type is schema.ParamType.FLAG else f"a {param.type}"
            yield errors.ValidationError(f"expected {expected}", *location, "default")
        elif param.default is not None:
            try:
                parameters.model_of((param,)).model_validate({}, context=context.vocabulary)
            except pydantic.ValidationError as error:
                yield errors.ValidationError(error.errors()[0]["msg"], *location, "default")
        yield from kind.check_choices(param.choices, (*location, "choices"))


def _validate_examples(
    procedure: schema.Procedure, context: validation_context.ValidationContext
) -> Iterator[errors.ValidationError]:
    for index, example in enumerate(procedure.command.examples):
        name = example.split()[0]
        if name not in procedure.names:
            problem = f"it begins with “{name}”; expected {' or '.join(procedure.names)}"
            yield errors.ValidationError(problem, "command", "examples", index)
            continue
        error = context.parse_error(procedure, example)
        if error is not None and not isinstance(error, errors.UnknownName):
            yield errors.ValidationError(str(error), "command", "examples", index)


def unknown_names(procedure: schema.Procedure, context: validation_context.ValidationContext) -> Iterator[str]:
    """Yield what is wrong with each example that names an unknown service or environment, which disables nothing."""
    for index, example in enumerate(procedure.command.examples):
        if (error := context.parse_error(procedure, example)) is not None:
            yield f"command.examples.{index}: {error}"


def _validate_steps(
    procedure: schema.Procedure,
    params: Mapping[str, references.Type],
    context: validation_context.ValidationContext,
) -> Iterator[errors.ValidationError]:
    saved: dict[str, Mapping[str, references.Type]] = {}
    ids = [step.id for step in procedure.all_steps()]
    for index, (location, step) in enumerate(procedure.located_steps()):
        step_kind = registry.find(step)
        known = references.Names(params=params, steps=dict(saved), later=frozenset(ids[index:]))
        yield from _validate_references(step, location, known)
        yield from step_kind.validate(step, location, context)
        if procedure.is_end(step.id) and step_kind.asks_person:
            yield errors.ValidationError("a step of finally cannot ask a person", *location, "uses")
        facts = step_kind.facts(step, context)
        yield from _validate_saved(step, location, facts)
        saved[step.id] = {name: (facts or {}).get(fact, references.TEXT) for name, fact in step.save.items()}
        own = references.Names(params=params, steps=dict(saved), later=frozenset(ids[index + 1 :]))
        for problem in templates.validate(step.outcome or "", own):
            yield errors.ValidationError(problem, *location, "outcome")


def _validate_references(
    step: schema.Step, location: schema.Location, known: references.Names
) -> Iterator[errors.ValidationError]:
    if step.when is not None:
        try:
            problems = expressions.parse(step.when).validate(known)
        except errors.BadConfiguration as error:
            problems = [str(error)]
        yield from (errors.ValidationError(problem, *location, "when") for problem in problems)
    for key, value in step.with_.items():
        for problem in templates.validate(value, known):
            yield errors.ValidationError(problem, *location, "with", key)
    if step.confirm is not None:
        for key, text in (("text", step.confirm.text), ("consequence", step.confirm.consequence or "")):
            for problem in templates.validate(text, known):
                yield errors.ValidationError(problem, *location, "confirm", key)


def _validate_saved(
    step: schema.Step, location: schema.Location, facts: Mapping[str, references.Type] | None
) -> Iterator[errors.ValidationError]:
    for name, fact in step.save.items():
        if facts is not None and fact not in facts:
            unknown = errors.NotFound(f"fact of {step.uses}", fact, facts)
            hint = f"Expected some of {', '.join(facts)}" if facts else "It reports none"
            yield errors.ValidationError(f"{unknown} {hint}", *location, "save", name)
