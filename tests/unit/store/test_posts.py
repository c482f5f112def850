"""Which runs Slack is behind, and who sees to them."""

import datetime

import pytest
import sqlalchemy

from bot.durable import live_messages as message_store
from bot.durable import workers
from bot.model import invocations
from bot.procedures import runs
from bot.procedures.engine import store as run_store
from bot.store import database, tables
from tests.unit.procedures import test_reports

pytestmark = pytest.mark.anyio
CHANNEL = invocations.Conversation(kind=invocations.ConversationKind.CHANNEL, id="C0OPS")


async def a_run(db: database.Database, number: int = 0, **changes: object) -> runs.Run:
    states = (runs.StepState.PENDING, runs.StepState.PENDING)
    run = test_reports.a_run(*states, id=f"r1125-{number:08x}", **{"place": CHANNEL} | changes)
    return await run_store.Runs(db).begin(run, f"1125-{number:010x}", None)


async def test_a_run_of_slack_is_behind_from_its_beginning_and_one_of_a_terminal_never(db: database.Database) -> None:
    run = await a_run(db)
    await a_run(db, 1, place=invocations.Conversation(kind=invocations.ConversationKind.TERMINAL, id="terminal"))

    assert await message_store.Posts(db).claim("w1", 10) == (run.id,)


async def test_one_worker_at_a_time_sees_to_a_run_and_after_its_death_another(db: database.Database) -> None:
    run, store = await a_run(db), message_store.Posts(db)
    for worker in ("w1", "w2"):
        await workers.Workers(db).sign_in(worker)

    assert await store.claim("w1", 10) == (run.id,)
    assert await store.claim("w2", 10) == ()
    assert await store.claim("w1", 10) == (run.id,)
    assert await store.claim("w1", 10, without=(run.id,)) == ()
    await workers.Workers(db).sign_off("w1")
    assert await store.claim("w2", 10) == (run.id,)
    assert await store.read("w1", run.id) is None
    assert not await store.write("w1", run.id, message_store.Post(purpose="live", channel="C1", timestamp="1.0"))


async def test_what_slack_shows_is_remembered_and_a_run_at_rest_is_nobodys(db: database.Database) -> None:
    run, store = await a_run(db), message_store.Posts(db)
    now = datetime.datetime.now(datetime.UTC)
    await store.claim("w1", 10)

    post = message_store.Post(purpose="live", channel="C1", timestamp="1.0", shown="x", tried_in="C1", tried_at=now)
    assert await store.write("w1", run.id, post)
    standing = await store.read("w1", run.id)
    assert standing is not None and standing.live == post
    await store.catch_up("w1", run.id, run.version, is_at_rest=True)

    assert await store.claim("w2", 10) == ()


async def test_looking_for_what_is_behind_reads_no_run_that_is_not(db: database.Database) -> None:
    """Otherwise a thousand runs at rest would be read every second."""
    for number in range(200):
        await a_run(db, number)
    async with db.transaction() as connection:
        await connection.execute(sqlalchemy.update(tables.runs).values(posted_version=tables.runs.c.version))
    look = "SELECT id FROM runs WHERE posted_version < version AND posted_by IS NULL LIMIT 30"

    async with db.transaction() as connection:
        if connection.dialect.name == "postgresql":
            await connection.exec_driver_sql("ANALYZE runs")
            plan = await connection.exec_driver_sql(f"EXPLAIN {look}")
        else:
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {look}")
        assert "runs_behind" in str(plan.all())
