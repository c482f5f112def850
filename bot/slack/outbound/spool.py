"""The lines of a followed log on disk: without bounds they fit neither in memory nor in a message."""

import asyncio
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Sequence
from typing import IO

import structlog

from bot.slack.client import files
from bot.slack.outbound import uploads

log = structlog.get_logger()

_BUFFER_BYTES = 256_000
"""Kept in memory until a write to the disk pays off."""


class Spool:
    """
    A file without a name, so that it is gone once it is closed, or the process dies.

    It takes lines up to a size and counts the rest as dropped; a full or missing disk counts as that size too.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._file: IO[bytes] | None = None
        self._buffer: list[bytes] = []
        self._buffer_bytes = 0
        self._is_full = False
        self._is_broken = False
        self._flush_lock = asyncio.Lock()
        # A cancelled caller must not close the file while a thread writes to it.
        self._file_lock = threading.Lock()
        self.size = 0
        self.lines = 0
        self.dropped = 0

    async def add(self, lines: Sequence[str]) -> None:
        """Append *lines*; waits only for the disk."""
        content = "".join(f"{line}\n" for line in lines).encode(errors="replace")
        if self._is_full or self.size + len(content) > self._max_bytes:
            # From now on all lines, or the file would have gaps.
            self._is_full = True
            self.dropped += len(lines)
            return
        self.size += len(content)
        self.lines += len(lines)
        self._buffer.append(content)
        self._buffer_bytes += len(content)
        if self._buffer_bytes > _BUFFER_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Write what is buffered."""
        async with self._flush_lock:
            pending, self._buffer, self._buffer_bytes = self._buffer, [], 0
            if not pending or self._is_broken:
                return
            try:
                await asyncio.to_thread(self._write, pending)
            except OSError as error:
                log.error("log not spooled", reason=error.strerror)
                self._break()

    def upload(self, name: str) -> files.Upload:
        """Return the file to be uploaded; it holds what was added before the last `flush`."""
        return files.Upload(name=name, size=self.size, read=self._read)

    def close(self) -> None:
        """Delete the file."""
        with self._file_lock:
            self._break()
            if self._file is not None:
                self._file.close()
            self._file = None

    def _break(self) -> None:
        self._is_full = self._is_broken = True
        self.dropped += self.lines
        self.lines = self.size = 0

    def _write(self, pending: Sequence[bytes]) -> None:
        with self._file_lock:
            if self._is_broken:
                return
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="posbot-", buffering=0)  # noqa: SIM115 - `close` does
            for content in pending:
                left = memoryview(content)
                while left:
                    left = left[self._file.write(left) :]

    async def _read(self) -> AsyncIterator[bytes]:
        start = 0
        while start < self.size:
            chunk = await asyncio.to_thread(self._chunk, start)
            if not chunk:
                return
            start += len(chunk)
            yield chunk

    def _chunk(self, start: int) -> bytes:
        with self._file_lock:
            return os.pread(self._file.fileno(), uploads.CHUNK_BYTES, start) if self._file is not None else b""
