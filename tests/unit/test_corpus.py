"""The recorded starts are complete, small, and have nothing of the machine that recorded them."""

import pathlib
import re

import pytest
import yaml

from tests.real.spring import normalization, starts

CORPUS = pathlib.Path(__file__).parents[1] / "corpus"
MAX_CHARACTERS = 100_000


def logs() -> dict[str, pathlib.Path]:
    return {f"{path.parent.name}/{path.stem}": path for path in sorted(CORPUS.glob("*/*.log"))}


def test_recorded_start_is_there_in_each_format() -> None:
    recorded = {name.partition("/")[2] for name in logs()}
    wanted = {
        f"{form}/{name}"
        for name in recorded
        for form, chosen in starts.FORMATS.items()
        if starts.STARTS[name].is_recorded(chosen)
    }

    assert wanted == logs().keys()
    assert len(recorded) >= 40


def test_recorded_starts_begin_at_the_same_time() -> None:
    stamp = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d|\"timestamp\":17684658")
    first = {name: stamp.search(path.read_text()) for name, path in logs().items()}

    assert {found[0] for found in first.values() if found} == {"2026-01-15T08:30", '"timestamp":17684658'}


def test_each_start_has_an_expectation() -> None:
    expected = yaml.safe_load((CORPUS / "expect.yaml").read_text())

    assert expected.keys() == starts.STARTS.keys()
    for name, start in starts.STARTS.items():
        assert expected[name].get("exit_code", 1) == start.exit_code, name
        assert expected[name]["headline"] and expected[name]["says"] and expected[name]["not"], name


def test_recorded_logs_are_whole_and_small() -> None:
    too_long = [name for name, path in logs().items() if not 0 < len(path.read_text()) <= MAX_CHARACTERS]

    assert too_long == []


def test_recorded_logs_hold_nothing_of_a_machine() -> None:
    of_a_machine = re.compile(r"/posbot-|/root/|/home/|/usr/lib/jvm|\bPID (?!1 )|started by (?!app )")

    assert [name for name, path in logs().items() if of_a_machine.search(path.read_text())] == []


MACHINE = normalization.Machine(pid=4711, ports={23456: 5432}, names={"/x/root": "", "build-7": "pos-order-0"})


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            "2026-11-28T00:43:35.123Z  INFO 4711 --- [main] : Starting App with PID 4711 (/x/root/app.jar started "
            "by root in /x/root/app)",
            "2026-01-15T08:30:00.123Z  INFO 1 --- [main] : Starting App with PID 1 (/app.jar started by app in /app)",
            id="plain",
        ),
        pytest.param(
            "\x1b[2m2026-11-28T00:43:35.123Z\x1b[0;39m \x1b[35m4711\x1b[0;39m \x1b[2m--- pos-db:23456 (A.java:4711)",
            "\x1b[2m2026-01-15T08:30:00.123Z\x1b[0;39m \x1b[35m1\x1b[0;39m \x1b[2m--- pos-db:5432 (A.java:4711)",
            id="ANSI",
        ),
        pytest.param(
            '{"@timestamp":"2026-11-28T00:43:35.123456789Z","process":{"pid":4711},"message":"on build-7"}',
            '{"@timestamp":"2026-01-15T08:30:00.123456789Z","process":{"pid":1},"message":"on pos-order-0"}',
            id="ECS",
        ),
        pytest.param(
            '{"timestamp":1795826615.123,"_process_pid":4711}',
            '{"timestamp":1768465800.123,"_process_pid":1}',
            id="GELF",
        ),
    ],
)
def test_recording_removes_the_machine(line: str, expected: str) -> None:
    assert MACHINE.remove_from(line) == expected


def test_times_keep_their_distances() -> None:
    log = MACHINE.remove_from("2026-11-28T23:59:59.900Z a\n2026-11-29T00:00:29.950Z b\n")

    assert log == "2026-01-15T08:30:00.900Z a\n2026-01-15T08:30:30.950Z b\n"


def test_recordings_differ_in_what_is_no_matter_of_the_machine() -> None:
    event = (
        '{{"@timestamp":"{at}","message":"{text}","error":{{"stack_trace":"a.B: c\\n\\tat a.B.d(B.java:{line})\\n"}}}}'
    )
    recorded = event.format(at="2026-01-15T08:30:00.123Z", text="Started in 4.2 seconds", line=1)
    again = event.format(at="2026-11-28T00:43:35.456Z", text="Started in 6 seconds", line=7)
    another = event.format(at="2026-11-28T00:43:35.456Z", text="Stopped in 6 seconds", line=7)

    assert normalization.comparable(recorded) == normalization.comparable(again)
    assert normalization.comparable(recorded) != normalization.comparable(another)
