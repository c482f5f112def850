"""Entries of a log as lines of text, each marked with what wrote it: the same on every surface and in the file."""

from collections.abc import Iterator

from bot.model import reports, times

_BAR = "│"


def render(log: reports.Log) -> Iterator[tuple[str, str]]:
    """Yield each line of *log* as its mark, the same for all lines of one pod, and its text."""
    for entry in log.entries:
        mark = entry.source.removeprefix(log.common)
        if entry.is_annotation:
            yield mark, f"── {entry.text} ──"
            continue
        first, *others = entry.text.split("\n")
        yield mark, f"{first}{_times(entry)}"
        for line in others:
            yield mark, line


def text(log: reports.Log) -> str:
    """Return *log* as a text, each line ended."""
    return "".join(f"{line}\n" for line in lines(log))


def lines(log: reports.Log) -> Iterator[str]:
    """Return the lines of *log* with their marks."""
    return (f"{mark} {_BAR} {line}" for mark, line in render(log))


def count(entry: reports.LogEntry) -> int:
    """Return the number of lines of *entry*."""
    return 1 if entry.is_annotation else entry.text.count("\n") + 1


def _times(entry: reports.LogEntry) -> str:
    """Return how often an entry was written and since when, if more than once."""
    if entry.count == 1:
        return ""
    if entry.first_at is None or entry.at is None:
        return f"  (×{entry.count:,})"
    return f"  (×{entry.count:,}, {times.period(entry.first_at, entry.at)})"
