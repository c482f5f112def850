"""Runs survive their worker: killed at any point, stopped and resumed."""

import asyncio
import collections
import contextlib
import json
import os
import pathlib
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from bot.procedures import runs
from sandbox import runbook_folder
from tests.unit.engine import crashing_process, engine_fixture, worker_fixture

pytestmark = [pytest.mark.real, pytest.mark.anyio, pytest.mark.timeout(180, func_only=True)]
_TIMEOUT_SECONDS = 20.0


@contextlib.asynccontextmanager
async def crashing(verb: str, url: str, folder: pathlib.Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.unit.engine.crashing_process", verb, url, str(folder)),
        cwd=runbook_folder.PROJECT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def read_message(process: asyncio.subprocess.Process) -> dict[str, object]:
    assert process.stdout is not None
    async with asyncio.timeout(_TIMEOUT_SECONDS):
        line = await process.stdout.readline()
    assert line, "the process ended without a message"
    message: dict[str, object] = json.loads(line)
    return message


@pytest.mark.slow
async def test_kill_at_any_point_repeats_no_change_and_loses_no_run(database_url: str, tmp_path: pathlib.Path) -> None:
    url = database_url.replace(str(tmp_path), "FOLDER")
    async with crashing("kill", url, tmp_path) as process:
        results = [await read_message(process) for _ in crashing_process.POINTS]

    assert [result["point"] for result in results] == [list(point) for point in crashing_process.POINTS]
    for result in results:
        asked, notes = result["asked"], result["notes"]
        assert isinstance(notes, list) and isinstance(asked, list)
        times = collections.Counter(notes)
        assert result["end"] == -signal.SIGKILL, result
        assert result["state"] == runs.RunState.COMPLETED, result
        assert result["steps"] == dict.fromkeys("abcdz", runs.StepState.SUCCEEDED), result
        # A change is made once; an idempotent step at most twice, once by each process.
        assert times["b"] == times["d"] == 1, result
        assert all(1 <= times[name] <= 2 for name in "acz"), result
        assert list(dict.fromkeys(notes)) == ["a", "b", "c", "d", "z", "free"], result
        # A person is asked only about a change that was interrupted.
        assert [one for one in asked if one.startswith("unknown")] in ([], ["unknown b"], ["unknown d"]), result
    unknown = [tuple(result["point"]) for result in results if any("unknown" in one for one in result["asked"])]  # type: ignore[attr-defined,arg-type]
    assert unknown == [
        ("after write", 2),
        ("before write", 3),
        ("after write", 5),
        ("before write", 6),
        ("inside", "b"),
        ("inside", "d"),
    ]


def is_stopped(pid: int) -> bool:
    return "State:\tT" in pathlib.Path(f"/proc/{pid}/status").read_text()


async def test_stopped_worker_does_nothing_when_it_resumes(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes
) -> None:
    async with (
        crashing("stop", database_url, tmp_path) as process,
        worker_fixture.running(database_url, tmp_path) as replica,
    ):
        run_id = str((await read_message(process))["run"])
        await worker_fixture.wait_until(lambda: is_stopped(process.pid))
        waiting = await replica.engine.wait_until_resting(await replica.engine.core.runs.find(run_id))
        assert waiting.question is not None
        assert (waiting.question.kind, waiting.question.step) == (runs.QuestionKind.UNKNOWN, "b")

        os.kill(process.pid, signal.SIGCONT)
        assert await read_message(process) == {"resumed": True}
        assert notes.read() == ["a"]

        run = await replica.engine.answer(waiting, runs.DID_NOT)

    assert run.state is runs.RunState.COMPLETED
    assert notes.read() == ["a", "b", "c"]
