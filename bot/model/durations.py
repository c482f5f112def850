"""Lengths of time as people read and write them."""

import datetime
import re
from typing import Annotated

import pydantic

from bot import errors

_PATTERN = r"(?:(\d{1,3})w)?(?:(\d{1,4})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6})s)?"
_WRITTEN = re.compile(_PATTERN)
_TOO_LONG = re.compile(r"(?=.*(?:\d{4}w|\d{5}[dh]|\d{6}m|\d{7}s))(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?")
_MAX_LENGTH = 100
IS_NONE = "is no duration"
"""What the error of a text that is none says; of an option, the name is added."""
_WORDS = re.compile(r"(\d{1,6}) ?(weeks?|wks?|days?|hours?|hrs?|minutes?|mins?|seconds?|secs?|[wdhms])", re.IGNORECASE)
_UNITS = (("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def brief(span: datetime.timedelta) -> str:
    """Return a span as kubectl writes it, in its largest unit; a negative one as 0s."""
    seconds = max(int(span.total_seconds()), 0)
    for unit, length in _UNITS[1:-1]:
        if seconds >= 2 * length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def spoken(span: datetime.timedelta) -> str:
    """Return a span with its one or two largest units as in a sentence: 15 min, 1 h 30 min, 7 d."""
    seconds = int(span.total_seconds())
    names, parts = {"d": "d", "h": "h", "m": "min", "s": "s"}, []
    for unit, length in _UNITS[1:]:
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count} {names[unit]}")
    return " ".join(parts[:2]) or "0 s"


def parse(value: object) -> object:
    """
    Return the span of a text such as 90s, 3m, 1h30m, 7d or 2w; other values unchanged.

    Raises:
        ValueError: with a sentence that says how to write it.
    """
    if not isinstance(value, str):
        return value
    if len(value) <= _MAX_LENGTH and _TOO_LONG.fullmatch(value.strip().lower()):
        raise ValueError(f"“{value.strip()}” is too long; the longest are 999w, 9999d, 9999h, 99999m and 999999s.")
    match = _WRITTEN.fullmatch(value.strip().lower())
    if match is None or not any(match.groups()):
        shown = errors.shorten(value.strip(), 30)
        number = f"{shown}s, {shown}m or {shown}h" if shown.isdecimal() else ""
        example = suggest(value) or number or "90s, 3m, 1h30m or 7d"
        raise ValueError(f"“{shown}” {IS_NONE}; write it like {example}.")
    counts = (int(count or 0) for count in match.groups())
    return datetime.timedelta(seconds=sum(n * length for n, (_, length) in zip(counts, _UNITS, strict=True)))


def suggest(text: str) -> str:
    """Return how `parse` reads what a person wrote in words, such as `5m` for `5 minutes`; empty if it is no span."""
    found = _WORDS.fullmatch(text.strip())
    return f"{found[1]}{found[2][0].lower()}" if found is not None else ""


def write(span: datetime.timedelta) -> str:
    """Return *span* as `parse` reads it, to the second."""
    seconds = int(span.total_seconds())
    parts = []
    for unit, length in _UNITS[1:]:
        count, seconds = divmod(seconds, length)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"


Duration = Annotated[
    datetime.timedelta,
    pydantic.BeforeValidator(parse),
    pydantic.PlainSerializer(write, when_used="json"),
    pydantic.WithJsonSchema(
        {"type": "string", "pattern": f"^{_PATTERN.replace('?:', '')}$", "examples": ["90s", "1h30m", "7d"]}
    ),
]
"""A length of time such as 90s, 1h30m or 7d."""
