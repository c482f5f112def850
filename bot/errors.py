"""
The errors of posbot.

    BotError
    ├── UsageError             the command line is invalid; nothing was tried
    │   └── NotFound             a name that is not in its closed list
    ├── PermissionDenied       the actor lacks a role, or the conversation is not allowed
    ├── Unavailable            the other system did not respond; a retry may help
    │   └── Outdated             the version read has expired; read from the beginning
    ├── Refused                a definite no; a retry does not help
    │   ├── MissingResource      the resource does not exist in the other system
    │   └── Unreadable           stored data that this version cannot read
    └── BadConfiguration       settings or runbook_data/ are invalid; fails the start, never an invocation

    ValueError
    └── ValidationError        a rule between keys of a document; raised for pydantic alone

The message says what failed, on what; `hint` says what to do next. An exception of a library is translated once, in the
module that owns the library, and kept as the cause.
"""

import difflib
import os
from collections.abc import Iterable

_MIN_SIMILARITY = 0.6
_MAX_DISTANCE_FROM_BEST = 0.15


class BotError(Exception):
    """
    Base of all errors that posbot raises on purpose.

    Example:
        try:
            await context.actuator.read(service, environment)
        except errors.BotError as error:
            show(str(error), error.hint)
    """

    def __init__(self, message: str, *, hint: str | None = None, commands: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.hint = hint
        self.commands = commands
        """Command lines to offer instead."""


class UsageError(BotError):
    """The command line is invalid; nothing was tried."""


class UnknownName(UsageError):
    """A command line whose only mistake is a name of a service, an environment or a command that does not exist."""


class NotFound(UsageError):
    """A name that is not in its closed list; carries the most similar known names."""

    def __init__(
        self, kind: str, name: str, known: Iterable[str], *, hint: str | None = None, where: str | None = None
    ) -> None:
        self.kind = kind
        self.name = name
        self.suggestions = _closest(name.lower(), known)
        question = f" Did you mean {_either(self.suggestions)}?" if self.suggestions else ""
        place = f" in namespace {where}" if where else ""
        super().__init__(f"There is no {kind} called “{shorten(name, 60)}”{place}.{question}", hint=hint)


class PermissionDenied(BotError):
    """The actor lacks a role, or the conversation is not allowed."""


class Unavailable(BotError):
    """The other system did not respond; a retry may help."""


class Refused(BotError):
    """A definite no; a retry does not help."""


class Outdated(Unavailable):
    """The version read has expired; read from the beginning."""


class Unreadable(Refused):
    """Stored data that this version cannot read."""


class MissingResource(Refused):
    """The resource does not exist in the other system."""


class BadConfiguration(BotError):
    """Settings or runbook data are invalid; one line per problem, each with its location and what was expected."""


class ValidationError(ValueError):
    """
    A rule between several keys of a document is violated; carries the location.

    Raised inside pydantic's validators, which accept only ValueError and would lose the location.
    """

    def __init__(self, message: str, *location: int | str) -> None:
        super().__init__(message)
        self.location = location


def shorten(text: str, limit: int) -> str:
    """Return *text* in at most *limit* characters, with an ellipsis where it was truncated."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def network_reason(error: OSError) -> str:
    """Return why the system made no connection, in its words alone: asyncio adds a tuple with the address."""
    # The codes of a name that does not resolve are negative, and their text is already the system's.
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or "no connection"


def _closest(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the names most similar to *name*, by what follows the prefix that all names of a system may share."""
    prefix, hyphen, _ = name.partition("-")
    found = difflib.get_close_matches(name, sorted(known), n=6, cutoff=_MIN_SIMILARITY)
    ratios = {}
    for one in found:
        skipped = len(prefix + hyphen) if hyphen and one.startswith(prefix + hyphen) else 0
        ratios[one] = difflib.SequenceMatcher(None, name[skipped:], one[skipped:]).ratio()
    limit = max(_MIN_SIMILARITY, max(ratios.values(), default=0.0) - _MAX_DISTANCE_FROM_BEST)
    return tuple(one for one in found if ratios[one] >= limit)[:3]


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(f"“{name}”" for name in names)
