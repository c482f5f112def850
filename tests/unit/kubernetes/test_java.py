"""Starting a jar: what is refused before, what is read while it runs, and that nothing of it is left afterwards."""

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


async def test_what_it_writes_is_read_and_how_it_ends_is_known(tmp_path: pathlib.Path) -> None:
    script = "echo one; echo two >&2; printf 'no line end'; exit 3"

    async with a_java(tmp_path, script).running(fake_java.jar(tmp_path)) as running:
        assert await running.wait_for_exit(10)

    assert running.lines == ("one", "two", "no line end")
    assert running.exit_code == 3


async def test_the_jar_its_arguments_and_a_folder_of_its_own_are_given(tmp_path: pathlib.Path) -> None:
    jar = fake_java.jar(tmp_path)
    script = 'echo "$*"; pwd; echo $SHOP; touch left-behind'

    async with a_java(tmp_path, script).running(jar, ("--server.port=9007",)) as running:
        assert await running.wait_for_exit(10)

    command, folder, shop = running.lines
    assert command == f"-Djava.io.tmpdir={folder} -XX:-UsePerfData -jar {jar} --server.port=9007"
    assert shop == "corner"
    assert not fake_java.is_there(folder)


async def test_who_ends_on_request_is_not_killed(tmp_path: pathlib.Path) -> None:
    script = f"trap 'echo goodbye; exit 143' TERM; {SLEEPER} & echo ready; wait"

    async with a_java(tmp_path, script).running(fake_java.jar(tmp_path)) as running:
        while not running.lines:
            assert not await running.wait_for_exit(0.05)

    assert running.lines == ("ready", "goodbye")
    assert running.exit_code == 143


async def test_who_does_not_end_is_killed_with_all_that_it_started(tmp_path: pathlib.Path) -> None:
    script = f"trap '' TERM; {SLEEPER} & echo $!; wait; wait"

    async with a_java(tmp_path, script, grace_seconds=0.2).running(fake_java.jar(tmp_path)) as running:
        while not running.lines:
            assert not await running.wait_for_exit(0.05)

    assert running.exit_code == 137
    assert fake_java.has_ended(int(running.lines[0]))


async def test_what_a_program_leaves_running_ends_with_it(tmp_path: pathlib.Path) -> None:
    async with a_java(tmp_path, f"{SLEEPER} & echo $!; exit 0").running(fake_java.jar(tmp_path)) as running:
        while not running.lines:
            await running.wait_for_exit(0.05)

    assert running.exit_code == 0
    assert fake_java.has_ended(int(running.lines[0]))


@pytest.mark.parametrize("times", [1, 2])
async def test_whoever_is_cancelled_leaves_nothing_behind(tmp_path: pathlib.Path, times: int) -> None:
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


async def test_an_endless_line_and_odd_bytes_do_no_harm(tmp_path: pathlib.Path) -> None:
    script = "head -c 300000 /dev/zero | tr '\\0' x; printf '\\n\\377\\r\\n'"

    async with a_java(tmp_path, script).running(fake_java.jar(tmp_path)) as running:
        assert await running.wait_for_exit(10)

    assert all(len(line) <= java.MAX_LINE_BYTES for line in running.lines)
    assert running.lines[-1] == "\ufffd"


async def test_of_very_many_lines_the_last_are_kept(tmp_path: pathlib.Path) -> None:
    async with a_java(tmp_path, "seq 100000").running(fake_java.jar(tmp_path)) as running:
        assert await running.wait_for_exit(20)

    assert len(running.lines) == java.MAX_KEPT_LINES
    assert running.lines[-1] == "100000"


@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(lambda folder: folder / "none.jar", "There is no file", id="missing"),
        pytest.param(lambda folder: folder, "is a folder; expected a jar.", id="folder"),
        pytest.param(fake_java.half_a_jar, "is no jar, or only a part of one.", id="half a jar"),
        pytest.param(lambda folder: folder / "a\0b", "cannot be read", id="NUL"),
        pytest.param(lambda folder: folder / ("a" * 300), "cannot be read (File name too long)", id="long"),
    ],
)
async def test_what_is_no_jar_is_told_before_anything_is_started(
    tmp_path: pathlib.Path, make: Callable[[pathlib.Path], pathlib.Path], told: str
) -> None:
    with pytest.raises(errors.UsageError) as caught:
        async with a_java(tmp_path, "exit 1").running(make(tmp_path)):
            raise AssertionError("it was started")

    assert told in str(caught.value)


async def test_a_wrong_name_is_answered_with_the_jars_that_are_there(tmp_path: pathlib.Path) -> None:
    jar = fake_java.jar(tmp_path)

    with pytest.raises(errors.UsageError) as caught:
        java.validate_jar(tmp_path / "ap.jar")

    assert caught.value.hint == f"There is {jar}."


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        pytest.param({"PATH": "/nowhere"}, "There is no java on this machine’s PATH.", id="no java"),
        pytest.param({"JAVA_HOME": "/nowhere"}, "JAVA_HOME is /nowhere, and no java", id="wrong JAVA_HOME"),
    ],
)
async def test_without_java_it_says_what_is_missing(
    tmp_path: pathlib.Path, environment: dict[str, str], told: str
) -> None:
    with pytest.raises(errors.Refused) as caught:
        async with java.Java(environment).running(fake_java.jar(tmp_path)):
            raise AssertionError("it was started")

    assert told in str(caught.value)


async def test_a_java_that_cannot_be_run_is_told(tmp_path: pathlib.Path) -> None:
    home = fake_java.home(tmp_path, "exit 0")
    (home / "bin" / "java").write_text("neither a program nor a script of a known kind\n")

    with pytest.raises(errors.Refused, match="cannot be started"):
        async with java.Java({"JAVA_HOME": str(home)}).running(fake_java.jar(tmp_path)):
            raise AssertionError("it was started")


def test_a_pipe_or_a_device_is_not_waited_for(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "pipe.jar")
    (tmp_path / "zero.jar").symlink_to("/dev/zero")

    for name in ("pipe.jar", "zero.jar"):
        with pytest.raises(errors.UsageError, match="is no file"):
            java.validate_jar(tmp_path / name)
