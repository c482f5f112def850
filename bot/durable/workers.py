"""
Who works on which runs.

A worker shows that it lives by counting up its beat. Whoever else sees the beat stand still for the length of the
lease, by a clock that nobody can set, buries it: its runs become free, and whatever it still tries to write is not
taken.
"""

import dataclasses
import datetime
from collections.abc import Collection, Mapping

import sqlalchemy

from bot.model import invocations
from bot.procedures import runs as procedures_runs
from bot.procedures.engine import store as run_store
from bot.store import audit, database, tables

_RUNS, _WORKERS = tables.runs, tables.workers


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """What a worker learns each time it shows that it lives."""

    is_alive: bool
    """Nobody has buried it."""
    beats: Mapping[str, int]
    """Of all workers."""
    runs: frozenset[str]
    """Of its own, under way."""
    cancelled: Mapping[str, invocations.CancelRequest]
    """Those of them that somebody wants to end."""
    overdue: tuple[str, ...]
    """Questions that nobody has answered in time."""


class Workers:
    """Reads and writes who works on what."""

    def __init__(self, db: database.Database) -> None:
        self._db = db

    async def sign_in(self, worker: str) -> None:
        """Make *worker* known."""
        async with self._db.transaction(probes=True) as connection:
            await connection.execute(sqlalchemy.insert(_WORKERS).values(id=worker, beat=0))

    async def sign_off(self, worker: str) -> None:
        """Free all runs of *worker*, which works no more."""
        async with self._db.transaction() as connection:
            await connection.execute(sqlalchemy.delete(_WORKERS).where(_WORKERS.c.id == worker))
            await connection.execute(_freed(worker))

    async def tick(self, worker: str, now: datetime.datetime) -> Tick:
        """Show that *worker* lives, and give what it should know."""
        beat = sqlalchemy.update(_WORKERS).where(_WORKERS.c.id == worker).values(beat=_WORKERS.c.beat + 1)
        own = sqlalchemy.select(_RUNS.c.id, _RUNS.c.cancelled_by, _RUNS.c.cancelled_at).where(
            _RUNS.c.state == procedures_runs.RunState.RUNNING.value, _RUNS.c.claimed_by == worker
        )
        # What a worker begins or claims while it is buried would otherwise be its own for ever.
        orphaned = sqlalchemy.update(_RUNS).where(
            _RUNS.c.state == procedures_runs.RunState.RUNNING.value,
            _RUNS.c.claimed_by.is_not(None),
            _RUNS.c.claimed_by.not_in(sqlalchemy.select(_WORKERS.c.id)),
        )
        overdue = sqlalchemy.select(_RUNS.c.question).where(
            _RUNS.c.state == procedures_runs.RunState.WAITING.value, _RUNS.c.wake_at <= now
        )
        async with self._db.transaction(probes=True) as connection:
            is_alive = bool((await connection.execute(beat)).rowcount)
            await connection.execute(orphaned.values(claimed_by=None))
            beats = (await connection.execute(sqlalchemy.select(_WORKERS))).all()
            mine = (await connection.execute(own)).all()
            late = (await connection.execute(overdue.limit(100))).scalars().all()
        return Tick(
            is_alive=is_alive,
            beats={row.id: row.beat for row in beats},
            runs=frozenset(row.id for row in mine),
            cancelled={
                row.id: invocations.CancelRequest(by=row.cancelled_by, at=row.cancelled_at)
                for row in mine
                if row.cancelled_by
            },
            overdue=tuple(late),
        )

    async def bury(self, worker: str, beat: int) -> bool:
        """Declare *worker* dead and free its runs, if it has not shown since *beat* that it lives; tell whether."""
        dead = sqlalchemy.delete(_WORKERS).where(_WORKERS.c.id == worker, _WORKERS.c.beat == beat)
        async with self._db.transaction() as connection:
            if not (await connection.execute(dead)).rowcount:
                return False
            await connection.execute(_freed(worker))
        return True

    async def claim(
        self, worker: str, limit: int, run_id: str | None = None, *, without: Collection[str] = ()
    ) -> run_store.Found:
        """
        Give runs that nobody works on, the oldest first, or the one that is meant; *worker* has them from now on.

        Those that cannot be read stay nobody's, for a version that can; so do those *without* which it is asked for.
        """
        free = sqlalchemy.select(_RUNS.c.id).where(
            _RUNS.c.state == procedures_runs.RunState.RUNNING.value, _RUNS.c.claimed_by.is_(None)
        )
        if run_id is not None:
            free = free.where(_RUNS.c.id == run_id)
        if without:
            free = free.where(_RUNS.c.id.not_in(without))
        free = free.order_by(_RUNS.c.created_at).limit(limit).with_for_update(skip_locked=True)
        taken = sqlalchemy.update(_RUNS).where(_RUNS.c.id.in_(free), _RUNS.c.claimed_by.is_(None))
        async with self._db.transaction() as connection:
            ids = (await connection.execute(taken.values(claimed_by=worker).returning(_RUNS.c.id))).scalars().all()
            if not ids:
                return run_store.Found(runs=(), unreadable=())
            found = await run_store.read(connection, sqlalchemy.select(_RUNS).where(_RUNS.c.id.in_(ids)))
            if found.unreadable:
                await connection.execute(_freed(worker, found.unreadable))
        return found

    async def release(self, worker: str, run_ids: Collection[str]) -> None:
        """Let anybody work on these runs of *worker*."""
        async with self._db.transaction() as connection:
            await connection.execute(_freed(worker, run_ids))

    async def find(self, worker: str, run_id: str) -> procedures_runs.Run | None:
        """Give a run that *worker* has, None where it has not or cannot read it."""
        own = sqlalchemy.select(_RUNS).where(
            _RUNS.c.id == run_id, _RUNS.c.claimed_by == worker, _RUNS.c.state == procedures_runs.RunState.RUNNING.value
        )
        async with self._db.transaction() as connection:
            found = (await run_store.read(connection, own)).runs
        return found[0] if found else None

    async def expire(self, question: str, now: datetime.datetime) -> None:
        """Answer a question with the silence that it got."""
        silence = {"answer": procedures_runs.TIMEOUT, "answered_by": "nobody", "answered_at": now}
        late = sqlalchemy.update(tables.questions).where(
            tables.questions.c.id == question, tables.questions.c.answer.is_(None)
        )
        async with self._db.transaction() as connection:
            await connection.execute(late.values(silence))
            await connection.execute(run_store.woken(_RUNS.c.question == question))

    async def write(
        self,
        run: procedures_runs.Run,
        worker: str,
        *,
        begun: invocations.Invocation | None = None,
        ended: audit.Ended | None = None,
    ) -> procedures_runs.Run | None:
        """
        Write down how far *run* is, with the audit records of the step that has *ended* and of the one *begun*.

        *worker* keeps it only while something is under way or due. Gives the run as it is remembered now, None where it
        is no longer this worker's.

        Raises:
            errors.Unavailable: nothing was written, or nobody knows; writing the same again is safe.
        """
        keeps_claim = run.state is procedures_runs.RunState.RUNNING

        def job(connection: sqlalchemy.Connection) -> bool:
            if not run_store.write(connection, run, worker, keeps_claim=keeps_claim):
                return run_store.is_written(connection, run, worker, keeps_claim=keeps_claim)
            if ended is not None:
                audit.record_ending(connection, ended)
            if begun is not None:
                audit.record_beginning(connection, begun)
            return True

        return dataclasses.replace(run, version=run.version + 1) if await self._db.work(job) else None


def _freed(worker: str, run_ids: Collection[str] | None = None) -> sqlalchemy.Update:
    own = sqlalchemy.update(_RUNS).where(_RUNS.c.claimed_by == worker)
    return (own if run_ids is None else own.where(_RUNS.c.id.in_(run_ids))).values(claimed_by=None)
