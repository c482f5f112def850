"""
Templates: `{{ NAME }}` in the values of a step is replaced by a value of the run.

Substitution and nothing else. A substituted value is never expanded again, so braces in a parameter stay text.
"""

import re
from collections.abc import Iterator

from bot import errors
from bot.model import reports
from bot.procedures import schema
from bot.procedures.definition import references as definition_references

UNKNOWN = "unknown"
"""The text of null: the step did not run, or its result is unknown."""
_PLACEHOLDER = re.compile(r"\{\{(?P<path>[^{}]*)\}\}")
_STRAY_BRACES = re.compile(r"\{\{|\}\}")


def references(text: str) -> tuple[definition_references.Reference, ...]:
    """
    Return every name in *text*, each once.

    Raises:
        errors.BadConfiguration: something in braces is not a name.
    """
    stray = _STRAY_BRACES.search(_PLACEHOLDER.sub("", text))
    if stray is not None:
        raise errors.BadConfiguration(f"“{stray[0]}” is unbalanced; expected {{{{ NAME }}}}.")
    return tuple(dict.fromkeys(_parse(match["path"]) for match in _PLACEHOLDER.finditer(text)))


def is_whole(value: object) -> bool:
    """Return whether *value* is a single placeholder, which keeps its type."""
    return isinstance(value, str) and _PLACEHOLDER.fullmatch(value.strip()) is not None


def has_names(value: schema.Value) -> bool:
    """Return whether *value* contains a placeholder."""
    texts = value if isinstance(value, tuple) else (value,)
    return any(isinstance(text, str) and _PLACEHOLDER.search(text) is not None for text in texts)


def sampled(value: schema.Value) -> schema.Value:
    """Return *value* with a sample for each placeholder, to validate the rest."""
    if isinstance(value, tuple):
        return tuple(_PLACEHOLDER.sub("x", text) for text in value)
    return _PLACEHOLDER.sub("x", value) if isinstance(value, str) else value


def render(value: schema.Value, scope: definition_references.Scope) -> schema.Value:
    """
    Return *value* with the values of *scope*.

    Before the run, “(known after …)” stands for what only the run will know.
    """
    if isinstance(value, tuple):
        return tuple(_to_text(render(item, scope)) for item in value)
    if not isinstance(value, str):
        return value
    if is_whole(value):
        (reference,) = references(value)
        return _look_up(reference, scope)
    text = _PLACEHOLDER.sub(lambda match: _to_text(_look_up(_parse(match["path"]), scope)), value)
    for reference in references(value):
        if isinstance(scope.look_up(reference), definition_references.Unknown):
            # It brings its own parentheses, and is said once.
            shown = _to_text(_look_up(reference, scope))
            text = text.replace(f"({shown})", shown).replace(f"{shown} {shown}", shown)
    return text


def validate(value: schema.Value, known: definition_references.Names) -> Iterator[str]:
    """Yield every error in *value* as a sentence."""
    for text in value if isinstance(value, tuple) else (value,):
        if not isinstance(text, str):
            continue
        try:
            for reference in references(text):
                known.find(reference)
        except errors.BotError as error:
            yield f"{error} {error.hint}" if error.hint and not str(error).endswith("?") else str(error)


def _parse(path: str) -> definition_references.Reference:
    try:
        return definition_references.parse(path.strip())
    except errors.UsageError as error:
        raise errors.BadConfiguration(f"{error}.") from error


def _look_up(
    reference: definition_references.Reference, scope: definition_references.Scope
) -> str | int | float | bool:
    value = scope.look_up(reference)
    if isinstance(value, definition_references.Unknown):
        return (
            f"(known after “{scope.titles.get(reference.step, reference.step)}”)"
            if reference.step
            else "(known after the start)"
        )
    return UNKNOWN if value is None else value


def _to_text(value: schema.Value | reports.Scalar) -> str:
    """Return *value* as text; numbers and booleans as in an expression."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
