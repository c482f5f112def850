"""Answers of Slack about people, channels and user groups, remembered for some minutes."""

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from bot import errors
from bot.slack.client import retries as client_retries

Result = TypeVar("Result")

LOOKUP_TIMEOUT_SECONDS = 2.0
CACHE_SECONDS = 300.0
"""Slack allows some twenty such calls a minute."""
FAILURE_CACHE_SECONDS = 60.0
"""Of a lookup that Slack refused."""
_OUTAGE_CACHE_SECONDS = 5.0
"""Of a lookup that Slack did not answer."""
_MAX_STALE_SECONDS = 3_600.0
"""How long an answer is used instead of one that Slack does not give: an outage must not turn regulars away."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Lookup:
    """An answer of Slack, or the error that it gave instead of one."""

    value: Any
    expires_at: float
    answered_at: float


class Lookups:
    """Looks things up once for all who ask at the same time, and remembers the answers."""

    def __init__(self, cache_seconds: float = CACHE_SECONDS) -> None:
        self._cache_seconds = cache_seconds
        self._found: dict[str, _Lookup] = {}
        self._pending: dict[str, asyncio.Task[None]] = {}

    async def find(
        self, key: str, method: str, call: Callable[[], Awaitable[Result]], *, may_be_stale: bool = False
    ) -> Result:
        """
        Return what is known of *key*, or what *call* of *method* says; a failure is remembered, too.

        Where it *may_be_stale*, an older answer is used instead of one that Slack does not give.

        Raises:
            errors.Refused, errors.Unavailable
        """
        known = self._found.get(key)
        if known is None or time.monotonic() >= known.expires_at:
            if key not in self._pending:
                before = known if may_be_stale else None
                self._pending[key] = asyncio.create_task(self._refresh(key, method, call, before), name=method)
            # The first to ask may be cancelled; the others still wait for the answer.
            await asyncio.shield(self._pending[key])
            known = self._found[key]
        if isinstance(known.value, errors.BotError):
            raise known.value
        found: Result = known.value
        return found

    async def _refresh(self, key: str, method: str, call: Callable[[], Awaitable[Any]], before: _Lookup | None) -> None:
        try:
            self._found[key] = await self._look_up(method, call, before)
        finally:
            del self._pending[key]

    async def _look_up(self, method: str, call: Callable[[], Awaitable[Any]], before: _Lookup | None) -> _Lookup:
        error: errors.BotError
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT_SECONDS):
                value = await client_retries.call(method, call)
            now = time.monotonic()
            return _Lookup(value=value, expires_at=now + self._cache_seconds, answered_at=now)
        except TimeoutError:
            error = errors.Unavailable(f"Slack did not answer {method} in time.")
        except errors.BotError as failure:
            error = failure
        now = time.monotonic()
        is_outage = isinstance(error, errors.Unavailable)
        expires_at = now + (_OUTAGE_CACHE_SECONDS if is_outage else FAILURE_CACHE_SECONDS)
        is_known = before is not None and not isinstance(before.value, errors.BotError)
        if before is not None and is_known and is_outage and now - before.answered_at < _MAX_STALE_SECONDS:
            return dataclasses.replace(before, expires_at=expires_at)
        return _Lookup(value=error, expires_at=expires_at, answered_at=now)
