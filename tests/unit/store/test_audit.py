"""The audit record: written once, read back whole, forgotten in time; and honest when it cannot."""

import asyncio
import contextlib
import datetime
import pathlib
import secrets
import sqlite3
import time
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy

from bot import errors
from bot.model import invocations, reports
from bot.store import audit, database, size
from bot.store import migrate as store_migrate
from tests import builders, databases

pytestmark = pytest.mark.anyio

NOW = builders.NOW
HOUR = datetime.timedelta(hours=1)
REPORT = builders.a_report(
    verdict=reports.Verdict.FAILED,
    headline="pos-order is DOWN because of db 🚒",
    sections=(builders.a_table(("pos-order", "down")), reports.Fields(pairs=(("a", "b"),)), reports.Code(text="x")),
    facts={"seconds": 0.25, "healthy": False, "port": None, "count": 3},
    next_actions=(reports.NextAction(label="Again", command="health pos-order"),),
    runbook=(reports.Pointer(number="4.3", title="Health"),),
)


async def begin(record: audit.AuditLog, number: int, **changes: Any) -> bool:
    values = {"id": f"1123-{number:08x}", "received_at": NOW + number * HOUR}
    return await record.begin(builders.an_invocation(**values | changes))


async def end(record: audit.AuditLog, number: int, command: str | None = "health", **changes: Any) -> None:
    answer = builders.an_answer(REPORT, invocation_id=f"1123-{number:08x}", **changes)
    await record.end(answer, command=command, duration_seconds=0.1234)


async def numbers(record: audit.AuditLog, **filters: Any) -> list[int]:
    entries = await record.latest(**{"limit": 100} | filters)
    return [int(entry.id[5:], 16) for entry in entries]


async def test_started_invocation_is_recorded_as_unfinished(record: audit.AuditLog) -> None:
    assert await begin(record, 1) is True

    assert await record.latest(limit=10) == (
        audit.Entry(
            id="1123-00000001",
            received_at=NOW + HOUR,
            source="slash",
            actor_id="U0ALICE",
            actor_name="alice",
            conversation_name="ops",
            text="health pos-order",
            status=None,
            verdict=None,
            headline=None,
            duration_ms=None,
        ),
    )


async def test_ended_invocation_is_recorded_with_its_status(record: audit.AuditLog) -> None:
    await begin(record, 1)
    await end(record, 1, status=invocations.Status.TIMED_OUT)

    (entry,) = await record.latest(limit=10)

    assert (entry.status, entry.verdict, entry.headline, entry.duration_ms) == (
        "timed_out",
        "failed",
        "pos-order is DOWN because of db 🚒",
        123,
    )


async def test_end_without_a_start_changes_nothing(record: audit.AuditLog) -> None:
    await begin(record, 1)

    await end(record, 2)

    assert [entry.status for entry in await record.latest(limit=10)] == [None]


async def test_times_are_returned_in_utc(record: audit.AuditLog) -> None:
    there = datetime.timezone(datetime.timedelta(hours=9))
    await begin(record, 1, received_at=NOW.astimezone(there))

    (entry,) = await record.latest(limit=1)

    assert entry.received_at == NOW
    assert entry.received_at.utcoffset() == datetime.timedelta(0)


async def test_newest_entries_come_first_up_to_the_limit(record: audit.AuditLog) -> None:
    for number in (2, 1, 4, 3):
        await begin(record, number)

    assert await numbers(record) == [4, 3, 2, 1]
    assert await numbers(record, limit=2) == [4, 3]


async def test_entries_are_filtered_by_time_person_and_command(record: audit.AuditLog) -> None:
    bob = builders.an_actor(id="U0BOB", name="bob")
    for number, command, actor in ((1, "health", bob), (2, "audit", bob), (3, None, builders.an_actor())):
        await begin(record, number, actor=actor)
        await end(record, number, command)

    assert await numbers(record, since=NOW + 2 * HOUR) == [3, 2]
    assert await numbers(record, actor="U0BOB") == [2, 1]
    assert await numbers(record, actor="bob") == [2, 1]
    assert await numbers(record, actor="alice") == [3]
    assert await numbers(record, command="health") == [1]
    assert await numbers(record, command="audit", actor="bob", since=NOW + 3 * HOUR) == []
    assert await numbers(record, actor="' OR 1=1 --") == []


