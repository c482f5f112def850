"""The one database, opened and closed."""

import asyncio
import concurrent.futures
import contextlib
import datetime
import json
import math
import os
import pathlib
import socket
import sqlite3
import threading
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Generic, TypeVar

import sqlalchemy
import structlog

from bot import errors
from bot.store import failures, sqlite_files

log = structlog.get_logger()
_Result = TypeVar("_Result")
_POLL_SECONDS = 0.5
_DRIVERS = {"sqlite": "sqlite", "postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
_CONNECT_SECONDS = 2
_MAX_CONNECTIONS = 8
"""To PostgreSQL, for each process."""
TRANSACTION_SECONDS = 3.0
"""For one transaction, once it has a connection; a response waits for two of them."""
AWAY_SECONDS = 5.0
_REST_SECONDS = 1.0


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
    Threads with a connection each; every use is one transaction, all of it in one thread.

    Transactions wait for a turn, of which there are as many as threads. A heartbeat needs none: it waits at most for
    what runs already, however many others wait.
    """

    def __init__(self, engine: sqlalchemy.Engine, connections: int) -> None:
        self._engine = engine
        self._threads = concurrent.futures.ThreadPoolExecutor(connections, thread_name_prefix="database")
        self._turns = asyncio.Semaphore(connections)
        self._away_until = 0.0
        self._busy_until = 0.0
        """When a transaction last gave up waiting for SQLite's lock; who asked before does not wait for it in turn."""
        self._lost_before = 0.0
        self._is_closed = False
        self.is_replaced = False
        """The path of a SQLite database leads to another file now, which only a new process opens."""

    async def work(
        self,
        job: Callable[[sqlalchemy.Connection], _Result],
        seconds: float = TRANSACTION_SECONDS,
        *,
        probes: bool = False,
    ) -> _Result:
        """
        Return what *job* does in one transaction, whose work is kept if it returns and undone if it raises.

        A database that does not answer within *seconds*, counted from when there is a connection for the transaction,
        is left alone for a while, so that not everyone waits for it. Who *probes* (a heartbeat) tries all the same and
        goes first, and so finds out for everyone that it is back.

        Raises:
            errors.Unavailable: the database cannot be reached, is locked or broken, or its disk is full.
            failures.Unusable: it will not become available by itself.
            sqlalchemy.exc.IntegrityError: something is on record already; for this package alone.
        """
        asked_at = time.monotonic()
        async with contextlib.nullcontext() if probes else self._turns:
            is_away = time.monotonic() < self._away_until or asked_at < self._busy_until
            if is_away and not probes:
                raise errors.Unavailable("The database did not answer a moment ago.", hint=failures.HINT)
            transaction = _Transaction(self._engine, job, self._lost_before)
            with self._watched(transaction, seconds):
                return await self._run(transaction, seconds)

    async def close(self) -> None:
        """End the threads, once they have done what they were given, and close their connections."""
        self._is_closed = True
        await asyncio.to_thread(self._threads.shutdown)
        await asyncio.to_thread(self._engine.dispose)

    async def _run(self, transaction: "_Transaction[_Result]", seconds: float) -> _Result:
        if self._is_closed:
            raise errors.Unavailable("The database is closed: posbot is stopping.")
        granted_at = time.monotonic()
        future = asyncio.get_running_loop().run_in_executor(self._threads, transaction.run)
        limit = granted_at + seconds
        try:
            while True:
                done, _ = await asyncio.wait({future}, timeout=max(limit - time.monotonic(), 0.0))
                if done:
                    return future.result()
                # A thread may be busy with a heartbeat; one that is not free by then is stuck.
                begun_at = transaction.begun_at if transaction.begun_at is not None else granted_at + seconds
                if limit >= begun_at + seconds:
                    raise _TimedOut
                limit = begun_at + seconds
        finally:
            # Also where the caller was cancelled: nobody waits for it any more.
            future.cancel()
            transaction.abort()

    @contextlib.contextmanager
    def _watched(self, transaction: "_Transaction[_Result]", seconds: float) -> Iterator[None]:
        """Translate errors of the block into ours, and leave a database that is away alone for a while."""
        try:
            yield
            self._away_until = 0.0
        except sqlalchemy.exc.IntegrityError:
            raise
        except _TimedOut as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            # After a fail-over none of the older connections would ever answer.
            self._lost_before = time.monotonic()
            raise errors.Unavailable(
                f"The database did not answer within {seconds:g} s.", hint=failures.HINT
            ) from error
        except failures.FileMissing as error:
            self.is_replaced = error.is_replaced
            raise
        except (sqlalchemy.exc.DBAPIError, sqlalchemy.exc.TimeoutError) as error:
            # One that read before it wrote is refused at once, and says nothing about the others.
            if failures.is_busy(error) and transaction.seconds() > sqlite_files.BUSY_SECONDS / 2:
                self._busy_until = time.monotonic()
            elif not transaction.is_connected or getattr(error, "connection_invalidated", False):
                self._away_until = time.monotonic() + AWAY_SECONDS
            raise failures.translate(error, is_connected=transaction.is_connected) from error


class _TimedOut(Exception):
    """A transaction, or the wait for a thread, took too long; not TimeoutError, which a job may raise itself."""


class _Transaction(Generic[_Result]):
    """One transaction in a thread, which another thread can abort."""

    def __init__(
        self, engine: sqlalchemy.Engine, job: Callable[[sqlalchemy.Connection], _Result], lost_before: float
    ) -> None:
        self.begun_at: float | None = None
        """When a thread took it, by the monotonic clock."""
        self.is_connected = False
        self._engine = engine
        self._job = job
        self._lost_before = lost_before
        self._lock = threading.Lock()
        self._driver: Any = None
        self._is_aborted = False

    def seconds(self) -> float:
        """Return how long it has lasted."""
        return time.monotonic() - self.begun_at if self.begun_at is not None else 0.0

    def run(self) -> _Result:
        """Return what the job does."""
        self.begun_at = time.monotonic()
        with self._engine.connect() as connection:
            try:
                self._hold(connection)
                if _is_lost(connection, self._lost_before):
                    connection.invalidate()
                    self._hold(connection)
                self.is_connected = True
                sqlite_files.check(connection)
                with connection.begin():
                    result = self._job(connection)
                    self._hold(connection)
                return result
            finally:
                # Back in the pool it may serve another transaction.
                with self._lock:
                    self._driver = None

    def _hold(self, connection: sqlalchemy.Connection) -> None:
        """Let `abort` reach the connection; what was aborted already goes no further."""
        driver = connection.connection.dbapi_connection
        with self._lock:
            if self._is_aborted:
                raise _TimedOut
            self._driver = driver

    def abort(self) -> None:
        """Let the statement that is under way, and with it the transaction, fail; nobody waits for it any more."""
        with self._lock:
            self._is_aborted = True
            if isinstance(self._driver, sqlite3.Connection):
                self._driver.interrupt()
            elif self._driver is not None:
                # A server that is frozen confirms no request to cancel; the end of its connection needs no answer.
                with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._driver.fileno())) as own:
                    own.shutdown(socket.SHUT_RDWR)


