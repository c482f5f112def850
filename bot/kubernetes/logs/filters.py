"""
Filters of log entries: --grep, --exclude, --level, and the context around a match (-A, -B).

A filter sees whole entries, so a pattern matches anywhere in a stack trace. Without context, a block of lines is
searched at once and parsed only around the hits, which makes a long log as fast as grep.
"""

import collections
import dataclasses
from collections.abc import Iterator

import re2

from bot.kubernetes.logs import levels, parser

_MAX_PATTERN_LENGTH = 1_000
_MAX_PROGRAM_SIZE = 2_000
"""
Instructions of RE2. Where their states do not fit into its memory, each byte of a log costs as many steps as there are
instructions: counted repetitions such as `.{0,400}` make thousands.
"""
_MAX_PROGRAM_BYTES = 4_000_000
"""Of memory for program and states, which also bounds how long compiling takes."""

_REASONS = {"missing )": "unbalanced (", "unexpected )": "unbalanced )", "missing ]": "unbalanced ["}
"""RE2's words for what people call unbalanced."""


class InvalidPattern(ValueError):
    """A regular expression that RE2 cannot compile."""


def compile_pattern(pattern: str) -> "re2._Regexp[bytes]":
    """
    Compile *pattern* to search bytes; `^` and `$` match at line ends.

    RE2 runs in linear time, so no pattern can block posbot; in return it has no backreferences and no look-around.

    Raises:
        InvalidPattern
    """
    if len(pattern) > _MAX_PATTERN_LENGTH:
        raise InvalidPattern(f"Pattern too long: {len(pattern):,} characters, at most {_MAX_PATTERN_LENGTH:,}.")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_PROGRAM_BYTES
    try:
        compiled = re2.compile(b"(?m)" + pattern.encode(), options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        if "too large" in reason:
            raise _too_expensive(pattern) from error
        reason = reason.partition(":")[0].replace("(?m)", "")
        raise InvalidPattern(
            f"Invalid regular expression “{pattern[:60]}”: {_REASONS.get(reason, reason)}."
            " RE2 has no look-around and no backreferences; escape literal ( [ . * + ? with a backslash."
        ) from error
    if compiled.programsize > _MAX_PROGRAM_SIZE:
        raise _too_expensive(pattern)
    return compiled


def _too_expensive(pattern: str) -> InvalidPattern:
    return InvalidPattern(
        f"Pattern too expensive: “{pattern[:60]}”. Replace counted repetitions, such as .{{0,400}}, by .* or .*?."
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Conditions that an entry must all meet."""

    grep: "re2._Regexp[bytes] | None" = None
    exclude: "re2._Regexp[bytes] | None" = None
    level: levels.Level | None = None

    @property
    def is_empty(self) -> bool:
        """Return whether every entry matches."""
        return self.grep is None and self.exclude is None and self.level is None

    @property
    def prefilter(self) -> "re2._Regexp[bytes] | None":
        """A pattern that every matching entry contains, for searching a block at once; None if there is none."""
        if self.grep is not None:
            # \A and \z match at the ends of an entry, which lie inside a block.
            return None if any(mark in self.grep.pattern for mark in (b"\\A", b"\\z")) else self.grep
        return levels.PREFILTERS[self.level] if self.level is not None else None

    def matches(self, text: bytes) -> bool:
        """Return whether an entry meets all conditions."""
        if self.level is not None and levels.level_of(text).rank < self.level.rank:
            return False
        if self.grep is not None and not self.grep.search(text):
            return False
        return self.exclude is None or not self.exclude.search(text)


class ContextSelector:
    """Selects the matching entries of one log, with the entries before and after each match."""

    def __init__(self, condition: Filter, *, before: int = 0, after: int = 0) -> None:
        self._filter = condition
        self._prefilter = condition.prefilter if before == after == 0 else None
        self._parser = parser.MultilineParser()
        self._open_lines: list[bytes] = []
        """Lines of the last entry, which may continue."""
        self._before: collections.deque[parser.Entry] = collections.deque(maxlen=before)
        self._after = after
        self._remaining_after = 0
        self.lines_matched = 0

    @property
    def has_open_entry(self) -> bool:
        """Return whether an entry is buffered that may continue."""
        return bool(self._open_lines)

    def feed(self, lines: list[bytes]) -> Iterator[parser.Entry]:
        """Add lines; return the selected ones of the entries that they complete."""
        lines = self._open_lines + lines
        texts = [parser.text_of(line) for line in lines]
        self._parser.learn(texts)
        end = self._parser.last_start(texts)
        if sum(map(len, lines[end:])) > parser.MAX_ENTRY_BYTES:
            end = len(lines)
        self._open_lines = lines[end:]
        return self._select(lines, texts, end)

    def finish(self) -> Iterator[parser.Entry]:
        """Return the last entry, if it is selected."""
        lines, self._open_lines = self._open_lines, []
        return self._select(lines, [parser.text_of(line) for line in lines], len(lines))

    def _select(self, lines: list[bytes], texts: list[bytes], end: int) -> Iterator[parser.Entry]:
        if self._prefilter is not None and end:
            yield from self._search(self._prefilter, lines, texts, end)
            return
        for entry in self._parser.split(lines, texts, end):
            yield from self._with_context(entry)

    def _search(
        self, prefilter: "re2._Regexp[bytes]", lines: list[bytes], texts: list[bytes], end: int
    ) -> Iterator[parser.Entry]:
        """
        Search all lines before *end* as one text, and parse an entry only around each hit.

        Invariant of the loop: `block[offset]` is the first character of `texts[line]`, and everything before it has
        been searched. Each turn finds the line of the hit, widens it to the entry `first:last`, and moves both on to
        the line after that entry.
        """
        block, offset, line = b"\n".join(texts[:end]), 0, 0
        while line < end and (found := prefilter.search(block, offset)) is not None:
            hit = line + block.count(b"\n", offset, found.start())
            first, last = hit, hit + 1
            while first > line and not self._parser.starts_entry(texts[first]):
                first -= 1
            while last < end and not self._parser.starts_entry(texts[last]):
                last += 1
            entry = parser.Entry(parser.timestamp_of(lines[first]), tuple(texts[first:last]))
            if self._filter.matches(entry.text):
                self.lines_matched += len(entry.lines)
                yield entry
            offset += sum(len(text) + 1 for text in texts[line:last])
            line = last

    def _with_context(self, entry: parser.Entry) -> Iterator[parser.Entry]:
        if self._filter.is_empty or self._filter.matches(entry.text):
            yield from self._before
            self._before.clear()
            self._remaining_after = self._after
            self.lines_matched += len(entry.lines)
            yield entry
        elif self._remaining_after:
            self._remaining_after -= 1
            yield entry
        else:
            self._before.append(entry)
