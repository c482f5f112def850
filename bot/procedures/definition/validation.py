"""
What is wrong with a procedure as a whole: its words, who may run it, its parameters, its lock.

The steps are held against the commands in `checking_steps.py`. Everything is told with its place in the file, so that
a run never meets what could have been seen before.

What is wrong with the words among which people choose, and with the times within which something is to be over.

Not rules of the nouns themselves: those are also held against runs that were stored long ago.
"""

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pydantic

from bot import errors
from bot.model import durations
from bot.procedures import runs, schema
from bot.procedures.definition import parameters, references, step_validation, templates, validation_context

ACTIONS = ("show", "log", "follow", "answer", "cancel", "retry")
"""What may follow `run` instead of the name of a procedure."""
RESERVED = frozenset({"serve", "manifest", "migrate", "schema", *ACTIONS})
"""Words that mean something else in a terminal, or behind `run`."""


def validate(
    procedure: schema.Procedure, file: str, around: validation_context.ValidationContext, taken: Mapping[str, str]
) -> Iterator[errors.ValidationError]:
    """Give every mistake in *procedure* of *file*; *taken* are the words of other files, with their names."""
    if procedure.id != file:
        yield errors.ValidationError(f"“{procedure.id}” is not the name of the file; expected {file}", "id")
    yield from _about(procedure, around)
    yield from _words(procedure, around, taken)
    broken = list(_params(procedure, around))
    yield from broken
    types = parameters.types_of(procedure.params)
    if procedure.lock is not None:
        problems = templates.check(procedure.lock, references.Names(params=types))
        yield from (errors.ValidationError(problem, "lock") for problem in problems)
    yield from step_validation.validate(procedure, types, around)
    yield from validate_limits(procedure)
    if not broken:
        yield from _examples(procedure, around)


def _about(
    procedure: schema.Procedure, around: validation_context.ValidationContext
) -> Iterator[errors.ValidationError]:
    markers = [section.marker for section in around.runbook.sections]
    if procedure.doc.section not in markers:
        unknown = errors.NotFound("marker in runbook.md", procedure.doc.section, markers)
        yield errors.ValidationError(str(unknown), "doc", "section")
    for index, role in enumerate(procedure.access.run):
        if role != schema.EVERYONE and role not in around.roles:
            unknown = errors.NotFound("role in roles.yaml", role, [*around.roles, schema.EVERYONE])
            yield errors.ValidationError(str(unknown), "access", "run", index)
    changing = [step for step in procedure.all_steps() if step_validation.changes(step, around.commands)]
    if changing and schema.EVERYONE in procedure.access.run:
        message = f"“{changing[0].id}” changes something; expected roles, not everyone"
        yield errors.ValidationError(message, "access", "run")


def _words(
    procedure: schema.Procedure, around: validation_context.ValidationContext, taken: Mapping[str, str]
) -> Iterator[errors.ValidationError]:
    shadowed = RESERVED | set(around.commands)
    own: set[str] = set()
    for word, place in _placed_words(procedure):
        if word in shadowed:
            yield errors.ValidationError(f"“{word}” is a word of posbot's own; expected another", *place)
        elif word in taken:
            yield errors.ValidationError(f"“{word}” belongs to {taken[word]} already; expected another", *place)
        elif word in own and not (place[-1] == "word" and word == procedure.id):
            yield errors.ValidationError(f"“{word}” stands here twice; expected it once", *place)
        own.add(word)


def _placed_words(procedure: schema.Procedure) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    yield procedure.id, ("id",)
    yield procedure.command.word, ("command", "word")
    for index, alias in enumerate(procedure.command.aliases):
        yield alias, ("command", "aliases", index)


