"""Deliveries that are held: made only if their worker releases them, or is lost."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import sqlalchemy

from bot import errors
from bot.durable import claims, deliveries, membership
from bot.store import database
from tests import databases
from tests.unit.durable import kernel_fixture

pytestmark = pytest.mark.anyio


class Replica:
    """A member that makes deliveries, and what it has made."""

    def __init__(self, db: database.Database) -> None:
        self.db = db
        self.made: list[str] = []
        self.member = membership.Membership(db, config=kernel_fixture.CONFIG)
        self.worker = deliveries.DeliveryWorker(db, self.member, {"response": deliveries.Handler(send=self._send)})

    async def _send(self, delivery: deliveries.Delivery) -> deliveries.Result:
        assert delivery.payload == {"to": delivery.subject}
        self.made.append(delivery.subject)
        return deliveries.Sent()

    async def hold(self, *subjects: str) -> None:
        payloads = {subject: {"to": subject} for subject in subjects}
        await self.db.work(lambda one: self.worker.hold(one, "response", payloads, kernel_fixture.NOW))


@contextlib.asynccontextmanager
async def running(db: database.Database) -> AsyncIterator[Replica]:
    replica = Replica(db)
    async with kernel_fixture.watching(replica.member):
        yield replica


async def count(db: database.Database) -> tuple[int, int]:
    counted = "SELECT (SELECT count(*) FROM deliveries), (SELECT count(*) FROM claims)"
    return tuple((await databases.execute(db, counted))[0])


async def test_held_delivery_is_not_made_and_dropped_without_a_trace(db: database.Database) -> None:
    async with running(db) as replica, running(db) as other:
        await replica.hold("a", "b")
        await asyncio.sleep(0.3)
        await asyncio.gather(replica.worker.drop("response", "a"), replica.worker.drop("response", "b"))

        assert await count(db) == (0, 0)
        assert not replica.worker.is_held("response", "a")
        await asyncio.sleep(0.1)
        assert (replica.made, other.made) == ([], [])


async def test_released_delivery_is_made_by_its_worker(db: database.Database) -> None:
    async with running(db) as replica, running(db) as other:
        await replica.hold("a", "b")
        replica.worker.release("response", "a")
        await kernel_fixture.until(lambda: replica.made == ["a"])
        await asyncio.sleep(0.1)

        assert (replica.made, other.made) == (["a"], [])


async def test_deliveries_of_a_lost_worker_are_made_by_another(db: database.Database) -> None:
    lost = Replica(db)
    lost.member.id = await lost.member._register()
    await lost.hold(*(f"i{number}" for number in range(30)))

    async with running(db) as replica:
        await kernel_fixture.until(lambda: len(replica.made) == 30)

    assert sorted(replica.made) == sorted(f"i{number}" for number in range(30))


async def test_deliveries_of_a_worker_that_ended_are_made_by_another(db: database.Database) -> None:
    async with running(db) as replica:
        await replica.hold("a")
    async with running(db) as other:
        await kernel_fixture.until(lambda: other.made == ["a"])


async def test_late_drop_does_not_take_a_delivery_from_another_worker(db: database.Database) -> None:
    async with running(db) as replica:
        await replica.hold("a")
        await kernel_fixture.register(db, "other")

        def take(one: sqlalchemy.Connection) -> None:
            claims.release(one, replica.member.id or "", deliveries.KIND, ("response/a/1",))
            claims.claim(one, "other", deliveries.KIND, 1)

        await db.work(take)
        await replica.worker.drop("response", "a")

        owner = await databases.execute(db, "SELECT worker FROM claims")
    assert owner == [("other",)]


async def test_held_delivery_whose_claim_was_released_by_others_is_not_made(db: database.Database) -> None:
    async with running(db) as replica:
        await replica.hold("a")
        await db.work(lambda one: claims.release(one, replica.member.id or "", deliveries.KIND, ("response/a/1",)))
        await asyncio.sleep(0.3)

        assert replica.made == []


async def test_drop_that_the_database_did_not_take_is_repeated(
    db: database.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: str) -> None:
        raise errors.Unavailable("The database is away.")

    async with running(db) as replica:
        await replica.hold("a")
        with monkeypatch.context() as away:
            away.setattr(replica.worker, "_write_drop", refuse)
            await replica.worker.drop("response", "a")
        assert await count(db) == (1, 1)

        await kernel_fixture.until(lambda: not replica.worker.is_held("response", "a"))
        assert await count(db) == (0, 0)
    assert replica.made == []


async def test_worker_that_was_expired_holds_nothing(db: database.Database) -> None:
    async with running(db) as replica:
        await replica.hold("a")
        await replica.worker.drop_all()

        assert not replica.worker.is_held("response", "a")


async def test_nothing_is_held_by_a_worker_that_is_not_registered(db: database.Database) -> None:
    await Replica(db).hold("a")

    assert await count(db) == (0, 0)
