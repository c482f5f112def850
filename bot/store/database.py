"""The one database, opened and closed."""

import asyncio
import concurrent.futures
import contextlib
import datetime
import json
import math
import pathlib
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy
import structlog

from bot import errors

if TYPE_CHECKING:
    from sqlalchemy.ext import asyncio as sqlalchemy_asyncio

log = structlog.get_logger()
_Result = TypeVar("_Result")
_POLL_SECONDS = 0.5
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
_BUSY_SECONDS = 2
TRANSACTION_SECONDS = 3.0
"""For one record; the answer to a person waits for two of them."""
AWAY_SECONDS = 5.0
_REST_SECONDS = 1.0
_HINT = "Check DATABASE_URL and its disk."
_UNKNOWN_OPTIONS = "DATABASE_URL has options that its driver does not know."


class UtcDateTime(sqlalchemy.types.TypeDecorator[datetime.datetime]):
    """An aware datetime, stored in UTC; SQLite would otherwise return it without its zone."""

    impl = sqlalchemy.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self,
        value: datetime.datetime | None,
        dialect: sqlalchemy.Dialect,  # noqa: ARG002
    ) -> datetime.datetime | None:
        """Return *value* in UTC."""
        return value.astimezone(datetime.UTC) if value is not None else None

    def process_result_value(
        self,
        value: datetime.datetime | None,
        dialect: sqlalchemy.Dialect,  # noqa: ARG002
    ) -> datetime.datetime | None:
        """Return the stored time with its zone."""
        return value.replace(tzinfo=datetime.UTC) if value is not None and value.tzinfo is None else value


