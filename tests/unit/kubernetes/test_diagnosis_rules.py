"""diagnosis.yaml: what operators may write, and how mistakes are reported."""

import pathlib
import shutil

import pytest

from bot import errors, runbook_data
from bot.config import yaml_files
from bot.kubernetes.diagnosis import matcher, observations, rules
from sandbox import runbook_folder

ENTRY = {
    "id": "tea",
    "where": "log",
    "pattern": "'no tea in (?P<pot>\\w+)'",
    "title": "the {pot} is empty",
    "certainty": "certain",
    "section": "start-failures",
    "advice": "Fill the {pot}.",
}


def written(path: pathlib.Path, *entries: dict[str, str]) -> pathlib.Path:
    lines = ["rules:"]
    for entry in entries:
        lines += [
            f"  {'- ' if not number else '  '}{key}: {value}" for number, (key, value) in enumerate(entry.items())
        ]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "diagnosis.yaml"


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    return pathlib.Path(shutil.copytree(runbook_folder.PROJECT / "runbook_data", tmp_path / "runbook_data"))


def mistake(path: pathlib.Path, **changes: str) -> str:
    with pytest.raises(errors.BadConfiguration) as caught:
        yaml_files.load(written(path, ENTRY | changes), rules.Rules, {"sections": ["start-failures"]})
    return str(caught.value).removeprefix(f"{path}:")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param({"pattern": r"'(a)\1'"}, "4: rules.0.pattern: invalid pattern", id="backreference"),
        pytest.param({"pattern": "'a(?=b)'"}, "4: rules.0.pattern: invalid pattern", id="look-ahead"),
        pytest.param({"pattern": "'(a'"}, "(missing ): (a); expected RE2 syntax", id="bracket"),
        pytest.param({"pattern": "'(?P<a x)'"}, "4: rules.0.pattern: invalid pattern", id="group without its end"),
        pytest.param({"pattern": "'.*'"}, "4: rules.0.pattern: this pattern matches the empty", id="fits everything"),
        pytest.param({"pattern": f"'{'a' * 1001}'"}, "4: rules.0.pattern: String should have at most", id="too long"),
        pytest.param(
            {"title": "'the {port} is empty'"},
            "5: rules.0.title: {port} is unknown; known fields: {action}, {description}, {innermost}, {pot}",
            id="unknown group in the title",
        ),
        pytest.param({"advice": "'{pot!r}'"}, "8: rules.0.advice: expected {port}, without a", id="conversion"),
        pytest.param({"advice": "'{pot'"}, "8: rules.0.advice: unbalanced braces", id="open brace"),
        pytest.param({"advice": "'{}'"}, "8: rules.0.advice: {} is unknown", id="no name"),
        pytest.param({"advice": "''"}, "8: rules.0.advice: String should have at least 1", id="no advice"),
        pytest.param(
            {"section": "tea-time"}, "7: rules.0.section: unknown runbook marker “tea-time”",
            id="unknown section",
        ),
        pytest.param({"certainty": "sure"}, "6: rules.0.certainty: expected 'certain', 'likely'", id="certainty"),
        pytest.param({"where": "[log, pod]"}, "3: rules.0.where.1: expected 'log', 'event' or", id="where"),
        pytest.param({"where": "[]"}, "3: rules.0.where: expected at least 1 item", id="nowhere"),
        pytest.param({"sympton": "true"}, "9: rules.0.sympton: this key is not known here", id="misspelt key"),
        pytest.param({"id": "Tea Time"}, "2: rules.0.id:", id="id"),
    ],
)  # fmt: skip
def test_mistake_names_file_line_and_key(path: pathlib.Path, changes: dict[str, str], told: str) -> None:
    assert told in mistake(path, **changes)


def test_duplicate_id_is_invalid(path: pathlib.Path) -> None:
    written(path, ENTRY, ENTRY)

    with pytest.raises(errors.BadConfiguration, match=r"diagnosis\.yaml:9: rules\.1\.id: duplicate id “tea”"):
        yaml_files.load(path, rules.Rules)


def test_mistakes_of_several_rules_are_reported_together(path: pathlib.Path) -> None:
    written(path, ENTRY | {"pattern": "'('"}, ENTRY | {"id": "milk", "title": "'{sugar}'"})

    with pytest.raises(errors.BadConfiguration) as caught:
        yaml_files.load(path, rules.Rules)

    assert [line.removeprefix(f"{path}:").split(":")[0] for line in str(caught.value).splitlines()] == ["4", "12"]


def test_mistakes_are_reported_with_those_of_other_files(folder: pathlib.Path) -> None:
    written(folder / "diagnosis.yaml", ENTRY | {"section": "nowhere"})
    (folder / "roles.yaml").write_text("unknown: 1\n")

    with pytest.raises(errors.BadConfiguration) as caught:
        runbook_data.load(folder)

    assert "diagnosis.yaml:7: rules.0.section" in str(caught.value)
    assert "roles.yaml:1: unknown" in str(caught.value)


def test_invalid_runbook_is_not_blamed_on_the_rules(folder: pathlib.Path) -> None:
    (folder / "runbook.md").write_text("<!-- posbot: start-failures -->\nno heading\n")

    with pytest.raises(errors.BadConfiguration) as caught:
        runbook_data.load(folder)

    assert "diagnosis.yaml" not in str(caught.value)


def test_rule_of_an_operator_is_used(folder: pathlib.Path) -> None:
    path = folder / "diagnosis.yaml"
    entry = "\n".join(f"  {'- ' if key == 'id' else '  '}{key}: {value}" for key, value in ENTRY.items())
    path.write_text(path.read_text().replace("rules:\n", f"rules:\n{entry}\n", 1))
    seen = observations.Observation(
        where=rules.Location.LOG, text="a\nno tea in kettle\nb", source="log of a pod", pod="a"
    )

    [finding] = matcher.find(runbook_data.load(folder).diagnosis_rules, [seen])

    assert (finding.id, finding.title, finding.advice) == ("tea", "the kettle is empty", "Fill the kettle.")
    assert finding.evidence == rules.Evidence(source="log of a pod", text="no tea in kettle")


def test_pattern_runs_in_linear_time(path: pathlib.Path) -> None:
    """A backtracking engine would need exponential time."""
    table = yaml_files.load(written(path, ENTRY | {"pattern": "'(?P<pot>(a|a)*)*b$'"}), rules.Rules)
    seen = observations.Observation(where=rules.Location.LOG, text="a" * 100_000, source="log")

    assert matcher.find(table, [seen]) == []


def test_class_file_version_becomes_a_java_version(path: pathlib.Path) -> None:
    entry = ENTRY | {"pattern": r"'needs (?P<class_file_needed>[\d.]+)'", "title": "'{java_needed}'", "advice": "Go."}
    table = yaml_files.load(written(path, entry), rules.Rules)

    found = matcher.find(
        table, [observations.Observation(where=rules.Location.LOG, text=f"needs {version}", source="log")
                for version in ("65.0", "52", "...")]
    )  # fmt: skip

    assert [finding.title for finding in found] == ["21", "8", "?"]
