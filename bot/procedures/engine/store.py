"""What is remembered of runs. Each change of a run, with all that belongs to it, is one transaction."""

import dataclasses
import datetime
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import pydantic
import sqlalchemy
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import errors
from bot.durable import locks
from bot.model import invocations, reports
from bot.procedures import runs as procedures_runs
from bot.procedures import schema
from bot.store import database, tables

log = structlog.get_logger()

_RUNS, _QUESTIONS, _LOCKS = tables.runs, tables.questions, tables.locks
_QUESTION = pydantic.TypeAdapter(procedures_runs.Question)
# Made once: putting a statement together takes longer than SQLite takes to do it.
_NEW = sqlalchemy.insert(_RUNS)
_NEW_POST = sqlalchemy.insert(tables.posts)
_NEXT_VERSION = sqlalchemy.update(_RUNS).where(
    _RUNS.c.id == sqlalchemy.bindparam("own"),
    _RUNS.c.claimed_by == sqlalchemy.bindparam("worker"),
    _RUNS.c.version == sqlalchemy.bindparam("known"),
)
LIVE, QUESTION, END = "live", "question-", "end-"
"""What a post is for: how far the run is; what it asks, with the question's id; its end, with its version then."""
_DAMAGES = (ValueError, TypeError, KeyError, zlib.error)
"""What reading something raises that another version wrote, or that is damaged."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Frozen:
    """What never changes about a run."""

    procedure: Mapping[str, Any]
    params: Mapping[str, reports.Scalar]
    requester: invocations.Actor
    place: invocations.Conversation
    lock: str | None
    is_step_by_step: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Progress:
    """What changes with every step."""

    steps: tuple[procedures_runs.StepRecord, ...]
    active_seconds: float
    ending: procedures_runs.RunState | None


_FROZEN, _PROGRESS = pydantic.TypeAdapter(_Frozen), pydantic.TypeAdapter(_Progress)


class Runs:
    """Reads and writes runs."""

    def __init__(self, db: database.Database) -> None:
        self._db = db

    async def begin(self, run: procedures_runs.Run, invocation: str, worker: str | None) -> procedures_runs.Run:
        """
        Remember a new run, claimed by *worker*, with its lock; give it, or the one that *invocation* has begun before.

        Raises:
            errors.Refused: another run holds the lock.
            errors.Unavailable
        """
        row = _new_row(run, invocation, worker)

        def job(connection: sqlalchemy.Connection) -> None:
            connection.execute(_NEW, row)
            _note_post(connection, run, LIVE, run.version)
            if run.lock is not None:
                locks.take(connection, run, run.lock)

        try:
            await self._db.work(job)
        except sqlalchemy.exc.IntegrityError as error:
            earlier = await self._begun_by(invocation)
            if earlier is None:
                raise errors.Unavailable("Two runs were given the same id.", hint="Send it again.") from error
            return earlier
        return run

    async def find(self, run_id: str) -> procedures_runs.Run | None:
        """
        Give a run, or None where there is none with that id.

        Raises:
            errors.Unreadable: this version of posbot cannot read it.
            errors.Unavailable
        """
        chosen = sqlalchemy.select(_RUNS).where(_RUNS.c.id == run_id)
        async with self._db.transaction() as connection:
            found = await read(connection, chosen)
        if found.unreadable:
            raise unreadable(run_id)
        return found.runs[0] if found.runs else None

    async def latest(self, wanted: procedures_runs.RunFilter) -> tuple[procedures_runs.Run, ...]:
        """Give the runs that *wanted* describes, the newest first."""
        statement = sqlalchemy.select(_RUNS).order_by(_RUNS.c.created_at.desc()).limit(wanted.limit)
        if wanted.procedure is not None:
            statement = statement.where(_RUNS.c.procedure == wanted.procedure)
        if wanted.state is not None:
            statement = statement.where(_RUNS.c.state == wanted.state.value)
        if wanted.service is not None:
            statement = statement.where(_RUNS.c.service == wanted.service)
        if wanted.since is not None:
            statement = statement.where(_RUNS.c.created_at >= wanted.since)
        return await self._chosen(statement)

    async def find_question(self, run_id: str, question_id: str) -> procedures_runs.Question | None:
        """Give a question that a run has asked, or None where it has not."""
        chosen = sqlalchemy.select(_QUESTIONS).where(_QUESTIONS.c.id == question_id, _QUESTIONS.c.run == run_id)
        async with self._db.transaction() as connection:
            row = (await connection.execute(chosen)).mappings().one_or_none()
        return _question(row) if row is not None else None

    async def answer(self, question_id: str, answer: procedures_runs.Question) -> bool:
        """
        Answer the question that a run waits for; tell whether this is the answer that counts.

        After its time it is not: then silence counts, even where nobody was there to write that down in time.

        Raises:
            errors.Unavailable
        """
        values = {
            "answer": answer.answer,
            "answered_by": tables.strip_unsupported(answer.answered_by[:128]),
            "answered_at": answer.answered_at,
            "comment": tables.strip_unsupported(answer.comment),
        }
        open_one = sqlalchemy.update(_QUESTIONS).where(_QUESTIONS.c.id == question_id, _QUESTIONS.c.answer.is_(None))
        async with self._db.transaction() as connection:
            in_time = _RUNS.c.wake_at > answer.answered_at
            awaited = sqlalchemy.exists().where(_RUNS.c.question == question_id, in_time)
            counts = bool((await connection.execute(open_one.where(awaited).values(values))).rowcount)
            if not counts:
                silence = {
                    "answer": procedures_runs.TIMEOUT,
                    "answered_by": "nobody",
                    "answered_at": answer.answered_at,
                }
                await connection.execute(open_one.values(silence))
            await connection.execute(woken(_RUNS.c.question == question_id))
        return counts

    async def request_cancel(self, run_id: str, stop: invocations.CancelRequest) -> None:
        """Ask for the end of a run; who asked first counts."""
        is_wanted = (_RUNS.c.id == run_id, _RUNS.c.ended_at.is_(None), _RUNS.c.cancelled_by.is_(None))
        closed = sqlalchemy.update(_QUESTIONS).where(
            _QUESTIONS.c.run == run_id, _QUESTIONS.c.answer.is_(None), sqlalchemy.exists().where(*is_wanted)
        )
        # In the order in which an answer takes them, so that the two never wait for each other.
        async with self._db.transaction() as connection:
            await connection.execute(closed.values(answer="cancelled", answered_by=stop.by[:128], answered_at=stop.at))
            asked = sqlalchemy.update(_RUNS).where(*is_wanted).values(cancelled_by=stop.by[:128], cancelled_at=stop.at)
            if (await connection.execute(asked)).rowcount:
                await connection.execute(woken(_RUNS.c.id == run_id))

    async def reopen(self, run: procedures_runs.Run) -> bool:
        """
        Let an ended run go on as *run*; tell whether nobody else was faster.

        Raises:
            errors.Refused: another run holds its lock.
            errors.Unavailable
        """
        ended = sqlalchemy.update(_RUNS).where(_RUNS.c.id == run.id, _RUNS.c.version == run.version)
        values = {**_changing_row(run), "version": run.version + 1, "cancelled_by": None, "cancelled_at": None}

        def job(connection: sqlalchemy.Connection) -> bool:
            if not connection.execute(ended.values(**values, claimed_by=None)).rowcount:
                return False
            if run.lock is not None:
                locks.take(connection, run, run.lock)
            return True

        return await self._db.work(job)

    async def unlock(self, lock: str) -> str | None:
        """Free a lock; give the id of the run that held it, or None where none did."""
        freed = sqlalchemy.delete(_LOCKS).where(_LOCKS.c.name == lock).returning(_LOCKS.c.run)
        async with self._db.transaction() as connection:
            return (await connection.execute(freed)).scalar_one_or_none()

    async def held_locks(self) -> tuple[str, ...]:
        """Give the names of all locks that are held."""
        async with self._db.transaction() as connection:
            return tuple((await connection.execute(sqlalchemy.select(_LOCKS.c.name))).scalars())

    async def prune(self, before: datetime.datetime) -> int:
        """Forget the runs that ended before a moment; give how many they were."""
        old = sqlalchemy.select(_RUNS.c.id).where(_RUNS.c.ended_at < before)
        async with self._db.transaction() as connection:
            for table in (_QUESTIONS, tables.posts):
                await connection.execute(sqlalchemy.delete(table).where(table.c.run.in_(old)))
            outcome = await connection.execute(sqlalchemy.delete(_RUNS).where(_RUNS.c.ended_at < before))
        return outcome.rowcount

    async def _chosen(self, statement: sqlalchemy.Select[Any]) -> tuple[procedures_runs.Run, ...]:
        async with self._db.transaction() as connection:
            return (await read(connection, statement)).runs

    async def _begun_by(self, invocation: str) -> procedures_runs.Run | None:
        found = await self._chosen(sqlalchemy.select(_RUNS).where(_RUNS.c.invocation == invocation))
        return found[0] if found else None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Runs as they are remembered."""

    runs: tuple[procedures_runs.Run, ...]
    unreadable: tuple[str, ...]
    """Ids of those that this version of posbot cannot read."""


