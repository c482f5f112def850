"""Loading a folder of procedures: an error has its location and what was expected, and disables only its file."""

import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

import commands
from bot import app, command, runbook_data
from bot.procedures import loader, schema
from bot.procedures.definition import validation_context
from sandbox import runbook_folder
from tests.unit.engine import fake_commands
from tests.unit.procedures import files

DATA = runbook_data.load(runbook_folder.PROJECT / "runbook_data")
COMMANDS: Mapping[str, command.Command[Any]] = {one.name: one for one in (*commands.load_all(), fake_commands.CHANGE)}
CONTEXT = validation_context.ValidationContext(
    commands=COMMANDS,
    vocabulary=app.vocabulary_of(DATA, COMMANDS),
    runbook=DATA.runbook,
    roles=("changers", "auditors"),
    parse_error=app.parse_errors(DATA, COMMANDS),
)
HEALTH, READ = files.VALID["steps"]
CHANGE = {"id": "change", "title": "Change", "uses": "change", "with": {"text": "x", "notes": "/n"}}
MANUAL = {"id": "ask", "title": "Ask", "uses": "manual", "with": {"instructions": "Look."}}

Write = Callable[..., pathlib.Path]


@pytest.fixture
def write(tmp_path: pathlib.Path) -> Write:
    def write(name: str = "triage", **changes: Any) -> pathlib.Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(files.a_document(**changes), sort_keys=False))
        return path

    return write


def error_of(path: pathlib.Path) -> str:
    """Return why the only file in this folder is invalid."""
    catalog = loader.load(path.parent, CONTEXT)
    assert catalog.procedures == ()
    (invalid,) = catalog.invalid
    return invalid.reason


def test_valid_file_has_the_effect_of_each_step(write: Write) -> None:
    path = write(steps=[HEALTH, CHANGE], access={"run": ["changers"]})

    (procedure,) = loader.load(path.parent, CONTEXT).procedures

    assert [step.effect for step in procedure.steps] == [command.Effect.READ, command.Effect.CHANGE]
    assert procedure.effect is command.Effect.CHANGE


def step(**changes: Any) -> dict[str, Any]:
    return {"steps": [{**HEALTH, **changes}]}


