"""What happens to the file of a SQLite database: a lock, a migration beside, the file gone or another in its place."""

import asyncio
import pathlib
import sqlite3

import pytest

from bot import errors
from bot.store import database, failures, migrate, sqlite_files
from tests import databases

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    """A database at the newest revision."""
    databases.fill(f"sqlite:///{tmp_path}/posbot.db")
    return tmp_path / "posbot.db"


async def write(db: database.Database) -> None:
    await databases.execute(db, "INSERT INTO workers (id, heartbeat, capabilities) VALUES (hex(randomblob(6)), 0, '')")


async def test_deleted_file_is_reported_and_written_no_more(path: pathlib.Path) -> None:
    async with database.open_database(f"sqlite:///{path}") as db:
        await write(db)
        for one in path.parent.glob("posbot.db*"):
            one.unlink()

        for _ in range(2):
            with pytest.raises(failures.Unusable, match=r"posbot.db was deleted while posbot had it open") as caught:
                await write(db)

        assert caught.value.hint == "Put the file back and restart posbot."
        assert not db.is_replaced, "a new process would begin with an empty record"


async def test_replaced_file_is_reported_and_not_written(path: pathlib.Path) -> None:
    async with database.open_database(f"sqlite:///{path}") as db:
        await write(db)
        for one in path.parent.glob("posbot.db*"):
            one.rename(one.with_name(f"old-{one.name}"))
        databases.fill(f"sqlite:///{path}")

        with pytest.raises(failures.Unusable, match=r"posbot.db was replaced"):
            await write(db)

        assert db.is_replaced
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT count(*) FROM workers").fetchall() == [(0,)]
    other.close()


async def test_deleted_write_ahead_log_is_reported(path: pathlib.Path) -> None:
    async with database.open_database(f"sqlite:///{path}") as db:
        await write(db)
        await write(db)
        path.with_name("posbot.db-wal").unlink()

        with pytest.raises(failures.Unusable, match=r"posbot.db-wal was"):
            await write(db)


async def test_terminal_beside_it_does_not_look_like_another_file(path: pathlib.Path) -> None:
    async with database.open_database(f"sqlite:///{path}") as db:
        await write(db)
        for _ in range(3):
            async with database.open_database(f"sqlite:///{path}") as terminal:
                await write(terminal)
            await write(db)


async def test_migration_waits_for_one_that_another_process_has_begun(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_files, "BUSY_SECONDS", 0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("DELETE FROM alembic_version")
    other.execute("BEGIN IMMEDIATE")
    async with database.open_database(f"sqlite:///{path}") as db:
        migrating = asyncio.create_task(migrate.migrate(db))
        await asyncio.sleep(0.4)
        assert not migrating.done()
        other.execute("INSERT INTO alembic_version VALUES (?)", (migrate.newest(),))
        other.execute("COMMIT")
        other.close()

        assert await migrating is None


async def test_lock_that_is_held_delays_one_and_not_each_in_turn(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_files, "BUSY_SECONDS", 0.2)
    async with database.open_database(f"sqlite:///{path}") as db:
        await write(db)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        async with asyncio.timeout(5):
            outcomes = await asyncio.gather(*(write(db) for _ in range(50)), return_exceptions=True)
        other.close()

    assert {type(outcome) for outcome in outcomes} == {errors.Unavailable}
    assert "database is locked" in str(outcomes[0])


async def test_broken_file_and_missing_rights_do_not_pass_by_themselves(tmp_path: pathlib.Path) -> None:
    (tmp_path / "posbot.db").write_bytes(b"this is no database " * 500)

    for url in (f"sqlite:///{tmp_path}/posbot.db", f"sqlite:///{tmp_path}", "sqlite:////proc/posbot.db"):
        async with database.open_database(url) as db:
            with pytest.raises(failures.Unusable, match=r"The database cannot be opened \("):
                await migrate.migrate(db)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("postgresql://pos:hunter2@127.0.0.1:1/pos", id="nothing listens"),
        pytest.param("postgresql://pos:hunter2@nowhere.invalid/pos", id="no such name"),
        pytest.param("postgresql://pos:hunter2@/pos?host=/nowhere", id="no socket"),
    ],
)
async def test_server_that_is_away_may_come_back(url: str) -> None:
    async with database.open_database(url) as db:
        with pytest.raises(errors.Unavailable) as caught:
            await migrate.migrate(db)

    assert not isinstance(caught.value, failures.Unusable)
