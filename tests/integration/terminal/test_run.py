"""A run attached to a terminal: executed and asked there, detached and reattached."""

import dataclasses
import json
import pathlib
import re
import signal
import subprocess
import sys
from collections.abc import Mapping

import pytest

from sandbox import processes, runbook_folder
from tests import cli_runner, terminals

pytestmark = pytest.mark.slow


PROCEDURE = """
schema: 1
id: look-around
title: Look around
summary: look, ask, and look again
owner: tests
doc: {section: how-to-use}
command: {name: look-around, examples: [look-around]}
access: {run: [everyone]}
params: [{name: bad, type: flag, help: let the last step fail}]
steps:
  - {id: first, title: The catalogue, uses: services, with: {words: pos-order}}
  - id: person
    title: Somebody looks
    uses: manual
    with: {instructions: "Is it there\\u001b[31m?", answers: [it is there, it is not], note: required}
  - {id: last, title: The other one, uses: services, with: {words: pos-price}}
  - {id: odd, title: Nothing at all, uses: services, with: {words: nothing-at-all}, when: params.bad}
"""


@pytest.fixture
def environment(tmp_path: pathlib.Path) -> dict[str, str]:
    runbook_folder.write(tmp_path / "runbook_data", {})
    (tmp_path / "runbook_data" / "procedures" / "look-around.yaml").write_text(PROCEDURE)
    return {
        **processes.plain_environment(tmp_path),
        "POSBOT_RUNBOOK_DATA": str(tmp_path / "runbook_data"),
        "DATABASE_URL": f"sqlite:///{tmp_path}/posbot.db",
        "TERM": "xterm",
        "COLUMNS": "100",
    }


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """The result of a command line without a terminal."""

    returncode: int
    stdout: str
    stderr: str


def posbot(environment: Mapping[str, str], *words: str) -> Result:
    return Result(*cli_runner.answer(environment, *words))


def at_a_terminal(environment: Mapping[str, str], *words: str) -> terminals.Terminal:
    return terminals.Terminal(["-m", "bot", *words], environment)


def plain(screen: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen)


def test_without_a_terminal_steps_are_lines_and_answers_are_commands(environment: dict[str, str]) -> None:
    begun = posbot(environment, "look-around")
    listed = json.loads(posbot(environment, "run", "list", "--output", "json").stdout)
    run_id = listed["next_actions"][0]["command"].split()[-1]
    answered = posbot(environment, "run", "answer", run_id, "it", "is", "there", "--note", "seen 'it' myself")

    assert begun.returncode == 3
    assert begun.stderr.splitlines()[0].startswith("✓ The catalogue – pos-order")
    assert f"posbot run answer {run_id} 'it is there' --question " in begun.stdout
    assert answered.returncode == 0
    assert "Look around: completed in " in answered.stdout
    assert "it is there, seen 'it' myself" in answered.stdout
    assert "–  Nothing at all" in answered.stdout


def test_outcome_decides_the_exit_code(environment: dict[str, str]) -> None:
    posbot(environment, "look-around", "--bad")
    run_id = posbot(environment, "run", "list").stdout.split("run show ")[1].strip()

    answered = posbot(environment, "run", "answer", run_id, "it is there", "--note", "yes")

    assert answered.returncode == 1
    assert "failed at “Nothing at all”" in answered.stdout


def test_json_of_a_run_has_each_outcome(environment: dict[str, str]) -> None:
    begun = posbot(environment, "run", "look-around", "--output", "json")

    document = json.loads(begun.stdout)
    assert begun.returncode == 3
    assert document["facts"]["state"] == "waiting"
    assert document["facts"]["steps.first.outcome"] == "succeeded"
    assert [task["state"] for task in document["sections"][0]["tasks"]] == ["done", "waiting", "pending", "pending"]


