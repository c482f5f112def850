"""The audit log: one row per invocation, inserted when it starts and completed when it ends."""

import asyncio
import dataclasses
import datetime
import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy

from bot import errors
from bot.model import invocations, reports
from bot.store import batches, database, failures, stored_reports, tables

_TABLE = tables.invocations
_STOP = (_TABLE.c.stop_requested_by, _TABLE.c.stop_requested_by_id, _TABLE.c.stop_requested_at)
_MAX_TEXT_LENGTH = 2_000
# Built once: building a statement takes longer than SQLite takes to execute it.
_INSERT = sqlalchemy.insert(_TABLE)
_COMPLETE = sqlalchemy.update(_TABLE).where(_TABLE.c.id == sqlalchemy.bindparam("own"))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the audit log."""

    id: str
    received_at: datetime.datetime
    source: str
    actor_id: str
    actor_name: str
    conversation_name: str
    text: str
    status: str | None
    """None while it runs, or where the process was killed before it ended."""
    verdict: str | None
    headline: str | None
    duration_ms: int | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What is recorded of one invocation for the process that shows its response later."""

    text: str
    status: invocations.Status | None
    """None where it has not ended."""
    report: reports.Report | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """The columns that complete an invocation, ready to be written."""

    id: str
    values: Mapping[str, object]


async def completion(response: invocations.Response, *, command: str | None, duration_seconds: float) -> Completion:
    """Return what is recorded of *response*."""
    return Completion(
        id=response.invocation_id,
        values={
            "command": command,
            "status": response.status.value,
            "verdict": response.report.verdict.value,
            "headline": response.report.headline,
            "duration_ms": round(duration_seconds * 1000),
            "report": await asyncio.to_thread(stored_reports.pack, response.report),
        },
    )


def insert_invocation(connection: sqlalchemy.Connection, invocation: invocations.Invocation) -> None:
    """Record a new invocation."""
    connection.execute(_INSERT, _row(invocation))


def complete_invocation(connection: sqlalchemy.Connection, completed: Completion) -> None:
    """Record how an invocation ended."""
    connection.execute(_COMPLETE, {"own": completed.id, **completed.values})


def request_stop(connection: sqlalchemy.Connection, invocation_id: str, stop: invocations.CancelRequest) -> bool:
    """Request that an invocation stops; return False, and write nothing, where it has ended or was asked to before."""
    update = sqlalchemy.update(_TABLE).where(
        _TABLE.c.id == invocation_id, _TABLE.c.status.is_(None), _TABLE.c.stop_requested_at.is_(None)
    )
    values = {
        "stop_requested_at": stop.at,
        "stop_requested_by": stop.by[:128],
        "stop_requested_by_id": stop.by_id or None,
    }
    return bool(connection.execute(update.values(values)).rowcount)


