"""
What containers have written, line by line, as the container runtime keeps it.

A log belongs to one run of a container: a restart begins another. Long logs are made when they are read.
"""

import asyncio
import bisect
import datetime
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, overload

Content = Iterable[str | bytes]


class Line(NamedTuple):
    """One line without its end; the bytes may be anything but a newline."""

    at: datetime.datetime
    content: bytes


class Repeated(Sequence[Line]):
    """The same lines over and over, *count* in all: a log of any size that needs no memory."""

    def __init__(
        self, lines: Content, *, count: int, last_at: datetime.datetime, lines_per_second: float = 1000.0
    ) -> None:
        self._lines = tuple(encoded(line) for line in lines)
        self._count = count
        self._apart = datetime.timedelta(seconds=1 / lines_per_second)
        self._last_at = last_at
        self.block = b"".join(line + b"\n" for line in self._lines)

    @property
    def period(self) -> int:
        """Return how many lines there are before they begin again."""
        return len(self._lines)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Line]: ...
    def __getitem__(self, index: int | slice) -> Line | Sequence[Line]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(self._count))]
        if not 0 <= index < self._count:
            raise IndexError(index)
        at = self._last_at - self._apart * (self._count - 1 - index)
        return Line(at, self._lines[index % self.period])


class Log:
    """The log of one run."""

    def __init__(self) -> None:
        self._parts: list[Sequence[Line]] = []
        self._changed = asyncio.Event()
        self.first = 0
        """The first line that the node still has in the present file; rotation moves it."""
        self.is_over = False
        """The container has ended: who follows is told so."""
        self.is_removed = False
        """The node has thrown the log away."""

    @property
    def count(self) -> int:
        """Return how many lines were ever written."""
        return sum(map(len, self._parts))

    def append(self, lines: Sequence[Line]) -> None:
        """Write these lines."""
        self._parts.append(lines)
        self.wake()

    def clear(self) -> None:
        """Begin from nothing, as if nothing had ever been written."""
        self._parts.clear()
        self.first = 0

    def rotate(self) -> None:
        """Begin a new file: what was written so far can no longer be asked for, and followers go on."""
        self.first = self.count

    def end(self) -> None:
        """Write no more."""
        self.is_over = True
        self.wake()

    def wake(self) -> None:
        """Let those who follow look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, count: int) -> None:
        """Return once there are more than *count* lines, or no more to come."""
        while self.count <= count and not self.is_over:
            await self._changed.wait()

    def index_since(self, since: datetime.datetime, start: int) -> int:
        """Return the first line from *start* on that is not older than *since*."""
        return bisect.bisect_left(range(self.count), since, lo=start, key=lambda index: self._line(index).at)

    def lines(self, start: int, stop: int) -> Iterator[Line]:
        """Return these lines."""
        for part, first, last in self._ranges(start, stop):
            yield from (part[index] for index in range(first, last))

    def raw(self, start: int, stop: int) -> Iterator[bytes]:
        """Return these lines with their ends, many at a time where that is quicker."""
        for part, first, last in self._ranges(start, stop):
            if isinstance(part, Repeated):
                yield from _raw_repeated(part, first, last)
            else:
                yield from (part[index].content + b"\n" for index in range(first, last))

    def _line(self, index: int) -> Line:
        return next(self.lines(index, index + 1))

    def _ranges(self, start: int, stop: int) -> Iterator[tuple[Sequence[Line], int, int]]:
        offset = 0
        for part in self._parts:
            first, last = max(start - offset, 0), min(stop - offset, len(part))
            if first < last:
                yield part, first, last
            offset += len(part)


def written(lines: Content, at: datetime.datetime, *, apart_seconds: float = 0.001) -> list[Line]:
    """Return *lines* as written up to the moment *at*; newlines inside divide."""
    contents = list(itertools.chain.from_iterable(encoded(line).split(b"\n") for line in lines))
    apart = datetime.timedelta(seconds=apart_seconds)
    return [Line(at - apart * (len(contents) - 1 - number), content) for number, content in enumerate(contents)]


def encoded(line: str | bytes) -> bytes:
    """Return a line's bytes, without the newline at its end."""
    return (line.encode() if isinstance(line, str) else line).removesuffix(b"\n")


def _raw_repeated(part: Repeated, first: int, last: int) -> Iterator[bytes]:
    while first < last:
        if first % part.period == 0 and last - first >= part.period:
            yield part.block
            first += part.period
        else:
            yield part[first].content + b"\n"
            first += 1
