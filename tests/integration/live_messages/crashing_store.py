"""
Processes that show a run in Slack and are killed at an exact point, each followed by a process that recovers.

    python -m tests.integration.live_messages.crashing_store URL FOLDER API_URL TOKEN OWN_ID CHANNEL PERSON

Prints a line of JSON for each point, with the id of the run.
"""

import asyncio
import os
import pathlib
import signal
import sys

from bot.durable import claims, live_messages
from bot.model import invocations
from bot.store import database
from tests.integration.live_messages import delivery_fixture
from tests.unit.engine import crashing_process, engine_fixture, worker_fixture

WRITES = 4
POINTS = [(when, number) for number in range(1, WRITES + 1) for when in ("before", "after")]
"""The live message and the final one are each written twice: before and after the call to Slack."""


class CrashingStore(live_messages.LiveMessageStore):
    """Kills its own process before or after the nth write."""

    def __init__(self, db: database.Database, point: tuple[str, int]) -> None:
        super().__init__(db)
        self._point = point
        self._count = 0

    async def write(self, worker: str, claim: claims.Claim, message: live_messages.Message) -> bool:
        self._count += 1
        self._crash_at("before")
        written = await super().write(worker, claim, message)
        self._crash_at("after")
        return written

    def _crash_at(self, when: str) -> None:
        if self._point == (when, self._count):
            os.kill(os.getpid(), signal.SIGKILL)


async def run_and_deliver(
    url: str, folder: pathlib.Path, where: list[str], point: tuple[str, int] | None, number: int
) -> str:
    """Start a run, or find the one that a killed process started, and deliver its messages until it has ended."""
    api_url, token, own_id, channel, person = where
    notes = engine_fixture.Notes(folder / "notes")
    place = invocations.Conversation(kind=invocations.ConversationKind.CHANNEL, id=channel)
    invocation = delivery_fixture.slack_invocation(person, place, id=f"0202-{number:010x}")
    async with worker_fixture.running(url, folder) as replica:
        store = CrashingStore(replica.engine.core.db, point) if point is not None else None
        async with delivery_fixture.delivering_to(replica.engine, api_url, token, own_id, store):
            run = await replica.engine.start(engine_fixture.a_procedure(notes.step("a")), invocation=invocation)
            await replica.engine.wait_until_resting(run)
            await delivery_fixture.wait_until_delivered(replica.engine)
    return run.id


def crash_and_recover(url: str, folder: pathlib.Path, where: list[str], point: tuple[str, int], number: int) -> None:
    """Kill one process at *point*, then let another deliver the rest and report."""
    status = crashing_process.run_in_fork(lambda: asyncio.run(run_and_deliver(url, folder, where, point, number)))
    end = os.waitstatus_to_exitcode(status)

    def survive() -> None:
        run_id = asyncio.run(run_and_deliver(url, folder, where, None, number))
        crashing_process.report(point=point, end=end, run=run_id)

    crashing_process.run_in_fork(survive)


def main() -> None:
    url, folder, *where = sys.argv[1:]
    for number, point in enumerate(POINTS):
        own = pathlib.Path(folder) / str(number)
        own.mkdir()
        crash_and_recover(url.replace("FOLDER", str(own)), own, where, point, number)


if __name__ == "__main__":
    main()
