"""The audit record: one row per invocation, written when it begins and completed when it ends."""

import dataclasses
import datetime

import sqlalchemy

from bot import errors
from bot.model import invocations, reports
from bot.store import database, tables

_TABLE = tables.invocations
_TEXT_LIMIT = 2_000


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


class Invocations:
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
            async with self._db.transaction() as connection:
                await connection.execute(sqlalchemy.insert(_TABLE).values(_row(invocation)))
        except sqlalchemy.exc.IntegrityError as error:
            if invocation.delivery_key is None:
                raise errors.Unavailable("Two requests were given the same id.", hint="Send it again.") from error
            return False
        return True

    async def end(self, answer: invocations.Answer, *, word: str | None, duration_seconds: float) -> None:
        """
        Record how an invocation ended and what was answered.

        Raises:
            errors.Unavailable: the record cannot be written.
        """
        values = {
            "word": word,
            "ending": answer.ending.value,
            "verdict": answer.report.verdict.value,
            "headline": answer.report.headline,
            "duration_ms": round(duration_seconds * 1000),
            "report": reports.to_document(answer.report),
        }
        async with self._db.transaction() as connection:
            statement = sqlalchemy.update(_TABLE).where(_TABLE.c.id == answer.invocation_id)
            await connection.execute(statement.values(values))

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

    async def find_report(self, invocation_id: str, *, actor_id: str) -> reports.Report | None:
        """
        Give what was answered to an invocation of a person, or None where that is not on record.

        Raises:
            errors.Unavailable: the record cannot be read.
        """
        statement = sqlalchemy.select(_TABLE.c.report).where(
            _TABLE.c.id == invocation_id, _TABLE.c.actor_id == actor_id
        )
        async with self._db.transaction() as connection:
            document = (await connection.execute(statement)).scalar_one_or_none()
        return reports.from_document(document) if document is not None else None

    async def prune(self, before: datetime.datetime) -> int:
        """
        Forget what was received before a moment; give how many entries that were.

        Raises:
            errors.Unavailable: the record cannot be written.
        """
        async with self._db.transaction() as connection:
            outcome = await connection.execute(sqlalchemy.delete(_TABLE).where(_TABLE.c.received_at < before))
        return outcome.rowcount


def _row(invocation: invocations.Invocation) -> dict[str, object]:
    actor, place = invocation.actor, invocation.place
    return {
        "id": invocation.id,
        "delivery_key": invocation.delivery_key,
        "received_at": invocation.received_at,
        "door": invocation.door.value,
        "actor_id": actor.id,
        "actor_name": actor.name[:128],
        "team_id": actor.team_id,
        "place_kind": place.kind.value,
        "place_id": place.id,
        "place_name": place.name[:128],
        "text": invocation.text[:_TEXT_LIMIT],
    }
