"""
The lines of followed logs on disk: without bounds they fit neither in memory nor in a message.

The files have names, so that a kubelet that adds up the files of a pod sees them. Each is locked by its process and
deleted when its log ends; those of a process that was killed are deleted by the next one.
"""

import asyncio
import contextlib
import fcntl
import os
import pathlib
import stat
import tempfile
import threading
from collections.abc import AsyncIterator, Sequence

import structlog

from bot.slack.client import files
from bot.slack.outbound import uploads

log = structlog.get_logger()

MAX_FILE_BYTES = 100_000_000
"""Of one followed log."""
MAX_TOTAL_BYTES = 1_000_000_000
"""Of all followed logs of a process; the deployment has a volume of twice the size for them."""
_PREFIX, _SUFFIX = "posbot-log-", ".spool"
_BUFFER_BYTES = 256_000
"""Kept in memory until a write to the disk pays off."""


class SpoolSpace:
    """The space on the disk that the spools of one process share."""

    def __init__(self, max_bytes: int = MAX_TOTAL_BYTES) -> None:
        self._free = max_bytes

    def take(self, size: int) -> bool:
        """Take *size* bytes; return False where so many are not free."""
        if size > self._free:
            return False
        self._free -= size
        return True

    def give_back(self, size: int) -> None:
        """Release *size* bytes."""
        self._free += size


def delete_abandoned() -> int:
    """Delete the spools of processes that have ended without doing so; return how many there were."""
    deleted = 0
    for path in pathlib.Path(tempfile.gettempdir()).glob(f"{_PREFIX}*{_SUFFIX}"):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid():
                # Its own process holds the lock until it ends.
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
                deleted += 1
        except OSError:
            continue
        finally:
            os.close(descriptor)
    return deleted


class Spool:
    """
    A file of lines, readable by this user alone, which is deleted when it is closed.

    It takes lines up to a size and counts the rest as dropped; a full or missing disk counts as that size too.
    """

    def __init__(self, space: SpoolSpace, max_bytes: int = MAX_FILE_BYTES) -> None:
        self._space = space
        self._max_bytes = max_bytes
        self._descriptor: int | None = None
        self._path = ""
        self._buffer: list[bytes] = []
        self._buffer_bytes = 0
        self._taken = 0
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
        if self._is_full or self.size + len(content) > self._max_bytes or not self._space.take(len(content)):
            # From now on all lines, or the file would have gaps.
            self._is_full = True
            self.dropped += len(lines)
            return
        self._taken += len(content)
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
            if self._descriptor is not None:
                with contextlib.suppress(OSError):
                    pathlib.Path(self._path).unlink()
                os.close(self._descriptor)
            self._descriptor = None
        self._space.give_back(self._taken)
        self._taken = 0

    def _break(self) -> None:
        self._is_full = self._is_broken = True
        self.dropped += self.lines
        self.lines = self.size = 0

    def _write(self, pending: Sequence[bytes]) -> None:
        with self._file_lock:
            if self._is_broken:
                return
            if self._descriptor is None:
                self._descriptor, self._path = tempfile.mkstemp(prefix=_PREFIX, suffix=_SUFFIX)
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for content in pending:
                left = memoryview(content)
                while left:
                    left = left[os.write(self._descriptor, left) :]

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
            return os.pread(self._descriptor, uploads.CHUNK_BYTES, start) if self._descriptor is not None else b""
