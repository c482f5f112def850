"""What the rules make of the texts in `tests/cases/diagnosis-texts`."""

from typing import Any

import pytest
import yaml

from bot import runbook_data
from bot.kubernetes.diagnosis import attempts, matcher, observations, rules
from bot.kubernetes.logs import parser
from sandbox import runbook_folder

CASES = runbook_folder.PROJECT / "tests" / "cases" / "diagnosis-texts"
HEAD = "2026-11-27T12:01:09.548Z ERROR 1 --- [pos-order] [           main] o.s.boot.SpringApplication : "
FRAMES = "\n\tat com.zaxxer.hikari.jdbc.Frame.redis(Frame.java:1)\n\t... 23 common frames omitted"


@pytest.fixture(scope="module")
def ruleset() -> rules.Rules:
    return runbook_data.load(runbook_folder.PROJECT / "runbook_data").diagnosis_rules


def cases(name: str) -> list[Any]:
    listed = yaml.safe_load((CASES / name).read_text())
    return [pytest.param(case, id=f"{case['cause']}: {case['says']}") for case in listed]


def of_log(ruleset: rules.Rules, text: str) -> list[matcher.Finding]:
    """Return the findings of a failed start with this log."""
    entries = parser.join_lines(text.split("\n"))
    return attempts.find(ruleset, [attempts.StartAttempt(pod="a", container="c", source="log", entries=entries)])


@pytest.mark.parametrize("case", cases("cluster.yaml"))
def test_state_or_event_is_told_in_its_own_words(ruleset: rules.Rules, case: dict[str, str]) -> None:
    seen = observations.Observation(where=rules.Location(case["where"]), text=case["text"], source="a pod")

    [finding] = matcher.find(ruleset, [seen])

    assert finding.id == case["cause"]
    assert case["says"] in finding.title


@pytest.mark.parametrize("case", cases("logs.yaml"))
def test_log_is_told_by_what_it_names(ruleset: rules.Rules, case: dict[str, Any]) -> None:
    chain = [f"{'Caused by: ' if index else ''}{one}{FRAMES}" for index, one in enumerate(case.get("chain", ()))]

    found = of_log(ruleset, case.get("log") or f"{HEAD}Application run failed\n\n" + "\n".join(chain))

    assert found[0].id == case["cause"]
    assert case["says"] in found[0].title


@pytest.mark.parametrize(
    "said",
    [
        pytest.param('a.b.C: Failed; For input string: "hunter2"', id="number"),
        pytest.param("a.b.C: Invalid value 'hunter2' for configuration property 'a.b'", id="property"),
        pytest.param(
            "org.yaml.snakeyaml.scanner.ScannerException: mapping values are not allowed here\n in 'reader', line 3, "
            "column 9:\n    password: hunter2: x\n            ^",
            id="line of YAML",
        ),
    ],
)
def test_values_of_properties_are_not_shown(ruleset: rules.Rules, said: str) -> None:
    found = of_log(ruleset, f"{HEAD}Application run failed\n{said}\nCaused by: {said}")

    assert found
    assert "hunter2" not in str(found)
