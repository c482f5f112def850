"""
Processes that work on a run and are killed, or stopped, at an exact point of it.

    python -m tests.unit.engine.crashing_process kill URL FOLDER    crashes at each point, and recovers each time
    python -m tests.unit.engine.crashing_process stop URL FOLDER    stops itself, and prints when it has resumed

Prints a line of JSON for what happened. The processes are forked, so that importing everything is waited for once.
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
    """One of each kind: a read, a change, one that may be repeated, one that is agreed to, one at the end."""
    return engine_fixture.a_procedure(
        notes.step("a", seconds=0.1),
        notes.step("b", "turn", seconds=0.1),
        notes.step("c", "turn", seconds=0.1, idempotent=True),
        notes.step("d", "turn", seconds=0.1, confirm={"text": "Really?"}),
        **{"finally": [notes.step("z", seconds=0.1)]},
    )


class Mortal(run_store.RunStore):
    """Sends its own process a signal before, or after, it has written for the nth time."""

    def __init__(
        self, db: database.Database, clock: timers.Clock | None = None, *, point: Point, what: signal.Signals
    ) -> None:
        super().__init__(db, clock)
        self._point = point
        self._what = what
        self._count = 0

    async def write(self, run: runs.Run, worker: str, claim: claims.Claim, **more: Any) -> runs.Run | None:
        self._count += 1
        self._meet("before write")
        written = await super().write(run, worker, claim, **more)
        self._meet("after write")
        return written

    def _meet(self, when: str) -> None:
        if self._point == (when, self._count):
            os.kill(os.getpid(), self._what)


async def meets(notes: engine_fixture.Notes, point: Point) -> None:
    """Kill this process as soon as a step has left its note, long before it is over."""
    kind, name = point
    while kind == "inside":
        if name in notes.read():
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(0.01)


async def live(url: str, folder: pathlib.Path, point: Point, invocation_id: str) -> None:
    """Begin a run, agree to whatever is asked, and die."""
    notes = engine_fixture.Notes(folder / "notes")
    kind = functools.partial(Mortal, point=point, what=signal.SIGKILL)
    async with worker_fixture.on(url, folder, kind=kind) as shift:
        death = asyncio.create_task(meets(notes, point))
        run = await shift.crew.begins(
            procedure_of(notes), invocation=engine_fixture.an_invocation(id=invocation_id), lock="one"
        )
        while not (run := await shift.crew.rests(run)).state.is_final:
            await shift.crew.answers(run, runs.YES)
        await asyncio.wait({death}, timeout=1.0)


async def survive(url: str, folder: pathlib.Path, invocation_id: str) -> dict[str, Any]:
    """Take over what was left, answer truly what is asked, and tell how it ended."""
    notes = engine_fixture.Notes(folder / "notes")
    async with worker_fixture.on(url, folder) as shift:
        # The same start, delivered again: the run that it began before.
        begun = await shift.crew.begins(procedure_of(notes), invocation=engine_fixture.an_invocation(id=invocation_id))
        asked = []
        while not (run := await shift.crew.rests(begun)).state.is_final:
            assert run.question is not None
            asked.append(f"{run.question.kind} {run.question.step}")
            truth = runs.HAPPENED if run.question.step in notes.read() else runs.DID_NOT
            await shift.crew.answers(run, runs.YES if run.question.kind is runs.QuestionKind.CONFIRM else truth)
        free = engine_fixture.an_invocation(id=f"free-{invocation_id}")
        again = await shift.crew.begins(engine_fixture.a_procedure(notes.step("free")), invocation=free, lock="one")
        await shift.crew.rests(again)
    return {
        "state": run.state,
        "steps": {record.id: record.state for record in run.steps},
        "asked": asked,
        "notes": notes.read(),
    }


def in_a_fork(what: Any) -> int:
    """Do it in a process of its own; give how that ended."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            what()
            os._exit(0)
        os._exit(1)
    return os.waitpid(child, 0)[1]


def tell(**what: Any) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


def kill(url: str, folder: pathlib.Path) -> None:
    for number, point in enumerate(POINTS):
        own, invocation_id = folder / str(number), f"0101-{number:010x}"
        own.mkdir()
        # What differs per point is the database of SQLite, and the invocation.
        place = url.replace("FOLDER", str(own))
        status = in_a_fork(lambda: asyncio.run(live(place, own, point, invocation_id)))  # noqa: B023
        end = os.waitstatus_to_exitcode(status)
        in_a_fork(lambda: tell(point=point, end=end, **asyncio.run(survive(place, own, invocation_id))))  # noqa: B023


async def stop(url: str, folder: pathlib.Path) -> None:
    """Be stopped between the word that a change begins and its beginning."""
    notes = engine_fixture.Notes(folder / "notes")
    kind = functools.partial(Mortal, point=("after write", 2), what=signal.SIGSTOP)
    async with worker_fixture.on(url, folder, kind=kind) as shift:
        first = shift.crew.core.member.id
        run = await shift.crew.begins(
            engine_fixture.a_procedure(notes.step("a"), notes.step("b", "turn"), notes.step("c"))
        )
        tell(run=run.id)
        await worker_fixture.until(lambda: shift.crew.core.member.id != first)
        tell(woken=True)
        await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    verb, url, folder = sys.argv[1:]
    if verb == "kill":
        kill(url, pathlib.Path(folder))
    else:
        asyncio.run(stop(url, pathlib.Path(folder)))


if __name__ == "__main__":
    main()
