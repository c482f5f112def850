"""posbot's engine of runs in a process of its own, with one worker and with a command that does nothing."""

import asyncio
import datetime
import itertools
import pathlib
import secrets
import sys
import time
from typing import Any

import commands
from bench import subprocesses
from bot import app, command
from bot.config import settings
from bot.dispatch import permissions
from bot.model import invocations, reports
from bot.procedures import runs, schema
from sandbox import runbook_folder

_NUMBERS = itertools.count(1)
_PREFIX = secrets.token_hex(4)
_REPORT = reports.Report(verdict=reports.Verdict.OK, headline="It is as it was.", facts={"number": 1})


async def _look(_: command.Parameters, __: command.Context) -> reports.Report:
    return _REPORT


COMMAND = command.Command(name="look", summary="look", parameters=command.Parameters, run=_look, examples=("look",))


async def main() -> None:
    """Work on what is asked for at the database and in the folder that the command line names."""
    url, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    data = folder / "runbook_data"
    runbook_folder.write(data, {})
    own = settings.Settings(database_url=url, POSBOT_RUNBOOK_DATA=data, POSBOT_LOG_LEVEL="error")
    nobody = permissions.NoUserGroups()
    async with (
        app.assemble(own, (*commands.load_all(), COMMAND), team_id=None, user_groups=nobody, needs_store=True) as core,
        core.member.registered(),
    ):
        watch = asyncio.create_task(core.member.watch())

        async def answer(message: subprocesses.Message) -> subprocesses.Message:
            match message["do"]:
                case "work":
                    sizes = {key: message[key] for key in ("count", "steps", "at_once")}
                    return await _work(core, **sizes, has_messages=message.get("has_messages", False))
                case "wait":
                    return await _wait(core, message["count"])
            raise ValueError(message["do"])

        await subprocesses.answer_lines({"ready": True}, answer)
        watch.cancel()


async def _work(core: app.Core, *, count: int, steps: int, at_once: int, has_messages: bool) -> subprocesses.Message:
    """Return how long all runs took together, and each of them from its beginning."""
    procedure = _procedure(
        *({"id": f"s{number}", "title": "Look", "uses": "look", "effect": "read"} for number in range(steps))
    )
    places, seconds = asyncio.Semaphore(at_once), []

    async def one() -> None:
        async with places:
            started = time.perf_counter()
            run = await core.runs.start(_order(procedure, has_messages=has_messages))
            task = core.worker.task_of(run.id)
            if task is None or (await task).state is not runs.RunState.COMPLETED:
                raise RuntimeError(f"the run {run.id} was not done")
            seconds.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(count)))
    return {"total": time.perf_counter() - started, "each": seconds}


async def _wait(core: app.Core, count: int) -> subprocesses.Message:
    """Begin so many runs that wait for a person."""
    question = {"text": "Really?", "timeout": "2h"}
    procedure = _procedure({"id": "s1", "title": "Ask", "uses": "confirm", "with": question})
    for _ in range(count):
        run = await core.runs.start(_order(procedure))
        task = core.worker.task_of(run.id)
        if task is not None and (await task).state is not runs.RunState.WAITING:
            raise RuntimeError(f"the run {run.id} waits for nobody")
    return {}


def _procedure(*steps: dict[str, Any]) -> schema.Procedure:
    values = {
        "schema": 1,
        "id": "try-out",
        "title": "Try out",
        "summary": "Try something out",
        "owner": "bench",
        "doc": {"section": "health-checks"},
        "command": {"name": "try-out", "examples": ["try-out"]},
        "access": {"run": ["everyone"]},
        "steps": list(steps),
    }
    return schema.Procedure.model_validate(values)


def _order(procedure: schema.Procedure, *, has_messages: bool = False) -> runs.RunRequest:
    kinds = invocations.ConversationKind
    kind = kinds.CHANNEL if has_messages else kinds.TERMINAL
    invocation = invocations.Invocation(
        id=f"{_PREFIX}-{next(_NUMBERS)}",
        text="run try-out",
        source=invocations.Source.TERMINAL,
        actor=invocations.Actor(id="terminal:bench", name="bench"),
        conversation=invocations.Conversation(kind=kind, id="C1" if has_messages else "terminal"),
        received_at=datetime.datetime.now(datetime.UTC),
    )
    return runs.RunRequest(procedure=procedure, params={}, invocation=invocation)


if __name__ == "__main__":
    subprocesses.live(main)
