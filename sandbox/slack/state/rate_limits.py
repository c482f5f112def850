"""Slack's rate limits, measured by the workspace's clock."""

import collections
import math

from sandbox.slack.state import clocks, settings
from sandbox.slack.state import errors as slack_errors

PER_MINUTE_BY_TIER = {1: 1, 2: 20, 3: 50, 4: 100}
_WINDOW_SECONDS = 60.0


class RateLimits:
    """Counts calls and refuses those that come too quickly."""

    def __init__(self, clock: clocks.Clock, setup: settings.Settings) -> None:
        self._clock = clock
        self._setup = setup
        self._allowances: dict[str, tuple[float, float]] = {}
        self._recent: dict[str, collections.deque[float]] = collections.defaultdict(collections.deque)

    def count_post(self, channel_id: str) -> None:
        """
        Count a post in a channel: about one a second, after a burst.

        Raises Refusal with the seconds to wait.
        """
        burst = self._setup.posting_burst
        if burst is None:
            return
        now = self._clock.seconds()
        left, since = self._allowances.get(channel_id, (float(burst), now))
        left = min(float(burst), left + now - since)
        if left < 1:
            raise slack_errors.of_rate(max(1, math.ceil(1 - left)))
        self._allowances[channel_id] = (left - 1, now)

    def count_call(self, method: str, tier: int) -> None:
        """
        Count a call against its method's tier.

        Raises Refusal with the seconds to wait.
        """
        if not self._setup.enforces_tiers:
            return
        now = self._clock.seconds()
        recent = self._recent[method]
        while recent and recent[0] <= now - _WINDOW_SECONDS:
            recent.popleft()
        if len(recent) >= PER_MINUTE_BY_TIER[tier]:
            raise slack_errors.of_rate(max(1, math.ceil(recent[0] + _WINDOW_SECONDS - now)))
        recent.append(now)
