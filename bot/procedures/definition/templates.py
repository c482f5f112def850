"""
`{{ }}`: values of a run put into what a step is handed.

Substitution and nothing else. A value that was put in is never looked through again, so a parameter that holds braces
stays the text that it is.
"""

import re
from collections.abc import Iterator

from bot import errors
from bot.model import reports
from bot.procedures import schema
from bot.procedures.definition import references as definition_references

UNKNOWN = "unknown"
"""Stands for a null: the step that would have told did not run, or could not tell."""
_PLACE = re.compile(r"\{\{(?P<path>[^{}]*)\}\}")
_STRAY = re.compile(r"\{\{|\}\}")


def references(text: str) -> tuple[definition_references.Reference, ...]:
    """
    Give every name in *text*, each once.

    Raises:
        errors.BadConfiguration: there are braces with something else in them than a name.
    """
    stray = _STRAY.search(_PLACE.sub("", text))
    if stray is not None:
        raise errors.BadConfiguration(f"“{stray[0]}” stands alone; expected {{{{ NAME }}}}.")
    return tuple(dict.fromkeys(_refer(match["path"]) for match in _PLACE.finditer(text)))


def is_whole(value: object) -> bool:
    """Tell whether *value* is one name in braces and nothing beside it, so that it keeps its type."""
    return isinstance(value, str) and _PLACE.fullmatch(value.strip()) is not None


def has_names(value: schema.Value) -> bool:
    """Tell whether something in *value* is known only in a run."""
    texts = value if isinstance(value, tuple) else (value,)
    return any(isinstance(text, str) and _PLACE.search(text) is not None for text in texts)


def sampled(value: schema.Value) -> schema.Value:
    """Give *value* with some text for each name, to see whether the rest of it fits."""
    if isinstance(value, tuple):
        return tuple(_PLACE.sub("x", text) for text in value)
    return _PLACE.sub("x", value) if isinstance(value, str) else value


def render(value: schema.Value, scope: definition_references.Scope) -> schema.Value:
    """
    Give *value* with what its names mean in *scope*.

    Where the run is still to come, what it will tell is shown as the name.
    """
    if isinstance(value, tuple):
        return tuple(_written(render(item, scope)) for item in value)
    if not isinstance(value, str):
        return value
    if is_whole(value):
        (reference,) = references(value)
        return _known(reference, scope)
    return _PLACE.sub(lambda match: _written(_known(_refer(match["path"]), scope)), value)


def check(value: schema.Value, known: definition_references.Names) -> Iterator[str]:
    """Give every mistake in *value* as a sentence."""
    for text in value if isinstance(value, tuple) else (value,):
        if not isinstance(text, str):
            continue
        try:
            for reference in references(text):
                known.find(reference)
        except errors.BotError as error:
            yield f"{error} {error.hint}" if error.hint and not str(error).endswith("?") else str(error)


def _refer(path: str) -> definition_references.Reference:
    try:
        return definition_references.refer(path.strip())
    except errors.UsageError as error:
        raise errors.BadConfiguration(f"{error}.") from error


def _known(reference: definition_references.Reference, scope: definition_references.Scope) -> str | int | float | bool:
    value = scope.look_up(reference)
    if isinstance(value, definition_references.Unknown):
        return f"{{{{ {reference} }}}}"
    return UNKNOWN if value is None else value


def _written(value: schema.Value | reports.Scalar) -> str:
    """Give *value* within a text; numbers and truths as an expression would spell them."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