def pack(document: object) -> bytes:
    """Return a JSON document as it is stored; not a column type, which would pack it on the event loop."""
    return zlib.compress(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"))


def unpack(packed: bytes) -> object:
    """Return the document that `pack` has packed."""
    document: object = json.loads(zlib.decompress(packed))
    return document


def strip_unsupported(text: str) -> str:
    """Return *text* without what PostgreSQL or UTF-8 cannot hold: NUL, lone surrogates."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


class Database:
    """
    A pool of connections; every use is one transaction.

    SQLite has one writer, and waiting for its lock is not fair: there whoever uses it takes turns.
    """

    def __init__(self, engine: "_AsyncEngine", thread: "_Thread | None" = None) -> None:
        self._engine = engine
        self._thread = thread
        self._turns = asyncio.Semaphore(1) if thread is not None else contextlib.nullcontext()
        self._away_until = 0.0

    @contextlib.asynccontextmanager
    async def transaction(
        self, seconds: float = TRANSACTION_SECONDS, *, probes: bool = False
    ) -> AsyncIterator["sqlalchemy_asyncio.AsyncConnection"]:
        """
        Return a connection whose work is kept if the block ends well and undone otherwise.

        A database that does not answer within *seconds* is left alone for a while, so that not everyone waits for it.
        Who *probes* tries all the same, and finds out for everyone that it is back.

        Raises:
            errors.Unavailable: the database cannot be reached, is locked or broken, or its disk is full.
            sqlalchemy.exc.IntegrityError: something is on record already; for this package alone.
        """
        with self._watched(seconds, probes=probes):
            async with asyncio.timeout(seconds), self._turns, self._engine.get().begin() as connection:
                yield connection

    async def work(
        self, job: Callable[[sqlalchemy.Connection], _Result], seconds: float = TRANSACTION_SECONDS
    ) -> _Result:
        """
        Return what *job* does in one transaction, all of it in one go.

        Much quicker than `transaction` with SQLite, whose statements would each wait for the connection's thread.

        Raises:
            errors.Unavailable, sqlalchemy.exc.IntegrityError: as `transaction`.
        """
        if self._thread is None:
            async with self.transaction(seconds) as connection:
                return await connection.run_sync(job)
        with self._watched(seconds):
            async with asyncio.timeout(seconds), self._turns:
                return await self._thread.do(job)

    @contextlib.contextmanager
    def _watched(self, seconds: float, *, probes: bool = False) -> Iterator[None]:
        """Translate errors of the block into ours, and leave a database that is away alone for a while."""
        if time.monotonic() < self._away_until and not probes:
            raise errors.Unavailable("The database did not answer a moment ago.", hint=_HINT)
        try:
            yield
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


class _Thread:
    """A thread with a connection to SQLite of its own."""

    def __init__(self, engine: sqlalchemy.Engine) -> None:
        self._engine = engine
        self._executor = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="sqlite")

    async def do(self, job: Callable[[sqlalchemy.Connection], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._do, job)

    def _do(self, job: Callable[[sqlalchemy.Connection], _Result]) -> _Result:
        with self._engine.begin() as connection:
            return job(connection)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, self._engine.dispose)
        self._executor.shutdown()


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
    ) -> AsyncIterator["sqlalchemy_asyncio.AsyncConnection"]:
        """
        Return nothing.

        Raises:
            errors.Unavailable: always.
        """
        raise errors.Unavailable(self._reason, hint=_HINT)
        yield

    async def work(
        self,
        job: Callable[[sqlalchemy.Connection], _Result],  # noqa: ARG002
        seconds: float = TRANSACTION_SECONDS,  # noqa: ARG002
    ) -> _Result:
        """
        Return nothing.

        Raises:
            errors.Unavailable: always.
        """
        raise errors.Unavailable(self._reason, hint=_HINT)


@contextlib.asynccontextmanager
async def open_database(url: str) -> AsyncIterator[Database]:
    """
    Return the database at *url*; a SQLite file and its folder are made where they are missing.

    Raises:
        errors.BadConfiguration: the URL is not one of SQLite or PostgreSQL, or its folder cannot be made.
    """
    parsed = parse_url(url)
    options: dict[str, Any] = {"hide_parameters": True}
    if parsed.get_backend_name() == "sqlite":
        _make_folder(parsed)
        options |= {"pool_size": 1, "max_overflow": 0, "pool_timeout": TRANSACTION_SECONDS}
    else:
        options |= {"connect_args": {"connect_timeout": _BUSY_SECONDS}}
    engine = _AsyncEngine(parsed, options)
    thread = None
    if parsed.get_backend_name() == "postgresql":
        engine.get()
    else:
        try:
            sync_engine = sqlalchemy.create_engine(parsed.set(drivername="sqlite"), **options)
        except (sqlalchemy.exc.ArgumentError, ValueError, TypeError):
            raise errors.BadConfiguration(_UNKNOWN_OPTIONS) from None
        _listen_to_sqlite(sync_engine)
        thread = _Thread(sync_engine)
    try:
        yield Database(engine, thread)
    finally:
        if thread is not None:
            await thread.close()
        await engine.dispose()


class _AsyncEngine:
    """
    SQLAlchemy's asynchronous engine, made when it is first used.

    It imports the whole ORM, a tenth of what a terminal command costs; with SQLite most commands need `work` alone.
    """

    def __init__(self, url: sqlalchemy.URL, options: dict[str, Any]) -> None:
        self._url = url
        self._options = options
        self._engine: sqlalchemy_asyncio.AsyncEngine | None = None

    def get(self) -> "sqlalchemy_asyncio.AsyncEngine":
        if self._engine is None:
            from sqlalchemy.ext import asyncio as sqlalchemy_asyncio  # noqa: PLC0415 - see above

            try:
                self._engine = sqlalchemy_asyncio.create_async_engine(self._url, **self._options)
            except (sqlalchemy.exc.ArgumentError, ValueError, TypeError):
                raise errors.BadConfiguration(_UNKNOWN_OPTIONS) from None
            if self._url.get_backend_name() == "postgresql":
                _ping_after_rest(self._engine.sync_engine)
            else:
                _listen_to_sqlite(self._engine.sync_engine)
        return self._engine

    async def dispose(self) -> None:
        if self._engine is not None:
            await self._engine.dispose()


def _listen_to_sqlite(engine: sqlalchemy.Engine) -> None:
    sqlalchemy.event.listen(engine, "connect", _prepare_sqlite)
    sqlalchemy.event.listen(engine, "begin", _begin_sqlite)


def parse_url(url: str) -> sqlalchemy.URL:
    """
    Return *url* with the driver that posbot uses for its kind of database.

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


def _ping_after_rest(engine: sqlalchemy.Engine) -> None:
    """
    Try a connection that nobody has used for a while before somebody relies on it.

    SQLAlchemy's own option does so before every use, which costs as much again as a small transaction.
    """

    def rest(_: object, record: sqlalchemy.pool.ConnectionPoolEntry) -> None:
        record.info["rests_since"] = time.monotonic()

    def wake(connection: Any, record: sqlalchemy.pool.ConnectionPoolEntry, _: object) -> None:
        if time.monotonic() - record.info.get("rests_since", math.inf) < _REST_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            # All the others were lost with it; the pool opens a new one.
            raise sqlalchemy.exc.InvalidatePoolError("The connection was lost.") from error

    sqlalchemy.event.listen(engine, "checkin", rest)
    sqlalchemy.event.listen(engine, "checkout", wake)


def _begin_sqlite(connection: sqlalchemy.Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _reason(error: sqlalchemy.exc.SQLAlchemyError) -> str:
    original = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else None
    return str(original or error).strip().partition("\n")[0]


async def retry_until_available(ask: Callable[[], Awaitable[_Result]]) -> _Result:
    """Retry *ask* until the database is available; giving up would cost a run in a terminal its step."""
    is_logged = False
    while True:
        try:
            return await ask()
        except errors.Unavailable as error:
            if not is_logged:
                log.warning("waiting for the database", reason=str(error))
            is_logged = True
            await asyncio.sleep(_POLL_SECONDS)
