"""The tasks that answers are made in: each tracked, none able to end the others, all given time at the end."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

log = structlog.get_logger()


LAST_WORDS_SECONDS = 3.0
"""For cancelled work to tell the person that it was handed back."""
_AGAIN_SECONDS = 5.0


class BackgroundTasks:
    """Runs work beside the frontends until it is drained."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run *work*; what it raises is logged. Once drained, nothing new is begun."""
        if self._is_closed:
            log.warning("work came too late", work=name)
            work.close()
            return
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    async def drain(self, seconds: float) -> None:
        """Wait for what is under way, and cancel what takes longer than *seconds*; cancelled work may still say so."""
        log.info("draining", tasks=len(self._tasks))
        deadline = time.monotonic() + seconds
        while self._tasks and time.monotonic() < deadline:
            await asyncio.wait(self._tasks, timeout=deadline - time.monotonic())
        self._is_closed = True
        late = set(self._tasks)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=LAST_WORDS_SECONDS)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("work failed", work=task.get_name(), exc_info=error)


async def keep_going(watch: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
    """Run *watch* for ever: a mistake in it is logged, and it begins anew."""
    while True:
        try:
            await watch()
        except Exception:
            # One of two places that may: a watch that dies would take the whole bot with it, or leave it blind.
            log.exception("watch failed", watch=name)
        await asyncio.sleep(_AGAIN_SECONDS)
