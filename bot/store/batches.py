"""Batches: what is written at the same time shares one transaction, and each writer learns the result of its own."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import sqlalchemy

from bot.store import database

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

MAX_ITEMS = 100
"""In one transaction: some milliseconds of work, so that others get their turn, also where the loop is busy."""


class Batcher(Generic[_Item, _Result]):
    """
    Writes items in the order in which they come, those that wait at the same time in one transaction.

    A transaction each would take a burst of a thousand through a queue in which each also waits for the event loop.
    """

    def __init__(
        self, db: database.Database, write: Callable[[sqlalchemy.Connection, Sequence[_Item]], Sequence[_Result]]
    ) -> None:
        self._db = db
        self._write = write
        """Writes items in the caller's transaction; returns one result for each."""
        self._waiting: list[tuple[_Item, asyncio.Future[_Result]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def write(self, item: _Item) -> _Result:
        """
        Return the result of *item* once it is committed.

        Raises:
            errors.Unavailable
        """
        future: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_waiting(), name="batches")
        return await future

    async def _write_waiting(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MAX_ITEMS], self._waiting[MAX_ITEMS:]
                await self._write_batch([(item, future) for item, future in batch if not future.done()])
        finally:
            self._writer = None

    async def _write_batch(self, batch: Sequence[tuple[_Item, "asyncio.Future[_Result]"]]) -> None:
        items = [item for item, _ in batch]
        work = asyncio.ensure_future(self._db.work(lambda connection: self._write(connection, items)))
        try:
            await asyncio.wait({work})
        finally:
            if not work.done():
                work.cancel()
                for _, future in batch:
                    future.cancel()
        error = work.exception()
        if error is None:
            for (_, future), result in zip(batch, work.result(), strict=True):
                if not future.done():
                    future.set_result(result)
        elif len(batch) > 1 and isinstance(error.__cause__, sqlalchemy.exc.DataError):
            # One value that a column refuses must not cost the others their record.
            for one in batch:
                await self._write_batch([one])
        else:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
