"""Retention: a recurring timer that deletes what is older than the days it is kept."""

import datetime
from collections.abc import Callable, Mapping

import sqlalchemy
import structlog

from bot.durable import timers

log = structlog.get_logger()

_KIND, _SUBJECT = "prune", "database"
_INTERVAL = datetime.timedelta(hours=6)

Prune = Callable[[sqlalchemy.Connection, datetime.datetime], int]
"""Deletes what ended before a time; returns how many rows."""


def register(registry: timers.Timers, prunes: Mapping[str, Prune], *, days: int) -> None:
    """Register the timer that runs each of *prunes* for what is older than *days*."""

    def prune(connection: sqlalchemy.Connection, timer: timers.Timer) -> None:
        now = timers.now(connection)
        counts = {name: delete(connection, now - datetime.timedelta(days=days)) for name, delete in prunes.items()}
        timers.schedule(connection, timer.kind, timer.subject, now + _INTERVAL, scheduled_at=now)
        log.info("database pruned", **counts)

    registry.register(_KIND, prune)


def ensure_scheduled(connection: sqlalchemy.Connection) -> None:
    """Schedule the timer for now, unless it is scheduled already."""
    now = timers.now(connection)
    timers.ensure_scheduled(connection, _KIND, _SUBJECT, now, scheduled_at=now)
