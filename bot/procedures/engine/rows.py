"""A run as rows: what never changes (frozen), what changes with every step (progress), and its questions."""

import dataclasses
import zlib
from collections.abc import Mapping
from typing import Any

import pydantic
import sqlalchemy
import structlog

from bot import errors
from bot.model import invocations, reports
from bot.procedures import runs as procedures_runs
from bot.procedures import schema
from bot.store import database, tables

log = structlog.get_logger()

_QUESTIONS = tables.questions
_QUESTION = pydantic.TypeAdapter(procedures_runs.Question)
_DECODE_ERRORS = (ValueError, TypeError, KeyError, zlib.error)
"""What reading something raises that another version wrote, or that is damaged."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Frozen:
    """What never changes about a run."""

    procedure: Mapping[str, Any]
    params: Mapping[str, reports.Scalar]
    requester: invocations.Actor
    conversation: invocations.Conversation
    lock: str | None
    is_step_by_step: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Progress:
    """What changes with every step."""

    steps: tuple[procedures_runs.StepRecord, ...]
    active_seconds: float
    ending: procedures_runs.RunState | None


_FROZEN, _PROGRESS = pydantic.TypeAdapter(_Frozen), pydantic.TypeAdapter(_Progress)
_EARLIER = pydantic.TypeAdapter(tuple[procedures_runs.Attempt, ...])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Runs as they are stored."""

    runs: tuple[procedures_runs.Run, ...]
    unreadable: tuple[str, ...]
    """Ids of those that this version of posbot cannot read."""


def unreadable(run_id: str) -> errors.Unreadable:
    """Return the error for a run that this version of posbot cannot read."""
    return errors.Unreadable(
        f"The run {run_id} cannot be read: another version of posbot wrote it, or it is damaged.",
        hint="Start the version that wrote it; the log says what is wrong with it.",
    )


def read(connection: sqlalchemy.Connection, statement: sqlalchemy.Select[Any]) -> Found:
    """Return the runs that *statement* selects, each with its question."""
    rows = connection.execute(statement).mappings().all()
    asked = [row["question"] for row in rows if row["question"]]
    questions: dict[str, sqlalchemy.RowMapping] = {}
    if asked:
        chosen = sqlalchemy.select(_QUESTIONS).where(_QUESTIONS.c.id.in_(asked))
        questions = {row["id"]: row for row in connection.execute(chosen).mappings()}
    found, damaged = [], []
    for row in rows:
        try:
            own = questions.get(row["question"] or "")
            found.append(_run(row, question_of(own) if own is not None else None))
        except _DECODE_ERRORS as error:
            log.warning("run cannot be read", run=row["id"], reason=f"{type(error).__name__}: {error}")
            damaged.append(row["id"])
    return Found(runs=tuple(found), unreadable=tuple(damaged))


def questions_of(connection: sqlalchemy.Connection, run_id: str) -> dict[str, procedures_runs.Question] | None:
    """Return the questions of a run by their ids; None where this version of posbot cannot read one of them."""
    chosen = sqlalchemy.select(_QUESTIONS).where(_QUESTIONS.c.run == run_id)
    try:
        return {row["id"]: question_of(row) for row in connection.execute(chosen).mappings()}
    except _DECODE_ERRORS:
        return None


def pack_question(question: procedures_runs.Question) -> bytes:
    """Return a question as it is stored."""
    return database.pack(_QUESTION.dump_python(question, mode="json"))


def new_row(run: procedures_runs.Run, invocation: str) -> dict[str, Any]:
    """Return all columns of a new run."""
    frozen = _Frozen(
        procedure=schema.to_document(run.procedure),
        params=run.params,
        requester=run.requester,
        conversation=run.conversation,
        lock=run.lock,
        is_step_by_step=run.is_step_by_step,
    )
    service = run.params.get("service")
    return {
        "id": run.id,
        "invocation": invocation,
        "procedure": run.procedure.id,
        "digest": run.digest,
        "service": database.strip_unsupported(str(service)[:64]) if service is not None else None,
        "requester_id": run.requester.id,
        "conversation_kind": run.conversation.kind.value,
        "created_at": run.created_at,
        "frozen": database.pack(_FROZEN.dump_python(frozen, mode="json")),
        "version": run.version,
        **changing_row(run),
    }


def changing_row(run: procedures_runs.Run) -> dict[str, Any]:
    """Return the columns that change with every step."""
    progress = _Progress(steps=run.steps, active_seconds=round(run.active_seconds, 3), ending=run.ending)
    return {
        "state": run.state.value,
        "progress": database.pack(_PROGRESS.dump_python(progress, mode="json", exclude_defaults=True)),
        "question": run.question.id if run.question is not None else None,
        "ended_at": run.ended_at,
    }


def earlier_attempts(run: procedures_runs.Run) -> bytes | None:
    """Return the earlier attempts of *run* as they are stored: in a column of their own, which no step rewrites."""
    return database.pack(_EARLIER.dump_python(run.earlier, mode="json", exclude_defaults=True)) if run.earlier else None


def _run(row: sqlalchemy.RowMapping, question: procedures_runs.Question | None) -> procedures_runs.Run:
    frozen = _FROZEN.validate_python(database.unpack(row["frozen"]))
    progress = _PROGRESS.validate_python(database.unpack(row["progress"]))
    procedure = schema.from_document(frozen.procedure)
    if [step.id for step in procedure.all_steps()] != [record.id for record in progress.steps]:
        raise ValueError("its steps are not those of its procedure")
    return procedures_runs.Run(
        id=row["id"],
        procedure=procedure,
        digest=row["digest"],
        params=frozen.params,
        requester=frozen.requester,
        conversation=frozen.conversation,
        created_at=row["created_at"],
        steps=progress.steps,
        state=procedures_runs.RunState(row["state"]),
        question=question,
        lock=frozen.lock,
        is_step_by_step=frozen.is_step_by_step,
        active_seconds=progress.active_seconds,
        cancel=cancel_request(row),
        ending=progress.ending,
        ended_at=row["ended_at"],
        earlier=_EARLIER.validate_python(database.unpack(row["earlier"])) if row["earlier"] is not None else (),
        version=row["version"],
    )


def cancel_request(row: sqlalchemy.RowMapping) -> invocations.CancelRequest | None:
    """Return who has requested the cancellation of a run, or None."""
    by, at, by_id = row["cancelled_by"], row["cancelled_at"], row["cancelled_by_id"]
    return invocations.CancelRequest(by=by, at=at, by_id=by_id or "") if by else None


def question_of(row: sqlalchemy.RowMapping) -> procedures_runs.Question:
    """Return a question with its answer, if there is one."""
    asked = _QUESTION.validate_python(database.unpack(row["asked"]))
    return dataclasses.replace(
        asked,
        answer=row["answer"],
        answered_by=row["answered_by"] or "",
        answered_by_id=row["answered_by_id"] or "",
        answered_at=row["answered_at"],
        comment=row["comment"] or "",
    )
