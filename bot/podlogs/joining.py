"""
Lines → entries: a stack trace, or any text of several lines, belongs to the line it began with.

Where a log has lines that begin with a date, as Spring Boot's do, only such lines begin an entry; the others belong to
the one before. Where it has none, a line begins an entry unless it is indented or says that it goes on.
"""

import dataclasses
import re
from collections.abc import Iterable

from bot.model import reports

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


class Joiner:
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


def joined(lines: Iterable[str], source: str = "") -> tuple[reports.LogEntry, ...]:
    """Give *lines* that no node has stamped as entries."""
    joiner, texts = Joiner(), [line.encode() for line in lines]
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