async def test_repeated_delivery_is_recorded_once(record: audit.AuditLog) -> None:
    assert await begin(record, 1, delivery_key="Ev1") is True

    assert await begin(record, 2, delivery_key="Ev1") is False
    assert await begin(record, 3, delivery_key="Ev2") is True
    assert await numbers(record) == [3, 1]


async def test_invocation_without_a_delivery_key_is_always_recorded(record: audit.AuditLog) -> None:
    assert [await begin(record, number, delivery_key=None) for number in range(3)] == [True] * 3


async def test_second_invocation_with_the_same_id_is_refused(record: audit.AuditLog) -> None:
    assert await begin(record, 1)

    with pytest.raises(errors.Unavailable, match=r"Two invocations have the same id\."):
        await begin(record, 1)


async def test_deliveries_of_one_batch_are_written_in_the_order_of_their_keys(
    record: audit.AuditLog, db: database.Database
) -> None:
    """Two replicas with the same deliveries would otherwise wait for each other."""
    await asyncio.gather(*(begin(record, number, delivery_key=f"k{9 - number}") for number in range(9)))

    keys = sqlalchemy.select(sqlalchemy.column("delivery_key")).select_from(sqlalchemy.table("invocations"))
    order = sqlalchemy.column("ctid" if db._engine.dialect.name == "postgresql" else "rowid")
    rows = await db.work(lambda connection: connection.execute(keys.order_by(order)).all())
    assert [key for (key,) in rows] == [f"k{number}" for number in range(1, 10)]


async def test_what_else_begins_is_told_of_new_invocations_alone(record: audit.AuditLog) -> None:
    told: list[str] = []
    record.also_begin = lambda _, beginning: told.extend(one.id for one in beginning)
    await asyncio.gather(*(begin(record, number, delivery_key=f"k{number % 2}") for number in range(6)))

    assert told == ["1123-00000000", "1123-00000001"]


async def test_fifty_concurrent_deliveries_are_recorded_once(record: audit.AuditLog) -> None:
    outcomes = await asyncio.gather(*(begin(record, number, delivery_key="Ev1") for number in range(50)))

    assert sorted(outcomes) == [False] * 49 + [True]
    assert await numbers(record) == [outcomes.index(True)]


async def test_fifty_deliveries_to_two_processes_are_recorded_once(record: audit.AuditLog, database_url: str) -> None:
    async with database.open_database(database_url) as another:
        records = (record, audit.AuditLog(another))
        outcomes = await asyncio.gather(*(begin(records[n % 2], n, delivery_key="Ev1") for n in range(50)))

    assert outcomes.count(True) == 1


async def test_fifty_concurrent_invocations_are_all_recorded(record: audit.AuditLog) -> None:
    async def whole(number: int) -> None:
        await begin(record, number)
        await end(record, number)

    await asyncio.gather(*(whole(number) for number in range(50)))

    assert {entry.status for entry in await record.latest(limit=100)} == {"ok"}
    assert len(await numbers(record)) == 50


async def test_report_is_found_by_its_recipient(record: audit.AuditLog) -> None:
    await begin(record, 1)
    await end(record, 1)

    assert await record.find_report("1123-00000001", actor_id="U0ALICE") == REPORT


async def test_report_of_another_person_is_not_found(record: audit.AuditLog) -> None:
    await begin(record, 1)
    await end(record, 1)

    assert await record.find_report("1123-00000001", actor_id="U0BOB") is None
    assert await record.find_report("1123-00000001", actor_id="alice") is None


async def test_report_is_found_without_a_person(record: audit.AuditLog) -> None:
    await begin(record, 1)
    await end(record, 1)

    assert await record.find_report("1123-00000001") == REPORT


async def test_log_of_500_entries_is_stored_compressed_and_whole(record: audit.AuditLog, db: database.Database) -> None:
    entries = tuple(
        reports.LogEntry(text=f"Order {number} priced in 12 ms\n\tat a.b.C", source="pos-order-7d9f-x2x")
        for number in range(500)
    )
    report = builders.a_report(sections=(reports.Log(entries=entries, name="pos-order.log"),))
    await begin(record, 1)

    await record.end(builders.an_answer(report, invocation_id="1123-00000001"), command="logs", duration_seconds=1)

    assert await record.find_report("1123-00000001") == report
    size = (await databases.execute(db, "SELECT length(report) FROM invocations"))[0][0]
    assert size < 10_000


