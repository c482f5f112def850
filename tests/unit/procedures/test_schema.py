"""The schema that editors use takes what posbot takes, and marks what posbot refuses."""

import json
from typing import Any

import jsonschema
import pytest
import yaml

from bot import __main__ as entry
from bot.procedures import validation
from bot.terminal import verbs
from sandbox import runbook_folder
from tests.unit.procedures import files, procedure_tests

FILE = runbook_folder.PROJECT / "runbook_data" / "procedure.schema.json"
SCHEMA = json.loads(FILE.read_text())
SHIPPED = sorted(procedure_tests.PROCEDURES.glob("*.yaml"))


def violations(document: object) -> list[str]:
    return [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(document)]


def test_schema_verb_prints_the_shipped_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run(["schema"]) == 0
    assert FILE.read_text() == capsys.readouterr().out


def test_schema_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_schema_accepts_every_shipped_procedure(path: Any) -> None:
    assert violations(yaml.safe_load(path.read_text())) == []


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_procedure_names_the_schema(path: Any) -> None:
    assert path.read_text().startswith("# yaml-language-server: $schema=../procedure.schema.json\n")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"retries": 3}, id="unknown key"),
        pytest.param({"title": None}, id="missing key"),
        pytest.param({"timeout": "a while"}, id="no duration"),
        pytest.param({"id": "Triage"}, id="capital letter"),
        pytest.param({"steps": [{**files.VALID["steps"][0], "uses": "heath"}]}, id="unknown command"),
        pytest.param({"steps": [{**files.VALID["steps"][0], "on_failure": "giveup"}]}, id="unknown word"),
        pytest.param({"steps": []}, id="no steps"),
    ],
)
def test_schema_rejects_what_posbot_rejects(changes: dict[str, Any]) -> None:
    assert violations(files.a_document(**changes))


def test_schema_describes_every_field() -> None:
    step = SCHEMA["$defs"]["Step"]["properties"]

    assert "name of a command" in step["uses"]["description"] or "word of a command" in step["uses"]["description"]
    assert "health" in step["uses"]["enum"]


def test_subcommands_of_the_terminal_are_reserved() -> None:
    assert {*verbs.LOCAL, *verbs.OPERATOR} <= validation.RESERVED
