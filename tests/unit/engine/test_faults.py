"""Faults outside the steps: clocks, damaged rows, lost confirmations, internal errors."""

import asyncio
import datetime
import pathlib
from typing import Any

import pytest
import sqlalchemy

from bot import errors
from bot.durable import claims, membership
from bot.model import invocations
from bot.procedures import runs, schema
from bot.procedures.engine import store as run_store
from bot.procedures.engine import worker as engine_worker
from bot.store import database, tables
from tests import databases
from tests.unit.engine import engine_fixture, worker_fixture

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
S = runs.StepState


def states(run: runs.Run) -> dict[str, runs.StepState]:
    return {record.id: record.state for record in run.steps}


async def update_row(replica: worker_fixture.WorkerFixture, run: runs.Run, **values: Any) -> None:
    """Change the stored row of *run* directly."""
    await databases.execute(replica.db, sqlalchemy.update(tables.runs).where(tables.runs.c.id == run.id).values(values))


async def test_finally_steps_run_despite_a_second_cancel(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    end = [notes.step("y", seconds=0.3), notes.step("z", "change", seconds=0.3)]
    begun = await engine.start(engine_fixture.a_procedure(notes.step("a", seconds=30.0), **{"finally": end}))
    await engine.wait_until(begun, lambda now: now.find("a").state is S.RUNNING)

    await engine.core.runs.cancel(begun.id, by=engine_fixture.an_invocation())
    await engine.wait_until(begun, lambda now: now.find("y").state is S.RUNNING)
    await engine.core.runs.cancel(begun.id, by=engine_fixture.an_invocation())

    run = await engine.wait_until_resting(begun)
    assert states(run) == {"a": S.CANCELLED, "y": S.SUCCEEDED, "z": S.SUCCEEDED}
    assert notes.read() == ["a", "y", "z"]


async def test_retry_repeats_no_change(engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes) -> None:
    failed = await engine.execute(
        notes.step("a", verdict="failed", on_failure="continue"),
        notes.step("b", "change"),
        notes.step("c"),
        notes.step("d", good_after=1),
        **{"finally": [notes.step("z", "change")]},
    )

    await engine.core.runs.retry(failed.id, by=engine_fixture.an_invocation())

    await engine.wait_until(failed, lambda now: now.state is runs.RunState.COMPLETED_WITH_FAILURES)
    assert notes.read() == ["a", "b", "c", "d", "z", "a", "c", "d", "z"]


async def test_retry_asks_whether_an_unknown_change_happened(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    begun = await engine.start(engine_fixture.a_procedure(notes.step("a", "change", seconds=30.0)))
    await engine.wait_until(begun, lambda now: bool(notes.read()))
    await engine.core.runs.cancel(begun.id, by=engine_fixture.an_invocation())
    cancelled = await engine.wait_until(begun, worker_fixture.is_over)
    assert states(cancelled) == {"a": S.UNKNOWN}

    await engine.core.runs.retry(begun.id, by=engine_fixture.an_invocation())

    waiting = await engine.wait_until(begun, lambda now: now.state is runs.RunState.WAITING)
    assert waiting.question is not None
    assert waiting.question.kind is runs.QuestionKind.UNKNOWN
    assert "cancelled by" in waiting.question.text
    assert (await engine.answer(waiting, runs.HAPPENED)).state is runs.RunState.COMPLETED
    assert notes.read() == ["a"]


async def test_timed_out_change_is_not_retried_automatically(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    run = await engine.execute(
        notes.step("a", "change", seconds=30.0, timeout="1s", retry={"attempts": 3, "delay": "0s"})
    )

    assert states(run) == {"a": S.TIMED_OUT}
    assert notes.read() == ["a"]


async def test_cancel_of_an_unknown_change_leaves_it_unknown(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes
) -> None:
    async with worker_fixture.running(database_url, tmp_path) as first:
        begun = await first.engine.start(engine_fixture.a_procedure(notes.step("a", "change", seconds=30.0)))
        await first.engine.wait_until(begun, lambda now: bool(notes.read()))
    async with worker_fixture.running(database_url, tmp_path) as second:
        await second.engine.wait_until(begun, lambda now: now.state is runs.RunState.WAITING)
        await second.engine.core.runs.cancel(begun.id, by=engine_fixture.an_invocation())
        run = await second.engine.wait_until(begun, worker_fixture.is_over)

    assert run.state is runs.RunState.CANCELLED
    assert states(run) == {"a": S.UNKNOWN}


@pytest.mark.parametrize(
    "damage",
    [
        {"frozen": b"\x00"},
        {"progress": database.pack({"steps": "none"})},
        {"state": "running", "frozen": database.pack({})},
    ],
)
async def test_unreadable_run_is_reported_and_stops_no_other(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes, damage: dict[str, Any]
) -> None:
    async with worker_fixture.running(database_url, tmp_path) as replica:
        waiting = await replica.engine.execute(notes.step("a", confirm={"text": "Really?"}), lock="the-lock")
        await update_row(replica, waiting, **{"state": "running", **damage})
        await replica.db.work(lambda one: claims.offer(one, run_store.RUN, waiting.id, worker_fixture.now()))

        run = await replica.engine.execute(notes.step("b"))

        assert run.state is runs.RunState.COMPLETED
        assert [one.id for one in await replica.engine.core.runs.list(runs.RunFilter())] == [run.id]
        with pytest.raises(errors.Unreadable, match=f"The run {waiting.id} cannot be read: another version"):
            await replica.engine.core.runs.find(waiting.id)
        with pytest.raises(errors.Unreadable, match="“the-lock” is free now"):
            await replica.engine.core.runs.unlock("the-lock")
        assert (await replica.engine.execute(notes.step("c"), lock="the-lock")).state is runs.RunState.COMPLETED


async def test_invalid_condition_fails_its_step(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    run = await engine.execute(notes.step("a"), notes.step("b", when="((("), **{"finally": [notes.step("z")]})

    assert states(run) == {"a": S.SUCCEEDED, "b": S.FAILED, "z": S.SUCCEEDED}
    assert "it ends too early" in run.find("b").headline


async def test_internal_error_fails_the_run_and_finally_steps_run(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes
) -> None:
    async with worker_fixture.running(database_url, tmp_path) as replica:
        begun = await replica.engine.start(
            engine_fixture.a_procedure(notes.step("a", seconds=0.5), notes.step("b"), **{"finally": [notes.step("z")]})
        )
        # Provoke an internal error: the id of the next audit entry is taken.
        taken = engine_fixture.an_invocation(id=f"{begun.id}.2.1")
        assert await replica.engine.core.audit.begin(taken)
        run = await replica.engine.wait_until_resting(begun)

    assert run.state is runs.RunState.FAILED
    assert states(run) == {"a": S.FAILED, "b": S.SKIPPED, "z": S.SUCCEEDED}
    assert str(run.find("a").reason) == "internal error (IntegrityError); details are in the log"


class UnconfirmedStore(run_store.RunStore):
    """Writes successfully and then loses every second confirmation."""

    def __init__(self, db: Any, clock: Any = None) -> None:
        super().__init__(db, clock)
        self.has_failed = False

    async def write(self, run: runs.Run, worker: str, claim: claims.Claim, **more: Any) -> runs.Run | None:
        written = await super().write(run, worker, claim, **more)
        self.has_failed = not self.has_failed
        if self.has_failed:
            raise errors.Unavailable("The confirmation was lost.")
        return written


async def test_unconfirmed_write_is_executed_once(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes
) -> None:
    async with worker_fixture.running(database_url, tmp_path, kind=UnconfirmedStore) as replica:
        waiting = await replica.engine.execute(
            notes.step("a", "change"), notes.step("b", "change", confirm={"text": "Really?"})
        )
        run = await replica.engine.answer(waiting, runs.YES)

    assert run.state is runs.RunState.COMPLETED
    assert [record.attempt for record in run.steps] == [1, 1]
    assert notes.read() == ["a", "b"]


@pytest.mark.parametrize("owner", ["own", "gone"])
async def test_orphaned_claim_is_recovered(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes, owner: str
) -> None:
    async with worker_fixture.running(database_url, tmp_path) as replica:
        waiting = await replica.engine.execute(notes.step("a", confirm={"text": "Really?"}))
        worker = str(replica.engine.core.member.id) if owner == "own" else owner
        await replica.db.work(
            lambda one: claims.offer(one, run_store.RUN, waiting.id, worker_fixture.now(), worker=worker)
        )
        await update_row(
            replica,
            waiting,
            cancelled_by="somebody",
            cancelled_at=worker_fixture.now(),
            state="running",
        )

        run = await replica.engine.wait_until(waiting, worker_fixture.is_over)

    assert run.state is runs.RunState.CANCELLED


async def test_answer_after_expiry_is_ignored(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes
) -> None:
    async with worker_fixture.running(database_url, tmp_path) as replica:
        waiting = await replica.engine.execute(notes.step("a", "change", confirm={"text": "Really?", "timeout": "1m"}))
    # No worker was running when the question expired.
    moved = datetime.timedelta(minutes=2)
    no_heartbeat = membership.HeartbeatConfig(heartbeat_seconds=3600.0)
    async with worker_fixture.running(
        database_url, tmp_path, clock=lambda: worker_fixture.now() + moved, config=no_heartbeat
    ) as late:
        assert waiting.question is not None
        given = await late.engine.core.runs.answer(waiting, runs.YES, by=engine_fixture.an_invocation())
        run = await late.engine.wait_until(waiting, worker_fixture.is_over)

    assert given.answered_by == "nobody"
    assert run.state is runs.RunState.CANCELLED
    assert notes.read() == []


class SettableClock:
    """A clock that can be set."""

    def __init__(self) -> None:
        self.ahead = datetime.timedelta(0)

    def __call__(self) -> datetime.datetime:
        return worker_fixture.now() + self.ahead


async def test_clock_set_back_delays_no_run(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes
) -> None:
    clock = SettableClock()
    async with worker_fixture.running(database_url, tmp_path, clock=clock) as replica:
        begun = await replica.engine.start(
            engine_fixture.a_procedure(notes.step("a", good_after=1, retry={"attempts": 2, "delay": "1s"}))
        )
        await replica.engine.wait_until(begun, lambda now: now.find("a").attempt == 2)
        clock.ahead = -datetime.timedelta(days=1)
        run = await replica.engine.wait_until_resting(begun)

    assert run.state is runs.RunState.COMPLETED
    assert notes.read() == ["a", "a"]


@pytest.mark.parametrize("hours", [-2, 2])
async def test_clock_step_is_no_part_of_a_duration(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes, hours: int
) -> None:
    clock = SettableClock()
    async with worker_fixture.running(database_url, tmp_path, clock=clock) as replica:
        begun = await replica.engine.start(engine_fixture.a_procedure(notes.step("a", seconds=0.5)))
        await replica.engine.wait_until(begun, lambda now: now.find("a").state is S.RUNNING)
        clock.ahead = datetime.timedelta(hours=hours)
        run = await replica.engine.wait_until_resting(begun)

    step = run.find("a")
    assert step.started_at is not None
    assert step.ended_at is not None
    assert run.ended_at is not None
    assert datetime.timedelta(0) < step.ended_at - step.started_at < datetime.timedelta(minutes=1)
    assert datetime.timedelta(0) < run.ended_at - run.started_at < datetime.timedelta(minutes=1)


@pytest.mark.parametrize("hours", [-5, 5])
async def test_clock_step_reclaims_no_run_of_a_live_worker(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes, hours: int
) -> None:
    clock = SettableClock()
    async with (
        worker_fixture.running(database_url, tmp_path) as first,
        worker_fixture.running(database_url, tmp_path, clock=clock) as second,
    ):
        begun = await first.engine.start(engine_fixture.a_procedure(notes.step("a", "change", seconds=1.0)))
        await first.engine.wait_until(begun, lambda now: bool(notes.read()))
        clock.ahead = datetime.timedelta(hours=hours)
        run = await second.engine.wait_until_resting(begun)

    assert run.state is runs.RunState.COMPLETED
    assert notes.read() == ["a"]


async def test_text_unsupported_by_databases_stops_no_run(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    step = notes.step("a")
    run = await engine.execute({**step, "with": {**step["with"], "text": "a nul \0 here"}})

    assert run.state is runs.RunState.COMPLETED
    (entry,) = [one for one in await engine.core.audit.latest(limit=5) if one.id == run.find("a").invocation]
    assert entry.text.startswith("read 'a nul \N{REPLACEMENT CHARACTER} here'")
    assert entry.headline == "a nul  here came out ok."


async def test_start_delivered_200_times_is_one_run(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes
) -> None:
    async with (
        worker_fixture.running(database_url, tmp_path) as first,
        worker_fixture.running(database_url, tmp_path) as second,
    ):
        invocation, procedure = engine_fixture.an_invocation(), engine_fixture.a_procedure(notes.step("a", "change"))
        both = (first.engine, second.engine)
        begun = await asyncio.gather(
            *(both[n % 2].start(procedure, invocation=invocation, lock="one") for n in range(200))
        )
        await first.engine.wait_until_resting(begun[0])

    assert len({run.id for run in begun}) == 1
    assert notes.read() == ["a"]


async def test_concurrent_answers_have_one_winner(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes
) -> None:
    async with (
        worker_fixture.running(database_url, tmp_path) as first,
        worker_fixture.running(database_url, tmp_path) as second,
    ):
        waiting = await first.engine.execute(
            notes.step("a", "change", confirm={"text": "Really?"}), notes.step("b", confirm={"text": "And this?"})
        )
        given = await asyncio.gather(
            *(
                engine.core.runs.answer(waiting, answer, by=engine_fixture.an_invocation())
                for engine, answer in ((first.engine, runs.YES), (second.engine, runs.NO)) * 5
            )
        )
        assert len({(one.id, one.answer, one.answered_at) for one in given}) == 1
        run = await first.engine.wait_until_resting(waiting)

    expected = (runs.RunState.WAITING, ["a"]) if given[0].answer == runs.YES else (runs.RunState.CANCELLED, [])
    assert (run.state, notes.read()) == expected


async def test_lock_has_one_holder_at_a_time(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes
) -> None:
    async with (
        worker_fixture.running(database_url, tmp_path) as first,
        worker_fixture.running(database_url, tmp_path) as second,
    ):
        both = (first.engine, second.engine)
        procedure = engine_fixture.a_procedure(notes.step("a", "change", confirm={"text": "Really?"}))
        begun = await asyncio.gather(
            *(both[n % 2].start(procedure, lock="one") for n in range(40)), return_exceptions=True
        )
        (holder,) = [run for run in begun if isinstance(run, runs.Run)]
        refused = [error for error in begun if isinstance(error, errors.Refused)]
        assert len(refused) == 39
        assert all(holder.id in str(error) and error.commands == (f"run show {holder.id}",) for error in refused)
        waiting = await first.engine.wait_until_resting(holder)
        with pytest.raises(errors.Refused):
            await second.engine.start(procedure, lock="one")
        await first.engine.answer(waiting, runs.NO)
        assert (await second.engine.start(procedure, lock="one")).id != holder.id


async def test_expired_worker_does_nothing_for_its_former_runs(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes
) -> None:
    async with worker_fixture.running(database_url, tmp_path) as first:
        begun = await first.engine.start(
            engine_fixture.a_procedure(notes.step("a", seconds=1.0), notes.step("b", "change", idempotent=True))
        )
        await first.engine.wait_until(begun, lambda now: bool(notes.read()))
        async with worker_fixture.running(database_url, tmp_path) as second:
            await second.db.work(lambda one: membership.unregister(one, str(first.engine.core.member.id)))
            run = await second.engine.wait_until_resting(begun)

    assert run.state is runs.RunState.COMPLETED
    assert notes.read().count("b") == 1
    assert schema.digest(run.procedure) == run.digest


async def test_any_text_can_be_a_lock_and_a_service(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    odd = "order\0\ud800'; --"
    held = await engine.execute(
        notes.step("a", confirm={"text": "Really?"}), lock=f"deployment:{odd}", params={"service": odd}
    )

    with pytest.raises(errors.Refused, match="is locked by the run"):
        await engine.execute(notes.step("b"), lock=f"deployment:{odd}")
    assert held.lock is not None
    freed = await engine.core.runs.unlock(held.lock)

    assert freed.id == held.id
    assert (await engine.execute(notes.step("b"), lock=f"deployment:{odd}")).state is runs.RunState.COMPLETED


async def test_too_long_lock_is_refused_before_the_start(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    with pytest.raises(errors.UsageError, match="256 characters"):
        await engine.execute(notes.step("a"), lock="x" * 256)

    assert notes.read() == []


class CancelledMeanwhileStore(run_store.RunStore):
    """Receives the cancellation of a run in the moment in which its worker writes that it waits."""

    async def write(self, run: runs.Run, worker: str, claim: claims.Claim, **more: Any) -> runs.Run | None:
        if more.get("rests") and not run.state.is_final:
            request = invocations.CancelRequest(by="alice", at=worker_fixture.now())
            await self.request_cancel(run.id, request)
        return await super().write(run, worker, claim, **more)


async def test_cancellation_during_the_last_write_is_not_lost(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes
) -> None:
    async with worker_fixture.running(database_url, tmp_path, kind=CancelledMeanwhileStore) as replica:
        begun = await replica.engine.start(engine_fixture.a_procedure(notes.step("a", confirm={"text": "Really?"})))
        run = await replica.engine.wait_until(begun, worker_fixture.is_over)

    assert run.state is runs.RunState.CANCELLED
    assert notes.read() == []


async def test_delay_between_attempts_survives_its_worker(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes
) -> None:
    step = notes.step("a", good_after=1, retry={"attempts": 2, "delay": "3s"})
    async with worker_fixture.running(database_url, tmp_path) as first:
        begun = await first.engine.start(engine_fixture.a_procedure(step))
        await first.engine.wait_until(begun, lambda now: bool(notes.read()) and now.find("a").state is S.PENDING)
    assert notes.read() == ["a"]
    async with worker_fixture.running(database_url, tmp_path) as second:
        run = await second.engine.wait_until(begun, worker_fixture.is_over)

    assert run.state is runs.RunState.COMPLETED
    assert notes.read() == ["a", "a"]


class SuspendedStore(run_store.RunStore):
    """The machine is suspended right after the start of a step was written, and another worker expires this one."""

    def __init__(self, db: Any, clock: Any = None) -> None:
        super().__init__(db, clock)
        self.suspended_seconds = 0.0

    async def write(self, run: runs.Run, worker: str, claim: claims.Claim, **more: Any) -> runs.Run | None:
        written = await super().write(run, worker, claim, **more)
        if more.get("begun") is not None and not self.suspended_seconds:
            self.suspended_seconds = 3600.0
            await self._db.work(lambda connection: membership.unregister(connection, worker))
        return written


async def test_step_does_not_start_if_the_worker_was_suspended_before(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = membership.Lease.clock
    async with worker_fixture.running(database_url, tmp_path, kind=SuspendedStore) as replica:
        store = replica.engine.core.run_store
        assert isinstance(store, SuspendedStore)
        monkeypatch.setattr(membership.Lease, "clock", staticmethod(lambda: clock() + store.suspended_seconds))
        run = await replica.engine.execute(notes.step("a", "change"))

    assert run.state is runs.RunState.WAITING
    assert run.question is not None
    assert run.question.kind is runs.QuestionKind.UNKNOWN
    assert notes.read() == []


async def test_drained_worker_leaves_the_next_step_to_another(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes
) -> None:
    steps = notes.step("a", "change", seconds=0.3), notes.step("b", "change")
    async with worker_fixture.running(database_url, tmp_path) as first:
        begun = await first.engine.start(engine_fixture.a_procedure(*steps))
        await first.engine.wait_until(begun, lambda _: bool(notes.read()))
        await first.engine.core.worker.drain(10.0)
        left = await first.engine.core.runs.find(begun.id)
    assert states(left) == {"a": S.SUCCEEDED, "b": S.PENDING}

    async with worker_fixture.running(database_url, tmp_path) as second:
        run = await second.engine.wait_until(begun, worker_fixture.is_over)

    assert run.state is runs.RunState.COMPLETED
    assert notes.read() == ["a", "b"]


async def test_run_beyond_the_limit_of_its_worker_waits_for_room(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_worker, "MAX_CONCURRENT_RUNS", 1)
    async with worker_fixture.running(database_url, tmp_path) as replica:
        first = await replica.engine.start(engine_fixture.a_procedure(notes.step("a"), notes.step("b", seconds=0.3)))
        second = await replica.engine.start(engine_fixture.a_procedure(notes.step("c")))
        for run in (first, second):
            await replica.engine.wait_until(run, worker_fixture.is_over)

    assert notes.read() == ["a", "b", "c"]


async def test_change_that_did_not_happen_is_confirmed_again(
    engine: engine_fixture.EngineFixture, notes: engine_fixture.Notes
) -> None:
    waiting = await engine.execute(notes.step("a", "change", seconds=30.0, confirm={"text": "Really?"}))
    await engine.core.runs.answer(waiting, runs.YES, by=engine_fixture.an_invocation())
    await engine.wait_until(waiting, lambda _: bool(notes.read()))
    await engine.core.runs.cancel(waiting.id, by=engine_fixture.an_invocation())
    await engine.wait_until(waiting, worker_fixture.is_over)
    await engine.core.runs.retry(waiting.id, by=engine_fixture.an_invocation())
    unknown = await engine.wait_until(waiting, lambda now: now.state is runs.RunState.WAITING)

    again = await engine.answer(unknown, runs.DID_NOT)

    assert again.question is not None
    assert again.question.kind is runs.QuestionKind.CONFIRM
    assert notes.read() == ["a"]