async def test_first_cancel_request_is_recorded(record: audit.AuditLog) -> None:
    ada, bob = invocations.CancelRequest(by="ada", at=NOW), invocations.CancelRequest(by="bob", at=NOW + HOUR)
    await begin(record, 1)

    assert await record.find_stop("1123-00000001") is None
    assert await record.request_stop("1123-00000001", ada, by=builders.an_invocation()) == (
        invocations.CancelResult.REQUESTED,
        ada,
    )
    assert await record.request_stop("1123-00000001", bob, by=builders.an_invocation()) == (
        invocations.CancelResult.ALREADY_REQUESTED,
        ada,
    )
    assert await record.find_stop("1123-00000001") == ada


async def test_concurrent_cancel_requests_have_one_winner(record: audit.AuditLog) -> None:
    await begin(record, 1)

    asked = [
        record.request_stop(
            "1123-00000001", invocations.CancelRequest(by=f"p{number}", at=NOW), by=builders.an_invocation()
        )
        for number in range(20)
    ]
    outcomes = await asyncio.gather(*asked)

    assert [outcome for outcome, _ in outcomes].count(invocations.CancelResult.REQUESTED) == 1
    assert len({stop.by for _, stop in outcomes}) == 1


async def test_ended_or_unknown_invocation_cannot_be_cancelled(record: audit.AuditLog) -> None:
    await begin(record, 1)
    await end(record, 1)

    stop = invocations.CancelRequest(by="n" * 500, at=NOW)
    assert await record.request_stop("1123-00000001", stop, by=builders.an_invocation()) == (
        invocations.CancelResult.ENDED,
        stop,
    )
    assert await record.request_stop("1123-00000002", stop, by=builders.an_invocation()) == (
        invocations.CancelResult.UNKNOWN,
        stop,
    )


async def test_unfinished_invocation_has_no_report(record: audit.AuditLog) -> None:
    await begin(record, 1)

    assert await record.find_report("1123-00000001", actor_id="U0ALICE") is None
    assert await record.find_report("1123-00000002", actor_id="U0ALICE") is None


async def test_prune_deletes_and_counts_old_entries(db: database.Database, record: audit.AuditLog) -> None:
    for number in range(5):
        await begin(record, number)

    assert await db.work(lambda connection: audit.prune(connection, NOW + 3 * HOUR)) == 3
    assert await numbers(record) == [4, 3]
    assert await db.work(lambda connection: audit.prune(connection, NOW)) == 0


async def test_responses_are_dropped_before_entries_and_the_oldest_first(
    db: database.Database, record: audit.AuditLog
) -> None:
    for number in range(20):
        await begin(record, number)
        await end(record, number)

    dropped = [await db.work(lambda connection: audit.drop_oldest(connection, 5)) for _ in range(10)]

    assert dropped == [2] * 10
    assert len(await numbers(record)) == 20
    assert await record.find_report("1123-00000013") is None
    assert await db.work(lambda connection: audit.drop_oldest(connection, 5)) == 2
    assert await numbers(record) == list(reversed(range(2, 20)))


async def test_database_shrinks_once_responses_are_dropped(db: database.Database, record: audit.AuditLog) -> None:
    for number in range(20):
        await begin(record, number)
        large = builders.a_report(sections=(reports.Code(text=secrets.token_hex(50_000)),))
        answer = builders.an_answer(large, invocation_id=f"1123-{number:08x}")
        await record.end(answer, command="logs", duration_seconds=0.1)
    before = await db.work(size.held_bytes)

    while await db.work(audit.drop_oldest) and await _has_report(db):
        pass

    assert before > 1_000_000
    assert await db.work(size.held_bytes) < before / 2
    assert len(await numbers(record)) == 20


async def _has_report(db: database.Database) -> bool:
    return bool(await databases.execute(db, "SELECT id FROM invocations WHERE report IS NOT NULL LIMIT 1"))


async def test_long_names_and_texts_are_truncated(record: audit.AuditLog) -> None:
    actor, place = builders.an_actor(name="n" * 500), builders.a_place(name="p" * 500)

    await begin(record, 1, actor=actor, conversation=place, text="t" * 5_000)

    (entry,) = await record.latest(limit=1)
    assert (len(entry.actor_name), len(entry.conversation_name), len(entry.text)) == (128, 128, 2_000)


