"""The entries that were asked for, out of lines as they come."""

import collections
from collections.abc import Iterator

from bot.podlogs import conditions, joining


class Selector:
    """Takes the wanted entries out of one log, with as many around them as were asked for."""

    def __init__(self, wanted: conditions.Conditions, *, before: int = 0, after: int = 0) -> None:
        self._wanted = wanted
        self._finder = wanted.finder if before == after == 0 else None
        self._joiner = joining.Joiner()
        self._open: list[bytes] = []
        """The last entry's lines, to which more may belong."""
        self._earlier: collections.deque[joining.Entry] = collections.deque(maxlen=before)
        self._after = after
        self._still_after = 0
        self.lines_matched = 0

    def feed(self, lines: list[bytes]) -> Iterator[joining.Entry]:
        """Take whole lines and give the wanted ones of the entries that they complete."""
        lines = self._open + lines
        texts = [joining.text_of(line) for line in lines]
        self._joiner.learn(texts)
        end = self._joiner.last_beginning(texts)
        self._open = lines[end:]
        return self._select(lines, texts, end)

    def finish(self) -> Iterator[joining.Entry]:
        """Give the last entry, if it is wanted."""
        lines, self._open = self._open, []
        return self._select(lines, [joining.text_of(line) for line in lines], len(lines))

    @property
    def has_open(self) -> bool:
        """Tell whether an entry is held that may go on."""
        return bool(self._open)

    def _select(self, lines: list[bytes], texts: list[bytes], end: int) -> Iterator[joining.Entry]:
        if self._finder is not None and end:
            yield from self._search(lines, texts, end)
            return
        for entry in self._joiner.entries(lines, texts, end):
            yield from self._surrounded(entry)

    def _search(self, lines: list[bytes], texts: list[bytes], end: int) -> Iterator[joining.Entry]:
        """Search all lines at once, and look at entries only where something was found."""
        assert self._finder is not None  # noqa: S101 - the caller has looked
        text, place, index = b"\n".join(texts[:end]), 0, 0
        while (found := self._finder.search(text, place)) is not None:
            hit = index + text.count(b"\n", place, found.start())
            start = max(hit, index)
            while start > index and not self._joiner.begins(texts[start]):
                start -= 1
            stop = hit + 1
            while stop < end and not self._joiner.begins(texts[stop]):
                stop += 1
            entry = joining.Entry(joining.stamp_of(lines[start]), tuple(texts[start:stop]))
            if self._wanted.accept(entry.text):
                self.lines_matched += len(entry.lines)
                yield entry
            place += sum(len(one) + 1 for one in texts[index:stop])
            index = stop
            if index >= end:
                return

    def _surrounded(self, entry: joining.Entry) -> Iterator[joining.Entry]:
        if self._wanted.are_none or self._wanted.accept(entry.text):
            yield from self._earlier
            self._earlier.clear()
            self._still_after = self._after
            self.lines_matched += len(entry.lines)
            yield entry
        elif self._still_after:
            self._still_after -= 1
            yield entry
        else:
            self._earlier.append(entry)
