"""The tasks that answers are made in: each tracked, none able to end the others, all given time at the end."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger()


class Workload:
    """Runs work beside the frontends until it is drained."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run *work*; what it raises is logged."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    async def drain(self, seconds: float) -> None:
        """Wait for what is under way, and cancel what takes longer than *seconds*; cancelled work may still say so."""
        if not self._tasks:
            return
        log.info("draining", tasks=len(self._tasks))
        _, late = await asyncio.wait(self._tasks, timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=_LAST_WORDS_SECONDS)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("work failed", work=task.get_name(), exc_info=error)


_LAST_WORDS_SECONDS = 3.0
"""For cancelled work to tell the person that it was handed back."""