class AuditLog:
    """Reads and writes the audit log."""

    def __init__(self, db: database.Database) -> None:
        self.also_begin: Callable[[sqlalchemy.Connection, Sequence[invocations.Invocation]], None] | None = None
        """Writes what else begins with new invocations, in the transaction that records them."""
        self._db = db
        self._beginnings = batches.Batcher(db, self._insert_new)
        self._ends = batches.Batcher(db, _complete_all)

    async def begin(self, invocation: invocations.Invocation) -> bool:
        """
        Record a new invocation; return False where the same delivery is recorded already.

        Raises:
            errors.Unavailable: the audit log cannot be written.
        """
        try:
            is_new = await self._beginnings.write(invocation)
        except sqlalchemy.exc.IntegrityError as error:
            raise errors.Unavailable("The database does not accept the record.", hint=failures.HINT) from error
        if not is_new and invocation.delivery_key is None:
            raise errors.Unavailable("Two invocations have the same id.", hint="Retry the command.")
        return is_new

    async def end(self, response: invocations.Response, *, command: str | None, duration_seconds: float) -> None:
        """
        Record how an invocation ended, with its report.

        Raises:
            errors.Unavailable: the audit log cannot be written.
        """
        await self._ends.write(await completion(response, command=command, duration_seconds=duration_seconds))

    def _insert_new(self, connection: sqlalchemy.Connection, beginning: Sequence[invocations.Invocation]) -> list[bool]:
        """Insert invocations; return of each whether it is the first with its delivery key."""
        # In the same order everywhere, so that two replicas with the same deliveries never wait for each other.
        rows = sorted(map(_row, beginning), key=lambda row: str(row["delivery_key"]))
        inserted = set(connection.execute(_insert_new(connection.dialect.name), rows).scalars())
        new = [invocation for invocation in beginning if invocation.id in inserted]
        if self.also_begin is not None:
            self.also_begin(connection, new)
        return [invocation.id in inserted for invocation in beginning]

    async def find(self, invocation_id: str) -> Recorded | None:
        """
        Return what is recorded of an invocation; None where nothing is.

        Raises:
            errors.Unavailable: the audit log cannot be read.
        """
        statement = sqlalchemy.select(_TABLE.c.text, _TABLE.c.status, _TABLE.c.report)

        def job(connection: sqlalchemy.Connection) -> Recorded | None:
            row = connection.execute(statement.where(_TABLE.c.id == invocation_id)).one_or_none()
            if row is None:
                return None
            status = invocations.Status(row.status) if row.status is not None else None
            return Recorded(
                text=row.text,
                status=status,
                report=stored_reports.unpack(row.report) if row.report is not None else None,
            )

        return await self._db.work(job)

    async def latest(
        self,
        *,
        limit: int,
        since: datetime.datetime | None = None,
        actor: str | None = None,
        command: str | None = None,
    ) -> tuple[Entry, ...]:
        """
        Return the entries, newest first, filtered by time, by the id or name of the actor, and by command.

        Raises:
            errors.Unavailable: the audit log cannot be read.
        """
        columns = [_TABLE.c[field.name] for field in dataclasses.fields(Entry)]
        statement = sqlalchemy.select(*columns).order_by(_TABLE.c.received_at.desc()).limit(limit)
        if since is not None:
            statement = statement.where(_TABLE.c.received_at >= since)
        if actor is not None:
            statement = statement.where(sqlalchemy.or_(_TABLE.c.actor_id == actor, _TABLE.c.actor_name == actor))
        if command is not None:
            statement = statement.where(_TABLE.c.command == command)
        rows = await self._db.work(lambda connection: connection.execute(statement).mappings().all())
        return tuple(Entry(**row) for row in rows)

    async def find_report(self, invocation_id: str, *, actor_id: str | None = None) -> reports.Report | None:
        """
        Return the report of an invocation, with *actor_id* only of that actor; None where none is recorded.

        Raises:
            errors.Unavailable: the audit log cannot be read.
        """
        chosen = _TABLE.c.id == invocation_id
        return await self._find_report(chosen if actor_id is None else chosen & (_TABLE.c.actor_id == actor_id))

    async def find_visible_report(self, invocation_id: str, *, reader: invocations.Invocation) -> reports.Report | None:
        """
        Return the report of an invocation if the actor of *reader* has seen it or could have; None otherwise.

        That is their own one, and one that was shown to everyone in the conversation in which they ask.

        Raises:
            errors.Unavailable: the audit log cannot be read.
        """
        return await self._find_report((_TABLE.c.id == invocation_id) & _is_visible(reader))

    async def _find_report(self, chosen: sqlalchemy.ColumnElement[bool]) -> reports.Report | None:
        statement = sqlalchemy.select(_TABLE.c.report).where(chosen)

        def job(connection: sqlalchemy.Connection) -> reports.Report | None:
            packed = connection.execute(statement).scalar_one_or_none()
            return stored_reports.unpack(packed) if packed is not None else None

        return await self._db.work(job)

    async def request_stop(
        self, invocation_id: str, stop: invocations.CancelRequest, *, by: invocations.Invocation
    ) -> tuple[invocations.CancelResult, invocations.CancelRequest]:
        """
        Request that an invocation stops; return the outcome and the request that counts.

        It may be requested *by* its requester, by everyone in the conversation that sees it, and in a terminal of
        posbot's own machine where that conversation sees it.

        Raises:
            errors.PermissionDenied: others may not stop it.
            errors.Unavailable: the audit log cannot be written.
        """
        is_own = _is_visible(by)
        may_stop = is_own | _TABLE.c.is_public.is_(True) if by.actor.is_local else is_own
        columns = (_TABLE.c.status, *_STOP, may_stop.label("may_stop"))
        chosen = sqlalchemy.select(*columns).where(_TABLE.c.id == invocation_id)

        def job(connection: sqlalchemy.Connection) -> "tuple[bool, sqlalchemy.Row[*tuple[object, ...]] | None]":
            row = connection.execute(chosen).one_or_none()
            if row is None or not row.may_stop:
                return False, row
            return request_stop(connection, invocation_id, stop), connection.execute(chosen).one_or_none()

        is_first, row = await self._db.work(job)
        if is_first:
            return invocations.CancelResult.REQUESTED, stop
        if row is None:
            return invocations.CancelResult.UNKNOWN, stop
        if not row.may_stop:
            raise errors.PermissionDenied(
                f"Permission denied: {invocation_id} was started by another person, and is not shown in this"
                " conversation.",
                hint="Stop it where it is shown, or ask the person who started it.",
            )
        if row.stop_requested_at is not None:
            return invocations.CancelResult.ALREADY_REQUESTED, _stop_of(row)
        return invocations.CancelResult.ENDED, stop

    async def find_stop(self, invocation_id: str) -> invocations.CancelRequest | None:
        """
        Return the request to stop an invocation, or None.

        Raises:
            errors.Unavailable: the audit log cannot be read.
        """
        chosen = sqlalchemy.select(*_STOP).where(_TABLE.c.id == invocation_id, _TABLE.c.stop_requested_at.is_not(None))
        row = await self._db.work(lambda connection: connection.execute(chosen).one_or_none())
        return _stop_of(row) if row is not None else None


