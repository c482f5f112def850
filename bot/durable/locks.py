"""Taking a lock for a run, in the transaction that lets the run begin or go on."""

import sqlalchemy

from bot import errors
from bot.procedures import runs
from bot.store import tables

LONGEST = 255
"""Characters of a name."""
plain = tables.strip_unsupported
_LOCK_ATTEMPTS = 3
"""Its holder may give it back between the attempt to take it and the look at who has it."""


def take(connection: sqlalchemy.Connection, run: runs.Run, lock: str) -> None:
    """
    Let *run* hold *lock*, which may be its own already.

    Raises:
        errors.Refused: another run holds it; says which.
        errors.Unavailable: it became free in this very moment.
    """
    taken = sqlalchemy.text(
        "INSERT INTO run_locks (name, run, taken_at) VALUES (:name, :run, :taken_at) ON CONFLICT DO NOTHING"
    ).bindparams(sqlalchemy.bindparam("taken_at", type_=tables.UtcDateTime()))
    values = {"name": lock, "run": run.id, "taken_at": run.created_at}
    holder = None
    for _ in range(_LOCK_ATTEMPTS):
        if connection.execute(taken, values).rowcount:
            return
        held = connection.execute(sqlalchemy.select(tables.locks).where(tables.locks.c.name == lock))
        holder = held.mappings().one_or_none()
        if holder is not None:
            break
    if holder is None:
        raise errors.Unavailable(f"The lock {lock} has just become free.", hint="Send it again.")
    if holder["run"] != run.id:
        raise errors.Refused(
            f"“{lock}” is locked by the run {holder['run']}, since {holder['taken_at']:%H:%M:%S} UTC.",
            hint="Wait for its end, or look at what it waits for.",
            words=(f"run show {holder['run']}",),
        )
