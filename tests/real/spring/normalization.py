"""Recorded logs without anything of the machine that recorded them, and in a form that two recordings share."""

import dataclasses
import datetime
import json
import re
from collections.abc import Iterator, Mapping

FIRST = datetime.datetime(2026, 1, 15, 8, 30, tzinfo=datetime.UTC)
"""When each recorded start began."""
_STAMP = re.compile(r"(?<!\d)(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{3,9})(Z|\+00:00)")
_EPOCH = re.compile(r'(?<="timestamp":)(\d{10})\.(\d{3})\b')
_EARLY = re.compile(r"^\d\d:\d\d:\d\d(?=\.\d{3} \[)", re.MULTILINE)
"""Before Spring Boot has configured Logback."""
_STARTED_BY = re.compile(r"(\bstarted by )\S+( in )")
_EPHEMERAL = re.compile(r"(127\.0\.0\.1:)(?:3[2-9]|[45]\d|6[0-5])\d{3}\b")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_FRAME = re.compile(r"^\s*(?:at |\.\.\. \d+ (?:more|common frames))")
_VARYING = (
    (_STAMP, "TIME"),
    (re.compile(r"^1\d{9}\.\d{1,3}$"), "TIME"),
    (re.compile(r"@[0-9a-f]{4,8}\b|\b0x[0-9a-f]+\b"), "HEX"),
    (re.compile(r"\b\d+(?:\.\d+)? ?(?:seconds|ms)\b|(?<=process running for )[\d.]+"), "DURATION"),
    (re.compile(r"^\d\d:\d\d:\d\d\.\d{3} "), "TIME"),
    (re.compile(r"(?<=using Java )\S+"), "VERSION"),
    (re.compile(r"\b\d{12,}\b"), "NUMBER"),
    (re.compile(r"(?<=PostgreSQL )\d+\.\d+|(?<=execution time )[\d:.]+"), "VALUE"),
    (re.compile(r"(?<=Apache Tomcat/)[\d.]+"), "VERSION"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Machine:
    """What a log may hold of the machine, each with what replaces it."""

    pid: int
    ports: Mapping[int, int]
    names: Mapping[str, str]
    """Folders, host and address; longer ones first."""

    def remove_from(self, log: str) -> str:
        """
        Return *log* as if it had been written in a container.

        Raises:
            ValueError: something of the machine is left.
        """
        for name, replacement in self.names.items():
            log = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", lambda _, to=replacement: to, log)
        for port, replacement in self.ports.items():
            log = re.sub(rf"(?<!\w){port}(?!\w)", str(replacement), log)
        pid = rf"(?<=PID ){self.pid}\b|(?<=pid\":){self.pid}\b|(?<!\d){self.pid}(?=(?:\x1b\[0;39m)? (?:\x1b\[2m)?---)"
        log = _STARTED_BY.sub(r"\1app\2", re.sub(pid, "1", log))
        log = _EPHEMERAL.sub(r"\g<1>40404", _EARLY.sub(f"{FIRST:%H:%M:%S}", _shift(log)))
        left = [name for name in self.names if name.startswith("/") and name in log]
        if left:
            raise ValueError(f"of this machine: {', '.join(left)}")
        return log


def without_colors(log: str) -> str:
    """Return *log* without ANSI escape sequences, as Spring Boot prints it where they are off."""
    return _ANSI.sub("", log)


def comparable(log: str) -> frozenset[str]:
    """Return the lines that any recording of the same start has: no stack frames, and nothing that varies."""
    return frozenset(_without_varying(line) for line in _lines(log) if line.strip() and not _FRAME.match(line))


def _lines(log: str) -> Iterator[str]:
    for line in without_colors(log).splitlines():
        if line.startswith("{"):
            yield from _texts(json.loads(line))
        elif not line.startswith("WARNING: "):  # of the JDK, about what it will forbid
            yield line


def _texts(value: object) -> Iterator[str]:
    """Yield the lines of all values in a structured event."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    else:
        yield from str(value).splitlines()


def _without_varying(line: str) -> str:
    for pattern, replacement in _VARYING:
        line = pattern.sub(replacement, line)
    return " ".join(line.split())


def _shift(log: str) -> str:
    """Return *log* with its times moved so that the first is `FIRST`, in steps of whole seconds."""
    stamps = [datetime.datetime.fromisoformat(f"{found[1]}+00:00") for found in _STAMP.finditer(log)]
    stamps += [datetime.datetime.fromtimestamp(int(found[1]), datetime.UTC) for found in _EPOCH.finditer(log)]
    by = FIRST - min(stamps, default=FIRST)

    def moved(found: re.Match[str]) -> str:
        at = datetime.datetime.fromisoformat(f"{found[1]}+00:00") + by
        return f"{at:%Y-%m-%dT%H:%M:%S}.{found[2]}{found[3]}"

    def moved_epoch(found: re.Match[str]) -> str:
        return f"{int(found[1]) + int(by.total_seconds())}.{found[2]}"

    return _EPOCH.sub(moved_epoch, _STAMP.sub(moved, log))
