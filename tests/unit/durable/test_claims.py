"""Claims: work has one worker, and what is requested meanwhile is not lost."""

import asyncio

import pytest
import sqlalchemy

from bot.durable import claims
from bot.store import database
from tests.unit.durable import kernel_fixture

pytestmark = pytest.mark.anyio


async def test_work_is_claimed_once(db: database.Database) -> None:
    await kernel_fixture.register(db, "w1", "w2")
    await kernel_fixture.offer(db, "toy", *(f"s{number:02}" for number in range(20)))

    taken = await asyncio.gather(*(kernel_fixture.claim(db, f"w{1 + number % 2}", 3) for number in range(10)))

    subjects = [subject for batch in taken for subject in batch]
    assert len(subjects) == len(set(subjects))
    left = [await kernel_fixture.claim(db, "w1"), await kernel_fixture.claim(db, "w2")]
    assert sorted([*subjects, *left[0], *left[1]]) == [f"s{number:02}" for number in range(20)]


async def test_claimed_work_is_not_taken_by_another(db: database.Database) -> None:
    await kernel_fixture.register(db, "w1", "w2")
    await kernel_fixture.offer(db, "toy", "a")

    assert await kernel_fixture.claim(db, "w1") == ["a"]
    assert await kernel_fixture.claim(db, "w2") == []


async def test_expired_worker_claims_nothing(db: database.Database) -> None:
    await kernel_fixture.offer(db, "toy", "a")

    assert await kernel_fixture.claim(db, "never-registered") == []


async def test_signal_keeps_claim(db: database.Database) -> None:
    await kernel_fixture.register(db, "w1")
    await kernel_fixture.offer(db, "toy", "a")
    (claim,) = await db.work(lambda one: claims.claim(one, "w1", "toy", 1))

    await kernel_fixture.offer(db, "toy", "a")

    assert not await db.work(lambda one: claims.complete(one, "w1", claim))
    (signalled,) = await db.work(lambda one: claims.owned(one, "w1"))
    assert signalled.signal == claim.signal + 1
    assert await db.work(lambda one: claims.complete(one, "w1", signalled))
    assert await db.work(lambda one: claims.owned(one, "w1")) == ()


async def test_work_of_another_is_neither_completed_nor_released(db: database.Database) -> None:
    await kernel_fixture.register(db, "w1", "w2")
    await kernel_fixture.offer(db, "toy", "a", worker="w1")
    claim = claims.Claim(kind="toy", subject="a")

    assert not await db.work(lambda one: claims.complete(one, "w2", claim))
    await db.work(lambda one: claims.release(one, "w2", "toy", ["a"]))

    assert await db.work(lambda one: claims.owned(one, "w1")) == (claim,)


async def test_write_needs_claim(db: database.Database) -> None:
    await kernel_fixture.register(db, "w1")
    await kernel_fixture.offer(db, "toy", "a", worker="w1")

    assert await db.work(lambda one: one.execute(sqlalchemy.select(owns("w1", "toy"))).scalar_one())
    for worker, kind in (("w2", "toy"), ("w1", "build")):
        assert not await db.work(lambda one, w=worker, k=kind: one.execute(sqlalchemy.select(owns(w, k))).scalar_one())


def owns(worker: str, kind: str) -> sqlalchemy.ColumnElement[bool]:
    return claims.is_owner(sqlalchemy.bindparam("worker", worker), kind, sqlalchemy.literal("a"))


async def test_oldest_work_is_claimed_first(db: database.Database) -> None:
    await kernel_fixture.register(db, "w1")
    for hours, subject in ((2, "late"), (0, "early"), (1, "between")):
        clock = kernel_fixture.Clock()
        clock.advance(hours=hours)
        at = clock()
        await db.work(lambda one, s=subject, at=at: claims.offer(one, "toy", s, at))  # type: ignore[misc]

    assert [(await kernel_fixture.claim(db, "w1", 1))[0] for _ in range(3)] == ["early", "between", "late"]