ERRORS = {
    "an id that is not the file's": ({"id": "triagg"}, "id: “triagg” is not the name of the file; expected triage."),
    "an unknown section": (
        {"doc": {"section": "health-failin"}},
        "doc.section: There is no marker in runbook.md called “health-failin”. Did you mean “health-failing”",
    ),
    "an unknown role": (
        {"access": {"run": ["changer"]}},
        "access.run.0: There is no role in roles.yaml called “changer”. Did you mean “changers”?",
    ),
    "everyone may change": (
        {"steps": [CHANGE]},
        "access.run: “change” changes something; expected roles, not everyone.",
    ),
    "a word that shadows a command": (
        {"command": {"name": "health", "examples": ["health x"]}},
        "command.name: “health” is reserved.",
    ),
    "a word that follows run": (
        {"command": {"name": "show", "examples": ["show x"]}},
        "command.name: “show” is reserved.",
    ),
    "a word that is a verb of the terminal": (
        {"command": {"name": "triage", "aliases": ["serve"], "examples": ["triage order"]}},
        "command.aliases.0: “serve” is reserved.",
    ),
    "an alias twice": (
        {"command": {"name": "look-at", "aliases": ["look-at"], "examples": ["triage order"]}},
        "command.aliases.0: duplicate “look-at”.",
    ),
    "an example of another word": (
        {"command": {"name": "triage", "examples": ["trriage order"]}},
        "command.examples.0: it begins with “trriage”; expected triage.",
    ),
    "an example that cannot be understood": (
        {"command": {"name": "triage", "examples": ["triage order --nowhere"]}},
        "command.examples.0: Unknown option: --nowhere.",
    ),
    "a parameter of every procedure": (
        {"params": [{"name": "plan", "type": "flag", "help": "x"}]},
        "params.0.name: “plan” is an option of every procedure.",
    ),
    "a pattern with look-ahead": (
        {"params": [{"name": "text", "type": "text", "help": "x", "pattern": "(?=a)b"}]},
        "params.0.pattern: not a valid regular expression; look-around and backreferences are not supported.",
    ),
    "a keyword of Python": (
        {"params": [{"name": "class", "type": "text", "help": "x"}]},
        "params.0.name: “class” is reserved by Python or pydantic.",
    ),
    "a name that models have": (
        {"params": [{"name": "copy", "type": "text", "help": "x"}]},
        "params.0.name: “copy” is reserved by Python or pydantic.",
    ),
    "a default that is no service": (
        {"params": [{"name": "service", "type": "service", "help": "x", "default": "nowhere"}]},
        "params.0.default: There is no service called “nowhere”.",
    ),
    "a default that does not fit": (
        {"params": [{"name": "n", "type": "number", "help": "x", "max": 5, "default": 7}]},
        "params.0.default: expected less than or equal to 5.",
    ),
    "a flag whose default is a word": (
        {"params": [{"name": "dry", "type": "flag", "help": "x", "default": "no"}]},
        "params.0.default: expected true or false.",
    ),
    "a number that is true": (
        {"params": [{"name": "n", "type": "number", "help": "x", "default": True}]},
        "params.0.default: expected a number.",
    ),
    "a pattern that closes more than it opens": (
        {"params": [{"name": "text", "type": "text", "help": "x", "pattern": "a)|(b"}]},
        "params.0.pattern: not a valid regular expression; look-around and backreferences are not supported.",
    ),
    "a choice that looks like an option": (
        {
            "params": [
                *files.VALID["params"],
                {"name": "how", "type": "choice", "help": "x", "choices": ["x", "-slow"], "default": "x"},
            ]
        },
        "params.2.choices.1: “-slow” looks like an option; expected it not to begin with -.",
    ),
    "an answer that looks like an option": (
        {"steps": [{**MANUAL, "with": {"instructions": "Look.", "answers": ["done", "--question x"]}}]},
        "steps.0.with.answers.1: “--question x” looks like an option; expected it not to begin with -.",
    ),
    "two answers that are one": (
        {"steps": [{**MANUAL, "with": {"instructions": "Look.", "answers": ["Done", "done"]}}]},
        "steps.0.with.answers.1: duplicate “done”.",
    ),
    "an answer that stands for none": (
        {"steps": [{**MANUAL, "with": {"instructions": "Look.", "answers": ["Timeout", "fine"]}}]},
        "steps.0.with.answers.0: “timeout” is reserved.",
    ),
    "no time for the whole": ({"timeout": "0s"}, "timeout: expected 1s or more."),
    "no time for a step": (step(timeout=-30), "steps.0.timeout: expected 1s or more."),
    "no time for an answer": (
        {"steps": [{**MANUAL, "with": {"instructions": "Look.", "timeout": 0}}]},
        "steps.0.with.timeout: expected 1s or more.",
    ),
    "bounds the wrong way round": (
        {"params": [{"name": "n", "type": "number", "help": "x", "min": 5, "max": 1}]},
        "params.0.max: less than min.",
    ),
    "a lock on what a step tells": (
        {"lock": "{{ steps.health.outcome }}"},
        "lock: There is no earlier step called “health”.",
    ),
    "an outcome that tells of a later step": (
        {"steps": [HEALTH | {"outcome": "{{ steps.read.outcome }}"}, READ]},
        "steps.0.outcome: There is no earlier step called “read”.",
    ),
    "an outcome with a fact that is not saved": (
        step(outcome="{{ steps.health.saved.version }}"),
        "steps.0.outcome: There is no saved fact of the step health called “version”.",
    ),
    "an unknown command": (
        step(uses="heath"),
        "steps.0.uses: There is no command called “heath”. Did you mean “health”?",
    ),
    "a command that is no step": (
        step(uses="help"),
        "steps.0.uses: “help” cannot be a step; expected one of health, connectivity",
    ),
    "a parameter that the command has not": (
        step(**{"with": {"selektion": "pos-order"}}),
        "steps.0.with.selektion: There is no parameter of health called “selektion”. Did you mean “selection”?",
    ),
    "a value that the command does not take": (
        step(**{"with": {"selection": "pos-ordre"}}),
        "steps.0.with.selection: There is no service or group called “pos-ordre”.",
    ),
    "a parameter that is missing": (
        {"steps": [{**HEALTH, "uses": "pods", "with": {}}]},
        "steps.0.with.service: this key is missing.",
    ),
    "a name that nothing declares": (
        step(**{"with": {"selection": "{{ params.servise }}"}}),
        "steps.0.with.selection: There is no parameter called “servise”. Did you mean “service”?",
    ),
    "a step that comes later": (
        {"steps": [{**HEALTH, "when": "steps.read.outcome == 'succeeded'"}, READ]},
        "steps.0.when: column 1: There is no earlier step called “read”.",
    ),
    "an expression that is none": (step(when="params.env = 'prod'"), "steps.0.when: column 12: write == to compare."),
    "a fact that the command does not report": (
        step(save={"mood": "mood"}),
        "steps.0.save.mood: There is no fact of health called “mood”.",
    ),
    "a change that calls itself a read": (
        {"steps": [{**CHANGE, "effect": "read"}], "access": {"run": ["changers"]}},
        "steps.0.effect: change changes something; expected change, or no effect.",
    ),
    "a question to a role that is not there": (
        {"steps": [{**MANUAL, "with": {"instructions": "Look.", "by": "role:opps"}}]},
        "steps.0.with.by: There is no role in roles.yaml called “opps”.",
    ),
    "a retry of a person": (
        {"steps": [{**MANUAL, "retry": {"attempts": 2}}]},
        "steps.0.retry: not allowed beside manual, only beside a command.",
    ),
    "a link to a section that is not there": (
        {"steps": [{**READ, "with": {"text": "More", "section": "nowhere"}}]},
        "steps.0.with.section: There is no marker in runbook.md called “nowhere”.",
    ),
    "a key that is not known": ({"retries": 3}, "retries: this key is not known here; check its spelling."),
    "the old name of a key": (
        {"command": {"word": "triage", "examples": ["triage order"]}},
        "command.word: this key is called name now; rename it.",
    ),
    "a question in finally": (
        {"finally": [MANUAL]},
        "finally.0.uses: a step of finally cannot ask a person.",
    ),
    "a name that follows run list": (
        {"command": {"name": "list", "examples": ["list x"]}},
        "command.name: “list” is reserved.",
    ),
    "a name that an alias of a command has": (
        {"command": {"name": "runs", "examples": ["runs x"]}},
        "command.name: “runs” is reserved.",
    ),
    "a step behind itself": (
        {"steps": [{**HEALTH, "on_failure": {"goto": "health"}}]},
        "steps.0.on_failure.goto: “health” is not a later step; expected one, so that every run ends.",
    ),
}