def unreadable(run_id: str) -> errors.Unreadable:
    """Give what is told of a run that this version of posbot cannot read."""
    return errors.Unreadable(
        f"The run {run_id} cannot be read: another version of posbot wrote it, or it is damaged.",
        hint="Start the version that wrote it; the log says what is wrong with it.",
    )


async def read(connection: AsyncConnection, statement: sqlalchemy.Select[Any]) -> Found:
    """Give the runs that *statement* chooses, each with its question."""
    rows = (await connection.execute(statement)).mappings().all()
    wanted = [row["question"] for row in rows if row["question"]]
    questions: dict[str, sqlalchemy.RowMapping] = {}
    if wanted:
        chosen = sqlalchemy.select(_QUESTIONS).where(_QUESTIONS.c.id.in_(wanted))
        questions = {row["id"]: row for row in (await connection.execute(chosen)).mappings()}
    found, lost = [], []
    for row in rows:
        try:
            asked = questions.get(row["question"] or "")
            found.append(_run(row, _question(asked) if asked is not None else None))
        except _DAMAGES as error:
            log.warning("run cannot be read", run=row["id"], reason=f"{type(error).__name__}: {error}")
            lost.append(row["id"])
    return Found(runs=tuple(found), unreadable=tuple(lost))


def write(connection: sqlalchemy.Connection, run: procedures_runs.Run, worker: str, *, keeps_claim: bool) -> bool:
    """
    Write *run* down as its next version, with its question where that is new, and without its lock where it has ended.

    Tells whether it was still *worker*'s to write.
    """
    own = {"own": run.id, "worker": worker, "known": run.version}
    values = {**_changing_row(run), "version": run.version + 1, "claimed_by": worker if keeps_claim else None}
    if not connection.execute(_NEXT_VERSION, {**own, **values}).rowcount:
        return False
    if run.state is procedures_runs.RunState.WAITING and run.question is not None:
        asked = {
            "id": run.question.id,
            "run": run.id,
            "asked": tables.pack(_QUESTION.dump_python(run.question, mode="json")),
        }
        connection.execute(sqlalchemy.insert(_QUESTIONS).values(asked))
        _note_post(connection, run, f"{QUESTION}{run.question.id}", run.version + 1)
    if run.state.is_final:
        # A run that goes on after its end comes to another one.
        _note_post(connection, run, f"{END}{run.version + 1}", run.version + 1)
    if run.state.is_final and run.lock is not None:
        connection.execute(sqlalchemy.delete(_LOCKS).where(_LOCKS.c.name == run.lock, _LOCKS.c.run == run.id))
    return True


