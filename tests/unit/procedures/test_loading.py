"""A folder of procedures: a mistake is told with its place and what was expected, and takes nothing else with it."""

import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

import commands
from bot import app, command, runbook_data
from bot.procedures import schema
from bot.procedures.definition import loader, validation_context
from sandbox import runbook_folder
from tests.unit.engine import fake_commands
from tests.unit.procedures import files

DATA = runbook_data.load(runbook_folder.PROJECT / "runbook_data")
COMMANDS: Mapping[str, command.Command[Any]] = {one.name: one for one in (*commands.COMMANDS, fake_commands.TURN)}
AROUND = validation_context.ValidationContext(
    commands=COMMANDS,
    vocabulary=app.vocabulary_of(DATA, COMMANDS),
    runbook=DATA.runbook,
    roles=("changers", "auditors"),
    parse_error=app.parse_errors(DATA, COMMANDS),
)
HEALTH, READ = files.SOUND["steps"]
TURN = {"id": "turn", "title": "Turn", "uses": "turn", "with": {"text": "x", "notes": "/n"}}
MANUAL = {"id": "ask", "title": "Ask", "uses": "manual", "with": {"instructions": "Look."}}

Write = Callable[..., pathlib.Path]


@pytest.fixture
def write(tmp_path: pathlib.Path) -> Write:
    def write(name: str = "triage", **changes: Any) -> pathlib.Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(files.a_document(**changes), sort_keys=False))
        return path

    return write


def reason_of(path: pathlib.Path) -> str:
    """Why the one file in this folder is disabled."""
    book = loader.load(path.parent, AROUND)
    assert book.procedures == ()
    (disabled,) = book.invalid
    return disabled.reason


def test_a_sound_file_is_loaded_with_the_effect_of_each_step(write: Write) -> None:
    path = write(steps=[HEALTH, TURN], access={"run": ["changers"]})

    (procedure,) = loader.load(path.parent, AROUND).procedures

    assert [step.effect for step in procedure.steps] == [schema.Effect.READ, schema.Effect.CHANGE]
    assert procedure.effect is schema.Effect.CHANGE


def step(**changes: Any) -> dict[str, Any]:
    return {"steps": [{**HEALTH, **changes}]}


MISTAKES = {
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
        {"steps": [TURN]},
        "access.run: “turn” changes something; expected roles, not everyone.",
    ),
    "a word that shadows a command": (
        {"command": {"word": "health", "examples": ["health x"]}},
        "command.word: “health” is a word of posbot's own; expected another.",
    ),
    "a word that follows run": (
        {"command": {"word": "show", "examples": ["show x"]}},
        "command.word: “show” is a word of posbot's own; expected another.",
    ),
    "a word that is a verb of the terminal": (
        {"command": {"word": "triage", "aliases": ["serve"], "examples": ["triage order"]}},
        "command.aliases.0: “serve” is a word of posbot's own; expected another.",
    ),
    "an alias twice": (
        {"command": {"word": "look-at", "aliases": ["look-at"], "examples": ["triage order"]}},
        "command.aliases.0: “look-at” stands here twice; expected it once.",
    ),
    "an example of another word": (
        {"command": {"word": "triage", "examples": ["trriage order"]}},
        "command.examples.0: it begins with “trriage”; expected triage.",
    ),
    "an example that cannot be understood": (
        {"command": {"word": "triage", "examples": ["triage nowhere"]}},
        "command.examples.0: There is no service called “nowhere”.",
    ),
    "a parameter of every procedure": (
        {"params": [{"name": "plan", "type": "flag", "help": "x"}]},
        "params.0.name: “plan” is an option that every procedure has; expected another name.",
    ),
    "a pattern with look-ahead": (
        {"params": [{"name": "text", "type": "text", "help": "x", "pattern": "(?=a)b"}]},
        "params.0.pattern: this is no regular expression without look-around and backreferences.",
    ),
    "a keyword of Python": (
        {"params": [{"name": "class", "type": "text", "help": "x"}]},
        "params.0.name: “class” means something to Python or pydantic; expected another name.",
    ),
    "a name that models have": (
        {"params": [{"name": "copy", "type": "text", "help": "x"}]},
        "params.0.name: “copy” means something to Python or pydantic; expected another name.",
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
        "params.0.pattern: this is no regular expression without look-around and backreferences.",
    ),
    "a choice that looks like an option": (
        {
            "params": [
                *files.SOUND["params"],
                {"name": "how", "type": "choice", "help": "x", "choices": ["x", "-slow"], "default": "x"},
            ]
        },
        "params.2.choices.1: “-slow” would be taken for an option; expected no - at its beginning.",
    ),
    "an answer that looks like an option": (
        {"steps": [{**MANUAL, "with": {"instructions": "Look.", "answers": ["done", "--question x"]}}]},
        "steps.0.with.answers.1: “--question x” would be taken for an option; expected no - at its beginning.",
    ),
    "two answers that are one": (
        {"steps": [{**MANUAL, "with": {"instructions": "Look.", "answers": ["Done", "done"]}}]},
        "steps.0.with.answers.1: “done” stands here twice; expected it once.",
    ),
    "an answer that stands for none": (
        {"steps": [{**MANUAL, "with": {"instructions": "Look.", "answers": ["Timeout", "fine"]}}]},
        "steps.0.with.answers.0: “Timeout” stands for no answer at all; expected another word.",
    ),
    "no time for the whole": ({"timeout": "0s"}, "timeout: expected 1s or more."),
    "no time for a step": (step(timeout=-30), "steps.0.timeout: expected 1s or more."),
    "no time for an answer": (
        {"steps": [{**MANUAL, "with": {"instructions": "Look.", "timeout": 0}}]},
        "steps.0.with.timeout: expected 1s or more.",
    ),
    "bounds the wrong way round": (
        {"params": [{"name": "n", "type": "number", "help": "x", "min": 5, "max": 1}]},
        "params.0.max: it is less than min.",
    ),
    "a lock on what a step tells": (
        {"lock": "{{ steps.health.outcome }}"},
        "lock: There is no earlier step called “health”.",
    ),
    "an unknown command": (
        step(uses="heath"),
        "steps.0.uses: There is no command called “heath”. Did you mean “health”?",
    ),
    "a command that is no step": (
        step(uses="help"),
        "steps.0.uses: “help” is no step; expected one of health, connectivity",
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
        {"steps": [{**TURN, "effect": "read"}], "access": {"run": ["changers"]}},
        "steps.0.effect: turn changes something; expected change, or no effect.",
    ),
    "a question to a role that is not there": (
        {"steps": [{**MANUAL, "with": {"instructions": "Look.", "by": "role:opps"}}]},
        "steps.0.with.by: There is no role in roles.yaml called “opps”.",
    ),
    "a retry of a person": (
        {"steps": [{**MANUAL, "retry": {"attempts": 2}}]},
        "steps.0.retry: a step that uses manual has none; expected it only beside a command.",
    ),
    "a link to a section that is not there": (
        {"steps": [{**READ, "with": {"text": "More", "section": "nowhere"}}]},
        "steps.0.with.section: There is no marker in runbook.md called “nowhere”.",
    ),
    "a key that is not known": ({"retries": 3}, "retries: this key is not known here; check its spelling."),
    "a step behind itself": (
        {"steps": [{**HEALTH, "on_failure": {"goto": "health"}}]},
        "steps.0.on_failure.goto: “health” is no later step; expected one, so that every run ends.",
    ),
}


