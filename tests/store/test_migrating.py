"""The database is brought to the newest shape: from nothing, again, by several at once, or not at all."""

import pathlib
import sqlite3
import subprocess
import sys

import alembic.autogenerate
import alembic.migration
import pytest
import sqlalchemy

from bot import errors
from bot.store import database, migrating, tables

pytestmark = pytest.mark.anyio

PROJECT = pathlib.Path(__file__).parent.parent.parent
NEWEST = max(path.name for path in (PROJECT / "bot/store/migrations/versions").glob("*.py")).partition("_")[0]


async def execute(url: str, *statements: str) -> None:
    async with database.opened(url) as db, db.transaction() as connection:
        for statement in statements:
            await connection.execute(sqlalchemy.text(statement))


async def tables_of(url: str) -> set[str]:
    async with database.opened(url) as db, db.transaction() as connection:
        return set(await connection.run_sync(lambda sync: sqlalchemy.inspect(sync).get_table_names()))


async def migrate(url: str) -> str | None:
    async with database.opened(url) as db:
        return await migrating.migrate(db)


async def test_an_empty_database_is_brought_to_the_newest_revision(database_url: str) -> None:
    assert await migrate(database_url) == NEWEST
    assert await tables_of(database_url) == {"alembic_version", *tables.metadata.tables}


async def test_doing_it_again_changes_nothing(database_url: str) -> None:
    await migrate(database_url)

    assert await migrate(database_url) is None
    assert await migrate(database_url) is None


async def test_the_migrated_tables_are_those_that_the_code_works_with(db: database.Database) -> None:
    def differences(connection: sqlalchemy.Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        context = alembic.migration.MigrationContext.configure(connection, opts=options)
        return alembic.autogenerate.compare_metadata(context, tables.metadata)

    async with db.transaction() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_database_of_a_newer_version_is_refused_and_left_alone(database_url: str) -> None:
    await migrate(database_url)
    await execute(database_url, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(errors.BadConfiguration) as caught:
        await migrate(database_url)

    assert str(caught.value) == (
        f"The database is newer than this posbot (it is at revision 9999, this version knows up to {NEWEST}):"
        " start the version that wrote it, or a later one."
    )
    assert await tables_of(database_url) == {"alembic_version", *tables.metadata.tables}


async def test_a_migration_that_fails_leaves_nothing_half_done(database_url: str) -> None:
    """Otherwise the next start would find a table that it wants to make, and so would every start after it."""
    in_the_way = "CREATE INDEX invocations_by_time ON other (x)"
    await execute(database_url, "CREATE TABLE other (x INTEGER)", in_the_way)

    with pytest.raises(errors.Unavailable, match="invocations_by_time"):
        await migrate(database_url)

    assert await tables_of(database_url) == {"other"}
    await execute(database_url, "DROP INDEX invocations_by_time")
    assert await migrate(database_url) == NEWEST


_ONE_OF_SEVERAL = """
import asyncio, sys
from bot.store import database, migrating

async def main():
    async with database.opened(sys.argv[1]) as db:
        print("ready", flush=True)
        sys.stdin.readline()
        print(await migrating.migrate(db), flush=True)

asyncio.run(main())
"""


async def test_several_processes_that_start_at_once_do_it_once(database_url: str) -> None:
    argv = [sys.executable, "-c", _ONE_OF_SEVERAL, database_url]
    pipe = subprocess.PIPE
    starting = [subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, cwd=PROJECT) for _ in range(3)]  # noqa: ASYNC220
    for process in starting:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in starting:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()

    outputs = [process.communicate(timeout=30) for process in starting]

    assert [stderr.decode() for _, stderr in outputs] == [""] * 3
    assert sorted(stdout.decode().strip() for stdout, _ in outputs) == sorted([NEWEST, "None", "None"])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_was_recorded_outlives_a_kill(database_url: str, tmp_path: pathlib.Path) -> None:
    await migrate(database_url)

    with sqlite3.connect(tmp_path / "posbot.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
