"""The lines of a followed log that were read before, after a lost connection."""

import array
import collections
import datetime

from bot.kubernetes.logs import tail_buffer

_OVERLAP_SECONDS = 2
"""A reconnect reads again from so long before the newest line: stdout and stderr overtake each other by less."""
_MAX_RECENT_LINES, _MAX_RECENT_PARTS = 10_000, 8
"""
Of one container, to recognise them after a reconnect: the lines of a part, and the parts. A log that writes more in
three seconds may show some of its lines again.
"""


class Deduplicator:
    """
    Drops lines that were read before, after a reconnect has read some seconds again.

    Recent lines are kept as their hashes, by the second in which they were written: eight bytes each.
    """

    def __init__(self) -> None:
        self._recent: collections.deque[tuple[int, array.array[int]]] = collections.deque()
        self._expected: collections.Counter[int] = collections.Counter()
        self._expected_until: datetime.datetime | None = None
        self._oldest: datetime.datetime | None = None
        self._has_reconnected = False
        self.newest: datetime.datetime | None = None

    def reconnect(self) -> datetime.datetime | None:
        """Expect the recent lines once more; return from when to read, None from the beginning."""
        self._expected = collections.Counter(key for _, keys in self._recent for key in keys)
        self._has_reconnected = self.newest is not None
        if self.newest is None:
            return None
        overlap = datetime.timedelta(seconds=_OVERLAP_SECONDS)
        self._expected_until = self.newest + overlap
        return self.newest - overlap

    def filter_new(self, lines: list[bytes]) -> list[bytes]:
        """Return the lines that were not read before."""
        return [line for line in lines if self._is_new(line)]

    def _is_new(self, line: bytes) -> bool:
        key = hash(line)
        if self._expected.get(key, 0):
            self._expected[key] -= 1
            return False
        at = tail_buffer.parse_timestamp(line.partition(b" ")[0])
        if at is not None:
            self._oldest = self._oldest or at
            if at < self._oldest and self._has_reconnected:
                # Older than the tail that following began with.
                return False
            self.newest = max(self.newest or at, at)
            self._remember(key, int(self.newest.timestamp()))
            if self._expected and self._expected_until is not None and at > self._expected_until:
                self._expected.clear()
        return True

    def _remember(self, key: int, second: int) -> None:
        if not self._recent or self._recent[-1][0] != second or len(self._recent[-1][1]) >= _MAX_RECENT_LINES:
            self._recent.append((second, array.array("q")))
            while self._recent[0][0] < second - _OVERLAP_SECONDS - 1 or len(self._recent) > _MAX_RECENT_PARTS:
                self._recent.popleft()
        self._recent[-1][1].append(key)
