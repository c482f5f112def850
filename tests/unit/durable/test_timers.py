"""Timers: fired once, late but not lost, by the clock that counts."""

import asyncio
import datetime
from typing import Any

import pytest
import sqlalchemy

from bot.durable import retention, timers
from bot.store import database, tables
from tests.unit.durable import kernel_fixture

pytestmark = pytest.mark.anyio


class Recorder:
    """A handler that writes one row for each time it is run."""

    def __init__(self) -> None:
        self.runs: list[timers.Timer] = []
        self.fails = False

    def __call__(self, connection: sqlalchemy.Connection, timer: timers.Timer) -> None:
        values = {"name": f"{timer.subject} {timer.due_at:%H:%M:%S}", "owner_kind": "t", "owner": "t"}
        connection.execute(sqlalchemy.insert(tables.locks).values(**values, taken_at=timer.due_at))
        if self.fails:
            raise ValueError("it fails")
        self.runs.append(timer)


@pytest.fixture
def clock() -> kernel_fixture.Clock:
    return kernel_fixture.Clock()


@pytest.fixture
def handler() -> Recorder:
    return Recorder()


@pytest.fixture
def registry(db: database.Database, clock: kernel_fixture.Clock, handler: Recorder) -> timers.Timers:
    registry = timers.Timers(db, clock)
    registry.register("toy", handler)
    return registry


async def test_timer_is_fired_when_due_with_its_payload(
    db: database.Database, clock: kernel_fixture.Clock, registry: timers.Timers, handler: Recorder
) -> None:
    await kernel_fixture.schedule(db, "a", clock, minutes=5)
    await kernel_fixture.fire_due(registry, db)
    assert handler.runs == []

    clock.advance(minutes=5)
    await kernel_fixture.fire_due(registry, db)

    assert [(timer.subject, timer.payload) for timer in handler.runs] == [("a", {"number": 1})]


async def test_timer_fires_once(
    db: database.Database, clock: kernel_fixture.Clock, registry: timers.Timers, handler: Recorder
) -> None:
    other = timers.Timers(db, clock)
    other.register("toy", handler)
    await kernel_fixture.schedule(db, "a", clock)
    seen = await db.work(registry.find_due)

    await asyncio.gather(*(one.fire(seen) for one in (registry, other) * 5))

    assert len(handler.runs) == 1


async def test_rescheduled_timer_is_not_fired_for_its_old_time(
    db: database.Database, clock: kernel_fixture.Clock, registry: timers.Timers, handler: Recorder
) -> None:
    await kernel_fixture.schedule(db, "a", clock)
    seen = await db.work(registry.find_due)
    await kernel_fixture.schedule(db, "a", clock, hours=1)

    await registry.fire(seen)

    assert handler.runs == []
    clock.advance(hours=1)
    await kernel_fixture.fire_due(registry, db)
    assert len(handler.runs) == 1


async def test_cancelled_timer_is_not_fired(
    db: database.Database, clock: kernel_fixture.Clock, registry: timers.Timers, handler: Recorder
) -> None:
    await kernel_fixture.schedule(db, "a", clock)
    seen = await db.work(registry.find_due)

    assert await db.work(lambda one: timers.cancel(one, "toy", "a")) == clock()
    await registry.fire(seen)

    assert handler.runs == []
    assert await db.work(lambda one: timers.cancel(one, "toy", "a")) is None


async def test_timer_survives_a_downtime(
    db: database.Database, clock: kernel_fixture.Clock, registry: timers.Timers, handler: Recorder
) -> None:
    await kernel_fixture.schedule(db, "a", clock, minutes=5)
    clock.advance(days=3)

    await kernel_fixture.fire_due(registry, db)

    assert [timer.due_at for timer in handler.runs] == [kernel_fixture.NOW + datetime.timedelta(minutes=5)]


async def test_failed_handler_keeps_timer(
    db: database.Database, clock: kernel_fixture.Clock, registry: timers.Timers, handler: Recorder
) -> None:
    handler.fails = True
    await kernel_fixture.schedule(db, "a", clock)
    await kernel_fixture.schedule(db, "b", clock)
    await kernel_fixture.fire_due(registry, db)

    written = await db.work(lambda one: one.execute(sqlalchemy.select(tables.locks.c.name)).all())
    assert written == []
    handler.fails = False
    after_restart = timers.Timers(db, clock)
    after_restart.register("toy", handler)
    await kernel_fixture.fire_due(after_restart, db)
    assert sorted(timer.subject for timer in handler.runs) == ["a", "b"]


