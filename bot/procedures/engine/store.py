"""The runs in the database. Each change of a run, with all that belongs to it, is one transaction."""

import dataclasses
import datetime
from collections.abc import Collection
from typing import Any

import sqlalchemy

from bot import errors
from bot.durable import claims, live_messages, locks, timers
from bot.model import invocations, times
from bot.procedures import headlines
from bot.procedures import runs as procedures_runs
from bot.procedures.engine import rows
from bot.store import audit, database, tables

RUN = "run"
"""The kind of its claims, its live messages and the owner of its locks."""
QUESTION_TIMER, ATTEMPT_TIMER = "question", "attempt"
"""Expiry of a question, by the question's id; the delay before the next attempt of a step, by the run's id."""
QUESTION, END = "question-", "end-"
"""Purposes of live messages beside the main one: a question by its id, and an end by the run's version then."""

_RUNS, _QUESTIONS = tables.runs, tables.questions
# Made once: putting a statement together takes longer than SQLite takes to do it.
_NEW = sqlalchemy.insert(_RUNS)
_NEXT_VERSION = sqlalchemy.update(_RUNS).where(
    _RUNS.c.id == sqlalchemy.bindparam("own"),
    _RUNS.c.version == sqlalchemy.bindparam("known"),
    claims.is_owner(sqlalchemy.bindparam("worker"), RUN, _RUNS.c.id),
)
_NOBODY = "nobody"
_MAX_NAME = 128


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """Runs that a worker has claimed."""

    runs: tuple[tuple[procedures_runs.Run, claims.Claim], ...] = ()
    unreadable: tuple[str, ...] = ()
    """Ids of those that were left to a version of posbot that can read them."""


