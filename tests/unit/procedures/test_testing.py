"""The runner of procedure tests: what it overlooks would be overlooked everywhere."""

import pathlib

import pytest

from bot.procedures import runs, schema, testing
from tests.unit.procedures import files, procedure_tests

HEALTH, READ = files.VALID["steps"]
MANUAL = {"id": "ask", "title": "Ask", "uses": "manual", "with": {"instructions": "Look."}}


def a_test(**changes: object) -> testing.ProcedureTest:
    values = {"name": "x", "params": {"service": "pos-order"}, "steps": ["health", "read"], "state": "completed"}
    return testing.ProcedureTest.model_validate(values | changes)


def test_uncovered_branches_are_named() -> None:
    steps = [
        {**HEALTH, "on_failure": {"goto": "read"}},
        {**MANUAL, "with": {"instructions": "Look.", "answers": ["a", "b", "c"]}},
        {**READ, "when": "steps.health.outcome == 'failed'"},
    ]
    procedure = files.a_procedure(steps=steps)

    taken = procedure_tests.check(procedure, a_test(given={"ask": "a"}, steps=["health", "ask"])).branches

    assert [branch for branch in testing.branches(procedure) if branch not in taken] == [
        "health: fails",
        "ask: answered b",
        "ask: answered c",
        "read: condition met",
    ]


@pytest.mark.parametrize(
    ("steps", "changes", "message"),
    [
        (
            [{**HEALTH, "when": "params.env == 'prod'"}],
            {"given": {"health": "failed"}},
            "given for steps that do not run: health",
        ),
        ([HEALTH, READ], {"given": {"health": {"facts": {"mood": "good"}}}}, "health does not report mood"),
        (
            [{**HEALTH, "with": {"selection": "{{ params.service }}", "wait": "a while"}}],
            {},
            "“a while” is no duration",
        ),
        ([MANUAL], {}, "no answer is given for ask"),
        ([MANUAL], {"given": {"ask": "perhaps"}}, "ask cannot be answered with “perhaps”"),
        ([HEALTH, READ], {"steps": ["health"]}, "expected the steps health; ran health, read"),
        ([HEALTH, READ], {"state": "failed"}, "expected the state “failed”; the run is “completed”"),
        ([HEALTH, READ], {"params": {}}, "missing parameters: ['service']"),
        ([HEALTH, READ], {"params": {"service": "pos-order", "x": 1}}, "unknown parameters: ['x']"),
    ],
)
def test_disagreement_is_explained(steps: list[object], changes: dict[str, object], message: str) -> None:
    with pytest.raises(testing.Failed) as failed:
        procedure_tests.check(files.a_procedure(steps=steps), a_test(**changes))

    assert message in str(failed.value)


def test_retried_step_can_have_another_result() -> None:
    steps = [{**HEALTH, "retry": {"attempts": 2, "delay": "0s"}}]

    result = procedure_tests.check(
        files.a_procedure(steps=steps), a_test(given={"health": ["failed", "ok"]}, steps=["health"])
    )

    assert result.state is runs.RunState.COMPLETED
    assert result.run.find("health").attempt == 2


def test_folder_of_tests_is_run_and_failures_are_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "triage.yaml").write_text(
        "procedure: triage\ntests:\n"
        "  - {name: good, params: {service: pos-order}, steps: [health, read], state: completed}\n"
        "  - {name: bad, params: {service: pos-order}, steps: [health], state: completed}\n"
    )
    (tmp_path / "other.yaml").write_text("procedure: other\ntests: []\n")
    catalog = schema.ProcedureCatalog(procedures=(files.a_procedure(),), tests=tmp_path)

    results = testing.run_all(catalog, procedure_tests.COMMANDS, procedure_tests.VOCABULARY)

    assert results.count == 2
    assert [name for name, _ in results.failed] == ["other.yaml", "triage: bad"]


def test_test_of_an_unknown_service_is_not_run(tmp_path: pathlib.Path) -> None:
    (tmp_path / "triage.yaml").write_text(
        "procedure: triage\ntests:\n"
        "  - {name: elsewhere, params: {service: checkout}, steps: [health, read], state: completed}\n"
        "  - {name: prod, params: {service: pos-order, env: nowhere}, steps: [health, read], state: completed}\n"
    )
    catalog = schema.ProcedureCatalog(procedures=(files.a_procedure(),), tests=tmp_path)

    results = testing.run_all(catalog, procedure_tests.COMMANDS, procedure_tests.VOCABULARY)

    assert results.failed == ()
    assert [name for name, _ in results.not_run] == ["triage: elsewhere", "triage: prod"]
