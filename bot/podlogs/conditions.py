"""Which entries are wanted: by a regular expression, by one that they must not match, by severity."""

import dataclasses
import enum
import re

import re2

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


def compiled(pattern: str) -> "re2._Regexp[bytes]":
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
class Conditions:
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
