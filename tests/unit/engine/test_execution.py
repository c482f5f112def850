"""Execution of runs: order, conditions, failures, questions, final states."""

import datetime
from typing import Any

import pytest
import sqlalchemy

from bot import errors
from bot.model import invocations
from bot.procedures import runs
from bot.procedures.engine import store as run_store
from bot.procedures.engine import transitions
from bot.store import tables
from tests import builders, databases
from tests.unit.engine import engine_fixture

pytestmark = pytest.mark.anyio
S = runs.StepState


def states(run: runs.Run) -> dict[str, runs.StepState]:
    return {record.id: record.state for record in run.steps}


async def test_steps_are_executed_in_order_and_recorded(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    run = await engine.execute(notes.step("a"), notes.step("b", "change"), notes.step("c"))

    assert run.state is runs.RunState.COMPLETED
    assert notes.read() == ["a", "b", "c"]
    assert [record.headline for record in run.steps] == [f"{name} came out ok." for name in "abc"]
    report = await engine.core.audit.find_report(run.find("b").invocation)
    assert report is not None
    assert report.headline == "b came out ok."


async def test_failure_stops_the_run_and_finally_steps_run(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    run = await engine.execute(notes.step("a", verdict="failed"), notes.step("b"), **{"finally": [notes.step("z")]})

    assert run.state is runs.RunState.FAILED
    assert states(run) == {"a": S.FAILED, "b": S.SKIPPED, "z": S.SUCCEEDED}
    assert str(run.find("b").reason) == "Do a failed"
    assert notes.read() == ["a", "z"]


async def test_handled_failure_stays_visible(engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes) -> None:
    run = await engine.execute(notes.step("a", verdict="unknown", on_failure="continue"), notes.step("b"))

    assert run.state is runs.RunState.COMPLETED_WITH_FAILURES
    assert states(run) == {"a": S.FAILED, "b": S.SUCCEEDED}


async def test_goto_continues_at_the_named_step(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    run = await engine.execute(
        notes.step("a", verdict="failed", on_failure={"goto": "c"}), notes.step("b"), notes.step("c")
    )

    assert states(run) == {"a": S.FAILED, "b": S.SKIPPED, "c": S.SUCCEEDED}
    assert str(run.find("b").reason) == "Do a failed"


async def test_step_with_an_unmet_condition_is_skipped_with_the_reason(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    run = await engine.execute(
        notes.step("a", save={"n": "times"}),
        notes.step("b", when="steps.a.saved.n > 1"),
        notes.step("c", when="steps.a.saved.n == 1 and steps.b.outcome == 'skipped'"),
    )

    assert states(run) == {"a": S.SUCCEEDED, "b": S.SKIPPED, "c": S.SUCCEEDED}
    assert str(run.find("b").reason) == "condition not met"


async def test_step_is_retried(engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes) -> None:
    run = await engine.execute(notes.step("a", good_after=1, retry={"attempts": 3, "delay": "0s"}))

    assert run.state is runs.RunState.COMPLETED
    assert run.find("a").attempt == 2
    assert notes.read() == ["a", "a"]


async def test_step_is_timed_out(engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes) -> None:
    run = await engine.execute(notes.step("a", seconds=30.0, timeout="1s"))

    assert run.state is runs.RunState.TIMED_OUT
    assert run.find("a").state is S.TIMED_OUT


async def test_confirmed_step_is_executed_only_after_the_answer(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    waiting = await engine.execute(notes.step("a", "change", confirm={"text": "Really?"}))

    assert waiting.state is runs.RunState.WAITING
    assert waiting.question is not None
    assert "change a" in waiting.question.text
    assert notes.read() == []
    run = await engine.answer(waiting, "yes")
    assert run.state is runs.RunState.COMPLETED
    assert notes.read() == ["a"]


async def test_declined_confirmation_cancels_the_run(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    waiting = await engine.execute(notes.step("a", "change", confirm={"text": "Really?"}), notes.step("b"))

    run = await engine.answer(waiting, "no")

    assert run.state is runs.RunState.CANCELLED
    assert notes.read() == []
    assert str(run.find("a").reason).startswith("declined by ")


async def test_unanswered_confirmation_cancels_the_run(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    waiting = await engine.execute(notes.step("a", "change", confirm={"text": "Really?", "timeout": "1s"}))

    run = await engine.wait_until(waiting, lambda now: now.state.is_final)

    assert run.state is runs.RunState.CANCELLED
    assert str(run.find("a").reason) == "no answer in time"


@pytest.mark.parametrize(
    ("answer", "state", "left"),
    [
        ("retry", runs.RunState.COMPLETED, ["a", "a", "b"]),
        ("skip", runs.RunState.COMPLETED_WITH_FAILURES, ["a", "b"]),
        ("stop", runs.RunState.FAILED, ["a"]),
        ("escalate", runs.RunState.FAILED, ["a"]),
    ],
)
async def test_person_decides_how_a_failure_is_handled(
    engine: engine_fixture.EngineFixture,
    notes: engine_fixture.Notes,
    answer: str,
    state: runs.RunState,
    left: list[str],
) -> None:
    waiting = await engine.execute(notes.step("a", good_after=1, on_failure="ask"), notes.step("b"))
    assert waiting.question is not None
    assert waiting.question.text == "“Do a” failed: a came out failed. What next?"

    run = await engine.answer(waiting, answer)

    assert run.state is state
    assert notes.read() == left


async def test_manual_step_records_the_answer(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    manual = {"id": "m", "title": "Look", "uses": "manual", "with": {"instructions": "Look at it."}}
    waiting = await engine.execute(manual, notes.step("b", when="steps.m.outcome == 'succeeded'"))

    run = await engine.answer(waiting, "done", comment="all green")

    assert run.state is runs.RunState.COMPLETED
    assert "all green" in run.find("m").headline
    assert notes.read() == ["b"]


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        (invocations.Source.BUTTON, "Fill in the Note field, then press the button again."),
        (invocations.Source.SLASH, 'Add --note "…".'),
    ],
)
async def test_missing_note_says_how_to_add_it(
    engine: engine_fixture.EngineFixture, source: invocations.Source, hint: str
) -> None:
    asks = {"instructions": "Look at it.", "note": "required"}
    waiting = await engine.execute({"id": "m", "title": "Look", "uses": "manual", "with": asks})

    with pytest.raises(errors.UsageError) as caught:
        await engine.answer(waiting, "done", source=source)

    assert (str(caught.value), caught.value.hint) == ("A note is required with the answer.", hint)


async def test_secret_in_a_note_is_redacted(engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes) -> None:
    manual = {"id": "m", "title": "Look", "uses": "manual", "with": {"instructions": "Look."}, "save": {"note": "note"}}
    waiting = await engine.execute(manual, notes.step("b"))
    assert waiting.question is not None

    run = await engine.answer(waiting, "done", comment="it was password=hunter2")

    kept = (await databases.execute(engine.core.db, sqlalchemy.select(tables.questions.c.comment)))[0][0]
    assert kept == "it was password=•••"
    assert run.find("m").saved == {"note": "it was password=•••"}


async def test_step_by_step_waits_before_each_step(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    first = await engine.execute(notes.step("a"), notes.step("b"), notes.step("c"), is_step_by_step=True)
    second = await engine.answer(first, "yes")
    third = await engine.answer(second, "skip")

    run = await engine.answer(third, "yes")

    assert run.state is runs.RunState.COMPLETED
    assert notes.read() == ["a", "c"]


async def test_cancelled_run_ends_at_once(engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes) -> None:
    begun = await engine.start(
        engine_fixture.a_procedure(notes.step("a", seconds=30.0), notes.step("b"), **{"finally": [notes.step("z")]})
    )
    await engine.wait_until(begun, lambda now: now.find("a").state is S.RUNNING)

    await engine.core.runs.cancel(begun.id, by=engine_fixture.an_invocation())

    run = await engine.wait_until_resting(begun)
    assert run.state is runs.RunState.CANCELLED
    assert states(run) == {"a": S.CANCELLED, "b": S.CANCELLED, "z": S.SUCCEEDED}


async def test_waiting_run_can_be_cancelled_and_its_question_is_closed(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    waiting = await engine.execute(notes.step("a", confirm={"text": "Really?"}))

    await engine.core.runs.cancel(waiting.id, by=engine_fixture.an_invocation())

    run = await engine.wait_until_resting(waiting)
    assert run.state is runs.RunState.CANCELLED
    assert run.question is not None
    assert run.question.answer == "cancelled"


async def test_retry_continues_at_the_failed_step(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    failed = await engine.execute(notes.step("a"), notes.step("b", good_after=1), notes.step("c"))
    assert failed.state is runs.RunState.FAILED

    await engine.core.runs.retry(failed.id, by=engine_fixture.an_invocation())

    run = await engine.wait_until(failed, lambda now: now.state is runs.RunState.COMPLETED)
    assert notes.read() == ["a", "b", "b", "c"]
    assert run.find("b").attempt == 2


async def test_retry_keeps_the_earlier_attempt_with_its_answers_and_notes(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    manual = {"id": "m", "title": "Roll back", "uses": "manual", "with": {"instructions": "Do it."}}
    waiting = await engine.execute(notes.step("a", "change", confirm={"text": "Really?"}), manual, notes.step("b"))
    declined = await engine.answer(await engine.answer(waiting, "yes"), "not done", comment="1.4.2 has no image")
    assert declined.state is runs.RunState.FAILED

    await engine.core.runs.retry(declined.id, by=engine_fixture.an_invocation())
    again = await engine.wait_until(declined, lambda now: now.state is runs.RunState.WAITING)
    run = await engine.answer(again, "done", comment="1.4.1 instead")

    (first,) = run.earlier
    assert (first.state, first.steps) == (runs.RunState.FAILED, declined.steps)
    assert run.at_attempt(1).find("m").headline.endswith(": not done, 1.4.2 has no image")
    assert run.find("m").headline.endswith(": done, 1.4.1 instead")
    answers = await engine.core.runs.answers(run)
    assert [(one.answer, one.comment) for one in answers] == [
        ("yes", ""),
        ("not done", "1.4.2 has no image"),
        ("done", "1.4.1 instead"),
    ]
    assert notes.read() == ["a", "b"]


async def test_run_that_reached_its_end_is_not_retried(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    done = await engine.execute(notes.step("a", verdict="failed", on_failure="continue"), notes.step("b"))
    assert done.state is runs.RunState.COMPLETED_WITH_FAILURES

    with pytest.raises(errors.UsageError) as caught:
        await engine.core.runs.retry(done.id, by=engine_fixture.an_invocation())

    assert str(caught.value) == f"The run {done.id} reached its end: there is nothing to retry."
    assert caught.value.commands[0] == "run try-out"
    assert await engine.core.runs.find(done.id) == done


async def test_delay_between_attempts_counts_towards_the_timeout(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    step = notes.step("a", good_after=1, retry={"attempts": 2, "delay": "1h"})

    run = await engine.execute(step, notes.step("b"), timeout="1s")

    assert run.state is runs.RunState.TIMED_OUT
    assert states(run) == {"a": S.FAILED, "b": S.SKIPPED}


async def test_retry_of_a_timed_out_run_executes_the_remaining_steps(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    done = await engine.execute(notes.step("a"), notes.step("b", verdict="failed"))
    now = datetime.datetime.now(datetime.UTC)
    left = transitions.replace_record(done, "b", state=S.PENDING, started_at=None, ended_at=None)

    over = transitions.finish_run(transitions.time_out_run(left, now), now)

    assert (over.state, over.find("b").state) == (runs.RunState.TIMED_OUT, S.SKIPPED)
    assert states(transitions.retry_run(over, builders.an_actor(), now)) == {"a": S.SUCCEEDED, "b": S.PENDING}


async def test_ended_runs_are_deleted_with_their_questions_and_messages(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    channel = invocations.Conversation(kind=invocations.ConversationKind.CHANNEL, id="C1", name="ops")
    procedure = engine_fixture.a_procedure(notes.step("a", confirm={"text": "Really?"}))
    over, waiting = [
        await engine.wait_until_resting(
            await engine.start(procedure, invocation=engine_fixture.an_invocation(conversation=channel))
        )
        for _ in range(2)
    ]
    await engine.answer(over, "yes")
    now, hour = datetime.datetime.now(datetime.UTC), datetime.timedelta(hours=1)

    early = await engine.core.db.work(lambda one: run_store.prune(one, now - hour))
    late = await engine.core.db.work(lambda one: run_store.prune(one, now + hour))

    assert (early, late) == (0, 1)
    assert [run.id for run in await engine.core.runs.list(runs.RunFilter())] == [waiting.id]
    questions = await databases.execute(engine.core.db, sqlalchemy.select(tables.questions.c.run))
    messages = await databases.execute(engine.core.db, sqlalchemy.select(tables.live_messages.c.subject))
    assert set(questions) == set(messages) == {(waiting.id,)}


async def test_question_of_another_run_is_not_answered(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    own = await engine.execute(notes.step("a", confirm={"text": "Really?"}))
    other = await engine.execute(notes.step("b", "change", confirm={"text": "Really?"}))
    assert other.question is not None

    with pytest.raises(errors.UsageError, match=f"The run {own.id} has not asked that"):
        await engine.core.runs.answer(own, "yes", by=engine_fixture.an_invocation(), question_id=other.question.id)

    assert (await engine.core.runs.find(other.id)).state is runs.RunState.WAITING
    assert notes.read() == []


async def test_first_person_who_cancelled_is_named(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    steps = notes.step("a", seconds=30.0), notes.step("b")
    begun = await engine.start(engine_fixture.a_procedure(*steps, **{"finally": [notes.step("z", seconds=0.5)]}))
    await engine.wait_until(begun, lambda now: now.find("a").state is S.RUNNING)

    for name in ("alice", "bob"):
        actor = invocations.Actor(id=f"terminal:{name}", name=name)
        await engine.core.runs.cancel(begun.id, by=engine_fixture.an_invocation(actor=actor))

    run = await engine.wait_until_resting(begun)
    assert run.cancel is not None
    assert run.cancel.by == "alice"
    assert str(run.find("b").reason) == "cancelled by alice"


async def test_second_retry_at_the_same_moment_changes_nothing(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    failed = await engine.execute(notes.step("a", good_after=1))
    by_both = transitions.retry_run(failed, builders.an_actor(), datetime.datetime.now(datetime.UTC))

    assert await engine.core.run_store.reopen(by_both)
    await engine.wait_until(failed, lambda now: now.state is runs.RunState.COMPLETED)
    assert not await engine.core.run_store.reopen(by_both)

    assert (await engine.core.runs.find(failed.id)).state is runs.RunState.COMPLETED
    assert notes.read() == ["a", "a"]


async def test_run_of_a_terminal_has_no_messages_in_slack(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    waiting = await engine.execute(notes.step("a", confirm={"text": "Really?"}))

    run = await engine.answer(waiting, "yes")

    assert run.state is runs.RunState.COMPLETED
    assert await databases.execute(engine.core.db, sqlalchemy.select(tables.live_messages)) == []


_BOB = invocations.Actor(id="U0BOB", name="bob")
_CAROL = invocations.Actor(id="terminal:carol", name="carol")


@pytest.mark.parametrize(
    ("by", "other", "reason"),
    [
        ("requester", {"actor": _BOB}, "That is for .+ to answer, who asked for the run"),
        ("not_requester", {"actor": _CAROL}, "That is for another person to answer than who requested the run"),
        ("role:changers", {"actor": _BOB}, "That is for the role changers to answer"),
        ("anyone_with_run", {"actor": _BOB}, "Permission denied: try-out requires the role changers"),
    ],
)
async def test_question_is_answered_only_by_whom_it_is_for(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes, by: str, other: dict[str, Any], reason: str
) -> None:
    access = {"run": ["changers"] if by == "anyone_with_run" else ["everyone"]}
    waiting = await engine.execute(notes.step("a", "change", confirm={"text": "Really?", "by": by}), access=access)

    with pytest.raises(errors.PermissionDenied, match=reason):
        await engine.core.runs.answer(waiting, "yes", by=engine_fixture.an_invocation(**other))

    assert notes.read() == []
    allowed = {"actor": builders.an_actor()} if by == "not_requester" else {}
    assert (await engine.answer(waiting, "yes", **allowed)).state is runs.RunState.COMPLETED


async def test_only_who_may_run_it_can_cancel_and_retry_a_run(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    access = {"run": ["changers"]}
    waiting = await engine.execute(notes.step("a", confirm={"text": "Really?"}), access=access)
    failed = await engine.execute(notes.step("b", verdict="failed"), access=access)

    by_bob = engine_fixture.an_invocation(actor=_BOB)
    with pytest.raises(errors.PermissionDenied, match="requires the role changers"):
        await engine.core.runs.cancel(waiting.id, by=by_bob)
    with pytest.raises(errors.PermissionDenied, match="requires the role changers"):
        await engine.core.runs.retry(failed.id, by=by_bob)

    assert await engine.core.runs.find(waiting.id) == waiting
    assert await engine.core.runs.find(failed.id) == failed


async def test_answer_without_its_required_note_does_not_count(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    content = {"instructions": "Look at it.", "note": "required"}
    waiting = await engine.execute({"id": "m", "title": "Look", "uses": "manual", "with": content})

    with pytest.raises(errors.UsageError, match="A note is required with the answer"):
        await engine.core.runs.answer(waiting, "done", by=engine_fixture.an_invocation())

    assert await engine.core.runs.find(waiting.id) == waiting
    assert (await engine.answer(waiting, "done", comment="all green")).state is runs.RunState.COMPLETED


async def test_finally_steps_have_time_after_the_run_timed_out(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    end = [notes.step("z", seconds=0.1)]
    run = await engine.execute(notes.step("a", seconds=30.0), notes.step("b"), timeout="1s", **{"finally": end})

    assert run.state is runs.RunState.TIMED_OUT
    assert states(run) == {"a": S.TIMED_OUT, "b": S.SKIPPED, "z": S.SUCCEEDED}
    assert notes.read() == ["a", "z"]
