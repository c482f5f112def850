"""
Processes that execute a run and are killed, or stopped, at an exact point.

    python -m tests.unit.engine.crashing_process kill URL FOLDER    crashes at each point, and recovers each time
    python -m tests.unit.engine.crashing_process stop URL FOLDER    stops itself, and prints when it has resumed

Prints a line of JSON per event. The processes are forked, so that modules are imported only once.
"""

import asyncio
import contextlib
import functools
import json
import os
import pathlib
import signal
import sys
from typing import Any

from bot.durable import claims, timers
from bot.procedures import runs, schema
from bot.procedures.engine import store as run_store
from bot.store import database
from tests.unit.engine import engine_fixture, worker_fixture

Point = tuple[str, Any]
WRITES = 7
POINTS: list[Point] = [
    *((when, number) for number in range(1, WRITES + 1) for when in ("before write", "after write")),
    *(("inside", name) for name in "abcdz"),
]


def procedure_of(notes: engine_fixture.Notes) -> schema.Procedure:
    """A step of each kind: a read, a change, an idempotent change, a confirmed change, a finally step."""
    return engine_fixture.a_procedure(
        notes.step("a", seconds=0.1),
        notes.step("b", "change", seconds=0.1),
        notes.step("c", "change", seconds=0.1, idempotent=True),
        notes.step("d", "change", seconds=0.1, confirm={"text": "Really?"}),
        **{"finally": [notes.step("z", seconds=0.1)]},
    )


class CrashingStore(run_store.RunStore):
    """Sends its own process a signal before or after the nth write."""

    def __init__(
        self, db: database.Database, clock: timers.Clock | None = None, *, point: Point, what: signal.Signals
    ) -> None:
        super().__init__(db, clock)
        self._point = point
        self._signal = what
        self._count = 0

    async def write(self, run: runs.Run, worker: str, claim: claims.Claim, **more: Any) -> runs.Run | None:
        self._count += 1
        self._crash_at("before write")
        written = await super().write(run, worker, claim, **more)
        self._crash_at("after write")
        return written

    def _crash_at(self, when: str) -> None:
        if self._point == (when, self._count):
            os.kill(os.getpid(), self._signal)


async def kill_inside_step(notes: engine_fixture.Notes, point: Point) -> None:
    """Kill this process as soon as a step has appended its line, long before the step has ended."""
    kind, name = point
    while kind == "inside":
        if name in notes.read():
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(0.01)


async def run_and_crash(url: str, folder: pathlib.Path, point: Point, invocation_id: str) -> None:
    """Start a run, confirm every step, and be killed."""
    notes = engine_fixture.Notes(folder / "notes")
    kind = functools.partial(CrashingStore, point=point, what=signal.SIGKILL)
    async with worker_fixture.running(url, folder, kind=kind) as replica:
        killer = asyncio.create_task(kill_inside_step(notes, point))
        run = await replica.engine.start(
            procedure_of(notes), invocation=engine_fixture.an_invocation(id=invocation_id), lock="one"
        )
        while not (run := await replica.engine.wait_until_resting(run)).state.is_final:
            await replica.engine.answer(run, runs.YES)
        await asyncio.wait({killer}, timeout=1.0)


async def recover(url: str, folder: pathlib.Path, invocation_id: str) -> dict[str, Any]:
    """Recover the run, answer its questions truthfully and return its result."""
    notes = engine_fixture.Notes(folder / "notes")
    async with worker_fixture.running(url, folder) as replica:
        # The same invocation, delivered again: it returns the run that was started before.
        begun = await replica.engine.start(
            procedure_of(notes), invocation=engine_fixture.an_invocation(id=invocation_id)
        )
        asked = []
        while not (run := await replica.engine.wait_until_resting(begun)).state.is_final:
            assert run.question is not None
            asked.append(f"{run.question.kind} {run.question.step}")
            truth = runs.HAPPENED if run.question.step in notes.read() else runs.DID_NOT
            await replica.engine.answer(run, runs.YES if run.question.kind is runs.QuestionKind.CONFIRM else truth)
        free = engine_fixture.an_invocation(id=f"free-{invocation_id}")
        again = await replica.engine.start(engine_fixture.a_procedure(notes.step("free")), invocation=free, lock="one")
        await replica.engine.wait_until_resting(again)
    return {
        "state": run.state,
        "steps": {record.id: record.state for record in run.steps},
        "asked": asked,
        "notes": notes.read(),
    }


def run_in_fork(what: Any) -> int:
    """Run *what* in a forked process and return its wait status."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            what()
            os._exit(0)
        os._exit(1)
    return os.waitpid(child, 0)[1]


def report(**what: Any) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


def kill(url: str, folder: pathlib.Path) -> None:
    for number, point in enumerate(POINTS):
        own, invocation_id = folder / str(number), f"0101-{number:010x}"
        own.mkdir()
        # Only the SQLite database and the invocation differ per point.
        place = url.replace("FOLDER", str(own))
        status = run_in_fork(lambda: asyncio.run(run_and_crash(place, own, point, invocation_id)))  # noqa: B023
        end = os.waitstatus_to_exitcode(status)
        run_in_fork(lambda: report(point=point, end=end, **asyncio.run(recover(place, own, invocation_id))))  # noqa: B023


async def stop(url: str, folder: pathlib.Path) -> None:
    """Stop between recording that a change starts and starting it."""
    notes = engine_fixture.Notes(folder / "notes")
    kind = functools.partial(CrashingStore, point=("after write", 2), what=signal.SIGSTOP)
    async with worker_fixture.running(url, folder, kind=kind) as replica:
        first = replica.engine.core.member.id
        run = await replica.engine.start(
            engine_fixture.a_procedure(notes.step("a"), notes.step("b", "change"), notes.step("c"))
        )
        report(run=run.id)
        await worker_fixture.wait_until(lambda: replica.engine.core.member.id != first)
        report(resumed=True)
        await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    verb, url, folder = sys.argv[1:]
    if verb == "kill":
        kill(url, pathlib.Path(folder))
    else:
        asyncio.run(stop(url, pathlib.Path(folder)))


if __name__ == "__main__":
    main()
