"""
Timers: what is due at a time, fired once over all replicas.

`schedule` and `cancel` run in the caller's transaction. When a timer is due, one transaction removes it and runs its
handler, which only writes rows: so a timer is fired late after a downtime, but never lost and never twice. Whether
something came in time is decided by `due_at` itself (see `cancel`), fired or not.

Time is the database's clock on PostgreSQL and the process's on SQLite, which has one machine; tests inject theirs. A
clock that is set back behind the moment at which a timer was scheduled delays it by at most its own length.
"""

import dataclasses
import datetime
import time
from collections.abc import Callable, Mapping

import sqlalchemy
import structlog

from bot.store import database, tables

log = structlog.get_logger()

MAX_TIMERS_AT_ONCE = 100
_RETRY_SECONDS = 15.0
"""After a handler failed."""
_TIMERS = tables.timers
_SCHEDULE = sqlalchemy.text(
    "INSERT INTO timers (kind, subject, scheduled_at, due_at, payload)"
    " VALUES (:kind, :subject, :scheduled_at, :due_at, :payload) ON CONFLICT (kind, subject) DO UPDATE"
    " SET scheduled_at = excluded.scheduled_at, due_at = excluded.due_at, payload = excluded.payload"
).bindparams(
    sqlalchemy.bindparam("scheduled_at", type_=database.UtcDateTime()),
    sqlalchemy.bindparam("due_at", type_=database.UtcDateTime()),
)

Clock = Callable[[], datetime.datetime]


def boot_seconds() -> float:
    """Return seconds since the machine was started, suspended or not; nobody can set this clock."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def steady(clock: Clock) -> Clock:
    """Return *clock* as it continues from now unless it is set, so that differences are true durations."""
    started_at, started = clock(), boot_seconds()
    return lambda: started_at + datetime.timedelta(seconds=boot_seconds() - started)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """Something that is due."""

    kind: str
    subject: str
    due_at: datetime.datetime
    payload: Mapping[str, object] = dataclasses.field(default_factory=dict)


Handler = Callable[[sqlalchemy.Connection, Timer], None]
"""Writes rows, in the transaction that removes the timer; it may schedule the next one."""


def now(connection: sqlalchemy.Connection, clock: Clock | None = None) -> datetime.datetime:
    """Return the time by which timers are due: *clock*, else the database's own, else this machine's."""
    if clock is not None:
        return clock()
    if connection.dialect.name == "postgresql":
        current: datetime.datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return current
    return datetime.datetime.now(datetime.UTC)


def schedule(
    connection: sqlalchemy.Connection,
    kind: str,
    subject: str,
    due_at: datetime.datetime,
    payload: Mapping[str, object] | None = None,
    *,
    scheduled_at: datetime.datetime,
) -> None:
    """Schedule a timer, in place of an earlier one of this kind and subject; *scheduled_at* is the time now."""
    values = {"kind": kind, "subject": subject, "scheduled_at": scheduled_at, "due_at": due_at}
    connection.execute(_SCHEDULE, {**values, "payload": database.pack(dict(payload or {}))})


def ensure_scheduled(
    connection: sqlalchemy.Connection,
    kind: str,
    subject: str,
    due_at: datetime.datetime,
    *,
    scheduled_at: datetime.datetime,
) -> None:
    """Schedule a timer unless there is one of this kind and subject: what recurs is begun so at every start."""
    chosen = sqlalchemy.select(_TIMERS.c.due_at).where(_TIMERS.c.kind == kind, _TIMERS.c.subject == subject)
    if connection.execute(chosen).first() is None:
        schedule(connection, kind, subject, due_at, scheduled_at=scheduled_at)


def cancel(connection: sqlalchemy.Connection, kind: str, subject: str) -> datetime.datetime | None:
    """
    Remove a timer; return when it was due, None where there is none, because it was fired or cancelled.

    Cancel before deciding by `due_at`: of two transactions that decide at the same moment, one then waits.
    """
    own = sqlalchemy.delete(_TIMERS).where(_TIMERS.c.kind == kind, _TIMERS.c.subject == subject)
    return connection.execute(own.returning(_TIMERS.c.due_at)).scalar_one_or_none()


class Timers:
    """Fires what is due, by the handlers of their kinds."""

    def __init__(self, db: database.Database, clock: Clock | None = None) -> None:
        self._db = db
        self.clock = clock
        self._handlers: dict[str, Handler] = {}
        self._not_before: dict[tuple[str, str], float] = {}

    def register(self, kind: str, handler: Handler) -> None:
        """Let *handler* be run for due timers of *kind*."""
        self._handlers[kind] = handler

    def find_due(self, connection: sqlalchemy.Connection) -> tuple[Timer, ...]:
        """Return what is due and has a handler here, the oldest first."""
        current = now(connection, self.clock)
        wrong = sqlalchemy.select(_TIMERS).where(_TIMERS.c.kind.in_(self._handlers), _TIMERS.c.scheduled_at > current)
        ready = sqlalchemy.select(_TIMERS).where(_TIMERS.c.kind.in_(self._handlers), _TIMERS.c.due_at <= current)
        for row in connection.execute(wrong.limit(MAX_TIMERS_AT_ONCE)).all():
            _reschedule(connection, row, current)
        rows = connection.execute(ready.order_by(_TIMERS.c.due_at).limit(MAX_TIMERS_AT_ONCE)).all()
        return tuple(map(_timer, rows))

    async def fire(self, timers: tuple[Timer, ...]) -> None:
        """
        Run the handler of each timer once, unless another replica did.

        A handler that fails is logged, its writes are undone, and the timer is tried again later.

        Raises:
            errors.Unavailable: the database is away.
        """
        clock = time.monotonic()
        self._not_before = {key: at for key, at in self._not_before.items() if at > clock}
        for timer in timers:
            if (timer.kind, timer.subject) not in self._not_before:
                await self._fire(timer)

    async def _fire(self, timer: Timer) -> None:
        handler = self._handlers[timer.kind]
        taken = sqlalchemy.delete(_TIMERS).where(
            _TIMERS.c.kind == timer.kind, _TIMERS.c.subject == timer.subject, _TIMERS.c.due_at == timer.due_at
        )

        def job(connection: sqlalchemy.Connection) -> None:
            if connection.execute(taken).rowcount:
                handler(connection, timer)

        try:
            await self._db.work(job)
        except (sqlalchemy.exc.SQLAlchemyError, ValueError, TypeError, KeyError, AttributeError):
            log.exception("timer failed", kind=timer.kind, subject=timer.subject)
            self._not_before[timer.kind, timer.subject] = time.monotonic() + _RETRY_SECONDS


def _reschedule(connection: sqlalchemy.Connection, row: sqlalchemy.Row, current: datetime.datetime) -> None:  # type: ignore[type-arg]
    """Let a timer that was scheduled in what is now the future last as long as it should from now on."""
    own = sqlalchemy.update(_TIMERS).where(
        _TIMERS.c.kind == row.kind, _TIMERS.c.subject == row.subject, _TIMERS.c.scheduled_at == row.scheduled_at
    )
    connection.execute(own.values(scheduled_at=current, due_at=current + (row.due_at - row.scheduled_at)))


def _timer(row: sqlalchemy.Row) -> Timer:  # type: ignore[type-arg]
    payload = database.unpack(row.payload)
    return Timer(
        kind=row.kind, subject=row.subject, due_at=row.due_at, payload=payload if isinstance(payload, dict) else {}
    )
