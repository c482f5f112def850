"""Asking a database that is away until it is back, for whoever stays with a run: leaving would cut its step off."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from bot import errors

log = structlog.get_logger()
Result = TypeVar("Result")
_POLL_SECONDS = 0.5


async def outlast(ask: Callable[[], Awaitable[Result]]) -> Result:
    """Give what *ask*, which may be asked again, gives once the database answers."""
    is_told = False
    while True:
        try:
            return await ask()
        except errors.Unavailable as error:
            if not is_told:
                log.warning("waiting for the database", reason=str(error))
            is_told = True
            await asyncio.sleep(_POLL_SECONDS)
