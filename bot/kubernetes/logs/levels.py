"""
Levels of log entries, in the layouts of Java and of what else runs in a pod: text, JSON, logfmt, klog.

The text of an entry never counts, only the place of a level in its layout: an INFO entry may quote an ERROR.
"""

import enum
import json
import re
from collections.abc import Iterator, Mapping

import re2

from bot.kubernetes.logs import layouts


class Level(enum.StrEnum):
    """Log levels, lowest first."""

    TRACE = "trace"
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"
    FATAL = "fatal"

    @property
    def rank(self) -> int:
        """Position in the order from trace (0) to fatal."""
        return list(Level).index(self)


_SPELLINGS = {
    **dict.fromkeys(("TRACE", "TRC", "TRCE", "FINER", "FINEST"), Level.TRACE),
    **dict.fromkeys(("DEBUG", "DBG", "DBUG", "FINE", "CONFIG", "VERBOSE"), Level.DEBUG),
    **dict.fromkeys(("INFO", "INF", "INFORMATION", "INFORMATIONAL", "NOTICE", "LOG"), Level.INFO),
    **dict.fromkeys(("WARN", "WARNING", "WRN"), Level.WARN),
    **dict.fromkeys(("ERROR", "ERR", "SEVERE", "FAIL", "EROR"), Level.ERROR),
    **dict.fromkeys(("FATAL", "FTL", "CRITICAL", "CRIT", "ALERT", "EMERG", "EMERGENCY", "PANIC"), Level.FATAL),
}
"""In Java's, Go's, Python's and .NET's frameworks, PostgreSQL, nginx and syslog."""
_LETTERS = {"T": Level.TRACE, "D": Level.DEBUG, "I": Level.INFO, "W": Level.WARN, "E": Level.ERROR, "F": Level.FATAL}
_SYSLOG = (*[Level.FATAL] * 3, Level.ERROR, Level.WARN, Level.INFO, Level.INFO, Level.DEBUG)
"""By severity (RFC 5424), which GELF and journald write as a number."""
_PROSE = frozenset({"LOG", "FAIL", "CONFIG", "FINE", "ALERT", "VERBOSE", "NOTICE"})
"""Words that begin sentences too; they are levels only before a colon or in brackets."""
_MAX_JSON_PREFIX_BYTES = 60
"""Before a JSON object, such as a date."""
_PREFIX_BYTES = 1_000
"""Of an entry's first line that are searched for a level in text."""
_KEYS = ("log.level", "level", "severity", "severitytext", "severity_text", "loglevel", "log_level", "lvl", "@l", "s")
_NAME_KEYS = ("level_name", "_level_name", "levelname")
_NUMBER_KEYS = ("level", "level_value", "priority", "severity")
_NESTED_KEYS = ("log", "record", "event", "fields")
_MESSAGE_KEYS = ("message", "msg", "log", "short_message")

# The layouts of Spring Boot and Logback, which most lines have; all others take RE2, which is slower per call.
_COMMON = re.compile(
    rb"(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d[.,]\d{3}(?:Z|[+-]\d\d:\d\d)? {1,5}(?:\[[^\]]{1,80}\] )?"
    rb"(TRACE|DEBUG|INFO|WARN|ERROR|FATAL) "
)
_ANY = "|".join(sorted(_SPELLINGS, key=len, reverse=True))
_BARE = "|".join(name for name in sorted(_SPELLINGS, key=len, reverse=True) if name not in _PROSE)
_GROUP = r"(?:\[[^\]]*\]|\([^)]*\)|\{[^}]*\}|[-|:*]+|\d+)\s*"
"""What precedes a level: thread, process or trace id in brackets, dashes, a number."""
_WORD = r"[\w.$#@/:-]+[\s|:-]+"
"""A logger or thread without brackets."""
_TEXT = re2.compile(
    (
        rf"^(?:<\d+>)?(?:\[[^\]]*\]\s*)??(?:{layouts.DATE})?[\])>]?[\s:,|-]*(?:{_GROUP}){{0,5}}?(?:{_WORD}(?:{_GROUP}){{0,2}}?)??"
        rf"(?:[\[(<](?:[\w.]+:)?\s*((?i:{_ANY}))\s*[\])>]|((?i:{_ANY}))(?::|\s?\||\t)|({_BARE})\b|({_ANY})\s\[)"
    ).encode()
)
_LOGFMT = re2.compile(rf"^(?:{layouts.DATE}\s)?(?:[\w.@-]+=.*?\s)??(?i:level|lvl|severity|loglevel)=\"?(\w+)".encode())
_JSON_LEVEL = re2.compile(rf'[{{,]\s*"(?i:(?:log\.)?level|severity|lvl)"\s*:\s*"((?i:{_ANY}))"'.encode())
_KLOG = re.compile(rb"([IWEF])\d{4} \d\d:\d\d:\d\d\.\d{6} ")
_VM_WARNING = b" VM warning: "
_UNCAUGHT = re2.compile(
    rb"^(?:Exception in thread |Terminating due to |# A fatal error|Error: |panic: |fatal error: |Unhandled exception"
    rb"|Traceback \(most recent call last\)|(?:[\w$]+\.)+[A-Z][\w$]*(?:Exception|Error)\b)"
)
PREFILTERS: Mapping[Level, "re2._Regexp[bytes] | None"] = {
    level: re2.compile(
        rb"(?i)\b(?:"
        + "|".join(name for name, one in _SPELLINGS.items() if one.rank >= level.rank).encode()
        + (
            rb"|\w*Exception|\w*Error|Traceback|Terminating"
            rb'|[WEF]\d{4} |(?:level|priority|severity|level_value)"?\s*:\s*"?(?:[0-4]|[3-6]0|[34]\d{4}|50000)\b'
            rb'|s"\s*:\s*"[WEF]")'
        )
    )
    for level in Level
    if level.rank > Level.INFO.rank
} | dict.fromkeys((Level.TRACE, Level.DEBUG, Level.INFO))
"""A pattern that every entry of that level and above contains, for searching many lines at once."""


