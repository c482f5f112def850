"""
The errors of posbot.

    BotError
    ├── UsageError       what was typed cannot be understood; nothing was tried
    │   └── NotFound       a name that is not in its closed list
    ├── NotAllowed       this person may not do this here
    ├── Unavailable      the other side did not answer; trying again may help
    │   └── Outdated       what was asked for has moved on; it must be read from its beginning
    ├── Refused          the other side answered no; trying again will not help
    │   └── Missing        there is no such thing on the other side
    └── BadConfiguration   settings or runbook_data/ are wrong; fails the start, never a person's request

Every message is written for the person who reads it in the channel: what happened, to what. `hint` says what to do
next. A vendor's exception is translated once, in the module that owns the vendor, and kept as the cause.
"""

import difflib
from collections.abc import Iterable


class BotError(Exception):
    """
    Base of everything posbot raises on purpose.

    Example:
        try:
            await tools.actuator.read(service, environment)
        except errors.BotError as error:
            show(str(error), error.hint)
    """

    def __init__(self, message: str, *, hint: str | None = None, commands: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.hint = hint
        self.commands = commands
        """Command lines to offer instead."""


class UsageError(BotError):
    """What was typed cannot be understood; nothing was tried."""


class NotFound(UsageError):
    """A name that is not in its closed list; carries the nearest known ones."""

    def __init__(
        self, kind: str, name: str, known: Iterable[str], *, hint: str | None = None, where: str | None = None
    ) -> None:
        self.kind = kind
        self.name = name
        self.suggestions = tuple(difflib.get_close_matches(name.lower(), sorted(known), n=3, cutoff=0.6))
        question = f" Did you mean {_either(self.suggestions)}?" if self.suggestions else ""
        place = f" in namespace {where}" if where else ""
        super().__init__(f"There is no {kind} called “{shorten(name, 60)}”{place}.{question}", hint=hint)


class PermissionDenied(BotError):
    """This person may not do this here."""


class Unavailable(BotError):
    """The other side did not answer; trying again may help."""


class Refused(BotError):
    """The other side answered no; trying again will not help."""


class Outdated(Unavailable):
    """What was asked for has moved on; it must be read from its beginning."""


class Unreadable(Unavailable):
    """Something is stored in a way that this version cannot read."""


class MissingResource(Refused):
    """There is no such thing on the other side."""


class BadConfiguration(BotError):
    """Settings or runbook data are wrong; one line per mistake, each with its place and what was expected."""


class ValidationError(ValueError):
    """
    A rule between several keys of a document is broken; says at which of them.

    Raised inside pydantic's validators, which only know ValueError and would lose the place.
    """

    def __init__(self, message: str, *location: int | str) -> None:
        super().__init__(message)
        self.location = location


def shorten(text: str, limit: int) -> str:
    """Give *text* in at most *limit* characters, with an ellipsis where something was cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(f"“{name}”" for name in names)
