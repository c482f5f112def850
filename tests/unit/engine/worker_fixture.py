"""Crews whose worker is quicker to bury others than usual, has another clock, or a store with faults."""

import asyncio
import contextlib
import dataclasses
import datetime
import pathlib
from collections.abc import AsyncIterator, Callable

from bot import app
from bot.config import settings
from bot.dispatch import permissions
from bot.durable import workers
from bot.procedures import runs
from bot.procedures.engine import service
from bot.procedures.engine import store as run_store
from bot.procedures.engine import worker as engine_worker
from bot.store import database
from sandbox import runbook_folder
from tests import databases
from tests.unit.engine import engine_fixture

QUICK = engine_worker.Pace(lease_seconds=0.6, beat_seconds=0.05)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@dataclasses.dataclass(frozen=True, slots=True)
class Shift:
    """A crew and the database that it works on."""

    crew: engine_fixture.Crew
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
        runbook_folder.write(data, {})
        roles = {"changers": {"members": ["terminal:*", "U0ALICE"], "may": ["turn"]}}
        runbook_folder.change(data / "roles.yaml", roles=roles)
    return data


@contextlib.asynccontextmanager
async def on(
    url: str,
    folder: pathlib.Path,
    *,
    pace: engine_worker.Pace = QUICK,
    clock: Callable[[], datetime.datetime] = now,
    kind: Callable[[database.Database], workers.Workers] = workers.Workers,
) -> AsyncIterator[Shift]:
    """Give a crew with a worker of its own until the block ends."""
    own = settings.Settings(database_url=url, POSBOT_RUNBOOK_DATA=data_of(folder), POSBOT_LOG_LEVEL="error")
    databases.fill(url)
    async with (
        app.assemble(
            own,
            engine_fixture.COMMANDS,
            team_id=None,
            user_groups=permissions.NoUserGroups(),
            needs_store=True,
        ) as core,
        database.open_database(url) as db,
    ):
        worker = engine_worker.Worker(kind(db), core.dispatcher, clock, pace)
        checker = permissions.Permissions(core.data.roles, team_id=None, user_groups=permissions.NoUserGroups())
        judge = permissions.Authorizer(checker, core.data.roles)
        desk_of_runs = service.RunService(run_store.Runs(db), worker, judge, clock)
        async with worker.signed_in():
            watch = asyncio.create_task(worker.watch())
            try:
                yield Shift(engine_fixture.Crew(dataclasses.replace(core, worker=worker, runs=desk_of_runs)), db)
            finally:
                watch.cancel()
                await asyncio.wait({watch})


def is_over(run: runs.Run) -> bool:
    return run.state.is_final