def level_of(text: bytes) -> Level:
    """Return the level of an entry; error for an uncaught exception, else info."""
    found = _COMMON.match(text)
    if found is not None:
        return _SPELLINGS[found[1].decode()]
    first, _, rest = text.partition(b"\n")
    start = first.find(b'{"', 0, _MAX_JSON_PREFIX_BYTES) if first[:1] != b"{" else 0
    level = _level_of_json(first[start:]) if start >= 0 else None
    if start == 0:
        return level or Level.INFO
    if _VM_WARNING in first[:_PREFIX_BYTES]:
        return Level.WARN
    level = _level_of_text(first[:_PREFIX_BYTES]) or level
    if level is None and layouts.is_jul_header(first):
        level = _level_of_text(rest[:_PREFIX_BYTES])
    return level or (Level.ERROR if _UNCAUGHT.match(text) else Level.INFO)


def _level_of_text(line: bytes) -> Level | None:
    klog = _KLOG.match(line)
    if klog is not None:
        return _LETTERS[klog[1].decode()]
    found = _TEXT.match(line) or _LOGFMT.match(line)
    return _named(next(filter(None, found.groups())).decode()) if found is not None else None


def _level_of_json(line: bytes) -> Level | None:
    """Return the level in a JSON entry, wherever in it; that of its message where it names none."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        # Truncated, for example.
        found = _JSON_LEVEL.search(line)
        return _named(found[1].decode()) if found is not None else None
    values = {key.lower(): value for key, value in document.items()}
    nested = (values[key] for key in _NESTED_KEYS if isinstance(values.get(key), dict))
    for one in (values, *({key.lower(): value for key, value in inner.items()} for inner in nested)):
        level = next(_stated(one), None)
        if level is not None:
            return level
    messages = (values[key] for key in _MESSAGE_KEYS if isinstance(values.get(key), str))
    return _level_of_text(next(messages, "").encode()[:_PREFIX_BYTES])


def _stated(values: Mapping[str, object]) -> Iterator[Level]:
    """Yield the levels that a JSON object states, by name before by number."""
    for key in (*_NAME_KEYS, *_KEYS):
        value = values.get(key)
        if isinstance(value, dict):
            value = value.get("name")
        level = _named(value) if isinstance(value, str) else None
        if level is None and key == "s" and isinstance(value, str):
            level = _LETTERS.get(value[:1])
        if level is not None:
            yield level
    for key in _NUMBER_KEYS:
        level = _numbered(values.get(key))
        if level is not None:
            yield level


def _named(name: str) -> Level | None:
    return _SPELLINGS.get(name.upper())


def _numbered(value: object) -> Level | None:
    """Return the level of a number: syslog's 0–7, pino's and Python's 10–60, Logback's thousands."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 7:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    if 0 <= value < len(_SYSLOG):
        return _SYSLOG[value]
    hundreds = value // 1_000 if value >= 5_000 else value
    if 10 <= hundreds <= 60 or value == 5_000:
        return list(Level)[max(min(hundreds // 10 - 1, len(Level) - 1), 0)]
    return None
