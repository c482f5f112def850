"""A bare log is read within bounds of size and time, and what was omitted is said."""

import asyncio
import contextlib
import os
import pathlib
import threading

import pytest

from bot import errors
from bot.config import yaml_files
from bot.kubernetes.diagnosis import bare_log, rules
from bot.model import reports
from sandbox import runbook_folder
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
    # Lets the thread go that still waits for a writer.
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


@pytest.mark.parametrize(
    "content", [bytes(range(256)) * 40, b"\x1f\x8b\x08\x00" + os.urandom(4_000)], ids=["any", "gzip"]
)
async def test_binary_file_is_no_log(tmp_path: pathlib.Path, content: bytes) -> None:
    with pytest.raises(errors.UsageError, match="is not a text file") as caught:
        await diagnosed(tmp_path, content)

    assert "kubectl logs POD" in str(caught.value.hint)


@pytest.mark.parametrize(
    "content",
    ["Größe läuft über\n".encode("latin-1") * 9, "\ufeffläuft\n".encode("utf-16-le"), b"\0" * 9_000 + b"a\n", b""],
)
async def test_text_that_tells_nothing_has_another_next_step(tmp_path: pathlib.Path, content: bytes) -> None:
    report = await diagnosed(tmp_path, content)

    assert report.verdict is reports.Verdict.UNKNOWN
    assert report.next_actions[0].command == "diagnose pos-order"
    assert "End of the a.log" not in str(report.sections)


async def test_missing_log_has_a_next_step(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.UsageError) as caught:
        await bare_log.read(tmp_path / "nonexistent")

    assert "kubectl logs POD" in str(caught.value.hint)


async def test_headline_is_short_and_the_action_is_said_once(tmp_path: pathlib.Path) -> None:
    log = runbook_folder.PROJECT / "tests" / "corpus" / "boot-3.5-plain" / "bean-ambiguous.log"
    report = await diagnosed(tmp_path, log.read_bytes())

    assert len(report.headline) <= 170
    assert "jar:nested" not in report.headline
    assert str(report.sections).count("Consider marking one of the beans as @Primary") == 1


STARTED = "2026-11-27T12:00:10.000Z  INFO 1 --- [pos-order] [           main] c.p.o.OrderApplication : "
SCHEDULED = "  INFO 1 --- [pos-order] [   scheduling-1] c.p.o.Outbox : 3 events sent"
SHUTDOWN = "Z  INFO 1 --- [pos-order] [ionShutdownHook] o.s.c.s.DefaultLifecycleProcessor : Stopping"


async def diagnosed(folder: pathlib.Path, text: str | bytes, name: str = "pos-order") -> reports.Report:
    path = folder / "a.log"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    ruleset = yaml_files.load(pathlib.Path("runbook_data/diagnosis.yaml"), rules.Rules)
    services = [builders.a_service("pos-order"), builders.a_service("pos-events")]
    service = next(one for one in services if one.name == name)
    return bare_log.diagnose(service, path, await bare_log.read(path), ruleset, lambda *_: (), services=services)


@pytest.mark.parametrize(
    ("later", "headline", "certainty"),
    [
        pytest.param(f"2026-11-27T12:05:00.000Z{SCHEDULED}", "pos-order: started in 8.9 s", None, id="minutes later"),
        pytest.param(f"2026-11-27T12:00:11.000Z{SCHEDULED}", "pos-order: started in 8.9 s", None, id="scheduler"),
        pytest.param("", "pos-order: not running: the application started and opened no port", "likely", id="end"),
        pytest.param(f"2026-11-27T12:00:11.000{SHUTDOWN}", "pos-order: not running: ", "certain", id="shutdown"),
        pytest.param(
            f"2026-11-27T12:05:00.000Z{SCHEDULED}\n2026-11-27T12:05:11.000{SHUTDOWN}",
            "pos-order: not running: ",
            "likely",
            id="shutdown after it ran",
        ),
    ],
)
async def test_entries_after_the_start_show_that_it_runs(
    tmp_path: pathlib.Path, later: str, headline: str, certainty: str | None
) -> None:
    started = f"{STARTED}Started OrderApplication in 8.9 seconds (process running for 9.4)"
    report = await diagnosed(tmp_path, f"{started}\n{later}\n")

    assert report.headline.startswith(headline)
    assert report.facts["certainty"] == certainty


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(
            "2026-11-27T12:00:10.000Z  INFO 1 --- [pos-events] [           main] c.p.e.Main : Hello", id="layout"
        ),
        pytest.param(
            "2026-11-27T12:00:10.000Z  INFO 1 --- [           main] c.p.e.Main : Starting PosEventsApplication using"
            " Java 21.0.8 with PID 1",
            id="application class",
        ),
        pytest.param(
            '{"@timestamp":"2026-11-27T12:00:10Z","log":{"level":"INFO"},"service":{"name":"pos-events"},'
            '"message":"Hello"}',
            id="ECS",
        ),
        pytest.param(
            '{"@timestamp":"2026-11-27T12:00:10Z","level":"INFO","spring.application.name":"POS-EVENTS",'
            '"message":"Hello"}',
            id="logstash",
        ),
    ],
)
async def test_log_of_another_service_is_said(tmp_path: pathlib.Path, line: str) -> None:
    other, own = [await diagnosed(tmp_path, f"{line}\n", name) for name in ("pos-order", "pos-events")]

    assert other.headline.startswith("pos-order: the log is of pos-events: ")
    assert other.next_actions[0].command == f"diagnose pos-events --log {tmp_path / 'a.log'}"
    assert own.headline.startswith("pos-events: no known cause")
