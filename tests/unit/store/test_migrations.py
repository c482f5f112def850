"""The database is brought to the newest shape: from nothing, again, by several at once, or not at all."""

import json
import pathlib
import sqlite3
import subprocess
import sys

import alembic.autogenerate
import alembic.command
import alembic.config
import alembic.migration
import pytest
import sqlalchemy

from bot import errors
from bot.model import reports
from bot.store import audit, database, tables
from bot.store import migrate as store_migrate
from tests import builders, databases

pytestmark = pytest.mark.anyio

PROJECT = pathlib.Path(__file__).parents[3]
NEWEST = max(path.name for path in (PROJECT / "bot/store/migrations/versions").glob("*.py")).partition("_")[0]


async def execute(url: str, *statements: str) -> None:
    async with database.open_database(url) as db:
        for statement in statements:
            await databases.execute(db, statement)


async def tables_of(url: str) -> set[str]:
    async with database.open_database(url) as db:
        return set(await db.work(lambda sync: sqlalchemy.inspect(sync).get_table_names()))


async def migrate(url: str) -> str | None:
    async with database.open_database(url) as db:
        return await store_migrate.migrate(db)


async def test_empty_database_is_upgraded_to_the_newest_revision(database_url: str) -> None:
    assert await migrate(database_url) == NEWEST
    assert await tables_of(database_url) == {"alembic_version", *tables.metadata.tables}


async def test_second_upgrade_changes_nothing(database_url: str) -> None:
    await migrate(database_url)

    assert await migrate(database_url) is None
    assert await migrate(database_url) is None