async def test_any_text_can_be_recorded(record: audit.AuditLog) -> None:
    """What a dispatcher hands over is redacted, which takes out what neither UTF-8 nor PostgreSQL has."""
    text = "🚀 żółć \u202e ' \" ; DROP TABLE invocations; -- \\ % \x01"

    await begin(record, 1, text=text, actor=builders.an_actor(name=text))

    (entry,) = await record.latest(limit=1)
    assert (entry.text, entry.actor_name) == (text, text)


async def test_value_rejected_by_a_column_is_a_database_error(record: audit.AuditLog) -> None:
    """SQLite takes any length, so there nothing happens; either way nothing of SQLAlchemy comes through."""
    outcome = None
    try:
        outcome = await begin(record, 1, delivery_key="k" * 5_000)
    except errors.Unavailable as error:
        outcome = str(error).startswith("The database transaction failed")

    assert outcome is True


async def test_failed_transaction_is_rolled_back(db: database.Database, record: audit.AuditLog) -> None:
    await begin(record, 1)

    with pytest.raises(RuntimeError):
        await _forget_and_fail(db)

    assert await numbers(record) == [1]


async def _forget_and_fail(db: database.Database) -> None:
    def job(connection: sqlalchemy.Connection) -> None:
        connection.execute(sqlalchemy.text("DELETE FROM invocations"))
        connection.execute(sqlalchemy.text("CREATE TABLE half_done (x INTEGER)"))
        raise RuntimeError("on the way")

    await db.work(job)


async def test_created_table_is_rolled_back(db: database.Database) -> None:
    with pytest.raises(RuntimeError):
        await _forget_and_fail(db)

    with pytest.raises(errors.Unavailable, match="half_done"):
        await databases.execute(db, "SELECT * FROM half_done")


# What follows is about files, so about SQLite.


@contextlib.contextmanager
def locked(path: pathlib.Path) -> Iterator[None]:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.close()


async def migrate(url: str) -> None:
    async with database.open_database(url) as db:
        await store_migrate.migrate(db)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_locked_database_is_unavailable(database_url: str, tmp_path: pathlib.Path) -> None:
    """This waits as long as the bot would, which is longer than other tests may take."""
    await migrate(database_url)

    async with database.open_database(database_url) as db:
        record = audit.AuditLog(db)
        with locked(tmp_path / "posbot.db"), pytest.raises(errors.Unavailable, match="database is locked") as caught:
            await begin(record, 1)
        assert await begin(record, 2) is True

    assert caught.value.hint == "Check DATABASE_URL, the database server, and its disk."


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_full_disk_is_unavailable_and_loses_no_entry(record: audit.AuditLog, db: database.Database) -> None:
    await begin(record, 1)

    with pytest.raises(errors.Unavailable, match="database or disk is full"):
        await _write_beyond_the_end(db)

    assert await numbers(record) == [1]


async def _write_beyond_the_end(db: database.Database) -> None:
    def job(connection: sqlalchemy.Connection) -> None:
        pages = connection.execute(sqlalchemy.text("PRAGMA page_count")).scalar_one()
        connection.execute(sqlalchemy.text(f"PRAGMA max_page_count = {pages + 1}"))
        connection.execute(sqlalchemy.text("CREATE TABLE big AS SELECT randomblob(1000000)"))

    await db.work(job)


@pytest.mark.parametrize("content", [b"this is no database " * 500, b"SQLite format 3\0" + b"\xff" * 5_000])
async def test_file_that_is_no_database_is_unavailable(tmp_path: pathlib.Path, content: bytes) -> None:
    (tmp_path / "posbot.db").write_bytes(content)

    with pytest.raises(errors.Unavailable, match="The database cannot be opened"):
        await migrate(f"sqlite:///{tmp_path}/posbot.db")


async def test_folder_is_no_database(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.Unavailable, match="unable to open database file"):
        await migrate(f"sqlite:///{tmp_path}")


async def test_read_only_folder_is_reported() -> None:
    """Nobody, not even root, may make files in /proc."""
    with pytest.raises(errors.Unavailable, match="unable to open database file"):
        await migrate("sqlite:////proc/posbot.db")
    with pytest.raises(errors.BadConfiguration, match="DATABASE_URL: its folder cannot be made"):
        await migrate("sqlite:////proc/posbot/posbot.db")


