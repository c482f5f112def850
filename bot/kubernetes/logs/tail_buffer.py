"""The last entries of a log, within bounds, with stack traces that repeat held once."""

import collections
import datetime
import re

from bot.kubernetes.logs import parser
from bot.model import reports

MOST_BYTES = 4_000_000
"""Of what is kept of one log, however few lines that are."""
_DIGITS = re.compile(rb"\d+")

_Key = tuple[bytes, tuple[bytes, ...]] | int


class _Kept:
    """An entry, and how often it came."""

    __slots__ = ("count", "entry", "first")

    def __init__(self, entry: parser.Entry) -> None:
        self.entry = entry
        self.first = entry.stamp
        self.count = 1


class TailBuffer:
    """Keeps the newest entries that together have at most *most_lines*, and always the newest one."""

    def __init__(self, most_lines: int, *, collapses: bool = True, most_bytes: int = MOST_BYTES) -> None:
        self._most_lines = most_lines
        self._most_bytes = most_bytes
        self._collapses = collapses
        self._kept: collections.OrderedDict[_Key, _Kept] = collections.OrderedDict()
        self._lines = 0
        self._bytes = 0
        self._serial = 0
        self.lines_left_out = 0
        self.is_full = False
        """Entries that were wanted by their number had to go for the sake of the memory."""

    def add(self, entry: parser.Entry) -> None:
        """Keep *entry*; where the same trace is kept already, it moves to the end and counts one more."""
        key = self._key(entry)
        kept = self._kept.pop(key, None)
        if kept is None:
            kept = _Kept(entry)
            self._lines += len(entry.lines)
            self._bytes += sum(map(len, entry.lines))
        else:
            kept.entry, kept.count = entry, kept.count + 1
        self._kept[key] = kept
        while len(self._kept) > 1 and (self._lines > self._most_lines or self._bytes > self._most_bytes):
            self.is_full = self.is_full or self._lines <= self._most_lines
            self._forget_oldest()

    def entries(self, source: str) -> list[reports.LogEntry]:
        """Give what is kept, oldest first."""
        return [_entry(kept, source) for kept in self._kept.values()]

    def _key(self, entry: parser.Entry) -> _Key:
        if self._collapses and len(entry.lines) > 1:
            return _DIGITS.sub(b"0", entry.lines[0]), entry.lines[1:]
        self._serial += 1
        return self._serial

    def _forget_oldest(self) -> None:
        _, kept = self._kept.popitem(last=False)
        self._lines -= len(kept.entry.lines)
        self._bytes -= sum(map(len, kept.entry.lines))
        self.lines_left_out += len(kept.entry.lines)


def _entry(kept: _Kept, source: str) -> reports.LogEntry:
    at = timestamp(kept.entry.stamp)
    return reports.LogEntry(
        text=kept.entry.text.decode(errors="replace"),
        source=source,
        at=at,
        count=kept.count,
        first_at=at if kept.count == 1 else timestamp(kept.first),
    )


def collapse_repeats(entries: list[reports.LogEntry]) -> list[reports.LogEntry]:
    """Give *entries* of several pods with traces that they share held once, in the order of time."""
    found: dict[tuple[str, str] | int, tuple[reports.LogEntry, set[str]]] = {}
    for index, entry in enumerate(entries):
        head, newline, rest = entry.text.partition("\n")
        key = (re.sub(r"\d+", "0", head), rest) if newline and not entry.is_annotation else index
        earlier, sources = found.get(key, (None, set()))
        found[key] = (entry if earlier is None else _together(earlier, entry), sources | {entry.source})
    one = [
        reports.LogEntry(
            text=entry.text,
            source=entry.source if len(sources) == 1 else f"{len(sources)} pods",
            at=entry.at,
            count=entry.count,
            first_at=entry.first_at,
            is_annotation=entry.is_annotation,
        )
        for entry, sources in found.values()
    ]
    return sorted(one, key=_time)


def _together(one: reports.LogEntry, other: reports.LogEntry) -> reports.LogEntry:
    newest = max(one, other, key=_time)
    first = min((entry.first_at for entry in (one, other) if entry.first_at), default=None)
    return reports.LogEntry(
        text=newest.text, source=newest.source, at=newest.at, count=one.count + other.count, first_at=first
    )


def _time(entry: reports.LogEntry) -> datetime.datetime:
    return entry.at or datetime.datetime.max.replace(tzinfo=datetime.UTC)


def timestamp(stamp: bytes) -> datetime.datetime | None:
    """Give the time that a node wrote before a line."""
    try:
        return datetime.datetime.fromisoformat(stamp.decode())
    except ValueError:
        return None
