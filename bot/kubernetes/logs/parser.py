"""
Line splitter and multiline parser: bytes of a log → lines → entries.

An entry is a line with everything that belongs to it, such as a stack trace. In a log whose lines begin with a date, as
Spring Boot's do, only such a line starts an entry. In any other log a line starts an entry unless it is indented or
is recognised as a continuation.
"""

import dataclasses
import re
from collections.abc import Iterable

from bot import text_threads
from bot.kubernetes.logs import layouts
from bot.model import reports

MAX_LINE_BYTES = 64_000
"""The rest of a longer line is dropped and counted."""
MAX_ENTRY_LINES = 1_000
MAX_ENTRY_BYTES = 256_000
"""An entry with more lines, or with more text, is split."""

_SAMPLE_LINES = 200
_ANSI_ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)|[@-Z\\-_])")


class LineSplitter:
    """Splits one log into lines, without escape sequences and carriage returns."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._buffered = 0
        self.bytes_read = 0
        self.lines_read = 0
        self.bytes_truncated = 0

    @property
    def is_full(self) -> bool:
        """Return whether a piece of text is buffered that is worth a call into a thread."""
        return self._buffered >= text_threads.PIECE_BYTES

    def add(self, chunk: bytes) -> None:
        """Buffer *chunk*."""
        self.bytes_read += len(chunk)
        self._chunks.append(chunk)
        self._buffered += len(chunk)

    def feed(self, chunk: bytes) -> list[bytes]:
        """Add *chunk*; return complete lines once a piece of text is buffered."""
        self.add(chunk)
        return self.flush() if self.is_full else []

    def flush(self) -> list[bytes]:
        """Return the complete lines that are buffered."""
        complete, newline, rest = b"".join(self._chunks).rpartition(b"\n")
        lines = self._split(complete) if newline else []
        self._buffer(self._truncate(rest))
        return lines

    def finish(self) -> list[bytes]:
        """Return the lines left at the end of the log, an unterminated last one included."""
        lines = self.flush()
        rest = b"".join(self._chunks)
        self._buffer(b"")
        return lines + self._split(rest) if rest else lines

    def _buffer(self, rest: bytes) -> None:
        self._chunks = [rest] if rest else []
        self._buffered = len(rest)

    def _truncate(self, line: bytes) -> bytes:
        if len(line) <= MAX_LINE_BYTES:
            return line
        self.bytes_truncated += len(line) - MAX_LINE_BYTES
        return line[:MAX_LINE_BYTES]

    def _split(self, block: bytes) -> list[bytes]:
        if b"\x1b" in block:
            block = _ANSI_ESCAPE.sub(b"", block)
        lines = block.split(b"\n")
        if b"\r" in block:
            lines = [line.removesuffix(b"\r") for line in lines]
        self.lines_read += len(lines)
        return [self._truncate(line) for line in lines] if len(block) > MAX_LINE_BYTES else lines


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """An entry: the timestamp of its first line as the node wrote it, and its lines without timestamps."""

    timestamp: bytes
    lines: tuple[bytes, ...]

    @property
    def text(self) -> bytes:
        """The lines as one text."""
        return b"\n".join(self.lines)


class MultilineParser:
    """Groups the lines of one log into entries, after learning how the log starts them."""

    def __init__(self) -> None:
        self._is_dated = False
        self._has_jul_headers = False

    def learn(self, texts: list[bytes]) -> None:
        """Detect whether the log dates its lines, and whether java.util.logging writes it."""
        sample = texts[:_SAMPLE_LINES]
        self._is_dated = self._is_dated or any(map(layouts.is_dated, sample))
        self._has_jul_headers = self._has_jul_headers or any(map(layouts.is_jul_header, sample))

    def starts_entry(self, text: bytes) -> bool:
        """Return whether a line starts an entry."""
        return layouts.starts_entry(text, is_dated_log=self._is_dated, has_jul_headers=self._has_jul_headers)

    def last_start(self, texts: list[bytes]) -> int:
        """Return the index at which the last entry of *texts* starts; lines not read yet may belong to it."""
        lowest = max(len(texts) - MAX_ENTRY_LINES, 0)
        indices = range(len(texts) - 1, lowest - 1, -1)
        return next((index for index in indices if self.starts_entry(texts[index])), lowest)

    def split(self, lines: list[bytes], texts: list[bytes], end: int) -> list[Entry]:
        """Return the entries of the lines before *end*; *texts* are the lines without their timestamps."""
        entries: list[Entry] = []
        start = 0
        for index in range(1, end):
            if self.starts_entry(texts[index]) or index - start >= MAX_ENTRY_LINES:
                entries.append(Entry(timestamp_of(lines[start]), tuple(texts[start:index])))
                start = index
        if end:
            entries.append(Entry(timestamp_of(lines[start]), tuple(texts[start:end])))
        return entries


def join_lines(lines: Iterable[str], source: str = "") -> tuple[reports.LogEntry, ...]:
    """Return the entries of *lines* that carry no timestamps of a node, without escape sequences."""
    parser, texts = MultilineParser(), [_ANSI_ESCAPE.sub(b"", line.encode()) for line in lines]
    parser.learn(texts)
    entries = parser.split(texts, texts, len(texts))
    return tuple(reports.LogEntry(text=entry.text.decode(), source=source) for entry in entries)


def text_of(line: bytes) -> bytes:
    """Return *line* without its timestamp; a message of the node itself has none."""
    timestamp, space, text = line.partition(b" ")
    if timestamp[:2] != b"20":
        return line
    return text if space else b"" if timestamp[-1:] == b"Z" else line


def timestamp_of(line: bytes) -> bytes:
    """Return the timestamp of *line*, empty if it has none."""
    timestamp = line.partition(b" ")[0]
    return timestamp if timestamp[:2] == b"20" else b""
