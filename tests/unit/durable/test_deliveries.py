"""Deliveries: attempted in writing, kept with their result, never repeated blindly."""

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator

import pytest
import sqlalchemy

from bot.durable import deliveries, membership
from bot.store import database, tables
from tests.unit.durable import kernel_fixture

pytestmark = pytest.mark.anyio
KEY = ("page", "incident-7", "level-1")


class Pager:
    """The other side: counts what reaches it, and answers as told."""

    def __init__(self, *results: deliveries.Result) -> None:
        self.sent: list[deliveries.Delivery] = []
        self._results = list(results)

    async def send(self, delivery: deliveries.Delivery) -> deliveries.Result:
        self.sent.append(delivery)
        return self._results.pop(0) if self._results else deliveries.Sent(reference="page 1")

    async def find(self, delivery: deliveries.Delivery) -> deliveries.Result:
        was_taken = any(one.occurrence == delivery.occurrence for one in self.sent)
        return deliveries.Sent(reference="found") if was_taken else deliveries.NotTaken(retry_after_seconds=0)


async def request(db: database.Database) -> bool:
    return await db.work(lambda one: deliveries.request(one, *KEY, {"to": "alice"}, now=kernel_fixture.NOW))


async def comes_to(db: database.Database, *states: deliveries.State) -> deliveries.Delivery:
    async with asyncio.timeout(20):
        while True:
            delivery = await db.work(lambda one: deliveries.find(one, *KEY))
            if delivery is not None and delivery.state in states:
                return delivery
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def delivering(db: database.Database, pager: Pager, *, can_find: bool = True) -> AsyncIterator[None]:
    member = membership.Membership(db, config=kernel_fixture.CONFIG)
    handler = deliveries.Handler(send=pager.send, find=pager.find if can_find else None)
    deliveries.DeliveryWorker(db, member, {"page": handler})
    async with kernel_fixture.watching(member):
        yield


async def interrupt(db: database.Database) -> None:
    """Leave a delivery as a process does that is killed after it has written the attempt."""
    await request(db)
    attempted = {"state": deliveries.State.ATTEMPTED.value, "attempts": 1, "attempted_at": kernel_fixture.NOW}
    await db.work(lambda one: one.execute(sqlalchemy.update(tables.deliveries).values(attempted)))


async def test_delivery_is_made_and_its_reference_kept(db: database.Database) -> None:
    pager = Pager()
    await request(db)

    async with delivering(db, pager):
        delivery = await comes_to(db, deliveries.State.SENT)

    assert (delivery.result, delivery.attempts) == ("page 1", 1)
    assert [one.payload for one in pager.sent] == [{"to": "alice"}]


async def test_delivery_is_requested_once(db: database.Database) -> None:
    pager = Pager()
    assert [await request(db) for _ in range(3)] == [True, False, False]

    async with delivering(db, pager):
        await comes_to(db, deliveries.State.SENT)
        assert not await request(db)
        await asyncio.sleep(0.2)

    assert len(pager.sent) == 1


async def test_refused_delivery_keeps_its_reason(db: database.Database) -> None:
    pager = Pager(deliveries.Refused(reason="no such person"))
    await request(db)

    async with delivering(db, pager):
        delivery = await comes_to(db, deliveries.State.REFUSED)

    assert delivery.result == "no such person"


async def test_what_was_surely_not_taken_is_tried_again(db: database.Database) -> None:
    pager = Pager(deliveries.NotTaken(retry_after_seconds=0.1), deliveries.NotTaken(retry_after_seconds=0.1))
    await request(db)

    async with delivering(db, pager):
        delivery = await comes_to(db, deliveries.State.SENT)

    assert delivery.attempts == 3


async def test_interrupted_delivery_is_not_repeated(db: database.Database) -> None:
    pager = Pager()
    await interrupt(db)

    async with delivering(db, pager, can_find=False):
        delivery = await comes_to(db, deliveries.State.UNKNOWN)

    assert pager.sent == []
    assert delivery.result == "posbot ended in the middle of it"


async def test_interrupted_delivery_is_looked_up(db: database.Database) -> None:
    pager = Pager()
    await interrupt(db)

    async with delivering(db, pager):
        delivery = await comes_to(db, deliveries.State.SENT)

    assert delivery.attempts == 2, "it was not found, so it was made"
    assert len(pager.sent) == 1


async def test_handler_that_breaks_is_looked_up_and_not_run_again(db: database.Database) -> None:
    class Breaking(Pager):
        async def send(self, delivery: deliveries.Delivery) -> deliveries.Result:
            self.sent.append(delivery)
            raise KeyError("a mistake after the page was sent")

    pager = Breaking()
    await request(db)

    async with delivering(db, pager):
        delivery = await comes_to(db, deliveries.State.SENT)

    assert (delivery.result, len(pager.sent)) == ("found", 1)


async def test_worker_that_was_expired_after_the_attempt_was_written_makes_nothing(
    db: database.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have been suspended for hours, and another worker has gone on."""
    pager, member = Pager(), membership.Membership(db, config=kernel_fixture.CONFIG)
    worker = deliveries.DeliveryWorker(db, member, {"page": deliveries.Handler(send=pager.send)})

    async def expire() -> None:
        member.id = None

    monkeypatch.setattr(member, "ensure_lease", expire)
    await request(db)
    async with member.registered():
        [claim] = await member.claim(deliveries.KIND, 1)
        await worker._deliver(claim)
        delivery = await db.work(lambda one: deliveries.find(one, *KEY))

    assert pager.sent == []
    assert delivery is not None and delivery.state is deliveries.State.ATTEMPTED


async def test_only_deliveries_that_ended_long_ago_are_deleted(db: database.Database) -> None:
    async with delivering(db, Pager()):
        await request(db)
        sent = await comes_to(db, deliveries.State.SENT)
        later = (*KEY[:2], "level-2")
    await db.work(lambda one: deliveries.request(one, *later, {"to": "bob"}, now=kernel_fixture.NOW))
    now, hour = datetime.datetime.now(datetime.UTC), datetime.timedelta(hours=1)

    assert sent.state is deliveries.State.SENT
    assert await db.work(lambda one: deliveries.prune(one, now - hour)) == 0
    assert await db.work(lambda one: deliveries.prune(one, now + hour)) == 1
    assert await db.work(lambda one: deliveries.find(one, *KEY)) is None
    assert await db.work(lambda one: deliveries.find(one, *later)) is not None
