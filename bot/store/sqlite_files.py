"""The files of a SQLite database: made for their owner alone, prepared, and noticed when they are gone."""

import contextlib
import pathlib
import stat
from typing import Any

import sqlalchemy

from bot import errors
from bot.store import failures

BUSY_SECONDS = 2.0
"""How long a transaction waits for the lock."""
_OWNER_ONLY, _OWNER_ONLY_FOLDER = 0o600, 0o700


def make_folder(url: sqlalchemy.URL, own_folder: pathlib.Path | None) -> None:
    """
    Make the folder of the database; *own_folder* is for its owner alone, made now or before.

    Raises:
        errors.BadConfiguration: it cannot be made.
    """
    if not url.database or url.database == ":memory:":
        raise errors.BadConfiguration("DATABASE_URL names no file: expected sqlite:///FILE.")
    folder = pathlib.Path(url.database).parent
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=_OWNER_ONLY_FOLDER, exist_ok=True)
    except (OSError, ValueError) as error:
        raise errors.BadConfiguration(f"DATABASE_URL: its folder cannot be made ({error}).") from error
    if folder == own_folder:
        _restrict(folder, _OWNER_ONLY_FOLDER)


def _restrict(path: pathlib.Path, mode: int) -> None:
    """Take from *path* what others may do with it; a volume in a container belongs to root and keeps its mode."""
    with contextlib.suppress(FileNotFoundError, PermissionError):
        if (allowed := stat.S_IMODE(path.stat().st_mode)) & ~mode:
            path.chmod(allowed & mode)


def prepare(connection: Any, _: object) -> None:
    """Prepare a new connection."""
    # WAL lets readers go on while one writes; NORMAL is safe with it against everything but a power cut that
    # loses the last transactions (https://sqlite.org/pragma.html#pragma_synchronous).
    # Python's module would begin transactions on its own, but not before CREATE TABLE: `begin` does
    # (https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#pysqlite-serializable).
    pragmas = (f"busy_timeout={int(BUSY_SECONDS * 1000)}", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")
    with contextlib.ExitStack() as undo:
        # Where the file is no database, it would otherwise stay open.
        undo.callback(connection.close)
        connection.isolation_level = None
        cursor = connection.cursor()
        _, _, file = cursor.execute("PRAGMA database_list").fetchone()
        # Before WAL, whose files SQLite makes with the mode of the database; they may also be there already.
        for name in (file, f"{file}-wal", f"{file}-shm") if file else ():
            _restrict(pathlib.Path(name), _OWNER_ONLY)
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        undo.pop_all()


def begin(connection: sqlalchemy.Connection) -> None:
    """Begin a transaction."""
    connection.exec_driver_sql("BEGIN")


def _file_id(path: str) -> tuple[int, int] | None:
    try:
        found = pathlib.Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def check(connection: sqlalchemy.Connection) -> None:
    """
    Note the files of a SQLite database at the first use of a connection, and compare them at every other.

    SQLite would go on writing to a file that nobody can find any more. Its write-ahead log belongs to it.

    Raises:
        failures.FileMissing
    """
    path = connection.engine.url.database
    if connection.dialect.name != "sqlite" or path is None:
        return
    known: dict[str, tuple[int, int]] = connection.connection.info.setdefault("files", {})
    for name in (path, f"{path}-wal"):
        current = _file_id(name)
        if name not in known and current is not None:
            known[name] = current
        elif name in known and current != known[name]:
            raise failures.FileMissing(name, is_replaced=_file_id(path) is not None)
