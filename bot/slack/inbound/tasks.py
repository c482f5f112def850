"""
Background tasks of requests, and the acknowledgements they wait for.

A task starts once Slack has its acknowledgement, and once no other request waits for one: a burst of requests shares
one event loop, and work of the first would be paid for with the three seconds of the fiftieth.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import structlog

log = structlog.get_logger()

ACK_TIMEOUT_SECONDS = 3.0
SHUTDOWN_GRACE_SECONDS = 3.0
"""For cancelled tasks to tell the requester that they were cancelled."""
_MAX_QUIET_WAIT_SECONDS = 0.25
"""How long a task waits for other acknowledgements; under constant load it must start all the same."""
_RESTART_SECONDS = 5.0


class Acknowledgements:
    """Counts requests that were received and not acknowledged."""

    def __init__(self) -> None:
        self._pending = 0
        self._is_quiet = asyncio.Event()
        self._is_quiet.set()

    @contextlib.contextmanager
    def pending(self) -> Iterator["Acknowledgement"]:
        """Count a request as pending until the end of the block, which sends its acknowledgement."""
        acknowledgement = Acknowledgement(self)
        self._pending += 1
        self._is_quiet.clear()
        try:
            yield acknowledgement
        finally:
            self._pending -= 1
            if self._pending == 0:
                self._is_quiet.set()
            acknowledgement.is_sent.set()

    async def wait_until_quiet(self) -> None:
        """Wait until no acknowledgement is pending, for a short time at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_MAX_QUIET_WAIT_SECONDS):
                await self._is_quiet.wait()


class Acknowledgement:
    """The acknowledgement of one request."""

    def __init__(self, others: Acknowledgements) -> None:
        self._others = others
        self.is_sent = asyncio.Event()

    async def wait(self) -> None:
        """Wait until it is sent, and those of other requests too."""
        try:
            async with asyncio.timeout(ACK_TIMEOUT_SECONDS):
                await self.is_sent.wait()
        except TimeoutError:
            # The connection broke before. The person sees an error of Slack and, a moment later, the response.
            log.warning("acknowledgement not sent")
        await self._others.wait_until_quiet()


class BackgroundTasks:
    """Tracked tasks: a failing one is logged and ends no other, and all are drained at the end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run *work* in a task; once drained, nothing is started."""
        if self._is_closed:
            log.warning("task rejected during shutdown", task=name)
            work.close()
            return
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    async def drain(self, seconds: float) -> None:
        """Wait *seconds* for running tasks, then cancel the rest and let them say so."""
        log.info("draining", tasks=len(self._tasks))
        deadline = time.monotonic() + seconds
        while self._tasks and time.monotonic() < deadline:
            await asyncio.wait(self._tasks, timeout=deadline - time.monotonic())
        self._is_closed = True
        late = set(self._tasks)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=SHUTDOWN_GRACE_SECONDS)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task failed", task=task.get_name(), exc_info=error)


async def run_forever(work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
    """Run *work* again whenever it ends; an exception is logged."""
    while True:
        try:
            await work()
        except Exception:
            # One of two places that may: a dead loop would take the whole bot with it, or leave it blind.
            log.exception("background loop failed", loop=name)
        await asyncio.sleep(_RESTART_SECONDS)
