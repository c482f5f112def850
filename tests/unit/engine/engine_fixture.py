"""A posbot assembled in this process, with a worker and with commands whose executions can be counted."""

import asyncio
import contextlib
import dataclasses
import datetime
import getpass
import itertools
import pathlib
import shutil
from collections.abc import AsyncIterator, Callable
from typing import Any

import commands
from bot import app
from bot.config import settings
from bot.dispatch import permissions
from bot.model import invocations
from bot.procedures import runs, schema
from sandbox import runbook_folder
from tests import databases
from tests.unit.engine import fake_commands

COMMANDS = (*commands.load_all(), fake_commands.READ, fake_commands.CHANGE)
_NUMBERS = itertools.count(1)
_TIMEOUT_SECONDS = 20.0


@dataclasses.dataclass(frozen=True, slots=True)
class Notes:
    """The lines that steps have appended."""

    path: pathlib.Path

    def read(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []

    def step(self, step_id: str, uses: str = "read", /, **values: Any) -> dict[str, Any]:
        """Return a step that appends its id."""
        own = {key: values.pop(key) for key in ("verdict", "seconds", "good_after") if key in values}
        what = {"text": step_id, "notes": str(self.path), **own}
        return {"id": step_id, "title": f"Do {step_id}", "uses": uses, "with": what, "effect": uses, **values}


def a_procedure(*steps: dict[str, Any], **changes: Any) -> schema.Procedure:
    values = {
        "schema": 1,
        "id": "try-out",
        "title": "Try out",
        "summary": "Try something out",
        "owner": "tests",
        "doc": {"section": "health-checks"},
        "command": {"name": "try-out", "examples": ["try-out"]},
        "access": {"run": ["everyone"]},
        "steps": list(steps),
    }
    return schema.Procedure.model_validate(values | changes)


def an_invocation(**changes: Any) -> invocations.Invocation:
    now = datetime.datetime.now(datetime.UTC)
    user = getpass.getuser()
    values = {
        "id": f"{now:%m%d}-{next(_NUMBERS):010x}",
        "text": "run try-out",
        "source": invocations.Source.TERMINAL,
        "actor": invocations.Actor(id=f"terminal:{user}", name=user),
        "conversation": invocations.Conversation(kind=invocations.ConversationKind.TERMINAL, id="terminal"),
        "received_at": now,
    }
    return invocations.Invocation(**values | changes)


@dataclasses.dataclass(frozen=True, slots=True)
class EngineFixture:
    """The core of a posbot."""

    core: app.Core

    async def start(self, procedure: schema.Procedure, **changes: Any) -> runs.Run:
        invocation = changes.pop("invocation", None) or an_invocation()
        request = runs.RunRequest(
            procedure=procedure, params=changes.pop("params", {}), invocation=invocation, **changes
        )
        return await self.core.runs.start(request)

    async def execute(self, *steps: dict[str, Any], **changes: Any) -> runs.Run:
        """Start a procedure of these steps and wait until its run has ended or waits for a person."""
        own = {key: changes.pop(key) for key in ("params", "lock", "is_step_by_step") if key in changes}
        return await self.wait_until_resting(await self.start(a_procedure(*steps, **changes), **own))

    async def wait_until_resting(self, run: runs.Run) -> runs.Run:
        """Return *run* once it has ended or waits for a person."""
        return await self.wait_until(run, lambda now: now.state is not runs.RunState.RUNNING)

    async def wait_until(self, run: runs.Run, wanted: Callable[[runs.Run], bool]) -> runs.Run:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            while True:
                now = await self.core.runs.find(run.id)
                if wanted(now):
                    return now
                await asyncio.sleep(0.02)

    async def answer(self, run: runs.Run, answer: str, **changes: Any) -> runs.Run:
        """Answer the question of *run* and wait until it has ended or waits again."""
        comment = changes.pop("comment", "")
        await self.core.runs.answer(run, answer, by=an_invocation(**changes), comment=comment)
        return await self.wait_until_resting(run)


@contextlib.asynccontextmanager
async def running(url: str, folder: pathlib.Path, _: Notes) -> AsyncIterator[EngineFixture]:
    """Run an engine whose worker claims runs until the block ends."""
    data = folder / "runbook_data"
    if not data.exists():
        runbook_folder.write(data, {})
        # No test of the engine runs a shipped procedure, and validating them takes most of the time.
        shutil.rmtree(data / "procedures")
        roles = {"changers": {"members": ["terminal:*", "U0ALICE"], "may": ["change"]}}
        people = {"tester": [an_invocation().actor.id], "alice": ["U0ALICE"]}
        runbook_folder.change(data / "roles.yaml", roles=roles, people=people)
    own = settings.Settings(database_url=url, POSBOT_RUNBOOK_DATA=data, POSBOT_LOG_LEVEL="error")
    databases.fill(url)
    async with (
        app.assemble(
            own,
            COMMANDS,
            team_id=None,
            user_groups=permissions.NoUserGroups(),
            needs_store=True,
        ) as core,
        core.member.registered(),
    ):
        watch = asyncio.create_task(core.member.watch())
        try:
            yield EngineFixture(core)
        finally:
            watch.cancel()
            await asyncio.wait({watch})