def _params(
    procedure: schema.Procedure, around: validation_context.ValidationContext
) -> Iterable[errors.ValidationError]:
    for index, param in enumerate(procedure.params):
        if param.name in parameters.RESERVED:
            message = f"“{param.name}” is an option that every procedure has; expected another name"
            yield errors.ValidationError(message, "params", index, "name")
        elif not parameters.can_be_named(param.name):
            message = f"“{param.name}” means something to Python or pydantic; expected another name"
            yield errors.ValidationError(message, "params", index, "name")
        elif param.pattern is not None and not parameters.is_pattern(param.pattern):
            message = "this is no regular expression without look-around and backreferences"
            yield errors.ValidationError(message, "params", index, "pattern")
        elif param.min is not None and param.max is not None and param.min > param.max:
            yield errors.ValidationError("it is less than min", "params", index, "max")
        elif (param.type is schema.Kind.FLAG) != isinstance(param.default, bool) and param.default is not None:
            # In quotes, or as a word such as no, it would turn the flag on.
            wanted = "true or false" if param.type is schema.Kind.FLAG else f"a {param.type}"
            yield errors.ValidationError(f"expected {wanted}", "params", index, "default")
        elif param.default is not None:
            yield from _default(param, index, around)


def _default(
    param: schema.Param, index: int, around: validation_context.ValidationContext
) -> Iterator[errors.ValidationError]:
    try:
        parameters.model_of((param,)).model_validate({}, context=around.vocabulary)
    except pydantic.ValidationError as error:
        yield errors.ValidationError(error.errors()[0]["msg"], "params", index, "default")


def _examples(
    procedure: schema.Procedure, around: validation_context.ValidationContext
) -> Iterator[errors.ValidationError]:
    known = procedure.words
    for index, example in enumerate(procedure.command.examples):
        word = example.split()[0]
        if word not in known:
            message = f"it begins with “{word}”; expected {' or '.join(known)}"
            yield errors.ValidationError(message, "command", "examples", index)
            continue
        problem = around.parse_error(procedure, example)
        if problem is not None:
            yield errors.ValidationError(problem, "command", "examples", index)


_LEAST = datetime.timedelta(seconds=1)
_Place = tuple[str | int, ...]


def validate_limits(procedure: schema.Procedure) -> Iterator[errors.ValidationError]:
    """Give every mistake in the choices, the answers and the time limits of *procedure*."""
    yield from _limit(procedure.timeout, "timeout")
    for index, param in enumerate(procedure.params):
        yield from _check_words(param.choices, ("params", index, "choices"))
    for place, step in procedure.placed_steps():
        yield from _limit(step.timeout, *place, "timeout")
        if step.confirm is not None:
            yield from _limit(step.confirm.timeout, *place, "confirm", "timeout")
        if step.is_built_in:
            yield from _asked(step, (*place, "with"))


def _asked(step: schema.Step, place: _Place) -> Iterator[errors.ValidationError]:
    try:
        limit = durations.parse(step.with_.get("timeout"))
    except ValueError:
        limit = None  # told where the values are held against their model
    yield from _limit(datetime.timedelta(seconds=limit) if isinstance(limit, int | float) else limit, *place, "timeout")
    answers = step.with_.get("answers")
    if step.uses == schema.MANUAL and isinstance(answers, tuple):
        yield from _check_words([answer.lower() for answer in answers], (*place, "answers"))
        for index, answer in enumerate(answers):
            if answer.lower() == runs.TIMEOUT:
                message = f"“{answer}” stands for no answer at all; expected another word"
                yield errors.ValidationError(message, *place, "answers", index)


def _limit(limit: object, *place: str | int) -> Iterator[errors.ValidationError]:
    if isinstance(limit, datetime.timedelta) and limit < _LEAST:
        yield errors.ValidationError("expected 1s or more", *place)


def _check_words(words: Sequence[str], place: _Place) -> Iterator[errors.ValidationError]:
    for index, word in enumerate(words):
        if word.startswith("-"):
            message = f"“{word}” would be taken for an option; expected no - at its beginning"
            yield errors.ValidationError(message, *place, index)
        elif word in words[:index]:
            yield errors.ValidationError(f"“{word}” stands here twice; expected it once", *place, index)
