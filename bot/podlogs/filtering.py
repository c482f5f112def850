"""Entries that were read before, filtered again."""

import collections
from collections.abc import Sequence

from bot.model import reports
from bot.podlogs import reading


def filtered(
    entries: Sequence[reports.LogEntry], wish: reading.Wish, *, pod: str | None = None
) -> list[reports.LogEntry]:
    """Give those of *entries* that *wish* asks for, of the pod whose name ends in *pod* if one is given."""
    found: list[reports.LogEntry] = []
    earlier: collections.deque[reports.LogEntry] = collections.deque(maxlen=wish.before)
    still_after = 0
    for entry in entries:
        if pod is not None and not (entry.source == pod or entry.source.endswith(f"-{pod}")):
            continue
        if not entry.is_remark and wish.wanted.accept(entry.text.encode()):
            found += [*earlier, entry]
            earlier.clear()
            still_after = wish.after
        elif still_after:
            still_after -= 1
            found.append(entry)
        else:
            earlier.append(entry)
    return _newest(found, wish.lines)


def _newest(entries: list[reports.LogEntry], lines: int) -> list[reports.LogEntry]:
    kept: collections.deque[reports.LogEntry] = collections.deque()
    for entry in reversed(entries):
        lines -= entry.text.count("\n") + 1
        if lines < 0 and kept:
            break
        kept.appendleft(entry)
    return list(kept)
