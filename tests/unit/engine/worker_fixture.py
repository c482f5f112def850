"""Engines whose worker has a short lease, a clock of its own or a store with faults."""

import asyncio
import contextlib
import dataclasses
import datetime
import pathlib
import shutil
from collections.abc import AsyncIterator, Callable

from bot import app
from bot.config import settings
from bot.dispatch import permissions
from bot.durable import membership, timers
from bot.procedures import runs
from bot.procedures.engine import service
from bot.procedures.engine import store as run_store
from bot.procedures.engine import worker as engine_worker
from bot.store import database
from sandbox import runbook_folder
from tests import databases
from tests.unit.engine import engine_fixture

QUICK = membership.HeartbeatConfig(lease_seconds=0.6, heartbeat_seconds=0.05)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@dataclasses.dataclass(frozen=True, slots=True)
class WorkerFixture:
    """An engine and its database."""

    engine: engine_fixture.EngineFixture
    db: database.Database


async def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


def write_data(folder: pathlib.Path) -> pathlib.Path:
    data = folder / "runbook_data"
    if not data.exists():
        runbook_folder.write(data, {})
        # No test of the engine runs a shipped procedure, and validating them takes most of the time.
        shutil.rmtree(data / "procedures")
        roles = {"changers": {"members": ["terminal:*", "U0ALICE"], "may": ["change"]}}
        runbook_folder.change(data / "roles.yaml", roles=roles)
    return data


@contextlib.asynccontextmanager
async def running(
    url: str,
    folder: pathlib.Path,
    *,
    config: membership.HeartbeatConfig = QUICK,
    clock: timers.Clock | None = None,
    kind: Callable[[database.Database, timers.Clock | None], run_store.RunStore] = run_store.RunStore,
) -> AsyncIterator[WorkerFixture]:
    """Run an engine with a worker of its own until the block ends."""
    own = settings.Settings(database_url=url, POSBOT_RUNBOOK_DATA=write_data(folder), POSBOT_LOG_LEVEL="error")
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
        member, store = membership.Membership(db, config=config, clock=clock), kind(db, clock)
        run_store.register_timers(member.timers, clock)
        worker = engine_worker.RunWorker(store, member, clock or now)
        worker.runner = core.dispatcher
        checker = permissions.Permissions(core.data.roles, team_id=None, user_groups=permissions.NoUserGroups())
        authorizer = permissions.Authorizer(checker, core.data.roles)
        runs_of = service.RunService(store=store, worker=worker, member=member, authorizer=authorizer, now=clock or now)
        async with member.registered():
            watch = asyncio.create_task(member.watch())
            try:
                yield WorkerFixture(
                    engine_fixture.EngineFixture(
                        dataclasses.replace(
                            core, engine=app.Engine(member=member, worker=worker, store=store, runs=runs_of)
                        )
                    ),
                    db,
                )
            finally:
                watch.cancel()
                await asyncio.wait({watch})


def is_over(run: runs.Run) -> bool:
    return run.state.is_final
