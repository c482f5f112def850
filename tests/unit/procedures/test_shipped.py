"""The shipped procedures pass their tests, which cover every branch."""

import pathlib
import re

import pytest

import commands
from bot import command
from bot.procedures import testing
from tests.unit.procedures import procedure_tests

FILES = sorted(procedure_tests.FOLDER.glob("*.yaml"))
SHIPPED = {path.stem: procedure_tests.shipped(path.stem) for path in sorted(procedure_tests.PROCEDURES.glob("*.yaml"))}
CASES = [
    pytest.param(file.procedure, test, id=f"{file.procedure}: {test.name}")
    for file in map(testing.load, FILES)
    for test in file.tests
]


@pytest.mark.parametrize(("procedure_id", "test"), CASES)
def test_procedure_passes_its_test(procedure_id: str, test: testing.ProcedureTest) -> None:
    procedure_tests.check(SHIPPED[procedure_id], test)


@pytest.mark.parametrize("procedure_id", SHIPPED)
def test_every_branch_is_covered(procedure_id: str) -> None:
    tests = testing.load(procedure_tests.FOLDER / f"{procedure_id}.yaml").tests
    taken = {branch for test in tests for branch in procedure_tests.check(SHIPPED[procedure_id], test).branches}

    assert [branch for branch in testing.branches(SHIPPED[procedure_id]) if branch not in taken] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_test_file_is_named_after_its_procedure(path: pathlib.Path) -> None:
    assert testing.load(path).procedure == path.stem


def test_every_runnable_section_has_a_procedure() -> None:
    sections = {one.doc.section for one in SHIPPED.values()}

    assert {"health-checks", "key-signals", "start-failures", "health-failing", "workspace-escalation"} <= sections


def test_rollback_and_handover_ask_first_and_nothing_changes() -> None:
    asking = {one.id for one in SHIPPED.values() if any(step.uses == "confirm" for step in one.steps)}

    assert {"post-deployment", "to-workspace"} <= asking
    assert all(one.effect is command.Effect.READ for one in SHIPPED.values())


@pytest.mark.parametrize("path", sorted(procedure_tests.PROCEDURES.glob("*.yaml")), ids=lambda path: path.stem)
def test_kubectl_lines_name_context_and_namespace(path: pathlib.Path) -> None:
    assert "positivity" not in path.read_text()
    lines = [line for line in path.read_text().splitlines() if "kubectl" in line]

    assert all(".kubectl }}" in line for line in lines)


def test_readme_lists_the_facts_of_every_command() -> None:
    text = (procedure_tests.PROCEDURES.parent / "README.md").read_text()
    listed = set(re.findall(r"`([a-z_]+)`", text.partition("## Facts")[2].partition("\n## ")[0]))

    assert {fact for one in commands.load_all() if one.is_step for fact in one.facts} - listed == set()