def test_terminal_asks_its_questions(environment: dict[str, str]) -> None:
    terminal = at_a_terminal(environment, "look-around")
    terminal.waits_for("Your answer (Enter: the question stays open): ")
    terminal.types("perhaps\n")
    terminal.waits_for("Expected it is there or it is not, or its number.")
    terminal.types("it is t\n")
    terminal.waits_for("Note: ")
    terminal.types("it stood in the list\n")

    assert terminal.ends() == 0, terminal.screen
    shown = plain(terminal.screen)
    assert "? Somebody looks\nIs it there?\n" in shown
    assert "  1 it is there\n  2 it is not\n" in shown
    assert "✓ Look around: completed" in shown
    assert "it stood in the list" in shown
    # What the procedure's text holds is not obeyed.
    assert "\x1b[31m?" not in terminal.screen


def test_colour_alone_makes_nobody_answer(environment: dict[str, str], tmp_path: pathlib.Path) -> None:
    """FORCE_COLOR with the keyboard inherited and the question in a file, where nobody could see it."""
    into_file = (
        "import os, sys; os.dup2(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT), 2);"
        "os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
    )
    path = tmp_path / "stderr"
    coloured = {**environment, "FORCE_COLOR": "1"}

    terminal = terminals.Terminal(["-c", into_file, str(path), "-m", "bot", "look-around"], coloured)

    assert terminal.ends() == 3, terminal.screen
    assert "posbot run answer " in plain(terminal.screen)
    assert "Your answer" not in path.read_text()


def test_ctrl_c_works_when_started_in_the_background(environment: dict[str, str]) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        terminal = at_a_terminal(environment, "look-around")
    finally:
        signal.signal(signal.SIGINT, before)
    terminal.waits_for("Your answer (Enter: the question stays open): ")
    terminal.types("\x03")

    assert terminal.ends() == 130, terminal.screen


def test_empty_line_leaves_the_question_open(environment: dict[str, str]) -> None:
    terminal = at_a_terminal(environment, "look-around")
    terminal.waits_for("Your answer (Enter: the question stays open): ")
    terminal.types("\n")

    assert terminal.ends() == 3, terminal.screen
    assert "posbot run answer " in plain(terminal.screen)


def test_answer_given_elsewhere_ends_the_prompt(environment: dict[str, str]) -> None:
    terminal = at_a_terminal(environment, "look-around")
    terminal.waits_for("Your answer (Enter: the question stays open): ")
    run_id = posbot(environment, "run", "list").stdout.split("run show ")[1].strip()
    elsewhere = posbot(environment, "run", "answer", run_id, "it is there", "--note", "seen")

    assert terminal.ends() == 0, terminal.screen
    assert elsewhere.returncode == 0
    assert "✓ Look around: completed" in plain(terminal.screen)


def test_detached_run_can_be_reattached(environment: dict[str, str]) -> None:
    terminal = at_a_terminal(environment, "look-around")
    terminal.waits_for("Your answer (Enter: the question stays open): ")
    terminal.types("\x03")
    assert terminal.ends() == 130, terminal.screen
    told = re.search(r"Detached\. .* `?posbot run watch (\w+-\w+)", plain(terminal.screen))
    assert told is not None
    assert "Traceback" not in terminal.screen

    back = at_a_terminal(environment, "run", "watch", told[1])
    back.waits_for("Your answer (Enter: the question stays open): ")
    back.types("2\n")
    back.waits_for("Note: ")
    back.types("not there\n")

    assert back.ends() == 1, back.screen
    assert "failed at “Somebody looks”" in plain(back.screen)


def test_question_for_another_person_is_not_asked(environment: dict[str, str]) -> None:
    agreement = '{id: person, title: Agree, uses: confirm, with: {text: "Sure?", by: not_requester}}'
    head, _, _ = PROCEDURE.partition("steps:")
    path = pathlib.Path(environment["POSBOT_RUNBOOK_DATA"]) / "procedures" / "look-around.yaml"
    path.write_text(f"{head}steps:\n  - {agreement}\n")

    terminal = at_a_terminal(environment, "look-around")

    assert terminal.ends() == 3, terminal.screen
    assert "For anyone who may run it except" in plain(terminal.screen)
    assert "Your answer" not in terminal.screen


