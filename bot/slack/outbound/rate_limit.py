"""How often messages may be edited: as often as wanted, within what Slack allows, until it asks for less."""

import asyncio
import time

_SLOWEST_SECONDS = 15.0
_A_MINUTE = 40.0
"""Slack allows an app 50 edits a minute in a workspace (Tier 3); some are left for answers."""
_BURST = 8.0
"""Together with those of a minute still fewer than Slack allows in any minute: a refusal costs many seconds."""


class EditBudget:
    """What all messages that are edited again and again may have together."""

    def __init__(self, a_minute: float = _A_MINUTE, burst: float = _BURST) -> None:
        self._a_second = a_minute / 60
        self._burst = burst
        self._left = burst
        self._counted_at = time.monotonic()
        self._turn = asyncio.Lock()

    async def take(self) -> None:
        """Wait for an edit's turn; who came first is first."""
        async with self._turn:
            await asyncio.sleep(self.reserve(time.monotonic()))

    def reserve(self, now: float) -> float:
        """Count one more edit; give the seconds from *now* on after which it is due."""
        self._left = min(self._left + (now - self._counted_at) * self._a_second, self._burst) - 1
        self._counted_at = now
        return max(-self._left, 0.0) / self._a_second


class Backoff:
    """The pause between two edits: longer each time Slack takes none, and slowly shorter again while it does."""

    def __init__(self, seconds: float) -> None:
        self._least = seconds
        self.seconds = seconds

    def slow_down(self, asked_seconds: float | None) -> float:
        """Give how long to wait now, at least as long as Slack has asked for."""
        self.seconds = min(self.seconds * 2, max(_SLOWEST_SECONDS, self._least))
        return max(self.seconds, asked_seconds or 0.0)

    def recover(self) -> None:
        """Come a little closer to what is wanted."""
        self.seconds = max(self.seconds * 0.9, self._least)