@pytest.mark.parametrize(("changes", "sentence"), MISTAKES.values(), ids=list(MISTAKES))
def test_a_mistake_is_told_with_its_place(write: Write, changes: dict[str, Any], sentence: str) -> None:
    reason = reason_of(write(**changes))

    place, _, told = reason.splitlines()[0].partition(": ")
    assert told.startswith(sentence)
    assert place.rpartition(":")[2].isdecimal()


def test_a_mistake_is_told_once_and_not_in_the_words_of_python(write: Write) -> None:
    path = write(steps=[{**MANUAL, "with": {"instructions": "Look.", "answers": [True, False]}}])

    told = [line.partition(": ")[2] for line in reason_of(path).splitlines()]

    assert told == [
        f"steps.0.with.answers.{index}: expected a text; a number, true and false are one in quotes."
        for index in range(2)
    ]


def test_the_line_is_that_of_the_mistake(write: Write) -> None:
    path = write(steps=[HEALTH, {**HEALTH, "id": "again", "uses": "heath"}])
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if "heath" in text)

    assert f"triage.yaml:{line}: steps.1.uses: " in reason_of(path)


def test_a_key_that_stands_twice_is_a_mistake(write: Write) -> None:
    path = write()
    path.write_text(path.read_text() + "owner: somebody\n")

    assert "owner: the key stands here twice; expected it once." in reason_of(path)


@pytest.mark.parametrize("word", ["true", "3"])
def test_what_yaml_takes_for_something_else_than_a_word_is_a_mistake(write: Write, word: str) -> None:
    path = write()
    path.write_text(path.read_text().replace("owner: devops-team", f"owner: {word}"))

    assert "owner: expected a text; a number, true and false are one in quotes." in reason_of(path)


@pytest.mark.parametrize("word", ["yes", "off", "NO"])
def test_the_booleans_of_yaml_1_1_are_words(write: Write, word: str) -> None:
    path = write()
    path.write_text(path.read_text().replace("owner: devops-team", f"owner: {word}"))

    assert loader.load(path.parent, AROUND).procedures[0].owner == word


def test_one_bad_file_disables_that_procedure_alone(write: Write) -> None:
    write()
    write("broken", steps=[])
    path = write("other", id="other", command={"word": "other", "examples": ["other order"]})

    book = loader.load(path.parent, AROUND)

    assert [one.id for one in book.procedures] == ["other", "triage"]
    assert [one.name for one in book.invalid] == ["broken"]


def test_a_word_belongs_to_the_first_file_that_has_it(write: Write) -> None:
    write("aaa", id="aaa")
    path = write()

    book = loader.load(path.parent, AROUND)

    assert [one.id for one in book.procedures] == ["aaa"]
    assert "“triage” belongs to aaa.yaml already; expected another." in book.invalid[0].reason


def test_a_file_with_the_other_ending_is_not_passed_by(tmp_path: pathlib.Path, write: Write) -> None:
    write().rename(tmp_path / "triage.yml")

    assert reason_of(tmp_path / "triage.yml").endswith("triage.yml: expected the ending .yaml.")


def test_an_empty_file_and_one_that_is_no_yaml_are_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.yaml").write_text("")
    (tmp_path / "b.yaml").write_text("{")

    reasons = [one.reason for one in loader.load(tmp_path, AROUND).invalid]

    assert reasons[0].endswith("the file is empty.")
    assert "this is not YAML" in reasons[1]


def test_without_a_folder_there_are_no_procedures(tmp_path: pathlib.Path) -> None:
    assert loader.load(tmp_path / "nowhere", AROUND) == schema.ProcedureCatalog()


def test_all_shipped_procedures_are_sound() -> None:
    book = loader.load(runbook_folder.PROJECT / "runbook_data" / "procedures", AROUND)

    assert book.invalid == ()
    assert len(book.procedures) == len(list((runbook_folder.PROJECT / "runbook_data" / "procedures").glob("*.yaml")))