async def test_migrated_schema_is_the_declared_schema(db: database.Database) -> None:
    def differences(connection: sqlalchemy.Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        context = alembic.migration.MigrationContext.configure(connection, opts=options)
        return alembic.autogenerate.compare_metadata(context, tables.metadata)

    assert await db.work(differences) == []


async def test_newer_database_is_refused_unchanged(database_url: str) -> None:
    await migrate(database_url)
    await execute(database_url, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(errors.BadConfiguration) as caught:
        await migrate(database_url)

    assert str(caught.value) == (
        f"The database is newer than this posbot (it is at revision 9999, this version knows up to {NEWEST}):"
        " start the version that wrote it, or a later one."
    )
    assert await tables_of(database_url) == {"alembic_version", *tables.metadata.tables}


async def test_failed_migration_is_rolled_back(database_url: str) -> None:
    """Otherwise the next start would find a table that it wants to make, and so would every start after it."""
    in_the_way = "CREATE INDEX invocations_by_time ON other (x)"
    await execute(database_url, "CREATE TABLE other (x INTEGER)", in_the_way)

    with pytest.raises(errors.Unavailable, match="invocations_by_time"):
        await migrate(database_url)

    assert await tables_of(database_url) == {"other"}
    await execute(database_url, "DROP INDEX invocations_by_time")
    assert await migrate(database_url) == NEWEST


_ROW = """
INSERT INTO invocations (id, received_at, door, actor_id, actor_name, place_kind, place_id, place_name, text,
                         delivery_key, report)
VALUES ('{number}', '2026-11-23 10:00:00', 'slash', 'U0ALICE', 'alice', 'channel', 'C0OPS', 'ops', 'health',
        'key {number}', {report})
"""


async def move_to(url: str, revision: str) -> None:
    def move(connection: sqlalchemy.Connection) -> None:
        config = alembic.config.Config()
        config.set_main_option("script_location", str(PROJECT / "bot/store/migrations"))
        config.attributes["connection"] = connection
        current = alembic.migration.MigrationContext.configure(connection).get_current_revision() or ""
        step = alembic.command.downgrade if revision < current else alembic.command.upgrade
        step(config, revision)

    async with database.open_database(url) as db:
        await db.work(move)


async def test_uncompressed_reports_survive_the_upgrade(database_url: str) -> None:
    report = builders.a_report(headline="It’s “down” 🚒", sections=(reports.Text(text="x"),))
    document = json.dumps(reports.to_document(report)).replace("'", "''").replace(":", r"\:")
    await move_to(database_url, "0001")
    rows = [_ROW.format(number=f"{number:04}", report=f"'{document}'") for number in range(450)]
    await execute(database_url, *rows, _ROW.format(number="unfinished", report="NULL"))

    await migrate(database_url)

    async with database.open_database(database_url) as db:
        record = audit.AuditLog(db)
        found = [await record.find_report(f"{number:04}") for number in (0, 199, 200, 449)]
        unfinished = await record.find_report("unfinished")
        is_new = await record.begin(builders.an_invocation(delivery_key="key 0001"))
    assert found == [report] * 4
    assert unfinished is None
    assert is_new is False


async def test_downgrade_gives_an_older_version_its_reports_back(database_url: str) -> None:
    await move_to(database_url, "0001")
    await execute(database_url, _ROW.format(number="1", report="""'{"verdict"\\:"ok"}'"""))

    await move_to(database_url, "0002")
    await move_to(database_url, "0001")

    async with database.open_database(database_url) as db:
        stored = (await databases.execute(db, "SELECT report FROM invocations"))[0][0]
    assert (json.loads(stored) if isinstance(stored, str) else stored) == {"verdict": "ok"}


_OLD_INVOCATION = sqlalchemy.text(
    "INSERT INTO invocations (id, received_at, door, actor_id, actor_name, place_kind, place_id, place_name, text,"
    " word, ending, report) VALUES (:id, '2026-11-23 10:00:00', :door, 'U0ALICE', 'alice', :place_kind, 'C0OPS', 'ops',"
    " 'x', :word, :ending, :report)"
)
_OLD_COLUMNS = ("door", "place_kind", "word", "ending")
_RENAMED = [
    (("slash", "channel", "health", "done"), ("slash", "channel", "health", "ok")),
    (("mention", "direct", "deploy", "misused"), ("mention", "dm", "rollout", "usage_error")),
    (("home", "home", "startup", "refused"), ("app_home", "app_home", "diagnose", "denied")),
    (("terminal", "terminal", "access", "timed_out"), ("terminal", "terminal", "connectivity", "timed_out")),
    (("step", "channel", "runs", "cancelled"), ("step", "channel", "run list", "cancelled")),
    (("button", "channel", None, None), ("button", "channel", None, None)),
]
"""What revision 0004 stores of an invocation in `_OLD_COLUMNS`, and what the newest revision makes of it."""


async def test_values_of_invocations_are_rewritten_and_restored(database_url: str) -> None:
    document = {
        "verdict": "ok",
        "headline": "old",
        "sections": [{"kind": "plan", "title": None, "tasks": [{"id": "a", "title": "A", "state": "left out"}]}],
        "next_actions": [{"label": "Try again", "command": "deploy status pos-order", "is_primary": False}],
    }
    await move_to(database_url, "0004")
    async with database.open_database(database_url) as db:
        for number, (old, _) in enumerate(_RENAMED):
            values = dict(zip(_OLD_COLUMNS, old, strict=True)) | {"id": f"{number}", "report": database.pack(document)}
            await databases.execute(db, _OLD_INVOCATION, values)

    await migrate(database_url)
    async with database.open_database(database_url) as db:
        entries = await audit.AuditLog(db).latest(limit=10)
        renamed = await audit.AuditLog(db).latest(limit=10, command="rollout")
        report = await audit.AuditLog(db).find_report("0")
        chosen = "SELECT source, conversation_kind, command, status FROM invocations ORDER BY id"
        upgraded = [tuple(row) for row in await databases.execute(db, chosen)]
    await move_to(database_url, "0004")

    assert upgraded == [new for _, new in _RENAMED]
    assert {entry.status for entry in entries} == {new[3] for _, new in _RENAMED}
    assert [entry.id for entry in renamed] == ["1"]
    assert report == builders.a_report(
        headline="old",
        sections=(reports.Plan(tasks=(reports.Task(id="a", title="A", state=reports.TaskState.SKIPPED),)),),
        next_actions=(reports.NextAction(label="Try again", command="deploy status pos-order"),),
    )
    async with database.open_database(database_url) as db:
        chosen = f"SELECT {', '.join(_OLD_COLUMNS)} FROM invocations ORDER BY id"  # noqa: S608
        assert [tuple(row) for row in await databases.execute(db, chosen)] == [old for old, _ in _RENAMED]


_STOPPED_INVOCATION = """
INSERT INTO invocations (id, received_at, source, actor_id, actor_name, conversation_kind, conversation_id,
                         conversation_name, text, stop_requested_at, stop_requested_by, report)
VALUES ('1123-0a1b2c3d4e', '2026-11-23 10:00:00', 'slash', 'U0ALICE', 'alice', 'channel', 'C0OPS', 'ops', 'logs',
        '2026-11-23 10:01:00', 'bob', :report)
"""


async def test_people_that_were_recorded_without_ids_stay_readable(database_url: str) -> None:
    await move_to(database_url, "0009")
    packed = database.pack(reports.to_document(builders.a_report()))
    async with database.open_database(database_url) as db:
        await databases.execute(db, _STOPPED_INVOCATION, {"report": packed})
    bob = builders.an_actor(id="U0BOB", name="bob")

    await migrate(database_url)
    async with database.open_database(database_url) as db:
        record = audit.AuditLog(db)
        stop = await record.find_stop("1123-0a1b2c3d4e")
        own, others = [
            await record.find_visible_report("1123-0a1b2c3d4e", reader=builders.an_invocation(actor=actor))
            for actor in (builders.an_actor(), bob)
        ]
    await move_to(database_url, "0009")

    assert stop is not None and (stop.by, stop.by_id) == ("bob", "")
    assert (own, others) == (builders.a_report(), None)


_ONE_OF_SEVERAL = """
import asyncio, sys
from bot.store import database, migrate

async def main():
    async with database.open_database(sys.argv[1]) as db:
        print("ready", flush=True)
        sys.stdin.readline()
        print(await migrate.migrate(db), flush=True)

asyncio.run(main())
"""


@pytest.mark.slow
async def test_concurrent_processes_migrate_once(database_url: str) -> None:
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
async def test_entries_survive_sigkill(database_url: str, tmp_path: pathlib.Path) -> None:
    await migrate(database_url)

    with sqlite3.connect(tmp_path / "posbot.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
