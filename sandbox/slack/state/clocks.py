"""
The time that lifetimes and rate limits are measured by.

Acknowledgements are timed by the event loop, signatures by the real clock; all else asks one of these.
"""

import time
import typing


class Clock(typing.Protocol):
    """Anything that knows the time."""

    def seconds(self) -> float:
        """Return the seconds since the epoch."""
        ...


class SystemClock:
    """The real time."""

    def seconds(self) -> float:
        """Return the seconds since the epoch."""
        return time.time()


class ManualClock:
    """A time that passes only when told to, so that a test of a lifetime does not wait for it."""

    def __init__(self, start_seconds: float | None = None) -> None:
        self._now_seconds = time.time() if start_seconds is None else start_seconds

    def seconds(self) -> float:
        """Return the seconds since the epoch."""
        return self._now_seconds

    def advance(self, seconds: float) -> None:
        """Let *seconds* pass."""
        self._now_seconds += seconds
