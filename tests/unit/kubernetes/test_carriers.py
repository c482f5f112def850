"""Lines of a service are found in what kubectl, CI and container runtimes write around them."""

import json

import pytest

from bot.kubernetes.diagnosis import carriers

LINES = [
    "2026-11-27T12:01:05.548Z ERROR 1 --- [pos-order] [main] a.b.C : Application run failed",
    "",
    "a.b.StartException: no till",
    "\tat a.b.Till.open(Till.java:3)",
]


@pytest.mark.parametrize(
    "carry",
    [
        pytest.param(lambda line: f"2026-11-27T12:01:05.548123456Z {line}", id="kubectl logs --timestamps"),
        pytest.param(lambda line: f"2026-11-27T12:01:05.5481234Z {line}", id="GitHub Actions"),
        pytest.param(lambda line: f"2026-11-27T12:01:05.548123456Z stdout F {line}", id="containerd"),
        pytest.param(lambda line: f"[pod/pos-order-1/pos-order] {line}", id="kubectl logs --prefix"),
        pytest.param(lambda line: f"pos-order-1  | {line}", id="docker compose logs"),
        pytest.param(
            lambda line: json.dumps({"log": f"{line}\n", "stream": "stdout", "time": "2026-11-27T12:01:05.5Z"})
            .replace('": "', '":"'),
            id="Docker's json-file",
        ),
        pytest.param(lambda line: line, id="none"),
    ],
)  # fmt: skip
def test_carried_lines_are_those_of_the_service(carry) -> None:
    assert carriers.unwrap([carry(line) for line in LINES]) == LINES


def test_few_lines_that_look_carried_stay() -> None:
    lines = [*LINES, "a | b"]

    assert carriers.unwrap(lines) == lines