async def test_failed_handler_is_not_run_again_at_once(
    db: database.Database, clock: kernel_fixture.Clock, registry: timers.Timers, handler: Recorder
) -> None:
    handler.fails = True
    await kernel_fixture.schedule(db, "a", clock)
    await kernel_fixture.fire_due(registry, db)
    handler.fails = False
    await kernel_fixture.fire_due(registry, db)

    assert handler.runs == []


async def test_oldest_of_many_due_timers_are_fired_first(
    db: database.Database,
    clock: kernel_fixture.Clock,
    registry: timers.Timers,
    handler: Recorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timers, "MAX_TIMERS_AT_ONCE", 2)
    for minutes, subject in ((3, "c"), (1, "a"), (2, "b")):
        await kernel_fixture.schedule(db, subject, clock, minutes=minutes)
    clock.advance(minutes=5)
    await kernel_fixture.fire_due(registry, db)

    assert [timer.subject for timer in handler.runs] == ["a", "b"]


async def test_unknown_kinds_are_left_to_other_versions(
    db: database.Database, clock: kernel_fixture.Clock, handler: Recorder
) -> None:
    await kernel_fixture.schedule(db, "a", clock)
    knows_nothing = timers.Timers(db, clock)
    knows_nothing.register("other", handler)

    await kernel_fixture.fire_due(knows_nothing, db)

    assert await db.work(lambda one: timers.cancel(one, "toy", "a")) is not None


async def test_clock_set_back_delays_by_its_length(
    db: database.Database, clock: kernel_fixture.Clock, registry: timers.Timers, handler: Recorder
) -> None:
    await kernel_fixture.schedule(db, "a", clock, minutes=5)
    clock.advance(days=-1)
    await kernel_fixture.fire_due(registry, db)

    clock.advance(minutes=5)
    await kernel_fixture.fire_due(registry, db)

    assert len(handler.runs) == 1


async def test_recurring_timer_is_scheduled_once(db: database.Database, clock: kernel_fixture.Clock) -> None:
    later = clock() + datetime.timedelta(hours=6)
    for due_at in (clock(), later):
        await db.work(lambda one, at=due_at: timers.ensure_scheduled(one, "toy", "a", at, scheduled_at=clock()))  # type: ignore[misc]

    assert await db.work(lambda one: timers.cancel(one, "toy", "a")) == clock()


async def test_time_is_the_databases_own_where_it_has_one(db: database.Database) -> None:
    current = await db.work(timers.now)

    assert abs(current - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(minutes=1)
    assert current.tzinfo is not None


async def test_retention_deletes_what_is_older_than_its_days_and_recurs(db: database.Database) -> None:
    limits: list[datetime.datetime] = []

    def prune(_: sqlalchemy.Connection, before: datetime.datetime) -> int:
        limits.append(before)
        return 0

    registry = timers.Timers(db)
    retention.register(registry, {"toys": prune}, days=30, size=_ROOMY)
    await db.work(retention.ensure_scheduled)
    await kernel_fixture.fire_due(registry, db)
    await kernel_fixture.fire_due(registry, db)

    now = datetime.datetime.now(datetime.UTC)
    (before,) = limits
    assert abs(now - datetime.timedelta(days=30) - before) < datetime.timedelta(minutes=1)
    next_at = await db.work(lambda one: timers.cancel(one, "prune", "database"))
    assert next_at is not None
    assert abs(now + datetime.timedelta(hours=6) - next_at) < datetime.timedelta(minutes=1)


async def _fire_early(registry: timers.Timers, db: database.Database, kind: str) -> None:
    chosen = sqlalchemy.select(tables.timers).where(tables.timers.c.kind == kind)
    row = await db.work(lambda one: one.execute(chosen).one())
    payload: Any = database.unpack(row.payload)
    await registry.fire((timers.Timer(kind=kind, subject=row.subject, due_at=row.due_at, payload=payload),))


_ROOMY = retention.SizeLimit(max_bytes=1_000, measure=lambda _: 1, drop_oldest=lambda _: 0)


async def test_database_that_is_too_large_is_shrunk_to_nine_tenths_and_then_left(db: database.Database) -> None:
    sizes, dropped = iter([900, 1_001, 950, 901, 900, 950]), []
    held = [0]

    def measure(_: sqlalchemy.Connection) -> int:
        held[0] = next(sizes)
        return held[0]

    def drop(_: sqlalchemy.Connection) -> int:
        dropped.append(held[0])
        return 5

    registry = timers.Timers(db)
    limit = retention.SizeLimit(max_bytes=1_000, measure=measure, drop_oldest=drop)
    retention.register(registry, {}, days=30, size=limit)
    await db.work(retention.ensure_scheduled)
    for _ in range(6):
        await _fire_early(registry, db, "prune_size")

    assert dropped == [1_001, 950, 901]
