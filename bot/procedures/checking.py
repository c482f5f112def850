"""
What is wrong with a procedure as a whole: its words, who may run it, its parameters, its lock.

The steps are held against the commands in `checking_steps.py`. Everything is told with its place in the file, so that
a run never meets what could have been seen before.
"""

from collections.abc import Iterable, Iterator, Mapping

import pydantic

from bot import errors
from bot.model import procedures
from bot.procedures import checking_limits, checking_steps, names, params, surroundings, templates

ACTIONS = ("show", "log", "follow", "answer", "cancel", "retry")
"""What may follow `run` instead of the name of a procedure."""
RESERVED = frozenset({"serve", "manifest", "migrate", "schema", *ACTIONS})
"""Words that mean something else in a terminal, or behind `run`."""


def mistakes(
    procedure: procedures.Procedure, file: str, around: surroundings.Surroundings, taken: Mapping[str, str]
) -> Iterator[errors.Misplaced]:
    """Give every mistake in *procedure* of *file*; *taken* are the words of other files, with their names."""
    if procedure.id != file:
        yield errors.Misplaced(f"“{procedure.id}” is not the name of the file; expected {file}", "id")
    yield from _about(procedure, around)
    yield from _words(procedure, around, taken)
    broken = list(_params(procedure, around))
    yield from broken
    types = params.types_of(procedure.params)
    if procedure.lock is not None:
        problems = templates.check(procedure.lock, names.Names(params=types))
        yield from (errors.Misplaced(problem, "lock") for problem in problems)
    yield from checking_steps.mistakes(procedure, types, around)
    yield from checking_limits.mistakes(procedure)
    if not broken:
        yield from _examples(procedure, around)


def _about(procedure: procedures.Procedure, around: surroundings.Surroundings) -> Iterator[errors.Misplaced]:
    markers = [section.marker for section in around.runbook.sections]
    if procedure.doc.section not in markers:
        unknown = errors.NotFound("marker in runbook.md", procedure.doc.section, markers)
        yield errors.Misplaced(str(unknown), "doc", "section")
    for index, role in enumerate(procedure.access.run):
        if role != procedures.EVERYONE and role not in around.roles:
            unknown = errors.NotFound("role in roles.yaml", role, [*around.roles, procedures.EVERYONE])
            yield errors.Misplaced(str(unknown), "access", "run", index)
    changing = [step for step in procedure.all_steps() if checking_steps.changes(step, around.commands)]
    if changing and procedures.EVERYONE in procedure.access.run:
        message = f"“{changing[0].id}” changes something; expected roles, not everyone"
        yield errors.Misplaced(message, "access", "run")


def _words(
    procedure: procedures.Procedure, around: surroundings.Surroundings, taken: Mapping[str, str]
) -> Iterator[errors.Misplaced]:
    shadowed = RESERVED | set(around.commands)
    own: set[str] = set()
    for word, place in _placed_words(procedure):
        if word in shadowed:
            yield errors.Misplaced(f"“{word}” is a word of posbot's own; expected another", *place)
        elif word in taken:
            yield errors.Misplaced(f"“{word}” belongs to {taken[word]} already; expected another", *place)
        elif word in own and not (place[-1] == "word" and word == procedure.id):
            yield errors.Misplaced(f"“{word}” stands here twice; expected it once", *place)
        own.add(word)


def _placed_words(procedure: procedures.Procedure) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    yield procedure.id, ("id",)
    yield procedure.command.word, ("command", "word")
    for index, alias in enumerate(procedure.command.aliases):
        yield alias, ("command", "aliases", index)


def _params(procedure: procedures.Procedure, around: surroundings.Surroundings) -> Iterable[errors.Misplaced]:
    for index, param in enumerate(procedure.params):
        if param.name in params.RESERVED:
            message = f"“{param.name}” is an option that every procedure has; expected another name"
            yield errors.Misplaced(message, "params", index, "name")
        elif not params.can_be_named(param.name):
            message = f"“{param.name}” means something to Python or pydantic; expected another name"
            yield errors.Misplaced(message, "params", index, "name")
        elif param.pattern is not None and not params.is_pattern(param.pattern):
            message = "this is no regular expression without look-around and backreferences"
            yield errors.Misplaced(message, "params", index, "pattern")
        elif param.min is not None and param.max is not None and param.min > param.max:
            yield errors.Misplaced("it is less than min", "params", index, "max")
        elif (param.type is procedures.Kind.FLAG) != isinstance(param.default, bool) and param.default is not None:
            # In quotes, or as a word such as no, it would turn the flag on.
            wanted = "true or false" if param.type is procedures.Kind.FLAG else f"a {param.type}"
            yield errors.Misplaced(f"expected {wanted}", "params", index, "default")
        elif param.default is not None:
            yield from _default(param, index, around)


def _default(param: procedures.Param, index: int, around: surroundings.Surroundings) -> Iterator[errors.Misplaced]:
    try:
        params.model_of((param,)).model_validate({}, context=around.vocabulary)
    except pydantic.ValidationError as error:
        yield errors.Misplaced(error.errors()[0]["msg"], "params", index, "default")


def _examples(procedure: procedures.Procedure, around: surroundings.Surroundings) -> Iterator[errors.Misplaced]:
    known = procedure.words
    for index, example in enumerate(procedure.command.examples):
        word = example.split()[0]
        if word not in known:
            message = f"it begins with “{word}”; expected {' or '.join(known)}"
            yield errors.Misplaced(message, "command", "examples", index)
            continue
        problem = around.misunderstanding(procedure, example)
        if problem is not None:
            yield errors.Misplaced(problem, "command", "examples", index)
