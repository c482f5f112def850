"""The audit record: one row per invocation, written when it begins and completed when it ends."""

import asyncio
import dataclasses
import datetime
from collections.abc import Mapping

import sqlalchemy

from bot import errors
from bot.model import invocations, reports
from bot.store import database, tables

_TABLE = tables.invocations
_STOP = (_TABLE.c.stop_requested_by, _TABLE.c.stop_requested_at)
_TEXT_LIMIT = 2_000
# Made once: putting a statement together takes longer than SQLite takes to do it.
_BEGINNING = sqlalchemy.insert(_TABLE)
_ENDING = sqlalchemy.update(_TABLE).where(_TABLE.c.id == sqlalchemy.bindparam("own"))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the audit."""

    id: str
    received_at: datetime.datetime
    door: str
    actor_id: str
    actor_name: str
    place_name: str
    text: str
    ending: str | None
    """None while it runs, or when the process died before it ended."""
    verdict: str | None
    headline: str | None
    duration_ms: int | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an invocation came to its end, ready to be recorded."""

    id: str
    values: Mapping[str, object]


async def ended(answer: invocations.Response, *, word: str | None, duration_seconds: float) -> Ended:
    """Give what is recorded of *answer*."""
    return Ended(
        id=answer.invocation_id,
        values={
            "word": word,
            "ending": answer.status.value,
            "verdict": answer.report.verdict.value,
            "headline": answer.report.headline,
            "duration_ms": round(duration_seconds * 1000),
            "report": await asyncio.to_thread(_packed, answer.report),
        },
    )


def record_beginning(connection: sqlalchemy.Connection, invocation: invocations.Invocation) -> None:
    """Record that *invocation* has come."""
    connection.execute(_BEGINNING, _row(invocation))


def record_ending(connection: sqlalchemy.Connection, end: Ended) -> None:
    """Record how an invocation has ended."""
    connection.execute(_ENDING, {"own": end.id, **end.values})


def request_stop(connection: sqlalchemy.Connection, invocation_id: str, stop: invocations.CancelRequest) -> bool:
    """Request that an invocation stops; return False, and write nothing, where it has ended or was asked to before."""
    update = sqlalchemy.update(_TABLE).where(
        _TABLE.c.id == invocation_id, _TABLE.c.ending.is_(None), _TABLE.c.stop_requested_at.is_(None)
    )
    values = {"stop_requested_at": stop.at, "stop_requested_by": stop.by[:128]}
    return bool(connection.execute(update.values(values)).rowcount)


class AuditLog:
    """Reads and writes the record."""

    def __init__(self, db: database.Database) -> None:
        self._db = db

    async def begin(self, invocation: invocations.Invocation) -> bool:
        """
        Record that *invocation* has come; give False where the same delivery is on record already.

        Raises:
            errors.Unavailable: the record cannot be written.
        """
        try:
            await self._db.work(lambda connection: record_beginning(connection, invocation))
        except sqlalchemy.exc.IntegrityError as error:
            if invocation.delivery_key is None:
                raise errors.Unavailable("Two requests were given the same id.", hint="Send it again.") from error
            return False
        return True

    async def end(self, answer: invocations.Response, *, word: str | None, duration_seconds: float) -> None:
        """
        Record how an invocation ended and what was answered.

        Raises:
            errors.Unavailable: the record cannot be written.
        """
        end = await ended(answer, word=word, duration_seconds=duration_seconds)
        await self._db.work(lambda connection: record_ending(connection, end))

    async def latest(
        self, *, limit: int, since: datetime.datetime | None = None, actor: str | None = None, word: str | None = None
    ) -> tuple[Entry, ...]:
        """
        Give the newest entries first, narrowed by time, by a person's id or name, and by command.

        Raises:
            errors.Unavailable: the record cannot be read.
        """
        columns = [_TABLE.c[field.name] for field in dataclasses.fields(Entry)]
        statement = sqlalchemy.select(*columns).order_by(_TABLE.c.received_at.desc()).limit(limit)
        if since is not None:
            statement = statement.where(_TABLE.c.received_at >= since)
        if actor is not None:
            statement = statement.where(sqlalchemy.or_(_TABLE.c.actor_id == actor, _TABLE.c.actor_name == actor))
        if word is not None:
            statement = statement.where(_TABLE.c.word == word)
        async with self._db.transaction() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return tuple(Entry(**row) for row in rows)

    async def find_report(self, invocation_id: str, *, actor_id: str | None = None) -> reports.Report | None:
        """
        Give what was answered to an invocation, with *actor_id* to one of that person; None where it is not on record.

        Raises:
            errors.Unavailable: the record cannot be read.
        """
        statement = sqlalchemy.select(_TABLE.c.report).where(_TABLE.c.id == invocation_id)
        if actor_id is not None:
            statement = statement.where(_TABLE.c.actor_id == actor_id)
        async with self._db.transaction() as connection:
            packed = (await connection.execute(statement)).scalar_one_or_none()
        return await asyncio.to_thread(_unpacked, packed) if packed is not None else None

    async def request_stop(
        self, invocation_id: str, stop: invocations.CancelRequest
    ) -> tuple[invocations.CancelResult, invocations.CancelRequest]:
        """
        Ask for the end of an invocation; give what became of it, and the request that counts.

        Raises:
            errors.Unavailable: the record cannot be written.
        """
        chosen = sqlalchemy.select(_TABLE.c.ending, *_STOP).where(_TABLE.c.id == invocation_id)
        async with self._db.transaction() as connection:
            if await connection.run_sync(request_stop, invocation_id, stop):
                return invocations.CancelResult.REQUESTED, stop
            row = (await connection.execute(chosen)).one_or_none()
        if row is None:
            return invocations.CancelResult.UNKNOWN, stop
        if row.stop_requested_at is not None:
            return invocations.CancelResult.ALREADY_REQUESTED, invocations.CancelRequest(
                by=row.stop_requested_by, at=row.stop_requested_at
            )
        return invocations.CancelResult.ENDED, stop

    async def find_stop(self, invocation_id: str) -> invocations.CancelRequest | None:
        """
        Give who wants an invocation to end, or None where nobody does.

        Raises:
            errors.Unavailable: the record cannot be read.
        """
        chosen = sqlalchemy.select(*_STOP).where(_TABLE.c.id == invocation_id, _TABLE.c.stop_requested_at.is_not(None))
        async with self._db.transaction() as connection:
            row = (await connection.execute(chosen)).one_or_none()
        return (
            invocations.CancelRequest(by=row.stop_requested_by, at=row.stop_requested_at) if row is not None else None
        )


def prune(connection: sqlalchemy.Connection, before: datetime.datetime) -> int:
    """Remove the entries of what was received before *before*; return how many."""
    return connection.execute(sqlalchemy.delete(_TABLE).where(_TABLE.c.received_at < before)).rowcount


def _row(invocation: invocations.Invocation) -> dict[str, object]:
    actor, place = invocation.actor, invocation.conversation
    return {
        "id": invocation.id,
        "delivery_key": invocation.delivery_key,
        "received_at": invocation.received_at,
        "door": invocation.source.value,
        "actor_id": actor.id,
        "actor_name": actor.name[:128],
        "team_id": actor.team_id,
        "place_kind": place.kind.value,
        "place_id": place.id,
        "place_name": place.name[:128],
        "text": tables.strip_unsupported(invocation.text[:_TEXT_LIMIT]),
    }


def _packed(report: reports.Report) -> bytes:
    return tables.pack(reports.to_document(report))


def _unpacked(packed: bytes) -> reports.Report:
    return reports.from_document(tables.unpack(packed))