def test_too_long_note_is_asked_again(environment: dict[str, str]) -> None:
    terminal = at_a_terminal(environment, "look-around")
    terminal.waits_for("Your answer (Enter: the question stays open): ")
    terminal.types("1\n")
    terminal.waits_for("Note: ")
    terminal.types("n" * 1_001 + "\n")
    terminal.waits_for("The note has 1,001 characters; the limit is 1,000.")
    terminal.types("short\n")

    assert terminal.ends() == 0
    assert "it is there, short" in plain(terminal.screen)


def test_without_stdin_nothing_is_asked(environment: dict[str, str]) -> None:
    closed = [sys.executable, "-c", "import os, sys; os.close(0); os.execv(sys.executable, sys.argv[1:])"]

    line = [*closed, *processes.command("look-around")]
    told = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=60)

    assert told.returncode == 3
    assert "posbot run answer" in told.stdout
    assert not told.stderr.count("mistake")


def test_dry_run_starts_nothing(environment: dict[str, str]) -> None:
    plan = posbot(environment, "look-around", "--plan")

    assert plan.returncode == 0
    assert "The catalogue" in plan.stdout
    assert "condition not met" in plan.stdout
    assert "Dry run: no changes were made." in plan.stdout
    assert "No runs found." in posbot(environment, "run", "list").stdout


def test_without_a_database_no_run_starts(environment: dict[str, str], tmp_path: pathlib.Path) -> None:
    (tmp_path / "broken.db").write_text("this is no database")
    broken = {**environment, "DATABASE_URL": f"sqlite:///{tmp_path}/broken.db"}

    answer = posbot(broken, "look-around")

    assert answer.returncode == 3
    assert "database" in answer.stderr.lower()
    assert "Traceback" not in answer.stderr


ROLLBACK = """
schema: 1
id: take-back
title: Take back
summary: roll back
owner: tests
doc: {section: health-checks}
command: {name: take-back, examples: [take-back]}
access: {run: [everyone]}
steps:
  - id: go_back
    title: Roll back?
    uses: confirm
    with: {text: Is it broken?, labels: [Roll back, Keep it], consequence: This replaces all pods.}
"""


def test_answer_that_changes_something_has_to_be_confirmed(environment: dict[str, str]) -> None:
    (pathlib.Path(environment["POSBOT_RUNBOOK_DATA"]) / "procedures" / "take-back.yaml").write_text(ROLLBACK)
    terminal = at_a_terminal(environment, "take-back")
    terminal.waits_for("Your answer (Enter: the question stays open): ")
    terminal.types("1\n")
    terminal.waits_for("Continue? [y/N] ")
    terminal.types("\n")
    terminal.waits_for("Your answer (Enter: the question stays open): ", times=2)
    terminal.types("yes\n")
    terminal.waits_for("Continue? [y/N] ", times=2)
    terminal.types("y\n")

    assert terminal.ends() == 0, terminal.screen
    assert plain(terminal.screen).count("This replaces all pods.\n") == 2


@pytest.mark.slow
def test_declined_confirmation_is_told_as_one_that_is_missing(environment: dict[str, str]) -> None:
    (pathlib.Path(environment["POSBOT_RUNBOOK_DATA"]) / "procedures" / "take-back.yaml").write_text(ROLLBACK)
    run_id = json.loads(posbot(environment, "take-back", "-o", "json").stdout)["facts"]["run"]
    terminal = at_a_terminal(environment, "run", "answer", run_id, "yes")
    terminal.waits_for("Your answer (Enter: nothing is answered): ")
    terminal.types("2\n")

    assert terminal.ends() == 2, terminal.screen
    shown = plain(terminal.screen)
    assert "This replaces all pods.\n  1 yes: Roll back\n  2 no: nothing is answered\n" in shown
    assert "Not confirmed; nothing was answered." in shown
    assert "usage error" in posbot(environment, "audit").stdout
