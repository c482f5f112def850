"""Crews whose worker is quicker to bury others than usual, has another clock, or a store with faults."""

import asyncio
import contextlib
import dataclasses
import datetime
import pathlib
from collections.abc import AsyncIterator, Callable

from bot import assembling, settings
from bot.dispatch import judging, permissions
from bot.model import runs
from bot.runs import desk, working
from bot.store import database, workers
from bot.store import runs as run_store
from sandbox import data_folders
from tests.runs import crews

QUICK = working.Pace(lease_seconds=0.6, beat_seconds=0.05)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@dataclasses.dataclass(frozen=True, slots=True)
class Shift:
    """A crew and the database that it works on."""

    crew: crews.Crew
    db: database.Database


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


def data_of(folder: pathlib.Path) -> pathlib.Path:
    data = folder / "runbook_data"
    if not data.exists():
        data_folders.write(data, {})
        roles = {"changers": {"members": ["terminal:*", "U0ALICE"], "may": ["turn"]}}
        data_folders.change(data / "roles.yaml", roles=roles)
    return data


@contextlib.asynccontextmanager
async def on(
    url: str,
    folder: pathlib.Path,
    *,
    pace: working.Pace = QUICK,
    clock: Callable[[], datetime.datetime] = now,
    kind: Callable[[database.Database], workers.Workers] = workers.Workers,
) -> AsyncIterator[Shift]:
    """Give a crew with a worker of its own until the block ends."""
    own = settings.Settings(database_url=url, POSBOT_RUNBOOK_DATA=data_of(folder), POSBOT_LOG_LEVEL="error")
    async with (
        assembling.assembled(
            own, crews.COMMANDS, team_id=None, user_groups=permissions.NoUserGroups(), needs_store=True
        ) as core,
        database.opened(url) as db,
    ):
        worker = working.Worker(kind(db), core.dispatcher, clock, pace)
        checker = permissions.Permissions(core.data.roles, team_id=None, user_groups=permissions.NoUserGroups())
        judge = judging.Judge(checker, core.data.roles)
        desk_of_runs = desk.Desk(run_store.Runs(db), worker, judge, clock)
        async with worker.signed_in():
            watch = asyncio.create_task(worker.watch())
            try:
                yield Shift(crews.Crew(dataclasses.replace(core, worker=worker, desk=desk_of_runs)), db)
            finally:
                watch.cancel()
                await asyncio.wait({watch})


def is_over(run: runs.Run) -> bool:
    return run.state.is_final
