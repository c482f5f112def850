"""A bare log is read within bounds of size and time, and what was left out is said."""

import asyncio
import contextlib
import os
import pathlib
import threading

import pytest

from bot.config import yaml_files
from bot.kubernetes.diagnosis import bare_log, rules
from bot.model import reports
from tests import builders

pytestmark = pytest.mark.anyio


async def test_endless_last_line_is_said(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"first\n" + b"x" * (bare_log.MAX_BYTES + 3_000_000))

    log = await bare_log.read(path)

    assert len(log.attempt.entries) == 1
    assert log.omitted[0].startswith("Only the newest 20 MB were read, ")
    assert log.omitted[1].startswith("Lines are truncated at 64,000 bytes (")


async def test_newest_lines_of_a_long_log_are_read(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"old line\n" * 110_000 + b"newest\n")

    log = await bare_log.read(path)

    assert log.attempt.entries[-1].text == "newest"
    assert len(log.attempt.entries) == bare_log.MAX_LINES
    assert log.omitted == ("Only the newest 100,000 lines were read, 10,001 before them not.",)


async def test_newest_part_of_a_large_log_begins_with_a_whole_line(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bare_log, "MAX_BYTES", 300_000)
    path = tmp_path / "a.log"
    path.write_text("".join(f"line {number:04} {'x' * 1_000}\n" for number in range(1_000)))

    log = await bare_log.read(path)

    entries = [entry.text for entry in log.attempt.entries]
    assert {text[:5] for text in entries} == {"line "}
    assert entries[-1].startswith("line 0999")
    assert 290 < len(entries) < 600
    assert len(log.omitted) == 1


async def test_pipe_is_read_to_its_end(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reading = asyncio.ensure_future(bare_log.read(path))
    await asyncio.to_thread(path.write_text, "a\nb\n")

    assert [entry.text for entry in (await reading).attempt.entries] == ["a", "b"]


async def test_reading_of_an_open_pipe_can_be_cancelled(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)

    before = set(threading.enumerate())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await bare_log.read(path)
    # Otherwise the process would not end before the pipe does.
    assert [one.daemon for one in set(threading.enumerate()) - before if one.name == "log"] == [True]
    # Lets the thread go that still waits for somebody to write.
    os.close(os.open(path, os.O_WRONLY))


async def test_thread_that_nobody_waits_for_ends_with_the_next_line(tmp_path: pathlib.Path) -> None:
    path, before = tmp_path / "pipe", set(threading.enumerate())
    os.mkfifo(path)
    reading = asyncio.ensure_future(bare_log.read(path))
    writer = await asyncio.to_thread(os.open, path, os.O_WRONLY)
    os.write(writer, b"a\n")
    [thread] = [one for one in set(threading.enumerate()) - before if one.name == "log"]
    reading.cancel()
    await asyncio.wait({reading})

    for _ in range(200):
        if not thread.is_alive():
            break
        with contextlib.suppress(BrokenPipeError):
            os.write(writer, b"b\n")
        await asyncio.sleep(0.01)
    else:
        os.close(writer)
        pytest.fail("it reads on")
    os.close(writer)


async def test_report_says_what_was_left_out(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(f"{'x' * 70_000}\n")
    ruleset = yaml_files.load(pathlib.Path("runbook_data/diagnosis.yaml"), rules.Rules)

    report = bare_log.diagnose(builders.a_service("pos-order"), path, await bare_log.read(path), ruleset, lambda *_: ())

    assert report.sections[-1] == reports.Text(text="Lines are truncated at 64,000 bytes (0.0 MB omitted).")
