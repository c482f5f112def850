"""Batches: bounded, and each writer learns the result of its own item."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import sqlalchemy

from bot import errors
from bot.store import batches

pytestmark = pytest.mark.anyio


class Db:
    """A database that refuses an item called `bad`, as a column does whose type it does not have."""

    def __init__(self) -> None:
        self.written: list[list[object]] = []
        self.hangs = False

    async def work(self, job: Callable[[Any], object]) -> object:
        await asyncio.sleep(3_600 if self.hangs else 0)
        try:
            return job(None)
        except sqlalchemy.exc.DataError as error:
            raise errors.Unavailable("The database does not accept it.") from error

    def write(self, _: object, items: Sequence[object]) -> Sequence[object]:
        if "bad" in items:
            raise sqlalchemy.exc.DataError("INSERT", {}, ValueError("too long"))
        self.written.append(list(items))
        return items


@pytest.fixture
def db() -> Db:
    return Db()


@pytest.fixture
def batcher(db: Db) -> batches.Batcher[object, object]:
    own: Any = db
    return batches.Batcher(own, db.write)


async def test_transaction_writes_a_bounded_number(db: Db, batcher: batches.Batcher[object, object]) -> None:
    results = await asyncio.gather(*(batcher.write(number) for number in range(250)))

    assert results == list(range(250))
    assert [len(one) for one in db.written] == [batches.MAX_ITEMS, batches.MAX_ITEMS, 50]


async def test_refused_item_costs_no_other_its_record(db: Db, batcher: batches.Batcher[object, object]) -> None:
    outcomes = await asyncio.gather(*map(batcher.write, ("a", "bad", "b")), return_exceptions=True)

    assert [outcomes[0], outcomes[2]] == ["a", "b"]
    assert isinstance(outcomes[1], errors.Unavailable)
    assert db.written == [["a"], ["b"]]


async def test_item_of_a_writer_that_left_is_not_written(db: Db, batcher: batches.Batcher[object, object]) -> None:
    first, second = (asyncio.create_task(batcher.write(number)) for number in range(2))
    await asyncio.sleep(0)
    first.cancel()

    assert await second == 1
    assert db.written == [[1]]


async def test_writers_do_not_wait_for_a_batch_that_was_cancelled(
    db: Db, batcher: batches.Batcher[object, object]
) -> None:
    db.hangs = True
    writing = asyncio.create_task(batcher.write(1))
    for _ in range(3):
        await asyncio.sleep(0)
    assert batcher._writer is not None
    batcher._writer.cancel()

    done, _ = await asyncio.wait({writing}, timeout=5)
    writing.cancel()
    assert done == {writing}
    assert writing.cancelled()
