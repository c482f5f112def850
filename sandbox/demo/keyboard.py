"""Keyboard input, read without blocking."""

import asyncio
import contextlib
import os

_READ_BYTES = 4096


class EndOfInput(Exception):
    """Nothing more will be typed: Ctrl-D, or the terminal is gone."""


class Keyboard:
    """
    Lines from a terminal, without a thread that would have to be waited for.

    The terminal itself lets a line be corrected before it is sent.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pending = b""
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._typed_ahead: list[str] = []
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(descriptor, self._read)

    def close(self) -> None:
        """Stop reading."""
        self._loop.remove_reader(self._descriptor)

    async def pause(self, seconds: float) -> None:
        """Wait so long, or until Enter is pressed; a line that was typed is kept. Raises EndOfInput."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                self._typed_ahead.append(await self.line())

    async def typed_ahead(self) -> str | None:
        """Return the next line typed ahead, skipping blank ones, or None. Raises EndOfInput."""
        while self._typed_ahead or not self._lines.empty():
            line = self._typed_ahead.pop(0) if self._typed_ahead else await self.line()
            if line.strip():
                return line
        return None

    async def line(self) -> str:
        """Return the line that is typed next. Raises EndOfInput."""
        line = await self._lines.get()
        if line is None:
            raise EndOfInput
        return line

    def _read(self) -> None:
        try:
            given = os.read(self._descriptor, _READ_BYTES)
        except OSError:
            # A terminal that was closed answers with an error instead of an end.
            given = b""
        if not given:
            self.close()
            self._lines.put_nowait(None)
            return
        *lines, self._pending = (self._pending + given).split(b"\n")
        for line in lines:
            self._lines.put_nowait(line.decode(errors="replace"))
