"""The one database, opened and closed."""

import asyncio
import contextlib
import pathlib
import time
from collections.abc import AsyncIterator
from typing import Any

import sqlalchemy
from sqlalchemy.ext import asyncio as sqlalchemy_asyncio

from bot import errors

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
_BUSY_SECONDS = 2
TRANSACTION_SECONDS = 3.0
"""For one record; the answer to a person waits for two of them."""
AWAY_SECONDS = 5.0
_HINT = "Check DATABASE_URL and its disk."


class Database:
    """A pool of connections; every use is one transaction."""

    def __init__(self, engine: sqlalchemy_asyncio.AsyncEngine) -> None:
        self._engine = engine
        self._away_until = 0.0

    @contextlib.asynccontextmanager
    async def transaction(
        self, seconds: float = TRANSACTION_SECONDS, *, probes: bool = False
    ) -> AsyncIterator[sqlalchemy_asyncio.AsyncConnection]:
        """
        Give a connection whose work is kept if the block ends well and undone otherwise.

        A database that does not answer within *seconds* is left alone for a while, so that not everyone waits for it.
        Who *probes* tries all the same, and finds out for everyone that it is back.

        Raises:
            errors.Unavailable: the database cannot be reached, is locked or broken, or its disk is full.
            sqlalchemy.exc.IntegrityError: something is on record already; for this package alone.
        """
        if time.monotonic() < self._away_until and not probes:
            raise errors.Unavailable("The database did not answer a moment ago.", hint=_HINT)
        try:
            async with asyncio.timeout(seconds), self._engine.begin() as connection:
                yield connection
            self._away_until = 0.0
        except sqlalchemy.exc.IntegrityError:
            raise
        except TimeoutError as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            raise errors.Unavailable(f"The database did not answer within {seconds:g} s.", hint=_HINT) from error
        except (sqlalchemy.exc.DBAPIError, sqlalchemy.exc.TimeoutError) as error:
            if isinstance(error, sqlalchemy.exc.DBAPIError) and error.connection_invalidated:
                self._away_until = time.monotonic() + AWAY_SECONDS
            raise errors.Unavailable(f"The database did not take it ({_reason(error)}).", hint=_HINT) from error


class Closed(Database):
    """Where there is no database to be had: every transaction says why."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    @contextlib.asynccontextmanager
    async def transaction(
        self,
        seconds: float = TRANSACTION_SECONDS,  # noqa: ARG002
        *,
        probes: bool = False,  # noqa: ARG002
    ) -> AsyncIterator[sqlalchemy_asyncio.AsyncConnection]:
        """
        Give nothing.

        Raises:
            errors.Unavailable: always.
        """
        raise errors.Unavailable(self._reason, hint=_HINT)
        yield


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """
    Give the database at *url*; a SQLite file and its folder are made where they are missing.

    Raises:
        errors.BadConfiguration: the URL is not one of SQLite or PostgreSQL, or its folder cannot be made.
    """
    parsed = parse_url(url)
    options: dict[str, Any] = {"hide_parameters": True}
    if parsed.get_backend_name() == "sqlite":
        _make_folder(parsed)
        # SQLite has one writer: waiting in our own queue is fair, waiting for its lock is not.
        options |= {"pool_size": 1, "max_overflow": 0, "pool_timeout": TRANSACTION_SECONDS}
    else:
        options |= {"pool_pre_ping": True, "connect_args": {"connect_timeout": _BUSY_SECONDS}}
    engine = _engine(parsed, options)
    if parsed.get_backend_name() == "sqlite":
        sqlalchemy.event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        sqlalchemy.event.listen(engine.sync_engine, "begin", _begin_sqlite)
    try:
        yield Database(engine)
    finally:
        await engine.dispose()


def _engine(url: sqlalchemy.URL, options: dict[str, Any]) -> sqlalchemy_asyncio.AsyncEngine:
    try:
        return sqlalchemy_asyncio.create_async_engine(url, **options)
    except (sqlalchemy.exc.ArgumentError, ValueError, TypeError):
        raise errors.BadConfiguration("DATABASE_URL has options that its driver does not know.") from None


def parse_url(url: str) -> sqlalchemy.URL:
    """
    Give *url* with the driver that posbot uses for its kind of database.

    Raises:
        errors.BadConfiguration: it is no URL of SQLite or PostgreSQL; the message does not repeat it.
    """
    try:
        parsed = sqlalchemy.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        # Without the cause, which may repeat a part of the URL.
        raise errors.BadConfiguration("DATABASE_URL is not a URL: expected sqlite:///FILE or postgresql://…") from None
    driver = _DRIVERS.get(parsed.get_backend_name())
    if driver is None:
        raise errors.BadConfiguration(
            f"DATABASE_URL names a {parsed.get_backend_name()} database: expected sqlite:///FILE or postgresql://…"
        )
    return parsed.set(drivername=driver)


def _make_folder(url: sqlalchemy.URL) -> None:
    if not url.database or url.database == ":memory:":
        raise errors.BadConfiguration("DATABASE_URL names no file: expected sqlite:///FILE.")
    try:
        pathlib.Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise errors.BadConfiguration(f"DATABASE_URL: its folder cannot be made ({error}).") from error


def _prepare_sqlite(connection: Any, _: object) -> None:
    # WAL lets readers go on while one writes; NORMAL is safe with it against everything but a power cut that
    # loses the last transactions (https://sqlite.org/pragma.html#pragma_synchronous).
    # Python's module would begin transactions on its own, but not before CREATE TABLE: _begin_sqlite does
    # (https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#pysqlite-serializable).
    pragmas = (f"busy_timeout={_BUSY_SECONDS * 1000}", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")
    with contextlib.ExitStack() as undo:
        # Where the file is no database, the connection's thread would otherwise go on for ever.
        undo.callback(connection.close)
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        undo.pop_all()


def _begin_sqlite(connection: sqlalchemy.Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _reason(error: sqlalchemy.exc.SQLAlchemyError) -> str:
    original = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else None
    return str(original or error).strip().partition("\n")[0]
