"""
Acknowledgements first: work waits until Slack has its answer, and until nobody else waits for one.

A burst of requests shares one event loop. If the first one's work began while the fiftieth has not been acknowledged,
it would be paid for with the fiftieth's three seconds.
"""

import asyncio
import contextlib
from collections.abc import Iterator

import structlog

log = structlog.get_logger()

ACK_SECONDS = 3.0
_CROWD_SECONDS = 0.25
"""How long work waits for others to be acknowledged; under a load that never ends it must begin all the same."""


class Acknowledgements:
    """Knows how many requests have come and not been acknowledged."""

    def __init__(self) -> None:
        self._pending = 0
        self._is_quiet = asyncio.Event()
        self._is_quiet.set()

    @contextlib.contextmanager
    def pending(self) -> Iterator["Acknowledgement"]:
        """Count a request as waiting until the block, in which its acknowledgement is sent, is over."""
        own = Acknowledgement(self)
        self._pending += 1
        self._is_quiet.clear()
        try:
            yield own
        finally:
            self._pending -= 1
            if self._pending == 0:
                self._is_quiet.set()
            own.is_sent.set()

    async def quiet(self) -> None:
        """Wait until nobody waits for an acknowledgement, within reason."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CROWD_SECONDS):
                await self._is_quiet.wait()


class Acknowledgement:
    """One request's acknowledgement."""

    def __init__(self, others: Acknowledgements) -> None:
        self._others = others
        self.is_sent = asyncio.Event()

    async def over(self) -> None:
        """Wait until it is on the wire, and those of others too."""
        try:
            async with asyncio.timeout(ACK_SECONDS):
                await self.is_sent.wait()
        except TimeoutError:
            # The connection broke before it left. The person sees an error of Slack's and, a moment later, the answer
            # all the same.
            log.warning("acknowledgement not sent")
        await self._others.quiet()
