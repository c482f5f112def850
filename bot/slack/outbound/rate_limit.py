"""
The edit rate limit: every message that is edited repeatedly asks the one `EditLimiter` of the process first.

    Live messages      `seconds = limiter.reserve(key)`; edit at 0, else come back in so many seconds
    Followed logs      `await limiter.acquire(key)`
    Progress           `limiter.try_acquire(key)`; what comes too early is dropped

*key* names what shares a pace: a run, an alert group, a followed log. Two edits of one key are at least
`edit_seconds` apart, and all edits together stay within the `EditBudget`. When Slack asks for a pause,
`slow_down(seconds)` returns how long to wait and widens the distance; `recover()` after every accepted edit narrows it
again. Final responses do not ask: they have to arrive.
"""

import asyncio
import time

MAX_EDIT_SECONDS = 15.0
"""From one edit of a message to the next, however often Slack asked for a pause."""
_EDITS_PER_MINUTE = 40.0
"""Slack allows an app 50 a minute in a workspace (Tier 3); the rest is for final responses."""
_BURST = 8.0
"""With the edits of a minute still fewer than Slack allows in any minute: a refusal costs many seconds."""
_FORGET_SECONDS = 60.0


class EditBudget:
    """A token bucket for the edits of all messages together."""

    def __init__(self, per_minute: float = _EDITS_PER_MINUTE, burst: float = _BURST) -> None:
        self._per_second = per_minute / 60
        self._burst = burst
        self._tokens = burst
        self._updated_at = time.monotonic()

    def reserve(self, now: float) -> float:
        """Take a token; return the seconds from *now* until it may be used."""
        self._refill(now)
        self._tokens -= 1
        return max(-self._tokens, 0.0) / self._per_second

    def try_take(self, now: float) -> bool:
        """Take a token if there is one."""
        self._refill(now)
        has_token = self._tokens >= 1
        self._tokens -= has_token
        return has_token

    def _refill(self, now: float) -> None:
        self._tokens = min(self._tokens + (now - self._updated_at) * self._per_second, self._burst)
        self._updated_at = now


class Backoff:
    """A pause that doubles each time Slack asks for one, and slowly recovers."""

    def __init__(self, seconds: float) -> None:
        self._min_seconds = seconds
        self.seconds = seconds

    def slow_down(self, requested_seconds: float | None) -> float:
        """Double the pause; return how long to wait now, at least what Slack requested."""
        self.seconds = min(self.seconds * 2, max(MAX_EDIT_SECONDS, self._min_seconds))
        return max(self.seconds, requested_seconds or 0.0)

    def recover(self) -> None:
        """Shorten the pause by a tenth."""
        self.seconds = max(self.seconds * 0.9, self._min_seconds)


class EditLimiter:
    """Keeps the edits of each key apart, and those of all keys within what Slack allows."""

    def __init__(self, edit_seconds: float = 1.0, budget: EditBudget | None = None) -> None:
        self.budget = budget or EditBudget()
        self._backoff = Backoff(edit_seconds)
        self._edited_at: dict[str, float] = {}
        self._reserved_for: dict[str, float] = {}

    @property
    def edit_seconds(self) -> float:
        """From one edit of a key to the next, at present."""
        return self._backoff.seconds

    def reserve(self, key: str) -> float:
        """Return 0 where *key* may be edited now, else the seconds after which to call again: its turn is kept."""
        now = time.monotonic()
        if key not in self._reserved_for:
            after_last = self._edited_at.get(key, now - self.edit_seconds) + self.edit_seconds
            self._reserved_for[key] = max(now + self.budget.reserve(now), after_last)
        if self._reserved_for[key] > now:
            return self._reserved_for[key] - now
        del self._reserved_for[key]
        self.record_edit(key)
        return 0.0

    async def acquire(self, key: str) -> None:
        """Wait until *key* may be edited."""
        while True:
            seconds = self.reserve(key)
            if seconds == 0:
                return
            await asyncio.sleep(seconds)

    def try_acquire(self, key: str) -> bool:
        """Return whether *key* may be edited now; does not keep its turn."""
        now = time.monotonic()
        is_early = now - self._edited_at.get(key, now - self.edit_seconds) < self.edit_seconds
        if is_early or not self.budget.try_take(now):
            return False
        self.record_edit(key)
        return True

    def record_edit(self, key: str) -> None:
        """Count a post or an edit of *key* that did not ask, so that the next one keeps its distance."""
        now = time.monotonic()
        self._edited_at = {key: at for key, at in self._edited_at.items() if now - at < _FORGET_SECONDS} | {key: now}

    def forget(self, key: str) -> None:
        """Drop the turn of *key*, which will not be edited again."""
        self._reserved_for.pop(key, None)

    def slow_down(self, requested_seconds: float | None) -> float:
        """Return how long to wait after Slack accepted no edit; *requested_seconds* where it says so."""
        return self._backoff.slow_down(requested_seconds)

    def recover(self) -> None:
        """Record that Slack accepted an edit."""
        self._backoff.recover()
