"""The owner of every task that outlives the call that started it."""

import asyncio
import collections.abc
import typing


class BackgroundTasks:
    """
    Runs coroutines beside each other and ends them all when it is closed.

    A TaskGroup would wrap a failed assertion of the test's body in an ExceptionGroup; this does not.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[typing.Any]] = set()
        self._errors: list[BaseException] = []

    def start(self, work: collections.abc.Coroutine[typing.Any, typing.Any, typing.Any]) -> None:
        """Begin *work*; an error in it is raised by `close`."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._note_end)

    async def close(self) -> None:
        """Cancel what still runs, wait for its end, and raise the first error of all."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._errors:
            raise self._errors[0]

    def _note_end(self, task: asyncio.Task[typing.Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._errors.append(error)
