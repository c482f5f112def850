"""
Whole logs as files, for answers and followed logs of which Slack's messages hold only the end.

The lines of a followed log on disk: without bounds they belong neither into memory nor into a message.
"""

import asyncio
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Sequence
from typing import IO

import structlog

from bot import errors, metrics
from bot.model import log_lines, reports
from bot.slack.client import files
from bot.slack.client import files as client_files

log = structlog.get_logger()

RESTARTED = "posbot was restarted before it could send the others."
_OTHERWISE = "In a terminal all of it can be seen."
_PIECE_BYTES = 256_000
_PATIENCE_SECONDS = 20.0
"""For a file of no size; what an answer waits for, and somebody for the answer."""
_LEAST_BYTES_A_SECOND = 500_000


async def deliver(
    files: client_files.SlackFiles, upload: client_files.Upload, shelf: client_files.UploadTarget
) -> str | None:
    """Put *upload* on *shelf*; give None, or a sentence that says why not and what to do."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS + upload.size / _LEAST_BYTES_A_SECOND):
            await files.put(upload, shelf)
    except TimeoutError:
        return lost("Slack took too long.", None)
    except errors.BotError as error:
        return lost(str(error), error.hint)
    return None


def upload_of(section: reports.Log) -> client_files.Upload:
    """Give the file that holds all of a log."""
    content = log_lines.text(section).encode(errors="replace")

    async def read() -> AsyncIterator[bytes]:
        for start in range(0, len(content), _PIECE_BYTES):
            yield content[start : start + _PIECE_BYTES]

    return client_files.Upload(name=section.name, size=len(content), read=read)


def lost(reason: str, hint: str | None) -> str:
    """Give the sentences for a log that could not be sent, which is logged and counted."""
    metrics.UNDELIVERED.labels("file").inc()
    log.error("file not delivered", reason=reason)
    return " ".join(filter(None, ("All of it could not be sent as a file.", reason, hint, _OTHERWISE)))


_WAITING_BYTES = 256_000
"""Held back until there is enough to be worth a trip to the disk."""


class Spool:
    """
    A file without a name, so that it is gone when it is closed, and when the process dies.

    It takes lines up to a size, and counts those that come later; a disk that is full or missing counts as a size too.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._file: IO[bytes] | None = None
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._is_full = False
        self._is_broken = False
        self._turn = asyncio.Lock()
        # Whoever is cancelled while a thread writes must not close the file under it.
        self._use = threading.Lock()
        self.size = 0
        self.lines = 0
        self.dropped = 0

    async def add(self, lines: Sequence[str]) -> None:
        """Keep *lines*; waits only for the disk."""
        content = "".join(f"{line}\n" for line in lines).encode(errors="replace")
        if self._is_full or self.size + len(content) > self._most_bytes:
            # All that follow, or the file would have holes.
            self._is_full = True
            self.dropped += len(lines)
            return
        self.size += len(content)
        self.lines += len(lines)
        self._waiting.append(content)
        self._waiting_bytes += len(content)
        if self._waiting_bytes > _WAITING_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Bring what waits to the disk."""
        async with self._turn:
            waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
            if not waiting or self._is_broken:
                return
            try:
                await asyncio.to_thread(self._write, waiting)
            except OSError as error:
                log.error("log not kept", reason=error.strerror)
                self._break()

    def upload(self, name: str) -> files.Upload:
        """Give the file to be sent; what was added before the last `flush` is in it."""
        return files.Upload(name=name, size=self.size, read=self._read)

    def close(self) -> None:
        """Forget everything."""
        with self._use:
            self._break()
            if self._file is not None:
                self._file.close()
            self._file = None

    def _break(self) -> None:
        self._is_full = self._is_broken = True
        self.dropped += self.lines
        self.lines = self.size = 0

    def _write(self, waiting: Sequence[bytes]) -> None:
        with self._use:
            if self._is_broken:
                return
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="posbot-", buffering=0)  # noqa: SIM115 - `close` does
            for content in waiting:
                left = memoryview(content)
                while left:
                    left = left[self._file.write(left) :]

    async def _read(self) -> AsyncIterator[bytes]:
        start = 0
        while start < self.size:
            piece = await asyncio.to_thread(self._piece, start)
            if not piece:
                return
            start += len(piece)
            yield piece

    def _piece(self, start: int) -> bytes:
        with self._use:
            return os.pread(self._file.fileno(), _PIECE_BYTES, start) if self._file is not None else b""