class RunStore:
    """Reads and writes runs."""

    def __init__(self, db: database.Database, clock: timers.Clock | None = None) -> None:
        self._db = db
        self._clock = clock

    async def begin(self, run: procedures_runs.Run, invocation: str, worker: str | None) -> procedures_runs.Run:
        """
        Store a new run, claimed by *worker*, with its lock; return it, or the one that *invocation* started before.

        Raises:
            errors.Refused: another run holds the lock.
            errors.Unavailable
        """
        row = rows.new_row(run, invocation)

        def job(connection: sqlalchemy.Connection) -> None:
            connection.execute(_NEW, row)
            claims.offer(connection, RUN, run.id, run.created_at, worker=worker)
            _take_lock(connection, run)
            _request(connection, run, live_messages.MAIN, run.created_at)

        try:
            await self._db.work(job)
        except sqlalchemy.exc.IntegrityError as error:
            earlier = (await self._select(sqlalchemy.select(_RUNS).where(_RUNS.c.invocation == invocation))).runs
            if not earlier:
                raise errors.Unavailable("Two runs were given the same id.", hint="Retry the command.") from error
            return earlier[0]
        return run

    async def find(self, run_id: str) -> procedures_runs.Run | None:
        """
        Return a run, or None where there is none with that id.

        Raises:
            errors.Unreadable: this version of posbot cannot read it.
            errors.Unavailable
        """
        found = await self._select(sqlalchemy.select(_RUNS).where(_RUNS.c.id == run_id))
        if found.unreadable:
            raise rows.unreadable(run_id)
        return found.runs[0] if found.runs else None

    async def latest(self, wanted: procedures_runs.RunFilter) -> rows.Found:
        """Return the runs that *wanted* describes, the newest first."""
        statement = sqlalchemy.select(_RUNS).order_by(_RUNS.c.created_at.desc(), _RUNS.c.id)
        statement = statement.limit(wanted.limit).offset(wanted.offset)
        if wanted.procedure is not None:
            statement = statement.where(_RUNS.c.procedure == wanted.procedure)
        if wanted.state is not None:
            statement = statement.where(_RUNS.c.state == wanted.state.value)
        if wanted.service is not None:
            statement = statement.where(_RUNS.c.service == wanted.service)
        if wanted.since is not None:
            statement = statement.where(_RUNS.c.created_at >= wanted.since)
        return await self._select(statement)

    async def find_question(self, run_id: str, question_id: str) -> procedures_runs.Question | None:
        """Return a question that a run has asked, or None where it has not."""
        chosen = sqlalchemy.select(_QUESTIONS).where(_QUESTIONS.c.id == question_id, _QUESTIONS.c.run == run_id)
        row = await self._db.work(lambda connection: connection.execute(chosen).mappings().one_or_none())
        return rows.question_of(row) if row is not None else None

    async def questions(self, run_id: str) -> dict[str, procedures_runs.Question]:
        """
        Return all questions that a run has asked, by their ids.

        Raises:
            errors.Unreadable: this version of posbot cannot read one of them.
            errors.Unavailable
        """
        found = await self._db.work(lambda connection: rows.questions_of(connection, run_id))
        if found is None:
            raise rows.unreadable(run_id)
        return found

    async def answer(self, question_id: str, answer: procedures_runs.Question) -> bool:
        """
        Answer the question that a run waits for; return whether this is the answer that counts.

        Once its timer is due it is not, whether or not the timer was fired.

        Raises:
            errors.Unavailable
        """
        given = {
            "answer": answer.answer,
            "answered_by": database.strip_unsupported(answer.answered_by[:_MAX_NAME]),
            "answered_by_id": answer.answered_by_id or None,
            "answered_at": answer.answered_at,
            "comment": database.strip_unsupported(answer.comment),
        }
        is_asked = sqlalchemy.exists().where(_RUNS.c.question == question_id, _RUNS.c.state == _WAITING)

        def job(connection: sqlalchemy.Connection) -> bool:
            now = timers.now(connection, self._clock)
            due_at = timers.cancel(connection, QUESTION_TIMER, question_id)
            unanswered = sqlalchemy.update(_QUESTIONS).where(
                _QUESTIONS.c.id == question_id, _QUESTIONS.c.answer.is_(None), is_asked
            )
            if due_at is None or due_at <= now:
                _expire(connection, question_id, now)
                return False
            counts = bool(connection.execute(unanswered.values(given)).rowcount)
            if counts:
                _resume(connection, _RUNS.c.question == question_id, now)
            return counts

        return await self._db.work(job)

    async def request_cancel(self, run_id: str, by: invocations.CancelRequest) -> None:
        """Request that a run is cancelled; of several requests the first counts."""
        is_first = (_RUNS.c.id == run_id, _RUNS.c.ended_at.is_(None), _RUNS.c.cancelled_by.is_(None))
        closed = sqlalchemy.update(_QUESTIONS).where(
            _QUESTIONS.c.run == run_id, _QUESTIONS.c.answer.is_(None), sqlalchemy.exists().where(*is_first)
        )
        name, own_id = by.by[:_MAX_NAME], by.by_id or None
        closed = closed.values(
            answer=procedures_runs.CANCELLED, answered_by=name, answered_by_id=own_id, answered_at=by.at
        )
        cancelling = {"cancelled_by": name, "cancelled_by_id": own_id, "cancelled_at": by.at}

        # In the order in which an answer takes them, so that the two never wait for each other.
        def job(connection: sqlalchemy.Connection) -> None:
            now = timers.now(connection, self._clock)
            connection.execute(closed)
            requested = sqlalchemy.update(_RUNS).where(*is_first).values(cancelling)
            if connection.execute(requested).rowcount and not _resume(connection, _RUNS.c.id == run_id, now):
                # It is under way, or in the delay before an attempt: its worker is signalled, or any may claim it.
                claims.offer(connection, RUN, run_id, now)

        await self._db.work(job)

    async def reopen(self, run: procedures_runs.Run) -> bool:
        """
        Reopen an ended run as *run*; return False if it was reopened meanwhile.

        Raises:
            errors.Refused: another run holds its lock.
            errors.Unavailable
        """
        ended = sqlalchemy.update(_RUNS).where(_RUNS.c.id == run.id, _RUNS.c.version == run.version)
        values = {**rows.changing_row(run), "version": run.version + 1, "earlier": rows.earlier_attempts(run)}
        values |= dict.fromkeys(("cancelled_by", "cancelled_by_id", "cancelled_at"))

        def job(connection: sqlalchemy.Connection) -> bool:
            now = timers.now(connection, self._clock)
            if not connection.execute(ended.values(**values)).rowcount:
                return False
            claims.offer(connection, RUN, run.id, now)
            _take_lock(connection, run)
            _request(connection, run, live_messages.MAIN, now)
            return True

        return await self._db.work(job)

    async def unlock(self, lock: str) -> str | None:
        """Release a lock; return the id of the run that held it, or None where none did."""
        owner = await self._db.work(lambda connection: locks.break_lock(connection, lock))
        return owner.id if owner is not None else None

    async def held_locks(self) -> tuple[str, ...]:
        """Return the names of all locks that are held."""
        return await self._db.work(locks.names)

    async def claim(
        self, worker: str, limit: int, run_id: str | None = None, *, without: Collection[str] = ()
    ) -> Claimed:
        """
        Claim runs that nobody works on, the oldest first, or the one *run_id*.

        Those that cannot be read are left to a version that can.

        Raises:
            errors.Unavailable
        """

        def job(connection: sqlalchemy.Connection) -> Claimed:
            taken = {
                claim.subject: claim
                for claim in claims.claim(connection, worker, RUN, limit, subject=run_id, without=without)
            }
            if not taken:
                return Claimed()
            found = rows.read(connection, sqlalchemy.select(_RUNS).where(_RUNS.c.id.in_(taken)))
            if found.unreadable:
                claims.release(connection, worker, RUN, found.unreadable)
            open_ones = {run.id: run for run in found.runs if not run.state.is_final}
            for gone in taken.keys() - open_ones.keys() - set(found.unreadable):
                claims.complete(connection, worker, taken[gone])
            return Claimed(runs=tuple((run, taken[run.id]) for run in open_ones.values()), unreadable=found.unreadable)

        return await self._db.work(job)

    async def find_own(self, worker: str, run_id: str) -> procedures_runs.Run | None:
        """Return a run that *worker* has claimed; None where it has not, or cannot read it."""
        own = sqlalchemy.select(_RUNS).where(
            _RUNS.c.id == run_id, claims.is_owner(sqlalchemy.bindparam("worker", worker), RUN, _RUNS.c.id)
        )
        found = (await self._select(own)).runs
        return found[0] if found else None

    async def cancel_requests(self, run_ids: Collection[str]) -> dict[str, invocations.CancelRequest]:
        """Return who has requested the cancellation of which of these runs."""
        columns = (_RUNS.c.id, _RUNS.c.cancelled_by, _RUNS.c.cancelled_by_id, _RUNS.c.cancelled_at)
        chosen = sqlalchemy.select(*columns).where(_RUNS.c.id.in_(run_ids))
        found = await self._db.work(lambda connection: connection.execute(chosen).mappings().all())
        requests = {row["id"]: rows.cancel_request(row) for row in found}
        return {run_id: one for run_id, one in requests.items() if one is not None}

    async def write(
        self,
        run: procedures_runs.Run,
        worker: str,
        claim: claims.Claim,
        *,
        rests: bool = False,
        until: datetime.datetime | None = None,
        begun: invocations.Invocation | None = None,
        ended: audit.Completion | None = None,
        now: datetime.datetime,
    ) -> procedures_runs.Run | None:
        """
        Write *run* as its next version, with the audit records of the step that has *ended* and of the one *begun*.

        A run that *rests*, because it has ended, waits for a person or, with *until*, for the next attempt, is
        nobody's from now on. Returns the run as it is stored now, None where it is not this worker's any more.

        Raises:
            errors.Unavailable: nothing was written, or nobody knows; writing the same again is safe.
        """

        def job(connection: sqlalchemy.Connection) -> bool:
            changing = rows.changing_row(run)
            own = {"own": run.id, "worker": worker, "known": run.version}
            if not connection.execute(_NEXT_VERSION, {**own, **changing, "version": run.version + 1}).rowcount:
                return _is_written(connection, run, worker, rests=rests)
            _write_consequences(connection, run, now)
            if rests:
                if until is not None:
                    timers.schedule(connection, ATTEMPT_TIMER, run.id, until, scheduled_at=now)
                if not claims.complete(connection, worker, claim):
                    # Signalled meanwhile: a worker has to look at it again.
                    claims.release(connection, worker, RUN, (run.id,))
            if ended is not None:
                audit.complete_invocation(connection, ended)
            if begun is not None:
                audit.insert_invocation(connection, begun)
            return True

        return dataclasses.replace(run, version=run.version + 1) if await self._db.work(job) else None

    async def _select(self, statement: sqlalchemy.Select[Any]) -> rows.Found:
        return await self._db.work(lambda connection: rows.read(connection, statement))


