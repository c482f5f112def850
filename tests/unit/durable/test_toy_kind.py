"""A new kind of timer, live message and delivery is one registration each and no table, and survives kill -9."""

import asyncio
import os
import signal
import sys

import pytest

from bot.store import database
from sandbox import runbook_folder

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(120)]
POINTS = [
    "scheduled, not committed",
    "fired, not committed",
    "claimed, not shown",
    "attempted, not sent",
    "sent, not written",
]


async def live(url: str, point: str, history: str = "") -> tuple[int | None, list[str]]:
    """Run the toy until it is done or has killed itself; return its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.unit.durable.toy_process", url, point),
        cwd=runbook_folder.PROJECT,
        env={**os.environ, "TOY_HISTORY": history},  # noqa: TID251
        stdout=asyncio.subprocess.PIPE,
    )
    stdout, _ = await process.communicate()
    return process.returncode, stdout.decode().splitlines()


@pytest.mark.parametrize("point", POINTS)
async def test_toy_survives_a_crash_at(db: database.Database, database_url: str, point: str) -> None:
    del db  # at the newest revision
    code, before = await live(database_url, point)
    assert code == -signal.SIGKILL

    code, after = await live(database_url, "", history=" ".join(before))

    assert code == 0 and after[-1] == "done"
    assert [line for line in before + after if line == "sent toy-1"] == ["sent toy-1"]
    assert "shows toy/toy-1" in before + after
