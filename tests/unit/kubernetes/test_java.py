"""A jar as a process: refusals, output, termination, and nothing left behind."""

import asyncio
import os
import pathlib
import sys
from collections.abc import Callable

import pytest

from bot import errors
from bot.kubernetes.diagnosis import java
from tests import fake_java

pytestmark = pytest.mark.anyio

SLEEPER = f"{sys.executable} -c 'import time; time.sleep(600)'"


def a_java(folder: pathlib.Path, script: str, **more: float) -> java.Java:
    environment = {"JAVA_HOME": str(fake_java.home(folder, script)), "PATH": "/usr/bin:/bin", "SHOP": "corner"}
    return java.Java(environment, **more)


def test_java_is_named_with_its_version(tmp_path: pathlib.Path) -> None:
    found = a_java(tmp_path, "exit 0")
    program = tmp_path / "jdk" / "bin" / "java"

    assert found.describe() == str(program)
    (tmp_path / "jdk" / "release").write_text('IMPLEMENTOR="Debian"\nJAVA_VERSION="21.0.8"\n')
    assert found.describe() == f"21.0.8 ({program})"


async def test_output_and_exit_code_are_read(tmp_path: pathlib.Path) -> None:
    script = "echo one; echo two >&2; printf 'no line end'; exit 3"

    async with a_java(tmp_path, script).running(fake_java.jar(tmp_path)) as running:
        assert await running.wait_for_exit(10)

    assert running.lines == ("one", "two", "no line end")
    assert running.exit_code == 3


async def test_jar_runs_with_its_arguments_in_a_folder_of_its_own(tmp_path: pathlib.Path) -> None:
    jar = fake_java.jar(tmp_path)
    script = 'echo "$*"; pwd; echo $SHOP; touch left-behind'

    async with a_java(tmp_path, script).running(jar, ("--server.port=9007",)) as running:
        assert await running.wait_for_exit(10)

    command, folder, shop = running.lines
    assert command == f"-Djava.io.tmpdir={folder} -XX:-UsePerfData -jar {jar} --server.port=9007"
    assert shop == "corner"
    assert not fake_java.is_there(folder)


async def test_graceful_exit_is_not_killed(tmp_path: pathlib.Path) -> None:
    script = f"trap 'echo goodbye; exit 143' TERM; {SLEEPER} & echo ready; wait"

    async with a_java(tmp_path, script).running(fake_java.jar(tmp_path)) as running:
        while not running.lines:
            assert not await running.wait_for_exit(0.05)

    assert running.lines == ("ready", "goodbye")
    assert running.exit_code == 143


async def test_process_group_that_ignores_sigterm_is_killed(tmp_path: pathlib.Path) -> None:
    script = f"trap '' TERM; {SLEEPER} & echo $!; wait; wait"

    async with a_java(tmp_path, script, grace_seconds=0.2).running(fake_java.jar(tmp_path)) as running:
        while not running.lines:
            assert not await running.wait_for_exit(0.05)

    assert running.exit_code == 137
    assert fake_java.has_ended(int(running.lines[0]))


async def test_orphaned_child_is_killed(tmp_path: pathlib.Path) -> None:
    async with a_java(tmp_path, f"{SLEEPER} & echo $!; exit 0").running(fake_java.jar(tmp_path)) as running:
        while not running.lines:
            await running.wait_for_exit(0.05)

    assert running.exit_code == 0
    assert fake_java.has_ended(int(running.lines[0]))


@pytest.mark.parametrize("times", [1, 2])
async def test_cancellation_leaves_no_process(tmp_path: pathlib.Path, times: int) -> None:
    pids: list[int] = []
    begun = asyncio.Event()

    async def run() -> None:
        jar = fake_java.jar(tmp_path)
        async with a_java(tmp_path, f"trap '' TERM; {SLEEPER} & echo $!; wait; wait", grace_seconds=1.0).running(
            jar
        ) as one:
            while not one.lines:
                await one.wait_for_exit(0.05)
            pids.append(int(one.lines[0]))
            begun.set()
            await one.wait_for_exit(600)

    task = asyncio.create_task(run())
    await begun.wait()
    for _ in range(times):
        task.cancel()
        await asyncio.wait([task], timeout=0.1)
    with pytest.raises(asyncio.CancelledError):
        await task

    assert fake_java.has_ended(pids[0])


async def test_endless_line_and_invalid_bytes_are_handled(tmp_path: pathlib.Path) -> None:
    script = "head -c 300000 /dev/zero | tr '\\0' x; printf '\\n\\377\\r\\n'"

    async with a_java(tmp_path, script).running(fake_java.jar(tmp_path)) as running:
        assert await running.wait_for_exit(10)

    assert all(len(line) <= java.MAX_LINE_BYTES for line in running.lines)
    assert running.lines[-1] == "\ufffd"


async def test_newest_lines_of_long_output_are_kept(tmp_path: pathlib.Path) -> None:
    async with a_java(tmp_path, "seq 100000").running(fake_java.jar(tmp_path)) as running:
        assert await running.wait_for_exit(20)

    assert len(running.lines) == java.MAX_KEPT_LINES
    assert running.lines[-1] == "100000"


@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(lambda folder: folder / "none.jar", "No such file", id="missing"),
        pytest.param(lambda folder: folder, "is a folder, not a jar.", id="folder"),
        pytest.param(fake_java.half_a_jar, "is not a jar, or an incomplete one.", id="half a jar"),
        pytest.param(lambda folder: folder / "a\0b", "cannot be read", id="NUL"),
        pytest.param(lambda folder: folder / ("a" * 300), "cannot be read (File name too long)", id="long"),
    ],
)
async def test_invalid_jar_is_refused_before_starting(
    tmp_path: pathlib.Path, make: Callable[[pathlib.Path], pathlib.Path], told: str
) -> None:
    with pytest.raises(errors.UsageError) as caught:
        async with a_java(tmp_path, "exit 1").running(make(tmp_path)):
            raise AssertionError("started")

    assert told in str(caught.value)


async def test_wrong_name_suggests_existing_jars(tmp_path: pathlib.Path) -> None:
    jar = fake_java.jar(tmp_path)

    with pytest.raises(errors.UsageError) as caught:
        java.validate_jar(tmp_path / "ap.jar")

    assert caught.value.hint == f"Found: {jar}."


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        pytest.param({"PATH": "/nowhere"}, "No java found in PATH.", id="no java"),
        pytest.param({"JAVA_HOME": "/nowhere"}, "JAVA_HOME is /nowhere, which has no", id="wrong JAVA_HOME"),
    ],
)
async def test_missing_java_is_explained(tmp_path: pathlib.Path, environment: dict[str, str], told: str) -> None:
    with pytest.raises(errors.Refused) as caught:
        async with java.Java(environment).running(fake_java.jar(tmp_path)):
            raise AssertionError("started")

    assert told in str(caught.value)


async def test_unusable_java_is_explained(tmp_path: pathlib.Path) -> None:
    home = fake_java.home(tmp_path, "exit 0")
    (home / "bin" / "java").write_text("neither a program nor a script of a known kind\n")

    with pytest.raises(errors.Refused, match="cannot be started"):
        async with java.Java({"JAVA_HOME": str(home)}).running(fake_java.jar(tmp_path)):
            raise AssertionError("started")


def test_pipe_or_device_is_not_read(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "pipe.jar")
    (tmp_path / "zero.jar").symlink_to("/dev/zero")

    for name in ("pipe.jar", "zero.jar"):
        with pytest.raises(errors.UsageError, match="is not a regular file"):
            java.validate_jar(tmp_path / name)
