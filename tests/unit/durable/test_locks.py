"""Locks: one owner, of any kind."""

import asyncio

import pytest

from bot.durable import locks
from bot.store import database
from tests.unit.durable import kernel_fixture

pytestmark = pytest.mark.anyio
RUN, BUILD = locks.Owner(kind="run", id="1"), locks.Owner(kind="build", id="1")


async def take(db: database.Database, owner: locks.Owner) -> locks.Holding | None:
    return await db.work(lambda one: locks.take(one, "deployment", owner, kernel_fixture.NOW))


async def test_lock_has_one_owner(db: database.Database) -> None:
    owners = [locks.Owner(kind="run", id=str(number)) for number in range(10)]

    held = await asyncio.gather(*(take(db, owner) for owner in owners))

    (winner,) = [owner for owner, other in zip(owners, held, strict=True) if other is None]
    assert {other.owner for other in held if other is not None} == {winner}


async def test_owner_of_another_kind_is_another_owner(db: database.Database) -> None:
    assert await take(db, RUN) is None

    assert await take(db, BUILD) == locks.Holding(owner=RUN, since=kernel_fixture.NOW)
    assert await take(db, RUN) is None


async def test_lock_is_released_by_its_owner_only(db: database.Database) -> None:
    await take(db, RUN)

    await db.work(lambda one: locks.release(one, "deployment", BUILD))
    assert await db.work(locks.names) == ("deployment",)
    await db.work(lambda one: locks.release(one, "deployment", RUN))
    assert await db.work(locks.names) == ()


async def test_broken_lock_tells_its_owner(db: database.Database) -> None:
    await take(db, BUILD)

    assert await db.work(lambda one: locks.break_lock(one, "deployment")) == BUILD
    assert await db.work(lambda one: locks.break_lock(one, "deployment")) is None
