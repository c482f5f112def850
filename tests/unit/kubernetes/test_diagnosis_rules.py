"""The table of causes: what operators may write in it, and what they are told of their mistakes."""

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
    lines = ["causes:"]
    for entry in entries:
        lines += [
            f"  {'- ' if not number else '  '}{key}: {value}" for number, (key, value) in enumerate(entry.items())
        ]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "causes.yaml"


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
        pytest.param({"pattern": r"'(a)\1'"}, "4: causes.0.pattern: this pattern cannot be read", id="backreference"),
        pytest.param({"pattern": "'a(?=b)'"}, "4: causes.0.pattern: this pattern cannot be read", id="look-ahead"),
        pytest.param({"pattern": "'(a'"}, "(missing ): (a); expected the syntax of RE2", id="bracket"),
        pytest.param({"pattern": "'(?P<a x)'"}, "4: causes.0.pattern: this pattern", id="group without its end"),
        pytest.param({"pattern": "'.*'"}, "4: causes.0.pattern: this pattern fits everything", id="fits everything"),
        pytest.param({"pattern": f"'{'a' * 1001}'"}, "4: causes.0.pattern: String should have at most", id="too long"),
        pytest.param(
            {"title": "'the {port} is empty'"},
            "5: causes.0.title: {port} cannot be filled in; known are {innermost}, {pot}",
            id="unknown group in the title",
        ),
        pytest.param({"advice": "'{pot!r}'"}, "8: causes.0.advice: a name in braces stands alone", id="conversion"),
        pytest.param({"advice": "'{pot'"}, "8: causes.0.advice: the braces do not match up", id="open brace"),
        pytest.param({"advice": "'{}'"}, "8: causes.0.advice: {} cannot be filled in", id="no name"),
        pytest.param({"advice": "''"}, "8: causes.0.advice: String should have at least 1", id="no advice"),
        pytest.param(
            {"section": "tea-time"}, "7: causes.0.section: no heading of the runbook carries the marker “tea-time”",
            id="unknown section",
        ),
        pytest.param({"certainty": "sure"}, "6: causes.0.certainty: expected 'certain', 'likely'", id="certainty"),
        pytest.param({"where": "[log, pod]"}, "3: causes.0.where.1: expected 'log', 'event' or", id="where"),
        pytest.param({"where": "[]"}, "3: causes.0.where: expected at least 1 item", id="nowhere"),
        pytest.param({"sympton": "true"}, "9: causes.0.sympton: this key is not known here", id="misspelt key"),
        pytest.param({"id": "Tea Time"}, "2: causes.0.id:", id="id"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_line_and_key(path: pathlib.Path, changes: dict[str, str], told: str) -> None:
    assert told in mistake(path, **changes)


def test_an_id_means_one_thing(path: pathlib.Path) -> None:
    written(path, ENTRY, ENTRY)

    with pytest.raises(errors.BadConfiguration, match=r"causes\.yaml:9: causes\.1\.id: “tea” stands here twice"):
        yaml_files.load(path, rules.Rules)


def test_mistakes_of_several_entries_are_told_at_once(path: pathlib.Path) -> None:
    written(path, ENTRY | {"pattern": "'('"}, ENTRY | {"id": "milk", "title": "'{sugar}'"})

    with pytest.raises(errors.BadConfiguration) as caught:
        yaml_files.load(path, rules.Rules)

    assert [line.removeprefix(f"{path}:").split(":")[0] for line in str(caught.value).splitlines()] == ["4", "12"]


def test_a_mistake_in_the_table_stands_beside_those_of_other_files(folder: pathlib.Path) -> None:
    written(folder / "causes.yaml", ENTRY | {"section": "nowhere"})
    (folder / "roles.yaml").write_text("unknown: 1\n")

    with pytest.raises(errors.BadConfiguration) as caught:
        runbook_data.load(folder)

    assert "causes.yaml:7: causes.0.section" in str(caught.value)
    assert "roles.yaml:1: unknown" in str(caught.value)


def test_a_runbook_that_cannot_be_read_is_not_blamed_on_the_table(folder: pathlib.Path) -> None:
    (folder / "runbook.md").write_text("<!-- posbot: start-failures -->\nno heading\n")

    with pytest.raises(errors.BadConfiguration) as caught:
        runbook_data.load(folder)

    assert "causes.yaml" not in str(caught.value)


def test_an_entry_of_the_operators_own_is_used(folder: pathlib.Path) -> None:
    path = folder / "causes.yaml"
    entry = "\n".join(f"  {'- ' if key == 'id' else '  '}{key}: {value}" for key, value in ENTRY.items())
    path.write_text(path.read_text().replace("causes:\n", f"causes:\n{entry}\n", 1))
    seen = observations.Observation(
        where=rules.Location.LOG, text="a\nno tea in kettle\nb", source="log of a pod", pod="a"
    )

    [finding] = matcher.find(runbook_data.load(folder).diagnosis_rules, [seen])

    assert (finding.id, finding.title, finding.advice) == ("tea", "the kettle is empty", "Fill the kettle.")
    assert finding.evidence == rules.Evidence(source="log of a pod", text="no tea in kettle")


def test_no_pattern_takes_long_whatever_it_is_searched_in(path: pathlib.Path) -> None:
    """With a backtracking engine this one would run until after the end of the universe."""
    table = yaml_files.load(written(path, ENTRY | {"pattern": "'(?P<pot>(a|a)*)*b$'"}), rules.Rules)
    seen = observations.Observation(where=rules.Location.LOG, text="a" * 100_000, source="log")

    assert matcher.find(table, [seen]) == []


def test_a_version_of_class_files_becomes_one_of_java(path: pathlib.Path) -> None:
    entry = ENTRY | {"pattern": r"'needs (?P<class_file_needed>[\d.]+)'", "title": "'{java_needed}'", "advice": "Go."}
    table = yaml_files.load(written(path, entry), rules.Rules)

    found = matcher.find(
        table, [observations.Observation(where=rules.Location.LOG, text=f"needs {version}", source="log")
                for version in ("65.0", "52", "...")]
    )  # fmt: skip

    assert [finding.title for finding in found] == ["21", "8", "?"]
