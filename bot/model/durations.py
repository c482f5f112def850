"""Lengths of time as people read and write them."""

import datetime
import re
from typing import Annotated

import pydantic

from bot import errors

_WRITTEN = re.compile(r"^(?:(?P<h>\d{1,4})h)?(?:(?P<m>\d{1,5})m)?(?:(?P<s>\d{1,6})s)?$")
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))


def brief(span: datetime.timedelta) -> str:
    """Return a span as kubectl writes it, in its largest unit; a negative one as 0s."""
    seconds = max(int(span.total_seconds()), 0)
    for unit, length in _UNITS:
        if seconds >= 2 * length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def parse(value: object) -> object:
    """
    Return the span of a text such as 90s, 3m or 1h30m; other values unchanged.

    Raises:
        ValueError: with a sentence that says how to write it.
    """
    if not isinstance(value, str):
        return value
    match = _WRITTEN.match(value.strip().lower())
    if not match or not any(match.groups()):
        raise ValueError(f"“{errors.shorten(value, 30)}” is no duration; write it like 90s, 3m or 1h30m.")
    hours, minutes, seconds = (int(match[unit] or 0) for unit in "hms")
    return datetime.timedelta(hours=hours, minutes=minutes, seconds=seconds)


def write(span: datetime.timedelta) -> str:
    """Return *span* as `parse` reads it, to the second."""
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (seconds, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


Duration = Annotated[
    datetime.timedelta,
    pydantic.BeforeValidator(parse),
    pydantic.PlainSerializer(write, when_used="json"),
    pydantic.WithJsonSchema(
        {"type": "string", "pattern": r"^(\d{1,4}h)?(\d{1,5}m)?(\d{1,6}s)?$", "examples": ["90s", "1h30m"]}
    ),
]
"""A length of time such as 90s, 3m or 1h30m."""
