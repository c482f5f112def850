"""An empty database of each kind that posbot knows; a conftest takes the fixtures that it needs from here."""

import asyncio
import contextlib
import functools
import itertools
import os
import pathlib
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent import futures
from typing import Any

import pytest
import sqlalchemy

from bot.store import audit, database, migrate

_STARTING_SECONDS = 30
_OWNER = "postgres"


@pytest.fixture(scope="session")
def postgresql_folder() -> Iterator[pathlib.Path]:
    """The folder with the socket of a PostgreSQL that lives as long as the tests do."""
    with short_folder() as name, running_postgresql(pathlib.Path(name)) as folder:
        yield folder


def short_folder() -> "tempfile.TemporaryDirectory[str]":
    """Return a folder whose path is short enough for that of a socket in it."""
    return tempfile.TemporaryDirectory(prefix="posbot-postgresql-", ignore_cleanup_errors=True)


@contextlib.contextmanager
def running_postgresql(folder: pathlib.Path, port: int | None = None) -> Iterator[pathlib.Path]:
    """
    Run a PostgreSQL whose socket is in *folder*, for its owner without a password.

    With a *port* it is also there over TCP, and asks for passwords.
    """
    programs = _programs()
    # It refuses to run as root, so there it runs as the user that Debian's package makes.
    user = _OWNER if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    logins = ["-U", _OWNER, "--auth-local", "trust", "--auth-host", "scram-sha-256"]
    _run([str(programs / "initdb"), "-D", str(folder / "data"), *logins, "-E", "UTF8", "-N"], user)
    # Without TCP there is no port that another program could have; several servers differ by their folders.
    tcp = ["listen_addresses="] if port is None else ["listen_addresses=127.0.0.1", "-c", f"port={port}"]
    options = ["-k", str(folder), "-c", *tcp, "-c", "fsync=off", "-c", "max_connections=40"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [str(programs / "postgres"), "-D", str(folder / "data"), *options],
            user=user,
            stdout=log,
            stderr=log,
            cwd="/",
        ) as server,
    ):
        try:
            ready = [str(programs / "pg_isready"), "-h", str(folder), *_at(port), "-t", "1"]
            _run(ready, user, until=_STARTING_SECONDS)
            yield folder
        finally:
            # SIGINT ends connections and stops; SIGTERM would wait for them.
            server.send_signal(2)
            server.wait(timeout=_STARTING_SECONDS)


def execute_as_owner(folder: pathlib.Path, port: int, *statements: str, database: str = _OWNER) -> None:
    """Execute SQL as the owner of the PostgreSQL in *folder*."""
    command = [str(_programs() / "psql"), "-X", "-q", "-h", str(folder), *_at(port), "-U", _OWNER, "-d", database]
    _run([*command, "-v", "ON_ERROR_STOP=1", *(part for one in statements for part in ("-c", one))], None)


def _programs() -> pathlib.Path:
    """Return the folder of the newest PostgreSQL of Debian."""
    found = pathlib.Path("/usr/lib/postgresql").glob("*/bin")
    newest = max(found, key=lambda path: float(path.parent.name), default=None)
    if newest is None:
        pytest.skip("PostgreSQL's programs are not here; install them with: apt-get install postgresql")
    return newest


def _at(port: int | None) -> list[str]:
    return [] if port is None else ["-p", str(port)]


def _run(argv: list[str], user: str | None, *, until: int = 1) -> None:
    outcome = None
    for _ in range(until * 20):
        outcome = subprocess.run(argv, user=user, cwd="/", capture_output=True, text=True, check=False, timeout=60)
        if outcome.returncode == 0:
            return
        if until == 1:
            break
    assert outcome is not None
    pytest.fail(f"{argv[0]}: {outcome.stdout}{outcome.stderr}")


_NUMBERS = itertools.count(1)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def database_url(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> str:
    """The URL of a database with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/posbot.db"
    folder = request.getfixturevalue("postgresql_folder")
    name = f"posbot{next(_NUMBERS)}"
    _run([str(_programs() / "createdb"), "-h", str(folder), "-U", _OWNER, name], None)
    return f"postgresql://{_OWNER}@/{name}?host={folder}"


def fill(url: str) -> None:
    """Make an SQLite database that does not exist a copy of one at the newest revision; leave others as they are."""
    path = pathlib.Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///") and not path.exists():
        path.write_bytes(_migrated_sqlite())


@functools.cache
def _migrated_sqlite() -> bytes:
    with tempfile.TemporaryDirectory(prefix="posbot-template-") as folder, futures.ThreadPoolExecutor(1) as thread:
        path = pathlib.Path(folder) / "posbot.db"
        # In a thread, because the loop of a test may be running in this one.
        thread.submit(asyncio.run, _migrate(f"sqlite:///{path}")).result()
        return path.read_bytes()


async def _migrate(url: str) -> None:
    async with database.open_database(url) as db:
        await migrate.migrate(db)


async def execute(
    db: database.Database, statement: str | sqlalchemy.Executable, values: Mapping[str, Any] | None = None
) -> Sequence[sqlalchemy.Row[Any]]:
    """Execute one statement in a transaction of its own; return its rows."""
    chosen = sqlalchemy.text(statement) if isinstance(statement, str) else statement

    def job(connection: sqlalchemy.Connection) -> Sequence[sqlalchemy.Row[Any]]:
        result = connection.execute(chosen, values or {})
        return result.all() if result.returns_rows else ()

    return await db.work(job)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[database.Database]:
    """A database at the newest revision."""
    fill(database_url)
    async with database.open_database(database_url) as db:
        await migrate.migrate(db)
        yield db


@pytest.fixture
def record(db: database.Database) -> audit.AuditLog:
    return audit.AuditLog(db)