class Closed(Database):
    """Where there is no database to be had: every transaction says why."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def work(
        self,
        job: Callable[[sqlalchemy.Connection], _Result],  # noqa: ARG002
        seconds: float = TRANSACTION_SECONDS,  # noqa: ARG002
        *,
        probes: bool = False,  # noqa: ARG002
    ) -> _Result:
        """
        Return nothing.

        Raises:
            errors.Unavailable: always.
        """
        raise errors.Unavailable(self._reason, hint=failures.HINT)


@contextlib.asynccontextmanager
async def open_database(url: str, *, own_folder: pathlib.Path | None = None) -> AsyncIterator[Database]:
    """
    Return the database at *url*; a SQLite file and its folder are made where they are missing.

    Its files are readable by their owner alone, as is *own_folder*, which is posbot's: they hold the responses to
    everyone. Another folder that exists belongs to another user and is left as it is.

    Raises:
        errors.BadConfiguration: the URL is not one of SQLite or PostgreSQL, or its folder cannot be made.
    """
    parsed = parse_url(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    # SQLite has one writer, and waiting for its lock is not fair: there everybody takes turns in one thread.
    connections = 1 if is_sqlite else _MAX_CONNECTIONS
    options: dict[str, Any] = {"hide_parameters": True, "pool_size": connections, "max_overflow": 0}
    if is_sqlite:
        sqlite_files.make_folder(parsed, own_folder)
    else:
        options["connect_args"] = {"connect_timeout": _CONNECT_SECONDS}
    try:
        engine = sqlalchemy.create_engine(parsed, **options)
    except (sqlalchemy.exc.ArgumentError, ValueError, TypeError):
        raise errors.BadConfiguration("DATABASE_URL has options that its driver does not know.") from None
    if is_sqlite:
        sqlalchemy.event.listen(engine, "connect", sqlite_files.prepare)
        sqlalchemy.event.listen(engine, "begin", sqlite_files.begin)
    else:
        _note_times(engine)
    db = Database(engine, connections)
    try:
        yield db
    finally:
        await db.close()


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


def _note_times(engine: sqlalchemy.Engine) -> None:
    """Note when each connection was made and when it was last used."""

    def note(name: str) -> Callable[..., None]:
        def listener(_: object, record: sqlalchemy.pool.ConnectionPoolEntry) -> None:
            record.info[name] = time.monotonic()

        return listener

    sqlalchemy.event.listen(engine, "connect", note("made_at"))
    sqlalchemy.event.listen(engine, "checkin", note("rests_since"))


def _is_lost(connection: sqlalchemy.Connection, lost_before: float) -> bool:
    """
    Return whether the server does not know *connection* any more, by a ping where nobody has used it for a while.

    SQLAlchemy's own option pings before every use, which costs as much again as a small transaction.
    """
    times = connection.connection.info
    if times.get("made_at", math.inf) < lost_before:
        return True
    if time.monotonic() - times.get("rests_since", math.inf) < _REST_SECONDS:
        return False
    driver: Any = connection.connection.dbapi_connection
    try:
        connection.dialect.do_ping(driver)
    except connection.dialect.loaded_dbapi.Error:
        return True
    return False


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