def register_timers(registry: timers.Timers, clock: timers.Clock | None = None) -> None:
    """Let due questions expire and delayed attempts go on."""
    registry.register(
        QUESTION_TIMER,
        lambda connection, timer: _expire(connection, timer.subject, timers.now(connection, clock)),
    )
    registry.register(
        ATTEMPT_TIMER,
        lambda connection, timer: _offer_attempt(connection, timer.subject, timers.now(connection, clock)),
    )


def prune(connection: sqlalchemy.Connection, before: datetime.datetime) -> int:
    """Remove the runs that ended before *before*; return how many."""
    old = sqlalchemy.select(_RUNS.c.id).where(_RUNS.c.ended_at < before)
    connection.execute(sqlalchemy.delete(_QUESTIONS).where(_QUESTIONS.c.run.in_(old)))
    live_messages.forget(connection, RUN, old)
    return connection.execute(sqlalchemy.delete(_RUNS).where(_RUNS.c.ended_at < before)).rowcount


_WAITING, _RUNNING = procedures_runs.RunState.WAITING.value, procedures_runs.RunState.RUNNING.value


def _expire(connection: sqlalchemy.Connection, question_id: str, now: datetime.datetime) -> None:
    """Answer a question with the silence that it got, and let its run go on."""
    silence = {"answer": procedures_runs.TIMEOUT, "answered_by": _NOBODY, "answered_at": now}
    late = sqlalchemy.update(_QUESTIONS).where(_QUESTIONS.c.id == question_id, _QUESTIONS.c.answer.is_(None))
    connection.execute(late.values(silence))
    _resume(connection, _RUNS.c.question == question_id, now)


