"""The service that a log names: by `spring.application.name` in its layout, or by its application class."""

from collections.abc import Iterable, Iterator, Sequence

import re2

from bot.config import catalog
from bot.kubernetes.diagnosis import attempts

_APPLICATION_CLASS = re2.compile(r"\b(?:Starting|Started|Restored) (?P<name>\w{1,200}?)Application\b")
_SEPARATORS = re2.compile(r"[^a-z0-9]")


def find(
    attempt: attempts.StartAttempt, service: catalog.Service, services: Sequence[catalog.Service]
) -> catalog.Service | None:
    """Return the one of *services* that the log names; None if it names *service* itself, or none."""
    named = {_normal(name) for name in _named(attempt)}
    if named & _names(service):
        return None
    found = [one for one in services if one != service and named & _names(one)]
    return found[0] if len(found) == 1 else None


def _named(attempt: attempts.StartAttempt) -> Iterator[str]:
    for record in attempt.records:
        if record.application:
            yield record.application
        if (match := _APPLICATION_CLASS.search(record.text)) is not None:
            yield match["name"]


def _names(service: catalog.Service) -> set[str]:
    names: Iterable[str | None] = (
        service.name,
        service.module,
        service.deployment,
        service.container,
        service.eureka_id,
        *service.aliases,
    )
    return {_normal(name) for name in names if name}


def _normal(name: str) -> str:
    """Return *name* as comparable: `PosEvents` is pos-events."""
    return str(_SEPARATORS.sub("", name.lower()))
