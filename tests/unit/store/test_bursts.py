"""Many at once: everything is recorded once, nobody is refused for having waited, and heartbeats go first."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
import sqlalchemy

from bot import errors
from bot.durable import membership
from bot.store import audit, database
from tests import builders, databases

pytestmark = pytest.mark.anyio
_COMMANDS, _DELIVERIES = 1_000, 3


@contextlib.asynccontextmanager
async def beating(db: database.Database) -> AsyncIterator[list[errors.Unavailable]]:
    """Send heartbeats as fast as they go; yields those that failed."""
    member, failed = membership.Membership(db), []

    async def beat() -> None:
        while True:
            try:
                await member._beat()
            except errors.Unavailable as error:
                failed.append(error)
            await asyncio.sleep(0.01)

    async with member.registered():
        task = asyncio.create_task(beat())
        try:
            yield failed
        finally:
            task.cancel()
            await asyncio.wait({task})


async def test_thousand_commands_delivered_three_times_are_recorded_and_run_once(
    record: audit.AuditLog, db: database.Database, database_url: str
) -> None:
    async def handle(log: audit.AuditLog, number: int, command: int) -> bool:
        invocation = builders.an_invocation(id=f"1123-{number:010x}", delivery_key=f"command:{command}")
        is_first = await log.begin(invocation)
        if is_first:
            answer = builders.an_answer(invocation_id=invocation.id)
            await log.end(answer, command="health", duration_seconds=0.1)
        return is_first

    async with database.open_database(database_url) as other, beating(db) as failed:
        replicas = (record, audit.AuditLog(other))
        numbers = range(_COMMANDS * _DELIVERIES)
        firsts = await asyncio.gather(*(handle(replicas[n % 2], n, n % _COMMANDS) for n in numbers))

    assert sum(firsts) == _COMMANDS
    assert failed == []
    counted = "SELECT count(*), count(DISTINCT delivery_key), count(status), count(report) FROM invocations"
    assert await databases.execute(db, counted) == [(_COMMANDS,) * 4]


async def test_waiting_for_a_turn_does_not_count(db: database.Database) -> None:
    def job(_: sqlalchemy.Connection) -> int:
        time.sleep(0.005)
        return 1

    # PostgreSQL has eight turns at once.
    outcomes = await asyncio.gather(*(db.work(job, 0.1) for _ in range(200)))

    assert sum(outcomes) == 200


async def test_heartbeat_does_not_wait_for_those_who_queue(db: database.Database) -> None:
    ended: list[str] = []

    async def work(name: str, *, probes: bool = False) -> None:
        await db.work(lambda _: time.sleep(0.01), probes=probes)
        ended.append(name)

    queue = [asyncio.create_task(work("command")) for _ in range(60)]
    await asyncio.sleep(0.03)
    await work("heartbeat", probes=True)
    place = ended.index("heartbeat")
    await asyncio.gather(*queue)

    assert place < 50


@pytest.mark.parametrize("database_url", [pytest.param("postgresql", marks=pytest.mark.real)], indirect=True)
async def test_value_that_a_column_refuses_costs_only_its_own_record(record: audit.AuditLog) -> None:
    """SQLite takes any length."""
    keys = ["a", "k" * 5_000, "b"]
    invocations = [builders.an_invocation(id=f"1123-{n:010x}", delivery_key=key) for n, key in enumerate(keys)]

    outcomes = await asyncio.gather(*map(record.begin, invocations), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [bool, errors.Unavailable, bool]


async def test_cancelled_writer_does_not_disturb_the_others(record: audit.AuditLog) -> None:
    first, second = (asyncio.create_task(record.begin(builders.an_invocation(id=f"1123-{n:010x}"))) for n in range(2))
    await asyncio.sleep(0)
    first.cancel()

    assert await second is True


async def test_timeout_of_a_job_is_its_own_and_the_database_is_not_away(db: database.Database) -> None:
    def job(_: sqlalchemy.Connection) -> None:
        raise TimeoutError("a job of its own")

    with pytest.raises(TimeoutError, match="a job of its own"):
        await db.work(job)
    assert await databases.execute(db, "SELECT 1") == [(1,)]


async def test_closed_database_is_unavailable(database_url: str) -> None:
    async with database.open_database(database_url) as db:
        pass

    with pytest.raises(errors.Unavailable, match="The database is closed"):
        await databases.execute(db, "SELECT 1")
