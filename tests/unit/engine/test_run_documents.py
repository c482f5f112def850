"""Runs that the version of revision 0004 has stored are read and continue after the upgrade."""

import datetime
import getpass
import pathlib
from typing import Any

import pytest
import sqlalchemy

from bot.procedures import runs
from bot.store import database
from tests import databases
from tests.unit.engine import engine_fixture
from tests.unit.store import test_migrations

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
S, Code = runs.StepState, runs.ReasonCode
RUN, QUESTION = "r1124-0a1b2c3d", "0a1b2c3d4e"
WHO = {"id": f"terminal:{getpass.getuser()}", "name": getpass.getuser(), "team_id": None}
_INSERT_RUN = sqlalchemy.text(
    "INSERT INTO runs (id, invocation, procedure, digest, requester_id, place_kind, created_at, frozen,"
    " state, progress, version, question, wake_at, ended_at) VALUES (:id, :id, 'try-out', '0123456789ab', 'alice',"
    " :place_kind, :now, :frozen, :state, :progress, 7, :question, :wake_at, :ended_at)"
)
_INSERT_QUESTION = sqlalchemy.text("INSERT INTO run_questions (id, run, asked) VALUES (:id, :run, :asked)")


def frozen(notes: engine_fixture.Notes, kind: str = "terminal") -> dict[str, Any]:
    """A procedure with its parameters, as revision 0004 stores it with a run."""
    effect = {"effect": "read"}
    procedure = {
        "schema": 1,
        "id": "try-out",
        "title": "Try out",
        "summary": "Try something out",
        "owner": "tests",
        "doc": {"section": "health-checks"},
        "command": {"word": "try-out", "examples": ["try-out"]},
        "access": {"run": ["everyone"]},
        "steps": [
            notes.step("a"),
            {"id": "b", "title": "Roll back?", "uses": "confirm", "with": {"text": "Really?"}, **effect},
            notes.step("c"),
            {"id": "d", "title": "D", "uses": "startup", "when": "false", "with": {"service": "pos-order"}, **effect},
            {"id": "e", "title": "E", "uses": "deploy", "when": "false", "with": {"action": "status"}, **effect}
            | {"save": {"trouble": "trouble", "stage": "stage"}},
        ],
        "finally": [
            {"id": "z", "title": "Z", "uses": "access", "when": "steps.a.outcome == 'not asked'", **effect}
            | {"save": {"login": "with_login", "route": "route"}}
        ],
    }
    place = {"kind": kind, "id": "terminal", "name": "", "thread": None}
    return {
        "procedure": procedure,
        "params": {},
        "requester": WHO,
        "place": place,
        "lock": None,
        "is_step_by_step": False,
    }


def progress(*records: dict[str, Any]) -> dict[str, Any]:
    began = "2026-11-24T03:00:00Z"
    first = {"id": "a", "state": "succeeded", "headline": "a came out ok.", "began_at": began, "ended_at": began}
    later = [{"id": step_id} for step_id in "bcdez"[len(records) :]]
    return {"steps": [first, *records, *later], "active_seconds": 1.5, "ending": None}


async def store(url: str, notes: engine_fixture.Notes, *, state: str, document: dict[str, Any], **values: Any) -> None:
    """Write a run as revision 0004 does."""
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    await test_migrations.move_to(url, "0004")
    row = {
        "id": RUN,
        "now": now,
        "frozen": database.pack(frozen(notes)),
        "state": state,
        "progress": database.pack(document),
        "question": None,
        "wake_at": None,
        "place_kind": "terminal",
        "ended_at": None if state == "waiting" else now,
    }
    async with database.open_database(url) as db:
        await databases.execute(db, _INSERT_RUN, row | values)


