"""Every shipped procedure goes as its rehearsals say, and these leave no branch of it out."""

import pathlib

import pytest

from bot.dispatch import parser
from bot.procedures import runs, schema
from tests.unit.procedures import files, procedure_tests

FILES = sorted(procedure_tests.FOLDER.glob("*.yaml"))
SHIPPED = sorted(path.stem for path in procedure_tests.PROCEDURES.glob("*.yaml"))
CASES = [
    pytest.param(book.procedure, rehearsal, id=f"{book.procedure}: {rehearsal.name}")
    for book in map(procedure_tests.load, FILES)
    for rehearsal in book.rehearsals
]


@pytest.fixture(scope="module")
def words() -> parser.Parser:
    return procedure_tests.parser()


@pytest.mark.parametrize(("procedure_id", "rehearsal"), CASES)
def test_it_goes_as_rehearsed(procedure_id: str, rehearsal: procedure_tests.Rehearsal, words: parser.Parser) -> None:
    course = procedure_tests.Stage(procedure_tests.shipped(procedure_id), rehearsal, words).play()

    assert course.path == rehearsal.path
    assert course.run.state is rehearsal.ends


@pytest.mark.parametrize("procedure_id", SHIPPED)
def test_no_branch_is_left_out(procedure_id: str, words: parser.Parser) -> None:
    procedure = procedure_tests.shipped(procedure_id)
    book = procedure_tests.load(procedure_tests.FOLDER / f"{procedure_id}.yaml")

    assert never_taken(procedure, book.rehearsals, words) == []


def never_taken(
    procedure: schema.Procedure, rehearsals: tuple[procedure_tests.Rehearsal, ...], words: parser.Parser
) -> list[str]:
    taken = {branch for one in rehearsals for branch in procedure_tests.Stage(procedure, one, words).play().branches}
    return [branch for branch in procedure_tests.branches(procedure) if branch not in taken]


def test_there_is_one_for_each_section_that_can_be_run() -> None:
    sections = {procedure_tests.shipped(procedure_id).doc.section for procedure_id in SHIPPED}

    assert {"health-checks", "key-signals", "start-failures", "health-failing", "workspace-escalation"} <= sections


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_named_after_its_procedure(path: pathlib.Path) -> None:
    assert procedure_tests.load(path).procedure == path.stem


# The rehearsals themselves: what they would overlook would be overlooked everywhere.


def a_rehearsal(**changes: object) -> procedure_tests.Rehearsal:
    values = {"name": "x", "params": {"service": "pos-order"}, "path": (), "ends": "succeeded"}
    return procedure_tests.Rehearsal.model_validate(values | changes)


def test_a_branch_that_nobody_rehearses_is_named(words: parser.Parser) -> None:
    steps = [
        {**files.SOUND["steps"][0], "on_failure": {"goto": "read"}},
        {"id": "ask", "title": "Ask", "uses": "manual", "with": {"instructions": "Look.", "answers": ["a", "b", "c"]}},
        {**files.SOUND["steps"][1], "when": "steps.health.outcome == 'failed'"},
    ]
    procedure = files.a_procedure(steps=steps)

    assert never_taken(procedure, (a_rehearsal(outcomes={"ask": "a"}),), words) == [
        "health: fails",
        "ask: answered b",
        "ask: answered c",
        "read: wanted",
    ]


def test_an_outcome_that_never_comes_about_is_a_mistake(words: parser.Parser) -> None:
    steps = [{**files.SOUND["steps"][0], "when": "params.env == 'prod'"}]

    with pytest.raises(AssertionError, match="nothing ever comes of"):
        procedure_tests.Stage(files.a_procedure(steps=steps), a_rehearsal(outcomes={"health": "failed"}), words).play()


def test_a_fact_that_the_command_does_not_report_is_a_mistake(words: parser.Parser) -> None:
    rehearsal = a_rehearsal(outcomes={"health": {"facts": {"mood": "good"}}})

    with pytest.raises(AssertionError, match="health reports no"):
        procedure_tests.Stage(files.a_procedure(), rehearsal, words).play()


def test_a_value_that_the_command_does_not_take_is_a_mistake(words: parser.Parser) -> None:
    steps = [{**files.SOUND["steps"][0], "with": {"selection": "{{ params.service }}", "wait": "a while"}}]

    with pytest.raises(AssertionError, match="“a while” is no duration"):
        procedure_tests.Stage(files.a_procedure(steps=steps), a_rehearsal(), words).play()


def test_a_person_who_is_not_given_an_answer_is_a_mistake(words: parser.Parser) -> None:
    steps = [{"id": "ask", "title": "Ask", "uses": "manual", "with": {"instructions": "Look."}}]

    with pytest.raises(procedure_tests.Unanswered, match="does not say what ask is answered"):
        procedure_tests.Stage(files.a_procedure(steps=steps), a_rehearsal(), words).play()


def test_a_step_that_is_tried_again_can_come_out_differently(words: parser.Parser) -> None:
    steps = [{**files.SOUND["steps"][0], "retry": {"attempts": 2, "delay": "0s"}}]
    rehearsal = a_rehearsal(outcomes={"health": ["failed", "ok"]})

    course = procedure_tests.Stage(files.a_procedure(steps=steps), rehearsal, words).play()

    assert course.run.state is runs.RunState.SUCCEEDED
    assert course.run.find("health").attempt == 2
