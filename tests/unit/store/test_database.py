"""What is retried while the database is away."""

import asyncio

import pytest

from bot import errors
from bot.store import database

pytestmark = pytest.mark.anyio


async def test_only_an_unavailable_database_is_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_POLL_SECONDS", 0.01)
    outcomes = iter((errors.Unavailable("away"), errors.Unavailable("away"), errors.Unreadable("damaged")))

    async def ask() -> None:
        raise next(outcomes)

    with pytest.raises(errors.Unreadable):
        async with asyncio.timeout(5):
            await database.retry_until_available(ask)