def _is_visible(reader: invocations.Invocation) -> "sqlalchemy.ColumnElement[bool]":
    """Return the condition that *reader* started an invocation, or asks where everyone sees it."""
    is_shown_here = _TABLE.c.is_public.is_(True) & (_TABLE.c.conversation_id == reader.conversation.id)
    return (_TABLE.c.actor_id == reader.actor.id) | is_shown_here


def _stop_of(row: "sqlalchemy.Row[*tuple[Any, ...]]") -> invocations.CancelRequest:
    return invocations.CancelRequest(
        by=row.stop_requested_by, at=row.stop_requested_at, by_id=row.stop_requested_by_id or ""
    )


def prune(connection: sqlalchemy.Connection, before: datetime.datetime) -> int:
    """Delete the entries received before *before*; return how many."""
    return connection.execute(sqlalchemy.delete(_TABLE).where(_TABLE.c.received_at < before)).rowcount


def drop_oldest(connection: sqlalchemy.Connection, limit: int = 500) -> int:
    """
    Make room: drop the reports of the oldest entries, once none is left the entries; return of how many entries.

    Who did what, and how it ended, thus outlives what was shown: a flood of large answers drives out no entry.
    """
    total = connection.execute(sqlalchemy.select(sqlalchemy.func.count()).select_from(_TABLE)).scalar_one()
    # A tenth at most, so that a few large reports do not cost all others.
    oldest = sqlalchemy.select(_TABLE.c.id).order_by(_TABLE.c.received_at).limit(min(limit, max(total // 10, 1)))
    with_report = oldest.where(_TABLE.c.report.is_not(None)).scalar_subquery()
    dropped = connection.execute(sqlalchemy.update(_TABLE).where(_TABLE.c.id.in_(with_report)).values(report=None))
    if dropped.rowcount:
        return dropped.rowcount
    return connection.execute(sqlalchemy.delete(_TABLE).where(_TABLE.c.id.in_(oldest.scalar_subquery()))).rowcount


@functools.cache
def _insert_new(dialect: str) -> Any:
    """Return the statement that inserts rows and returns the ids of those that were new."""
    # Both dialects have it, under names of their own; only the one that is in use is loaded.
    own = importlib.import_module(f"sqlalchemy.dialects.{dialect}")
    return own.insert(_TABLE).on_conflict_do_nothing().returning(_TABLE.c.id)


def _complete_all(connection: sqlalchemy.Connection, completed: Sequence[Completion]) -> list[None]:
    connection.execute(_COMPLETE, [{"own": one.id, **one.values} for one in completed])
    return [None] * len(completed)


def _row(invocation: invocations.Invocation) -> dict[str, object]:
    actor, conversation = invocation.actor, invocation.conversation
    return {
        "id": invocation.id,
        "delivery_key": invocation.delivery_key,
        "received_at": invocation.received_at,
        "source": invocation.source.value,
        "actor_id": actor.id,
        "actor_name": actor.name[:128],
        "team_id": actor.team_id,
        "conversation_kind": conversation.kind.value,
        "conversation_id": conversation.id,
        "conversation_name": conversation.name[:128],
        "text": database.strip_unsupported(invocation.text[:_MAX_TEXT_LENGTH]),
        "is_public": invocation.is_public,
    }
