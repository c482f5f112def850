"""
Processes that show a run in Slack and are killed at an exact point of it, each followed by a survivor.

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
"""Of the live message and of the one at the end, what is intended and then what was done is written down."""


class Mortal(live_messages.LiveMessageStore):
    """Kills its own process before, or after, it has written for the nth time."""

    def __init__(self, db: database.Database, point: tuple[str, int]) -> None:
        super().__init__(db)
        self._point = point
        self._count = 0

    async def write(self, worker: str, claim: claims.Claim, message: live_messages.Message) -> bool:
        self._count += 1
        self._meet("before")
        written = await super().write(worker, claim, message)
        self._meet("after")
        return written

    def _meet(self, when: str) -> None:
        if self._point == (when, self._count):
            os.kill(os.getpid(), signal.SIGKILL)


async def lives(url: str, folder: pathlib.Path, where: list[str], point: tuple[str, int] | None, number: int) -> str:
    """Begin a run, which has been begun before by whoever died, and show it until its end."""
    api_url, token, own_id, channel, person = where
    notes = engine_fixture.Notes(folder / "notes")
    place = invocations.Conversation(kind=invocations.ConversationKind.CHANNEL, id=channel)
    order = delivery_fixture.an_order(person, place, id=f"0202-{number:010x}")
    async with worker_fixture.on(url, folder) as shift:
        store = Mortal(shift.crew.core.db, point) if point is not None else None
        async with delivery_fixture.showing(shift.crew, api_url, token, own_id, store):
            run = await shift.crew.begins(engine_fixture.a_procedure(notes.step("a")), invocation=order)
            await shift.crew.rests(run)
            await delivery_fixture.caught_up(shift.crew)
    return run.id


def main() -> None:
    url, folder, *where = sys.argv[1:]
    for number, point in enumerate(POINTS):
        own = pathlib.Path(folder) / str(number)
        own.mkdir()
        place = url.replace("FOLDER", str(own))
        status = crashing_process.in_a_fork(lambda: asyncio.run(lives(place, own, where, point, number)))  # noqa: B023
        end = os.waitstatus_to_exitcode(status)
        crashing_process.in_a_fork(
            lambda: crashing_process.tell(point=point, end=end, run=asyncio.run(lives(place, own, where, None, number)))  # noqa: B023
        )


if __name__ == "__main__":
    main()
