"""
Which entries are wanted: by a regular expression, by one that they must not match, by severity.

The entries that were asked for, out of lines as they come.
"""

import collections
import dataclasses
import enum
import re
from collections.abc import Iterator

import re2

from bot.kubernetes.logs import parser

_LONGEST_PATTERN = 1_000


class Level(enum.StrEnum):
    """Severities, the mildest first."""

    TRACE = "trace"
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"
    FATAL = "fatal"

    @property
    def rank(self) -> int:
        """Give the place in the order from trace (0) to fatal."""
        return list(Level).index(self)


_SPELLINGS = {
    **{level.value.upper().encode(): level for level in Level},
    b"WARNING": Level.WARN,
    b"SEVERE": Level.ERROR,
    b"CRITICAL": Level.FATAL,
}
_NAMES = rb"WARNING|" + b"|".join(_SPELLINGS)
# Spring Boot's own layout, one that begins with the level, the JVM's, and JSON.
_LEVEL = re.compile(
    rb"^(?:\[?[\dTZ:.,+/\- ]{8,40}\]?\s*)?(?:\[[^\]]{1,60}\]\s*)?\[?("
    + _NAMES
    + rb')\b|"(?:log\.)?level"\s*:\s*"('
    + _NAMES
    + rb')"',
    re.IGNORECASE,
)
_UNCAUGHT = re.compile(
    rb"Exception in thread |Terminating due to |# A fatal error|Error: |(?:[\w$]+\.)+[A-Z][\w$]*(?:Exception|Error)\b"
)
_SEARCHED = 300
"""Bytes of a first line in which its level stands, if anywhere."""


_AT_LEAST = {
    level: re2.compile(
        rb"(?i)\b(?:"
        + b"|".join(name for name, one in _SPELLINGS.items() if one.rank >= level.rank)
        + (rb"|\w*Exception|\w*Error" if level.rank <= Level.ERROR.rank else b"")
        + rb")\b"
    )
    for level in Level
    if level.rank > Level.INFO.rank
} | dict.fromkeys((Level.TRACE, Level.DEBUG, Level.INFO))


class BadPattern(ValueError):
    """A regular expression that the engine does not take."""


def compile_pattern(pattern: str) -> "re2._Regexp[bytes]":
    """
    Give *pattern* ready to search bytes; `^` and `$` mean the ends of lines.

    RE2's time grows with the text and never explodes, so nobody's pattern can stop the bot; that is why it knows no
    back references and no looking around.

    Raises:
        BadPattern
    """
    if len(pattern) > _LONGEST_PATTERN:
        raise BadPattern(f"A pattern may have {_LONGEST_PATTERN:,} characters, this one has {len(pattern):,}.")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(b"(?m)" + pattern.encode(), options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise BadPattern(
            f"“{pattern[:60]}” is no regular expression that can be used ({reason.replace('(?m)', '')})."
            " Look-around and back references are not there; put a backslash before ( [ . * + ? to mean the character."
        ) from error


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What an entry must meet; all of them."""

    grep: "re2._Regexp[bytes] | None" = None
    exclude: "re2._Regexp[bytes] | None" = None
    level: Level | None = None

    @property
    def are_none(self) -> bool:
        """Tell whether every entry is wanted."""
        return self.grep is None and self.exclude is None and self.level is None

    @property
    def finder(self) -> "re2._Regexp[bytes] | None":
        """Give a pattern that every wanted entry contains, by which blocks can be searched as a whole."""
        if self.grep is not None:
            # These mean the ends of an entry, which a block of many has in its middle.
            return None if any(mark in self.grep.pattern for mark in (b"\\A", b"\\z")) else self.grep
        return _AT_LEAST[self.level] if self.level is not None else None

    def accept(self, text: bytes) -> bool:
        """Tell whether an entry is wanted."""
        if self.level is not None and level_of(text).rank < self.level.rank:
            return False
        if self.grep is not None and not self.grep.search(text):
            return False
        return self.exclude is None or not self.exclude.search(text)


def level_of(text: bytes) -> Level:
    """Give how severe an entry is: what its first line says, error for an exception that nobody caught, else info."""
    found = _LEVEL.search(text[:_SEARCHED].split(b"\n", 1)[0])
    if found is not None:
        return _SPELLINGS[(found[1] or found[2]).upper()]
    return Level.ERROR if _UNCAUGHT.match(text) else Level.INFO


class ContextSelector:
    """Takes the wanted entries out of one log, with as many around them as were asked for."""

    def __init__(self, wanted: Filter, *, before: int = 0, after: int = 0) -> None:
        self._wanted = wanted
        self._finder = wanted.finder if before == after == 0 else None
        self._joiner = parser.MultilineParser()
        self._open: list[bytes] = []
        """The last entry's lines, to which more may belong."""
        self._earlier: collections.deque[parser.Entry] = collections.deque(maxlen=before)
        self._after = after
        self._still_after = 0
        self.lines_matched = 0

    def feed(self, lines: list[bytes]) -> Iterator[parser.Entry]:
        """Take whole lines and give the wanted ones of the entries that they complete."""
        lines = self._open + lines
        texts = [parser.text_of(line) for line in lines]
        self._joiner.learn(texts)
        end = self._joiner.last_beginning(texts)
        self._open = lines[end:]
        return self._select(lines, texts, end)

    def finish(self) -> Iterator[parser.Entry]:
        """Give the last entry, if it is wanted."""
        lines, self._open = self._open, []
        return self._select(lines, [parser.text_of(line) for line in lines], len(lines))

    @property
    def has_open(self) -> bool:
        """Tell whether an entry is held that may go on."""
        return bool(self._open)

    def _select(self, lines: list[bytes], texts: list[bytes], end: int) -> Iterator[parser.Entry]:
        if self._finder is not None and end:
            yield from self._search(lines, texts, end)
            return
        for entry in self._joiner.entries(lines, texts, end):
            yield from self._surrounded(entry)

    def _search(self, lines: list[bytes], texts: list[bytes], end: int) -> Iterator[parser.Entry]:
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
            entry = parser.Entry(parser.stamp_of(lines[start]), tuple(texts[start:stop]))
            if self._wanted.accept(entry.text):
                self.lines_matched += len(entry.lines)
                yield entry
            place += sum(len(one) + 1 for one in texts[index:stop])
            index = stop
            if index >= end:
                return

    def _surrounded(self, entry: parser.Entry) -> Iterator[parser.Entry]:
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
