"""Locks: held by an owner of any kind, taken and released in the owner's own transaction, outliving every worker."""

import dataclasses
import datetime

import sqlalchemy

from bot import errors
from bot.store import database, tables

MAX_NAME_LENGTH = 255
_ATTEMPTS = 3
"""The owner may release it between the attempt to take it and the look at who has it."""
_LOCKS = tables.locks
_TAKE = sqlalchemy.text(
    "INSERT INTO locks (name, owner_kind, owner, taken_at) VALUES (:name, :owner_kind, :owner, :taken_at)"
    " ON CONFLICT DO NOTHING"
).bindparams(sqlalchemy.bindparam("taken_at", type_=database.UtcDateTime()))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """What holds a lock: a run, say, by its id."""

    kind: str
    id: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Who holds a lock, and since when."""

    owner: Owner
    since: datetime.datetime


def take(connection: sqlalchemy.Connection, name: str, owner: Owner, now: datetime.datetime) -> Holding | None:
    """
    Take a lock for *owner*, who may hold it already; return None, or who else holds it.

    Raises:
        errors.Unavailable: it became free in this very moment.
    """
    values = {"name": name, "owner_kind": owner.kind, "owner": owner.id, "taken_at": now}
    for _ in range(_ATTEMPTS):
        if connection.execute(_TAKE, values).rowcount:
            return None
        row = connection.execute(sqlalchemy.select(_LOCKS).where(_LOCKS.c.name == name)).one_or_none()
        if row is not None:
            other = Owner(kind=row.owner_kind, id=row.owner)
            return None if other == owner else Holding(owner=other, since=row.taken_at)
    raise errors.Unavailable(f"The lock {name} was released a moment ago.", hint="Retry the command.")


def release(connection: sqlalchemy.Connection, name: str, owner: Owner) -> None:
    """Release a lock, if *owner* holds it."""
    own = sqlalchemy.delete(_LOCKS).where(
        _LOCKS.c.name == name, _LOCKS.c.owner_kind == owner.kind, _LOCKS.c.owner == owner.id
    )
    connection.execute(own)


def break_lock(connection: sqlalchemy.Connection, name: str) -> Owner | None:
    """Release a lock of any owner; return the owner, or None where it is not held."""
    freed = sqlalchemy.delete(_LOCKS).where(_LOCKS.c.name == name).returning(_LOCKS.c.owner_kind, _LOCKS.c.owner)
    row = connection.execute(freed).one_or_none()
    return Owner(kind=row.owner_kind, id=row.owner) if row is not None else None


def names(connection: sqlalchemy.Connection) -> tuple[str, ...]:
    """Return the names of all locks that are held."""
    return tuple(connection.execute(sqlalchemy.select(_LOCKS.c.name).order_by(_LOCKS.c.name)).scalars())
