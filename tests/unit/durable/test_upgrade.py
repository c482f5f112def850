"""What revision 0004 stored about workers, claims, questions, messages and locks is carried into the kernel."""

import datetime

import pytest
import sqlalchemy

from bot.durable import live_messages, locks
from bot.store import database, tables
from tests.unit.store import test_migrations

pytestmark = pytest.mark.anyio
_RUN = (
    "INSERT INTO runs (id, invocation, procedure, digest, requester_id, place_kind, created_at, frozen, state,"
    " progress, version, question, wake_at, claimed_by, posted_version, posted_by) VALUES ('{id}', '{id}', 'p', 'd',"
    " 'U1', '{place}', '2026-11-25 10:00:00+00:00', {blob}, '{state}', {blob}, 5, {question}, {wake_at},"
    " {claimed_by}, {posted_version}, NULL)"
)
_POSTED = (
    "INSERT INTO run_posts (run, purpose, caused_by, channel, timestamp, shown, is_settled)"
    " VALUES ('asks', 'live', 1, 'C1', '17.5', 'abc', false)"
)
_ATTEMPTED = (
    "INSERT INTO run_posts (run, purpose, caused_by, tried_in, tried_at, is_settled)"
    " VALUES ('asks', 'question-q1', 5, 'C1', '2026-11-25 11:00:00+00:00', false)"
)
_NOTHING, _AT = "NULL", "'2026-11-25 11:00:00+00:00'"


def rows(blob: str) -> list[str]:
    plain = {
        "blob": blob,
        "question": _NOTHING,
        "wake_at": _NOTHING,
        "claimed_by": _NOTHING,
        "posted_version": _NOTHING,
    }
    return [
        "INSERT INTO run_workers (id, beat) VALUES ('w1', 41)",
        _RUN.format(**plain | {"id": "claimed", "state": "running", "place": "terminal", "claimed_by": "'w1'"}),
        _RUN.format(**plain | {"id": "free", "state": "running", "place": "terminal"}),
        _RUN.format(
            **plain
            | {"id": "asks", "state": "waiting", "place": "channel", "question": "'q1'", "wake_at": _AT}
            | {"posted_version": "4"}
        ),
        _RUN.format(**plain | {"id": "over", "state": "failed", "place": "channel", "posted_version": "5"}),
        "INSERT INTO run_locks (name, run, taken_at) VALUES ('deployment:x', 'asks', '2026-11-25 10:00:00+00:00')",
        _POSTED,
        _ATTEMPTED,
    ]


async def upgrade(url: str) -> None:
    await test_migrations.move_to(url, "0004")
    blob = r"'\x00'::bytea" if url.startswith("postgresql") else "x'00'"
    await test_migrations.execute(url, *(row.replace("::", r"\:\:") for row in rows(blob)))
    await test_migrations.move_to(url, "0005")


async def fetch(url: str, statement: str) -> list[tuple[object, ...]]:
    async with database.open_database(url) as db:
        return await db.work(lambda one: [tuple(row) for row in one.execute(sqlalchemy.text(statement))])


async def test_claims_and_workers_are_carried_over(database_url: str) -> None:
    await upgrade(database_url)

    assert await fetch(database_url, "SELECT id, heartbeat FROM workers") == [("w1", 41)]
    claims = await fetch(database_url, "SELECT kind, subject, worker FROM claims ORDER BY kind, subject")
    assert claims == [("live_message", "run/asks", None), ("run", "claimed", "w1"), ("run", "free", None)]


async def test_questions_expire_by_timers_after_the_upgrade(database_url: str) -> None:
    await upgrade(database_url)

    async with database.open_database(database_url) as db:
        (timer,) = await db.work(lambda one: one.execute(sqlalchemy.select(tables.timers)).all())
    assert (timer.kind, timer.subject, database.unpack(timer.payload)) == ("question", "q1", {})
    assert timer.due_at == datetime.datetime(2026, 11, 25, 11, tzinfo=datetime.UTC)


async def test_messages_keep_their_place_and_their_attempts(database_url: str) -> None:
    await upgrade(database_url)

    async with database.open_database(database_url) as db:
        found = await db.work(lambda one: one.execute(sqlalchemy.select(tables.live_messages)).mappings().all())
    fields = ("purpose", "version", "shown_version", "channel", "timestamp", "digest", "attempted_in", "is_done")
    messages = {row["purpose"]: live_messages.Message(**{name: row[name] for name in fields}) for row in found}
    assert messages["live"].state is live_messages.State.POSTED
    assert (messages["live"].version, messages["live"].shown_version) == (5, 4)
    assert messages["question-q1"].state is live_messages.State.ATTEMPTED


async def test_locks_keep_their_owner(database_url: str) -> None:
    await upgrade(database_url)

    async with database.open_database(database_url) as db:
        holding = await db.work(
            lambda one: locks.take(
                one, "deployment:x", locks.Owner(kind="run", id="other"), datetime.datetime.now(datetime.UTC)
            )
        )
    assert holding is not None and holding.owner == locks.Owner(kind="run", id="asks")


async def test_downgrade_gives_the_older_version_its_columns_back(database_url: str) -> None:
    await upgrade(database_url)

    await test_migrations.move_to(database_url, "0004")

    runs = await fetch(
        database_url, "SELECT id, wake_at IS NULL, posted_version FROM runs WHERE place_kind = 'channel'"
    )
    assert sorted((name, bool(is_null), version) for name, is_null, version in runs) == [
        ("asks", False, 0),
        ("over", True, 0),
    ]
    assert await fetch(database_url, "SELECT name, run FROM run_locks") == [("deployment:x", "asks")]
    assert len(await fetch(database_url, "SELECT run FROM run_posts")) == 2
