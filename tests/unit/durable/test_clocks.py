"""Clocks that differ or are set: told, and neither timers nor durations depend on them."""

import asyncio
import datetime

import pytest

from bot.durable import membership, timers
from bot.store import database
from tests.unit.durable import kernel_fixture

pytestmark = pytest.mark.anyio
HOUR = datetime.timedelta(hours=1)


def set_machine(monkeypatch: pytest.MonkeyPatch, ahead: datetime.timedelta) -> None:
    monkeypatch.setattr(membership, "_local_time", lambda: datetime.datetime.now(datetime.UTC) + ahead)


@pytest.mark.parametrize("ahead", [-2 * HOUR, 2 * HOUR])
async def test_machine_with_a_wrong_clock_uses_the_databases(
    db: database.Database, monkeypatch: pytest.MonkeyPatch, ahead: datetime.timedelta
) -> None:
    member = membership.Membership(db, config=kernel_fixture.CONFIG)
    set_machine(monkeypatch, ahead)
    async with kernel_fixture.watching(member):
        await kernel_fixture.until(lambda: bool(member.clock_offset))
        error = member.now() - datetime.datetime.now(datetime.UTC)
        set_machine(monkeypatch, datetime.timedelta(0))
        await kernel_fixture.until(lambda: not member.clock_offset)

    assert abs(error) < membership.MAX_CLOCK_OFFSET


async def test_machine_that_is_a_little_off_is_left_alone(
    db: database.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = membership.Membership(db, config=kernel_fixture.CONFIG)
    set_machine(monkeypatch, datetime.timedelta(seconds=3))
    async with kernel_fixture.watching(member):
        await asyncio.sleep(0.2)

        assert not member.clock_offset


@pytest.mark.parametrize("database_url", [pytest.param("postgresql", marks=pytest.mark.real)], indirect=True)
async def test_wrong_clock_of_one_machine_fires_no_timer(
    db: database.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fired: list[str] = []
    member = membership.Membership(db, config=kernel_fixture.CONFIG)
    member.timers.register("toy", lambda _, timer: fired.append(timer.subject))
    set_machine(monkeypatch, 2 * HOUR)

    async with kernel_fixture.watching(member):
        await kernel_fixture.until(lambda: bool(member.clock_offset))
        for subject, after in (("now", datetime.timedelta(0)), ("in an hour", HOUR)):
            now = member.now()
            await db.work(
                lambda one, subject=subject, now=now, due=now + after: timers.schedule(  # type: ignore[misc]
                    one, "toy", subject, due, scheduled_at=now
                )
            )
        await kernel_fixture.until(lambda: bool(fired))
        await asyncio.sleep(0.2)

    assert fired == ["now"]


def test_steady_clock_goes_on_when_the_clock_is_set() -> None:
    clock = kernel_fixture.Clock()
    steady = timers.steady(clock)
    clock.advance(hours=2)

    assert datetime.timedelta(0) <= steady() - kernel_fixture.NOW < datetime.timedelta(minutes=1)