@pytest.mark.parametrize(("changes", "sentence"), ERRORS.values(), ids=list(ERRORS))
def test_error_has_its_location(write: Write, changes: dict[str, Any], sentence: str) -> None:
    reason = error_of(write(**changes))

    place, _, told = reason.splitlines()[0].partition(": ")
    assert told.startswith(sentence)
    assert place.rpartition(":")[2].isdecimal()


def test_error_is_reported_once_without_python_terms(write: Write) -> None:
    path = write(steps=[{**MANUAL, "with": {"instructions": "Look.", "answers": [True, False]}}])

    told = [line.partition(": ")[2] for line in error_of(path).splitlines()]

    assert told == [
        f"steps.0.with.answers.{index}: expected a text; a number, true and false are one in quotes."
        for index in range(2)
    ]


def test_line_number_is_that_of_the_error(write: Write) -> None:
    path = write(steps=[HEALTH, {**HEALTH, "id": "again", "uses": "heath"}])
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if "heath" in text)

    assert f"triage.yaml:{line}: steps.1.uses: " in error_of(path)


def test_duplicate_key_is_an_error(write: Write) -> None:
    path = write()
    path.write_text(path.read_text() + "owner: somebody\n")

    assert "owner: the key stands here twice; expected it once." in error_of(path)


@pytest.mark.parametrize("word", ["true", "3"])
def test_yaml_scalar_that_is_not_a_text_is_an_error(write: Write, word: str) -> None:
    path = write()
    path.write_text(path.read_text().replace("owner: devops-team", f"owner: {word}"))

    assert "owner: expected a text; a number, true and false are one in quotes." in error_of(path)


@pytest.mark.parametrize("word", ["yes", "off", "NO"])
def test_booleans_of_yaml_1_1_are_texts(write: Write, word: str) -> None:
    path = write()
    path.write_text(path.read_text().replace("owner: devops-team", f"owner: {word}"))

    assert loader.load(path.parent, CONTEXT).procedures[0].owner == word


def test_invalid_file_disables_only_its_procedure(write: Write) -> None:
    write()
    write("broken", steps=[])
    path = write("other", id="other", command={"name": "other", "examples": ["other order"]})

    catalog = loader.load(path.parent, CONTEXT)

    assert [one.id for one in catalog.procedures] == ["other", "triage"]
    assert [one.name for one in catalog.invalid] == ["broken"]


def test_name_belongs_to_the_first_file_that_has_it(write: Write) -> None:
    write("aaa", id="aaa")
    path = write()

    catalog = loader.load(path.parent, CONTEXT)

    assert [one.id for one in catalog.procedures] == ["aaa"]
    assert "“triage” is already used by aaa.yaml." in catalog.invalid[0].reason


def test_wrong_suffix_is_reported(tmp_path: pathlib.Path, write: Write) -> None:
    write().rename(tmp_path / "triage.yml")

    assert error_of(tmp_path / "triage.yml").endswith("triage.yml: expected the suffix .yaml.")


def test_empty_file_and_invalid_yaml_are_reported(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.yaml").write_text("")
    (tmp_path / "b.yaml").write_text("{")

    reasons = [one.reason for one in loader.load(tmp_path, CONTEXT).invalid]

    assert reasons[0].endswith("the file is empty.")
    assert "this is not YAML" in reasons[1]


def test_missing_folder_means_no_procedures(tmp_path: pathlib.Path) -> None:
    assert loader.load(tmp_path / "nowhere", CONTEXT) == schema.ProcedureCatalog()


def test_shipped_procedures_are_valid() -> None:
    catalog = loader.load(runbook_folder.PROJECT / "runbook_data" / "procedures", CONTEXT)

    assert catalog.invalid == ()
    assert len(catalog.procedures) == len(list((runbook_folder.PROJECT / "runbook_data" / "procedures").glob("*.yaml")))