async def test_waiting_run_is_answered_after_the_upgrade(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes
) -> None:
    now = datetime.datetime.now(datetime.UTC)
    until = now + datetime.timedelta(hours=1)
    asked = {
        "id": QUESTION,
        "step": "b",
        "attempt": 1,
        "kind": "confirm",
        "text": "Really?",
        "options": ["yes", "no"],
        "by": "requester",
        "asked_at": now.isoformat(),
        "expires_at": until.isoformat(),
        "action": "",
        "note": "none",
        "answer": None,
        "answered_by": "",
        "answered_at": None,
        "comment": "",
    }
    document = progress(
        {"id": "b", "state": "waiting", "may_begin": True, "agreed": "x", "why": "attempt 1 of 3 failed"}
    )
    wake_at = until.replace(tzinfo=None)
    await store(database_url, notes, state="waiting", document=document, question=QUESTION, wake_at=wake_at)
    async with database.open_database(database_url) as db:
        await databases.execute(db, _INSERT_QUESTION, {"id": QUESTION, "run": RUN, "asked": database.pack(asked)})

    async with engine_fixture.running(database_url, tmp_path, notes) as engine:
        waiting = await engine.core.runs.find(RUN)
        ended = await engine.answer(waiting, "yes")

    assert waiting.procedure.command.name == "try-out"
    assert [step.uses for step in waiting.procedure.all_steps()][3:] == ["diagnose", "rollout", "connectivity"]
    assert waiting.procedure.find("e").save == {"trouble": "reason", "stage": "stage"}
    assert waiting.procedure.find("z").save == {"login": "authenticated_request", "route": "route"}
    assert waiting.procedure.find("z").when == "steps.a.outcome == 'skipped'"
    assert (waiting.find("b").confirmed, waiting.find("b").may_start) == ("x", True)
    assert waiting.find("b").reason == runs.Reason(Code.ATTEMPT_FAILED, "1 of 3")
    assert ended.state is runs.RunState.COMPLETED
    assert {record.id: record.state for record in ended.steps} == {
        **dict.fromkeys("abc", S.SUCCEEDED),
        **dict.fromkeys("dez", S.SKIPPED),
    }
    assert notes.read() == ["c"]


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("the run’s time was over", runs.Reason(Code.RUN_TIMED_OUT)),
        ("not wanted, steps.a.saved.n > 1", runs.Reason(Code.CONDITION_NOT_MET, "steps.a.saved.n > 1")),
        ("cancelled by bob while it was under way", runs.Reason(Code.CANCELLED_WHILE_RUNNING, "bob")),
        ("bob said no", runs.Reason(Code.DECLINED_BY, "bob")),
        ("a failed, so it went on at c", runs.Reason(Code.EARLIER_STEP, "Do a failed")),
        ("b cancelled", runs.Reason(Code.EARLIER_STEP, "Roll back cancelled")),
        ("posbot made a mistake (KeyError)", runs.Reason(Code.ERROR, "posbot made a mistake (KeyError)")),
    ],
)
async def test_reasons_become_codes(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes, why: str, reason: runs.Reason
) -> None:
    records = [{"id": step_id, "state": "skipped", "why": why} for step_id in "bcdez"]
    await store(database_url, notes, state="succeeded with failures", document=progress(*records))

    async with engine_fixture.running(database_url, tmp_path, notes) as engine:
        found = await engine.core.runs.find(RUN)

    assert found.state is runs.RunState.COMPLETED_WITH_FAILURES
    assert {record.reason for record in found.steps[1:]} == {reason}
    assert found.find("a").started_at == datetime.datetime(2026, 11, 24, 3, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("old", "new"), [("channel", "channel"), ("direct", "dm"), ("home", "app_home"), ("terminal", "terminal")]
)
async def test_conversation_of_a_run_is_rewritten_and_restored(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes, old: str, new: str
) -> None:
    login = {"id": "z", "state": "succeeded", "saved": {"login": "not asked", "route": "ok"}}
    cancelled = {"id": "b", "state": "cancelled", "agreed": "x", "why": "bob said no"}
    document = progress(cancelled, *({"id": step_id} for step_id in "cde"), login)
    stored = {"place_kind": old, "frozen": database.pack(frozen(notes, old))}
    await store(database_url, notes, state="succeeded", document=document, **stored)

    async with engine_fixture.running(database_url, tmp_path, notes) as engine:
        found = await engine.core.runs.find(RUN)
    async with database.open_database(database_url) as db:
        kind = (await databases.execute(db, "SELECT conversation_kind FROM runs"))[0][0]
    await test_migrations.move_to(database_url, "0004")

    assert (found.conversation.kind, kind) == (new, new)
    assert found.find("z").saved == {"login": "skipped", "route": "ok"}
    async with database.open_database(database_url) as db:
        row = (await databases.execute(db, "SELECT state, place_kind, frozen, progress FROM runs"))[0]
    assert (row.state, row.place_kind) == ("succeeded", old)
    assert (database.unpack(row.frozen), database.unpack(row.progress)) == (frozen(notes, old), document)


async def test_damaged_run_does_not_stop_the_upgrade(database_url: str, notes: engine_fixture.Notes) -> None:
    await store(database_url, notes, state="failed", document={}, progress=b"damaged")

    assert await test_migrations.migrate(database_url) == test_migrations.NEWEST


async def test_attempts_are_kept_from_the_upgrade_on_and_dropped_by_the_downgrade(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes
) -> None:
    document = progress({"id": "b", "state": "cancelled", "why": "bob said no"})
    await store(database_url, notes, state="failed", document=document)
    await test_migrations.move_to(database_url, "0007")

    async with engine_fixture.running(database_url, tmp_path, notes) as engine:
        before = await engine.core.runs.find(RUN)
        await engine.core.runs.retry(RUN, by=engine_fixture.an_invocation())
        waiting = await engine.wait_until_resting(before)
    await test_migrations.move_to(database_url, "0007")
    await test_migrations.migrate(database_url)
    async with engine_fixture.running(database_url, tmp_path, notes) as engine:
        after = await engine.core.runs.find(RUN)

    assert (before.attempt, waiting.attempt) == (1, 2)
    assert waiting.at_attempt(1).steps == before.steps
    assert (after.attempt, after.find("b").state) == (1, S.WAITING)
