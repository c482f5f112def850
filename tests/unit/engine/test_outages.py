"""Runs survive an unavailable database: stopped, frozen, or with a full disk."""

import asyncio
import collections
import contextlib
import functools
import pathlib
import resource
import tempfile
from collections.abc import Iterator

import pytest
import sqlalchemy

from bot import errors
from bot.durable import membership
from bot.procedures import runs, schema
from bot.store import database, tables
from tests import databases
from tests.unit.engine import engine_fixture, servers, worker_fixture

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120, func_only=True)]
_OUTAGE_SECONDS = 5.0
_RUNS, _STEPS = 10, 6
_CONFIG = membership.HeartbeatConfig(lease_seconds=3.0, heartbeat_seconds=0.2)


@pytest.fixture
def server() -> Iterator[servers.Server]:
    with (
        tempfile.TemporaryDirectory(prefix="posbot-server-", ignore_cleanup_errors=True) as name,
        servers.running(pathlib.Path(name)) as server,
    ):
        yield server


def long_procedure(notes: engine_fixture.Notes, number: int) -> schema.Procedure:
    steps = (notes.step(f"r{number}s{step}", "change", seconds=0.4) for step in range(_STEPS))
    return engine_fixture.a_procedure(*steps)


@pytest.mark.real
@pytest.mark.parametrize("how", ["power cut", "restart", "frozen"])
async def test_runs_resume_after_an_outage_of_postgresql(
    server: servers.Server, tmp_path: pathlib.Path, notes: engine_fixture.Notes, how: str
) -> None:
    ways = {
        "power cut": (server.stop, server.start),
        "restart": (functools.partial(server.stop, "fast"), server.start),
        "frozen": (server.freeze, server.thaw),
    }
    away, back = ways[how]
    async with (
        worker_fixture.running(server.url, tmp_path, config=_CONFIG) as first,
        worker_fixture.running(server.url, tmp_path, config=_CONFIG) as second,
    ):
        begun = [
            await (first, second)[number % 2].engine.start(long_procedure(notes, number)) for number in range(_RUNS)
        ]
        await worker_fixture.wait_until(lambda: len(notes.read()) > 10)
        await asyncio.to_thread(away)
        await asyncio.sleep(_OUTAGE_SECONDS)
        written = len(notes.read())
        await asyncio.to_thread(back)
        await database.retry_until_available(lambda: first.engine.core.runs.find(begun[0].id))
        ended = [await first.engine.wait_until_resting(run) for run in begun]

    assert written <= _RUNS * _STEPS - _RUNS, "most was done before the outage"
    assert [run.state for run in ended] == [runs.RunState.COMPLETED] * _RUNS
    assert collections.Counter(notes.read()) == {f"r{n}s{s}": 1 for n in range(_RUNS) for s in range(_STEPS)}


@pytest.mark.real
async def test_attached_terminal_stays_attached_during_an_outage(
    server: servers.Server, tmp_path: pathlib.Path, notes: engine_fixture.Notes
) -> None:
    versions = []

    async def show(run: runs.Run) -> None:
        versions.append(run.version)

    async with worker_fixture.running(server.url, tmp_path, config=_CONFIG) as replica:
        begun = await replica.engine.start(long_procedure(notes, 0))
        staying = asyncio.create_task(replica.engine.core.runs.execute_or_follow(begun, show))
        await worker_fixture.wait_until(lambda: len(notes.read()) > 1)
        await asyncio.to_thread(server.stop)
        await asyncio.sleep(2.0)
        await asyncio.to_thread(server.start)
        run = await staying

    assert run.state is runs.RunState.COMPLETED
    assert notes.read() == [f"r0s{step}" for step in range(_STEPS)]
    assert versions[-1] == run.version


async def test_full_disk_is_reported_and_leaves_no_partial_write(
    tmp_path: pathlib.Path, notes: engine_fixture.Notes
) -> None:
    path = tmp_path / "posbot.db"
    async with worker_fixture.running(f"sqlite:///{path}", tmp_path) as replica:
        going = await replica.engine.start(
            engine_fixture.a_procedure(notes.step("a", "change", seconds=0.3), notes.step("b", "change"))
        )
        await worker_fixture.wait_until(lambda: notes.read() == ["a"])
        with full_disk(path):
            with pytest.raises(
                errors.Unavailable, match=r"The database transaction failed \((disk|database)"
            ) as caught:
                await replica.engine.start(engine_fixture.a_procedure(notes.step("c")), lock="one")
            assert caught.value.hint == "Check DATABASE_URL, the database server, and its disk."
            await asyncio.sleep(1.0)
            assert notes.read() == ["a"]
        run = await replica.engine.wait_until_resting(going)
        assert run.state is runs.RunState.COMPLETED
        assert notes.read() == ["a", "b"]
        assert await databases.execute(replica.db, sqlalchemy.select(tables.locks)) == []
        assert await databases.execute(replica.db, sqlalchemy.select(tables.runs.c.id)) == [(run.id,)]
        assert (await replica.engine.execute(notes.step("c"), lock="one")).state is runs.RunState.COMPLETED


@contextlib.contextmanager
def full_disk(path: pathlib.Path) -> Iterator[None]:
    """Limit every file to the present size of the write-ahead log, as a quota does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name(f"{path.name}-wal").stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.real
async def test_restart_of_an_idle_server_causes_no_error(
    server: servers.Server,
) -> None:
    async with database.open_database(server.url) as db:
        await databases.execute(db, "SELECT 1")
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)
        await asyncio.sleep(1.1)
        assert await databases.execute(db, "SELECT 2") == [(2,)]


@pytest.mark.real
async def test_connections_to_a_frozen_server_are_given_up(server: servers.Server) -> None:
    async with database.open_database(server.url) as db:
        await asyncio.gather(*(databases.execute(db, "SELECT pg_sleep(0.1)") for _ in range(8)))
        await asyncio.sleep(1.1)
        await asyncio.to_thread(server.freeze)
        try:
            outcomes = await asyncio.gather(
                *(databases.execute(db, "SELECT 1") for _ in range(8)), return_exceptions=True
            )
            async with asyncio.timeout(10):
                await db.close()
        finally:
            await asyncio.to_thread(server.thaw)

    assert [type(outcome) for outcome in outcomes] == [errors.Unavailable] * 8


@pytest.mark.real
async def test_cancelled_statement_of_postgresql_is_aborted(server: servers.Server) -> None:
    async with database.open_database(server.url) as db:
        hanging = [asyncio.create_task(databases.execute(db, "SELECT pg_sleep(1000)")) for _ in range(8)]
        await asyncio.wait(hanging, timeout=0.5)
        for task in hanging:
            task.cancel()
        await asyncio.wait(hanging)

        assert await databases.execute(db, "SELECT 2") == [(2,)]
