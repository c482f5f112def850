"""
Bytes of a log as they come over the wire → blocks of whole lines, whatever is in them.

Lines → entries: a stack trace, or any text of several lines, belongs to the line it began with.

Where a log has lines that begin with a date, as Spring Boot's do, only such lines begin an entry; the others belong to
the one before. Where it has none, a line begins an entry unless it is indented or says that it goes on.
"""

import dataclasses
import re
from collections.abc import Iterable

from bot.model import reports

LONGEST_LINE = 64_000
"""Bytes of a line that are kept; a line of 20 MB is nothing that anybody reads."""
BLOCK = 256_000
"""Bytes that are worked on at once: enough to make the work per block small, few enough to let the loop breathe."""

_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


class LineSplitter:
    """Cuts one log; counts what it has seen."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._held = 0
        self.bytes_read = 0
        self.lines_read = 0
        self.bytes_cut = 0
        """Of lines that were longer than is kept."""

    def feed(self, piece: bytes) -> list[bytes]:
        """Take *piece* and give the lines it completes, once there are enough of them to be worth it."""
        self.bytes_read += len(piece)
        self._pieces.append(piece)
        self._held += len(piece)
        return self.flush() if self._held >= BLOCK else []

    def flush(self) -> list[bytes]:
        """Give the complete lines that are held, without waiting for more."""
        held = b"".join(self._pieces)
        whole, newline, rest = held.rpartition(b"\n")
        if not newline:
            self._hold(self._shortened(rest))
            return []
        self._hold(b"")
        lines = self._lines(whole)
        self._hold(self._shortened(rest))
        return lines

    def finish(self) -> list[bytes]:
        """Give what is left when the log has ended, its last line also where no line end follows it."""
        lines = self.flush()
        rest = b"".join(self._pieces)
        self._hold(b"")
        return lines + self._lines(rest) if rest else lines

    def _hold(self, rest: bytes) -> None:
        self._pieces = [rest] if rest else []
        self._held = len(rest)

    def _shortened(self, rest: bytes) -> bytes:
        """Give the beginning of a line that has not ended yet, no longer than is kept."""
        if len(rest) <= LONGEST_LINE:
            return rest
        self.bytes_cut += len(rest) - LONGEST_LINE
        return rest[:LONGEST_LINE]

    def _lines(self, whole: bytes) -> list[bytes]:
        if b"\x1b" in whole:
            whole = _ESCAPES.sub(b"", whole)
        lines = whole.split(b"\n")
        if b"\r" in whole:
            lines = [line.removesuffix(b"\r") for line in lines]
        self.lines_read += len(lines)
        if len(whole) > LONGEST_LINE:
            lines = [line if len(line) <= LONGEST_LINE else self._shortened(line) for line in lines]
        return lines


LONGEST_ENTRY = 1_000
"""Lines of one entry; what comes after begins a new one."""

_DATED = re.compile(rb"\[?\d{4}[-/]\d\d[-/]\d\d|\[?\d\d:\d\d:\d\d|\[\d+[.,]\d+s\]|\{|[A-Z][a-z]{2} \d{1,2}, \d{4} ")
_OTHER_HEADS = re.compile(
    rb"Exception in thread |Picked up |Terminating due to |# A fatal error|OpenJDK |Error: "
    rb"|(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\b"
)
_GOES_ON = re.compile(
    rb"[ \t]|$|Caused by: |Suppressed: |Wrapped by: |\.\.\. \d+ |[})\]]"
    rb"|(?:[\w$]+\.)+[A-Z][\w$]*(?:Exception|Error|Throwable)\b"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it came: the time stamp of its first line, as the node wrote it, and its lines without theirs."""

    stamp: bytes
    lines: tuple[bytes, ...]

    @property
    def text(self) -> bytes:
        """Give the lines as one text."""
        return b"\n".join(self.lines)


class MultilineParser:
    """Knows how the log it reads marks the beginning of an entry."""

    def __init__(self) -> None:
        self._is_dated = False

    def learn(self, texts: list[bytes]) -> None:
        """See whether the log dates its lines."""
        self._is_dated = self._is_dated or any(_DATED.match(text) for text in texts[:200])

    def begins(self, text: bytes) -> bool:
        """Tell whether a line begins an entry."""
        if self._is_dated:
            return _DATED.match(text) is not None or _OTHER_HEADS.match(text) is not None
        return _GOES_ON.match(text) is None

    def last_beginning(self, texts: list[bytes]) -> int:
        """Give where the last entry of *texts* begins; it may go on in what has not been read yet."""
        lowest = max(len(texts) - LONGEST_ENTRY, 0)
        return next((index for index in range(len(texts) - 1, lowest - 1, -1) if self.begins(texts[index])), lowest)

    def entries(self, lines: list[bytes], texts: list[bytes], end: int) -> list[Entry]:
        """Give the entries of the lines before *end*."""
        found: list[Entry] = []
        start = 0
        for index in range(1, end):
            if self.begins(texts[index]) or index - start >= LONGEST_ENTRY:
                found.append(Entry(stamp_of(lines[start]), tuple(texts[start:index])))
                start = index
        if end:
            found.append(Entry(stamp_of(lines[start]), tuple(texts[start:end])))
        return found


def join_lines(lines: Iterable[str], source: str = "") -> tuple[reports.LogEntry, ...]:
    """Give *lines* that no node has stamped as entries."""
    joiner, texts = MultilineParser(), [line.encode() for line in lines]
    joiner.learn(texts)
    entries = joiner.entries(texts, texts, len(texts))
    return tuple(reports.LogEntry(text=entry.text.decode(), source=source) for entry in entries)


def text_of(line: bytes) -> bytes:
    """Give what the container wrote of a line that the node has stamped; a line of the node's own has no stamp."""
    stamp, space, text = line.partition(b" ")
    return text if space and stamp[:2] == b"20" else b"" if stamp[:2] == b"20" and stamp[-1:] == b"Z" else line


def stamp_of(line: bytes) -> bytes:
    """Give a line's time stamp; empty where it has none."""
    stamp = line.partition(b" ")[0]
    return stamp if stamp[:2] == b"20" else b""
