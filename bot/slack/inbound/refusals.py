"""
Requests over HTTP that are refused: counted by reason, and logged at a bounded rate.

Readiness does not depend on them: anybody can send requests to that URL. The reasons are a few fixed words, because
each is a label of the metric.
"""

import collections
import time

import structlog

from bot import metrics

log = structlog.get_logger()

WRONG_SIGNATURE = "wrong signature"
_LOG_SECONDS = 60.0
"""Between two lines; each has the number of requests since the last one."""


class Refusals:
    """Counts refused requests, and logs them at a bounded rate."""

    def __init__(self) -> None:
        self.has_valid_signature = False
        """A request was signed with the signing secret, so the secret is right."""
        self._unlogged: collections.Counter[str] = collections.Counter()
        self._logged_at = -_LOG_SECONDS

    def count(self, reason: str) -> None:
        """Count a request that was refused for *reason*."""
        metrics.REFUSED_REQUESTS.labels(reason).inc()
        self._unlogged[reason] += 1
        if time.monotonic() - self._logged_at < _LOG_SECONDS:
            return
        hint = {}
        if not self.has_valid_signature and self._unlogged[WRONG_SIGNATURE]:
            hint = {"hint": "No request has had a valid signature yet: check SLACK_SIGNING_SECRET."}
        # As text: a number under a key with "signature" in it would be redacted.
        reasons = ", ".join(f"{number} {name}" for name, number in self._unlogged.items())
        log.warning("requests refused", reasons=reasons, **hint)
        self._unlogged.clear()
        self._logged_at = time.monotonic()