async def test_file_in_place_of_the_folder_is_reported(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(errors.BadConfiguration, match=r"its folder cannot be made \("):
        await migrate(f"sqlite:///{tmp_path}/file/posbot.db")


async def test_missing_folders_are_created(tmp_path: pathlib.Path) -> None:
    await migrate(f"sqlite:///{tmp_path}/a/b/posbot.db")

    assert (tmp_path / "a" / "b" / "posbot.db").is_file()


async def test_unmigrated_database_is_unavailable(tmp_path: pathlib.Path) -> None:
    async with database.open_database(f"sqlite:///{tmp_path}/posbot.db") as db:
        with pytest.raises(errors.Unavailable, match="no such table"):
            await begin(audit.AuditLog(db), 1)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("postgresql://pos:hunter2@127.0.0.1:1/pos", id="nothing listens"),
        pytest.param("postgresql://pos:hunter2@nowhere.invalid/pos", id="no such name"),
        pytest.param("postgresql://pos:hunter2@/pos?host=/nowhere", id="no socket"),
        pytest.param("postgresql://pos:hunter2@127.0.0.1:1/pos?colour=red", id="unknown option"),
    ],
)
async def test_unreachable_postgresql_hides_its_password(url: str) -> None:
    with pytest.raises(errors.Unavailable) as caught:
        await migrate(url)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("nonsense hunter2", id="no URL"),
        pytest.param("", id="empty"),
        pytest.param("mysql://pos:hunter2@db/pos", id="another kind"),
        pytest.param("postgresql://pos:hunter2@db:hunter2/pos", id="a port that is none"),
        pytest.param("sqlite://", id="memory"),
        pytest.param("sqlite:///:memory:", id="memory by its name"),
    ],
)
async def test_invalid_url_is_reported_and_not_repeated(url: str) -> None:
    with pytest.raises(errors.BadConfiguration, match="DATABASE_URL") as caught:
        await migrate(url)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:////tmp/x.db", "sqlite"),
        ("postgres://a@b/c", "postgresql+psycopg"),
        ("postgresql://a@b/c", "postgresql+psycopg"),
        ("postgresql+asyncpg://a@b/c", "postgresql+psycopg"),
    ],
)
async def test_url_gets_the_installed_driver(url: str, driver: str) -> None:
    assert database.parse_url(url).drivername == driver


_ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


async def test_cancelled_statement_of_sqlite_is_aborted(tmp_path: pathlib.Path) -> None:
    async with database.open_database(f"sqlite:///{tmp_path}/posbot.db") as db:
        endless = asyncio.create_task(databases.execute(db, _ENDLESS))
        await asyncio.wait({endless}, timeout=0.2)
        endless.cancel()
        await asyncio.wait({endless})

        assert await databases.execute(db, "SELECT 2") == [(2,)]


async def test_late_transaction_is_undone(tmp_path: pathlib.Path) -> None:
    async with database.open_database(f"sqlite:///{tmp_path}/posbot.db") as db:
        await databases.execute(db, "CREATE TABLE rows_of_a_job (x INTEGER)")

        def job(connection: sqlalchemy.Connection) -> None:
            connection.execute(sqlalchemy.text("INSERT INTO rows_of_a_job VALUES (1)"))
            time.sleep(0.5)

        with pytest.raises(errors.Unavailable, match="did not answer within"):
            await db.work(job, 0.3)
        with pytest.raises(errors.Unavailable, match="did not answer a moment ago"):
            await databases.execute(db, "SELECT 1")

        rows = await db.work(
            lambda connection: connection.execute(sqlalchemy.text("SELECT * FROM rows_of_a_job")).all(), probes=True
        )
        assert rows == []


async def test_report_is_visible_to_its_actor_and_where_everyone_saw_it(record: audit.AuditLog) -> None:
    shown = builders.a_place(id="C0SHOWN", name="shown")
    await begin(record, 1, is_public=True, conversation=shown)
    await begin(record, 2, is_public=False, conversation=shown)
    for number in (1, 2):
        await end(record, number)
    bob, elsewhere = builders.an_actor(id="U0BOB", name="bob"), builders.a_place(id="C0OTHER")

    async def sees(number: int, **changes: Any) -> bool:
        reader = builders.an_invocation(**changes)
        return await record.find_visible_report(f"1123-{number:08x}", reader=reader) is not None

    assert [await sees(number, conversation=elsewhere) for number in (1, 2, 3)] == [True, True, False]
    assert [await sees(number, actor=bob, conversation=shown) for number in (1, 2)] == [True, False]
    assert [await sees(number, actor=bob, conversation=elsewhere) for number in (1, 2)] == [False, False]
