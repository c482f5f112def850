"""Retention: recurring timers that delete what is older than the days it is kept, and what is too much."""

import dataclasses
import datetime
from collections.abc import Callable, Mapping

import sqlalchemy
import structlog

from bot.durable import timers

log = structlog.get_logger()

_KIND, _SIZE_KIND, _SUBJECT = "prune", "prune_size", "database"
_INTERVAL = datetime.timedelta(hours=6)
_SIZE_INTERVAL = datetime.timedelta(minutes=5)
_NEXT_DROP = datetime.timedelta(seconds=5)
"""Little is dropped at once, so that others get their turn at the database."""
_TARGET_SHARE = 0.9
"""Of the largest size; what is too much is dropped down to it."""

Prune = Callable[[sqlalchemy.Connection, datetime.datetime], int]
"""Deletes what ended before a time; returns how many rows."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SizeLimit:
    """The largest size of the database."""

    max_bytes: int
    measure: Callable[[sqlalchemy.Connection], int]
    """Returns the size."""
    drop_oldest: Callable[[sqlalchemy.Connection], int]
    """Drops some of the oldest content; returns of how many entries."""


def register(registry: timers.Timers, prunes: Mapping[str, Prune], *, days: int, size: SizeLimit) -> None:
    """Register the timers: each of *prunes* for what is older than *days*, and what makes room."""

    def prune(connection: sqlalchemy.Connection, timer: timers.Timer) -> None:
        now = timers.now(connection)
        counts = {name: delete(connection, now - datetime.timedelta(days=days)) for name, delete in prunes.items()}
        timers.schedule(connection, timer.kind, timer.subject, now + _INTERVAL, scheduled_at=now)
        log.info("database pruned", **counts)

    def make_room(connection: sqlalchemy.Connection, timer: timers.Timer) -> None:
        now, held = timers.now(connection), size.measure(connection)
        is_too_much = held > size.max_bytes * (_TARGET_SHARE if timer.payload.get("is_dropping") else 1)
        if is_too_much:
            dropped = size.drop_oldest(connection)
            log.warning("database too large", bytes=held, max_bytes=size.max_bytes, entries_dropped=dropped)
        due_at = now + (_NEXT_DROP if is_too_much else _SIZE_INTERVAL)
        payload = {"is_dropping": is_too_much}
        timers.schedule(connection, timer.kind, timer.subject, due_at, payload, scheduled_at=now)

    registry.register(_KIND, prune)
    registry.register(_SIZE_KIND, make_room)


def ensure_scheduled(connection: sqlalchemy.Connection) -> None:
    """Schedule the timers for now, unless they are scheduled already."""
    now = timers.now(connection)
    for kind in (_KIND, _SIZE_KIND):
        timers.ensure_scheduled(connection, kind, _SUBJECT, now, scheduled_at=now)
