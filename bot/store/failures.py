"""What the errors of the two databases mean: whether waiting helps, and what to say."""

import sqlite3
from typing import Any

import sqlalchemy

from bot import errors

HINT = "Check DATABASE_URL, the database server, and its disk."
_PASSING_SQLITE_ERRORS = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT})
_LASTING_STATES = ("28", "3D", "42", "25006", "53100")
"""Beginnings of PostgreSQL's error codes: login, database, privileges or schema, read only, disk full."""
_LASTING_REFUSALS = (
    "password authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "is not permitted to log in",
    "does not exist",
    "invalid connection option",
)
"""In what libpq says of a connection, which carries no error code (libpq and src/backend/libpq/auth.c)."""


class Unusable(errors.Unavailable):
    """The database will not become available by itself: its login, its file or its disk has to be repaired."""


class FileMissing(Unusable):
    """The path of a SQLite database does not lead to the file that is open."""

    def __init__(self, path: str, *, is_replaced: bool) -> None:
        what = "replaced" if is_replaced else "deleted"
        super().__init__(
            f"The database file {path} was {what} while posbot had it open: nothing is recorded any more.",
            hint="Put the file back and restart posbot.",
        )
        self.is_replaced = is_replaced


def translate(error: sqlalchemy.exc.SQLAlchemyError, *, is_connected: bool) -> errors.Unavailable:
    """Return our error for one of a transaction, or of its connection."""
    kind = Unusable if _is_lasting(error) else errors.Unavailable
    what = "transaction failed" if is_connected else "cannot be opened"
    return kind(f"The database {what} ({_reason(error)}).", hint=HINT)


def is_busy(error: BaseException | None) -> bool:
    """Return whether SQLite's lock was not free in time."""
    original = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else None
    return isinstance(original, sqlite3.Error) and _sqlite_code(original) == sqlite3.SQLITE_BUSY


def _is_lasting(error: sqlalchemy.exc.SQLAlchemyError) -> bool:
    """Return whether a database in this state stays in it until it is repaired."""
    original: Any = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else None
    if isinstance(original, sqlite3.Error):
        return _sqlite_code(original) not in _PASSING_SQLITE_ERRORS
    state = getattr(original, "sqlstate", None)
    if state is not None:
        return bool(state.startswith(_LASTING_STATES))
    return any(words in str(original) for words in _LASTING_REFUSALS)


def _sqlite_code(error: sqlite3.Error) -> int:
    """Return the primary result code (https://sqlite.org/rescode.html)."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _reason(error: sqlalchemy.exc.SQLAlchemyError) -> str:
    original = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else None
    return str(original or error).strip().partition("\n")[0]
