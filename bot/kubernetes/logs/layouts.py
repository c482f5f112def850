"""How the entries of a log begin: with a date, a klog header, a JSON object, or an uncaught exception."""

import re

DATE = (
    r"[\[(<]?(?:"
    # 2026-11-27T09:00:02.114Z, 2026-11-27 09:00:02,114 +0000, 2026/11/27 09:00:02, [2026-11-27, 09:00:02 UTC]
    r"\d{4}[-/.]\d\d[-/.]\d\d(?:,?[T ] ?\d\d?:\d\d(?::\d\d)?(?:[.,]\d{1,9})?"
    r"(?: ?(?:Z|[+-]\d\d:?\d\d|(?:UTC|GMT|C?E[SD]?T|WET|[CMP][SD]T|[A-Z]{1,3}ST)\b))?)?"
    # 27 Nov 2026 09:00:02,114 and 27-Nov-2026 09:00:02.114, 27/Nov/2026:09:00:02 +0000, 27.11.2026 09:00:02
    r"|\d\d?[ ./-](?:[A-Z][a-z]{2}|\d\d)[ ./-]\d{4}[ :T]\d\d:\d\d(?::\d\d)?(?:[.,]\d{1,9})?(?: [+-]\d{4})?"
    # Nov 27, 2026 9:00:02 AM, as java.util.logging writes it
    r"|[A-Z][a-z]{2}\.? \d\d?, \d{4},? \d\d?:\d\d:\d\d(?:.{1,3}[AP]M)?"
    # Fri Nov 27 09:00:02.114 2026, and Nov 27 09:00:02 of syslog
    r"|(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: \d{4})?"
    # 09:00:02.114, 9:00AM; [0.015s]; seconds or milliseconds since 1970
    r"|\d\d?:\d\d:\d\d(?:[.,]\d{1,9})?|\d\d?:\d\d[AP]M|\d{1,9}[.,]\d{1,9}s\]|1\d{9}(?:\d{3})?(?:\.\d{1,9})?\b"
    r")"
)
"""A date or time. Every repetition is bounded, so that a match takes constant time."""
_KLOG = r"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d{6} "
_LOGFMT_TIME = r"(?:time|ts|timestamp|level|lvl)=\S"
_DATED = re.compile(rf"{DATE}|{_KLOG}|{_LOGFMT_TIME}".encode())
_JSON_ENTRY = re.compile(rb'\{\s{0,8}"')
_JSON_KEY = re.compile(
    rb'"(?:@?timestamp|time|ts|t|@t|date|datetime|asctime|instant|timeMillis|(?:log\.)?level|_?level_name|levelname'
    rb'|severity|lvl|@l)"\s{0,8}:',
    re.IGNORECASE,
)
_JUL_HEADER = re.compile(rb"[A-Z][a-z]{2}\.? \d\d?, \d{4},? \d\d?:\d\d:\d\d.{1,3}[AP]M [\w.$]{1,200} \S{1,200}$")
_JUL_LEVEL = re.compile(rb"(?:SEVERE|WARNING|INFO|CONFIG|FINE|FINER|FINEST): ")
_UNDATED_START = re.compile(
    rb"Exception in thread |Picked up |Terminating due to |# A fatal error|OpenJDK |Error: |panic: |fatal error: "
    rb"|Traceback \(most recent call last\)|(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL)\b"
)
_CONTINUATION = re.compile(
    rb"[ \t]|$|Caused by: |Suppressed: |Wrapped by: |\.\.\. \d+ |[})\]]"
    rb"|(?:[\w$]+\.)+[A-Z][\w$]*(?:Exception|Error|Throwable)\b"
)


def is_dated(text: bytes) -> bool:
    """Return whether a line begins with a date, or is a JSON object with one."""
    return _DATED.match(text) is not None or is_json_entry(text)


def is_json_entry(text: bytes) -> bool:
    """Return whether a line is one JSON object that a logger wrote: a body in a message has neither time nor level."""
    return _JSON_ENTRY.match(text) is not None and _JSON_KEY.search(text) is not None


def is_jul_header(text: bytes) -> bool:
    """Return whether a line is the first of two that java.util.logging writes: date, class and method."""
    return _JUL_HEADER.match(text) is not None


def starts_entry(text: bytes, *, is_dated_log: bool, has_jul_headers: bool) -> bool:
    """Return whether a line starts an entry, in a log that dates its lines or in one that java.util.logging writes."""
    if not is_dated_log:
        return _CONTINUATION.match(text) is None
    if is_dated(text):
        return True
    # The second line of java.util.logging belongs to its header.
    is_second = has_jul_headers and _JUL_LEVEL.match(text) is not None
    return not is_second and _UNDATED_START.match(text) is not None