def _offer_attempt(connection: sqlalchemy.Connection, run_id: str, now: datetime.datetime) -> None:
    is_running = sqlalchemy.select(_RUNS.c.id).where(_RUNS.c.id == run_id, _RUNS.c.state == _RUNNING)
    if connection.execute(is_running).first() is not None:
        claims.offer(connection, RUN, run_id, now)


def _resume(connection: sqlalchemy.Connection, chosen: sqlalchemy.ColumnElement[bool], now: datetime.datetime) -> bool:
    """Let a waiting run be worked on again; return whether it was waiting."""
    waiting = (
        sqlalchemy.update(_RUNS)
        .where(chosen, _RUNS.c.state == _WAITING)
        .values(state=_RUNNING, version=_RUNS.c.version + 1)
        .returning(_RUNS.c.id, _RUNS.c.conversation_kind)
    )
    resumed = connection.execute(waiting).all()
    for row in resumed:
        claims.offer(connection, RUN, row.id, now)
        if row.conversation_kind != _TERMINAL:
            live_messages.request(connection, RUN, row.id, live_messages.MAIN, now)
    return bool(resumed)


_TERMINAL = invocations.ConversationKind.TERMINAL.value


def _request(connection: sqlalchemy.Connection, run: procedures_runs.Run, purpose: str, now: datetime.datetime) -> None:
    """Request that Slack shows the change of *run* that is being written."""
    if run.conversation.kind is not invocations.ConversationKind.TERMINAL:
        live_messages.request(connection, RUN, run.id, purpose, now, position=run.version)


def _take_lock(connection: sqlalchemy.Connection, run: procedures_runs.Run) -> None:
    other = locks.take(connection, run.lock, locks.Owner(kind=RUN, id=run.id), run.created_at) if run.lock else None
    if other is not None:
        found = rows.read(connection, sqlalchemy.select(_RUNS).where(_RUNS.c.id == other.owner.id)).runs
        since = times.clock(other.since, run.created_at)
        raise errors.Refused(
            f"“{run.lock}” is locked by the {other.owner.kind} {other.owner.id}, since {since} UTC.",
            hint=headlines.joining(found),
            commands=(f"run show {other.owner.id}",),
        )


def _write_consequences(connection: sqlalchemy.Connection, run: procedures_runs.Run, now: datetime.datetime) -> None:
    """Write what belongs to the next version of *run*: its new question, the messages that show it, its lock's end."""
    _request(connection, run, live_messages.MAIN, now)
    if run.state is procedures_runs.RunState.WAITING and run.question is not None:
        asked = {"id": run.question.id, "run": run.id, "asked": rows.pack_question(run.question)}
        connection.execute(sqlalchemy.insert(_QUESTIONS).values(asked))
        timers.schedule(connection, QUESTION_TIMER, run.question.id, run.question.expires_at, scheduled_at=now)
        _request(connection, run, f"{QUESTION}{run.question.id}", now)
    if run.state.is_final:
        # A run that goes on after its end comes to another one.
        _request(connection, run, f"{END}{run.version + 1}", now)
        if run.lock is not None:
            locks.release(connection, run.lock, locks.Owner(kind=RUN, id=run.id))


def _is_written(connection: sqlalchemy.Connection, run: procedures_runs.Run, worker: str, *, rests: bool) -> bool:
    """Return whether exactly this was written before, in a transaction of which only the confirmation was lost."""
    expected = {"version": run.version + 1, **rows.changing_row(run)}
    chosen = sqlalchemy.select(*(_RUNS.c[name] for name in expected)).where(_RUNS.c.id == run.id)
    if not rests:
        chosen = chosen.where(claims.is_owner(sqlalchemy.bindparam("worker", worker), RUN, _RUNS.c.id))
    row = connection.execute(chosen).mappings().one_or_none()
    return row is not None and dict(row) == expected
