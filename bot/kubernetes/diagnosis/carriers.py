"""
Carriers: what kubectl, CI, Docker Compose and container runtimes write around each line of a log.

A carrier is removed only where nearly every line has it, so that lines of the service that look alike stay.
"""

import json
from collections.abc import Callable, Sequence

import re2

_SAMPLE_LINES = 200
_MIN_SHARE = 0.9
_PREFIXES = tuple(
    re2.compile(pattern)
    for pattern in (
        # kubectl logs --prefix, stern
        r"^\[pod/[^\]\s]{1,300}\] ",
        # docker compose logs
        r"^[\w.-]{1,100}\s{1,60}\| ?",
        # kubectl logs --timestamps and GitHub Actions; Spring Boot writes fewer digits
        r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6,9}(?:Z|[+-]\d\d:\d\d)(?: std(?:out|err) [FP])?(?: |$)",
    )
)


def unwrap(lines: Sequence[str]) -> list[str]:
    """Return *lines* as the service wrote them."""
    unwrapped = list(lines)
    if _is_carried(unwrapped, lambda line: _docker_line(line) is not None):
        unwrapped = [_docker_line(line) or "" for line in unwrapped]
    for prefix in _PREFIXES:
        if _is_carried(unwrapped, lambda line, prefix=prefix: prefix.match(line) is not None):  # type: ignore[misc]
            unwrapped = [line[match.end() :] if (match := prefix.match(line)) else line for line in unwrapped]
    return unwrapped


def _is_carried(lines: Sequence[str], is_carrier: Callable[[str], bool]) -> bool:
    sample = [line for line in lines[-_SAMPLE_LINES:] if line.strip()]
    return bool(sample) and sum(is_carrier(line) for line in sample) >= _MIN_SHARE * len(sample)


def _docker_line(line: str) -> str | None:
    """Return the line in a document of Docker's json-file driver, or None."""
    if not line.startswith('{"log":'):
        return None
    try:
        document = json.loads(line)
    except ValueError:
        return None
    is_docker = isinstance(document, dict) and isinstance(document.get("log"), str) and "stream" in document
    return document["log"].rstrip("\n") if is_docker else None
