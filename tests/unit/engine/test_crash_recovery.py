"""Runs outlive whoever works on them: killed anywhere, stopped and woken up."""

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
_PATIENCE_SECONDS = 20.0


@contextlib.asynccontextmanager
async def mortal(verb: str, url: str, folder: pathlib.Path) -> AsyncIterator[asyncio.subprocess.Process]:
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


async def told(process: asyncio.subprocess.Process) -> dict[str, object]:
    assert process.stdout is not None
    async with asyncio.timeout(_PATIENCE_SECONDS):
        line = await process.stdout.readline()
    assert line, "the process ended without a word"
    message: dict[str, object] = json.loads(line)
    return message


@pytest.mark.slow
async def test_killed_at_every_boundary_and_inside_every_step_no_change_is_repeated_and_no_run_lost(
    database_url: str, tmp_path: pathlib.Path
) -> None:
    url = database_url.replace(str(tmp_path), "FOLDER")
    async with mortal("kill", url, tmp_path) as process:
        lives = [await told(process) for _ in crashing_process.POINTS]

    assert [life["point"] for life in lives] == [list(point) for point in crashing_process.POINTS]
    for life in lives:
        asked, notes = life["asked"], life["notes"]
        assert isinstance(notes, list) and isinstance(asked, list)
        times = collections.Counter(notes)
        assert life["end"] == -signal.SIGKILL, life
        assert life["state"] == runs.RunState.COMPLETED, life
        assert life["steps"] == dict.fromkeys("abcdz", runs.StepState.SUCCEEDED), life
        # Changes are made once; what may be repeated at most twice: once by each of the two.
        assert times["b"] == times["d"] == 1, life
        assert all(1 <= times[name] <= 2 for name in "acz"), life
        assert list(dict.fromkeys(notes)) == ["a", "b", "c", "d", "z", "free"], life
        # A person is asked about a change that was under way, and about nothing else that was.
        assert [one for one in asked if one.startswith("unknown")] in ([], ["unknown b"], ["unknown d"]), life
    unknown = [tuple(life["point"]) for life in lives if any("unknown" in one for one in life["asked"])]  # type: ignore[attr-defined,arg-type]
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


async def test_a_worker_that_was_stopped_does_nothing_when_it_wakes(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes
) -> None:
    async with mortal("stop", database_url, tmp_path) as process, worker_fixture.on(database_url, tmp_path) as shift:
        run_id = str((await told(process))["run"])
        await worker_fixture.until(lambda: is_stopped(process.pid))
        waiting = await shift.crew.rests(await shift.crew.core.runs.find(run_id))
        assert waiting.question is not None
        assert (waiting.question.kind, waiting.question.step) == (runs.QuestionKind.UNKNOWN, "b")

        os.kill(process.pid, signal.SIGCONT)
        assert await told(process) == {"woken": True}
        assert notes.read() == ["a"]

        run = await shift.crew.answers(waiting, runs.DID_NOT)

    assert run.state is runs.RunState.COMPLETED
    assert notes.read() == ["a", "b", "c"]