def is_written(connection: sqlalchemy.Connection, run: procedures_runs.Run, worker: str, *, keeps_claim: bool) -> bool:
    """Tell whether exactly this was written by *worker* before, in a transaction of which only the end got lost."""
    wanted = {"version": run.version + 1, "claimed_by": worker if keeps_claim else None, **_changing_row(run)}
    chosen = sqlalchemy.select(*(_RUNS.c[name] for name in wanted)).where(_RUNS.c.id == run.id)
    row = connection.execute(chosen).mappings().one_or_none()
    return row is not None and dict(row) == wanted


def _note_post(connection: sqlalchemy.Connection, run: procedures_runs.Run, purpose: str, version: int) -> None:
    """Note that the change of *run* that is being written has to be posted."""
    if run.place.kind is not invocations.ConversationKind.TERMINAL:
        values = {"run": run.id, "purpose": purpose, "caused_by": version, "is_settled": False}
        connection.execute(_NEW_POST, values)


def woken(chosen: sqlalchemy.ColumnElement[bool]) -> sqlalchemy.Update:
    """Give what lets a waiting run be worked on again."""
    waiting = sqlalchemy.update(_RUNS).where(chosen, _RUNS.c.state == procedures_runs.RunState.WAITING.value)
    return waiting.values(state=procedures_runs.RunState.RUNNING.value, wake_at=None, version=_RUNS.c.version + 1)


