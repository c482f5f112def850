"""
Claims: which worker works on what, in one table for every kind of work.

A row says that there is work: `offer` makes it, or signals the worker that has it; `claim` gives it to a worker;
`complete` removes it, unless it was signalled meanwhile. The signal is a counter, so work that is requested again while
it is under way is never lost, whichever of the two transactions comes first.

    (no row) --offer--> free --claim--> claimed --complete--> (no row)
                          ^                |
                          +----------------+   release; or the worker unregistered or expired

All functions run in the caller's transaction.
"""

import dataclasses
import datetime
from collections.abc import Collection, Sequence

import sqlalchemy

from bot.store import database, tables

_CLAIMS, _WORKERS = tables.claims, tables.workers
_OFFER = sqlalchemy.text(
    "INSERT INTO claims (kind, subject, worker, signal, offered_at) VALUES (:kind, :subject, :worker, 0, :offered_at)"
    " ON CONFLICT (kind, subject) DO UPDATE SET signal = claims.signal + 1"
).bindparams(sqlalchemy.bindparam("offered_at", type_=database.UtcDateTime()))
_OFFER_ALL = sqlalchemy.insert(_CLAIMS).returning(_CLAIMS.c.subject)
"""With RETURNING, SQLAlchemy writes many rows by one statement."""
_COMPLETE = sqlalchemy.delete(_CLAIMS).where(
    _CLAIMS.c.kind == sqlalchemy.bindparam("own_kind"),
    _CLAIMS.c.subject == sqlalchemy.bindparam("own_subject"),
    _CLAIMS.c.worker == sqlalchemy.bindparam("own_worker"),
    _CLAIMS.c.signal == sqlalchemy.bindparam("seen"),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One piece of work that a worker has."""

    kind: str
    subject: str
    signal: int = 0
    """How often it was requested again since it was offered."""


def offer(
    connection: sqlalchemy.Connection, kind: str, subject: str, now: datetime.datetime, *, worker: str | None = None
) -> None:
    """Make work known, claimed by *worker* from the start where one is given; signal its worker where it is known."""
    connection.execute(_OFFER, {"kind": kind, "subject": subject, "worker": worker, "offered_at": now})


def offer_all(
    connection: sqlalchemy.Connection, kind: str, subjects: Sequence[str], now: datetime.datetime, *, worker: str
) -> None:
    """Make new pieces of work known that are claimed by *worker* from the start."""
    own = {"kind": kind, "worker": worker, "signal": 0, "offered_at": now}
    connection.execute(_OFFER_ALL, [{**own, "subject": subject} for subject in subjects]).all()


def withdraw(connection: sqlalchemy.Connection, worker: str, kind: str, subjects: Collection[str]) -> None:
    """Remove work of *worker* that is not needed any more, signalled or not."""
    own = sqlalchemy.delete(_CLAIMS).where(
        _CLAIMS.c.worker == worker, _CLAIMS.c.kind == kind, _CLAIMS.c.subject.in_(subjects)
    )
    connection.execute(own)


def claim(
    connection: sqlalchemy.Connection,
    worker: str,
    kind: str,
    limit: int,
    *,
    subject: str | None = None,
    without: Collection[str] = (),
) -> tuple[Claim, ...]:
    """
    Claim free work of *kind*, the oldest first, or the one *subject*, and return it.

    A worker that is not registered, because it was expired a moment ago, gets nothing.
    """
    free = sqlalchemy.select(_CLAIMS.c.subject).where(_CLAIMS.c.kind == kind, _CLAIMS.c.worker.is_(None))
    if subject is not None:
        free = free.where(_CLAIMS.c.subject == subject)
    if without:
        free = free.where(_CLAIMS.c.subject.not_in(without))
    free = free.order_by(_CLAIMS.c.offered_at, _CLAIMS.c.subject).limit(limit)
    # By a statement of its own: PostgreSQL may run a subquery with LIMIT more than once, and so claim too much.
    subjects = connection.execute(free.with_for_update(skip_locked=True)).scalars().all()
    if not subjects:
        return ()
    is_registered = sqlalchemy.exists().where(_WORKERS.c.id == worker)
    taken = sqlalchemy.update(_CLAIMS).where(
        _CLAIMS.c.kind == kind, _CLAIMS.c.subject.in_(subjects), _CLAIMS.c.worker.is_(None), is_registered
    )
    rows = connection.execute(taken.values(worker=worker).returning(_CLAIMS.c.subject, _CLAIMS.c.signal))
    signals = {row.subject: row.signal for row in rows}
    return tuple(Claim(kind=kind, subject=one, signal=signals[one]) for one in subjects if one in signals)


def complete(connection: sqlalchemy.Connection, worker: str, claim: Claim) -> bool:
    """Remove work that is done; return False where it is not *worker's* any more, or was signalled meanwhile."""
    own = {"own_kind": claim.kind, "own_subject": claim.subject, "own_worker": worker, "seen": claim.signal}
    return bool(connection.execute(_COMPLETE, own).rowcount)


def release(connection: sqlalchemy.Connection, worker: str, kind: str, subjects: Collection[str]) -> None:
    """Make work of *worker* free for any worker."""
    own = sqlalchemy.update(_CLAIMS).where(
        _CLAIMS.c.worker == worker, _CLAIMS.c.kind == kind, _CLAIMS.c.subject.in_(subjects)
    )
    connection.execute(own.values(worker=None))


def release_all(connection: sqlalchemy.Connection, worker: str) -> None:
    """Make all work of *worker* free for any worker."""
    connection.execute(sqlalchemy.update(_CLAIMS).where(_CLAIMS.c.worker == worker).values(worker=None))


def release_orphans(connection: sqlalchemy.Connection) -> None:
    """Make work free whose worker is not registered: what a worker is given while it is being expired."""
    orphaned = sqlalchemy.update(_CLAIMS).where(
        _CLAIMS.c.worker.is_not(None), _CLAIMS.c.worker.not_in(sqlalchemy.select(_WORKERS.c.id))
    )
    connection.execute(orphaned.values(worker=None))


def owned(connection: sqlalchemy.Connection, worker: str, kind: str | None = None) -> tuple[Claim, ...]:
    """Return the work of *worker*, of every kind or of one."""
    own = sqlalchemy.select(_CLAIMS.c.kind, _CLAIMS.c.subject, _CLAIMS.c.signal).where(_CLAIMS.c.worker == worker)
    if kind is not None:
        own = own.where(_CLAIMS.c.kind == kind)
    return tuple(Claim(kind=row.kind, subject=row.subject, signal=row.signal) for row in connection.execute(own))


def is_owner(
    worker: sqlalchemy.BindParameter[str], kind: str, subject: sqlalchemy.ColumnElement[str]
) -> sqlalchemy.ColumnElement[bool]:
    """Return the condition that *worker* has the claim on *subject*, for the WHERE of a domain's own write."""
    return sqlalchemy.exists().where(
        _CLAIMS.c.kind == sqlalchemy.literal_column(f"'{kind}'"),
        _CLAIMS.c.subject == subject,
        _CLAIMS.c.worker == worker,
    )
