"""Waiting for something to happen, without polling."""

import asyncio
import collections.abc
import typing

Found = typing.TypeVar("Found")


class Changes:
    """Numbers the changes in a workspace and notifies waiters."""

    def __init__(self) -> None:
        self.revision = 0
        self._next = asyncio.Event()

    def announce(self) -> int:
        """Count a change, wake those who wait, and give its number."""
        self.revision += 1
        self._next.set()
        self._next = asyncio.Event()
        return self.revision

    async def wait_for(
        self,
        find: collections.abc.Callable[[], Found | None],
        *,
        timeout_seconds: float,
        describe: collections.abc.Callable[[], str],
    ) -> Found:
        """
        Return what *find* gives as soon as it is neither None nor false.

        Raises TimeoutError with the text of *describe* when nothing has come in time.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                while not (found := find()):
                    await self._next.wait()
        except TimeoutError:
            raise TimeoutError(f"Nothing came within {timeout_seconds} s. {describe()}") from None
        return found