def _new_row(run: procedures_runs.Run, invocation: str, worker: str | None) -> dict[str, Any]:
    frozen = _Frozen(
        procedure=schema.to_document(run.procedure),
        params=run.params,
        requester=run.requester,
        place=run.place,
        lock=run.lock,
        is_step_by_step=run.is_step_by_step,
    )
    service = run.params.get("service")
    return {
        "id": run.id,
        "invocation": invocation,
        "procedure": run.procedure.id,
        "digest": run.digest,
        "service": tables.strip_unsupported(str(service)[:64]) if service is not None else None,
        "requester_id": run.requester.id,
        "place_kind": run.place.kind.value,
        "created_at": run.created_at,
        "frozen": tables.pack(_FROZEN.dump_python(frozen, mode="json")),
        "version": run.version,
        "claimed_by": worker,
        "posted_version": None if run.place.kind is invocations.ConversationKind.TERMINAL else 0,
        **_changing_row(run),
    }


def _changing_row(run: procedures_runs.Run) -> dict[str, Any]:
    progress = _Progress(steps=run.steps, active_seconds=round(run.active_seconds, 3), ending=run.ending)
    is_waiting = run.state is procedures_runs.RunState.WAITING and run.question is not None
    return {
        "state": run.state.value,
        "progress": tables.pack(_PROGRESS.dump_python(progress, mode="json", exclude_defaults=True)),
        "question": run.question.id if run.question is not None else None,
        "wake_at": run.question.expires_at if is_waiting and run.question is not None else None,
        "ended_at": run.ended_at,
    }


def _run(row: sqlalchemy.RowMapping, question: procedures_runs.Question | None) -> procedures_runs.Run:
    frozen = _FROZEN.validate_python(tables.unpack(row["frozen"]))
    progress = _PROGRESS.validate_python(tables.unpack(row["progress"]))
    procedure = schema.from_document(frozen.procedure)
    if [step.id for step in procedure.all_steps()] != [record.id for record in progress.steps]:
        raise ValueError("its steps are not those of its procedure")
    stop = invocations.CancelRequest(by=row["cancelled_by"], at=row["cancelled_at"]) if row["cancelled_by"] else None
    return procedures_runs.Run(
        id=row["id"],
        procedure=procedure,
        digest=row["digest"],
        params=frozen.params,
        requester=frozen.requester,
        place=frozen.place,
        created_at=row["created_at"],
        steps=progress.steps,
        state=procedures_runs.RunState(row["state"]),
        question=question,
        lock=frozen.lock,
        is_step_by_step=frozen.is_step_by_step,
        active_seconds=progress.active_seconds,
        cancel=stop,
        ending=progress.ending,
        ended_at=row["ended_at"],
        version=row["version"],
    )


def questions_of(rows: Sequence[sqlalchemy.RowMapping]) -> dict[str, procedures_runs.Question] | None:
    """Give the questions of *rows* by their ids, None where this version of posbot cannot read them all."""
    try:
        return {row["id"]: _question(row) for row in rows}
    except _DAMAGES:
        return None


def _question(row: sqlalchemy.RowMapping) -> procedures_runs.Question:
    asked = _QUESTION.validate_python(tables.unpack(row["asked"]))
    return dataclasses.replace(
        asked,
        answer=row["answer"],
        answered_by=row["answered_by"] or "",
        answered_at=row["answered_at"],
        comment=row["comment"] or "",
    )
