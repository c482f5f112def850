"""The newest entries of a log within limits of lines and memory, repeated stack traces collapsed."""

import collections
import datetime
import re

from bot.kubernetes.logs import parser
from bot.model import reports

MAX_BYTES = 4_000_000
"""Kept of one log, however few lines that are."""
_DIGITS, _DIGITS_OF_TEXT = re.compile(rb"\d+"), re.compile(r"\d+")

_Key = tuple[bytes, tuple[bytes, ...]] | int


class _Repeated:
    """The newest of some equal entries, with their number and the timestamp of the first."""

    __slots__ = ("count", "entry", "first_timestamp")

    def __init__(self, entry: parser.Entry) -> None:
        self.entry = entry
        self.first_timestamp = entry.timestamp
        self.count = 1

    def log_entry(self, source: str) -> reports.LogEntry:
        at = parse_timestamp(self.entry.timestamp)
        return reports.LogEntry(
            text=self.entry.text.decode(errors="replace"),
            source=source,
            at=at,
            count=self.count,
            first_at=at if self.count == 1 else parse_timestamp(self.first_timestamp),
        )


class TailBuffer:
    """Keeps the newest entries with at most *max_lines* and *max_bytes* in all, and always the newest one."""

    def __init__(self, max_lines: int, *, collapses: bool = True, max_bytes: int = MAX_BYTES) -> None:
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._collapses = collapses
        self._kept: collections.OrderedDict[_Key, _Repeated] = collections.OrderedDict()
        self._lines = 0
        self._bytes = 0
        self._serial = 0
        self.lines_omitted = 0
        self.is_memory_limited = False
        """Entries were dropped for the memory limit although the line limit allowed them."""

    def add(self, entry: parser.Entry) -> None:
        """Add *entry*; a stack trace that is kept already moves to the end and is counted once more."""
        if self._collapses and len(entry.lines) > 1:
            key: _Key = _DIGITS.sub(b"0", entry.lines[0]), entry.lines[1:]
        else:
            self._serial += 1
            key = self._serial
        kept = self._kept.pop(key, None)
        if kept is None:
            kept = _Repeated(entry)
            self._lines += len(entry.lines)
            self._bytes += sum(map(len, entry.lines))
        else:
            kept.entry, kept.count = entry, kept.count + 1
        self._kept[key] = kept
        while len(self._kept) > 1 and (self._lines > self._max_lines or self._bytes > self._max_bytes):
            self.is_memory_limited = self.is_memory_limited or self._lines <= self._max_lines
            self._drop_oldest()

    def entries(self, source: str) -> list[reports.LogEntry]:
        """Return the kept entries, oldest first."""
        return [kept.log_entry(source) for kept in self._kept.values()]

    def _drop_oldest(self) -> None:
        _, kept = self._kept.popitem(last=False)
        self._lines -= len(kept.entry.lines)
        self._bytes -= sum(map(len, kept.entry.lines))
        self.lines_omitted += len(kept.entry.lines)


def collapse_repeats(entries: list[reports.LogEntry]) -> list[reports.LogEntry]:
    """Return *entries* of several pods by time, each stack trace that they share once with its count."""
    found: dict[tuple[str, str] | int, tuple[reports.LogEntry, set[str]]] = {}
    for index, entry in enumerate(entries):
        head, newline, rest = entry.text.partition("\n")
        key = (_DIGITS_OF_TEXT.sub("0", head), rest) if newline and not entry.is_annotation else index
        earlier, sources = found.get(key, (None, set()))
        found[key] = (entry if earlier is None else _merge(earlier, entry), sources | {entry.source})
    collapsed = [
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
    return sorted(collapsed, key=sort_key)


def sort_key(entry: reports.LogEntry) -> datetime.datetime:
    """Return the time of *entry* to sort by; entries without one come last."""
    return entry.at or datetime.datetime.max.replace(tzinfo=datetime.UTC)


def parse_timestamp(timestamp: bytes) -> datetime.datetime | None:
    """Return the time that a node wrote before a line, or None; one without a UTC offset is the application's."""
    try:
        time = datetime.datetime.fromisoformat(timestamp.decode())
    except ValueError:
        return None
    return time if time.tzinfo is not None else None


def _merge(earlier: reports.LogEntry, entry: reports.LogEntry) -> reports.LogEntry:
    newest = max(earlier, entry, key=sort_key)
    first_at = min((one.first_at for one in (earlier, entry) if one.first_at), default=None)
    return reports.LogEntry(
        text=newest.text,
        source=newest.source,
        at=newest.at,
        count=earlier.count + entry.count,
        first_at=first_at,
    )
