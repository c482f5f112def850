"""Clicks on what a run asks: for the one who clicked, with the note that was typed beside the button."""

import shlex

import pytest

from bot.slack.inbound import payloads


def a_click(line: str, note: str | None = None) -> dict[str, object]:
    field = {"note": {"note": {"type": "plain_text_input", "value": note}}}
    return {
        "actions": [{"action_id": "run:0", "action_ts": "1.0", "value": line}],
        "user": {"id": "U0ALICE", "username": "alice", "team_id": "T0HOME"},
        "channel": {"id": "C0OPS", "name": "ops"},
        "container": {"type": "message", "is_ephemeral": False},
        "state": {"values": field},
    }


@pytest.mark.parametrize("line", ["stop 1125-0a1b2c3d4e", "run answer r1 yes", "run cancel r1", "run retry r1"])
def test_what_acts_on_something_shown_elsewhere_is_an_aside(line: str) -> None:
    assert payloads.from_click(a_click(line)).target.is_ephemeral


@pytest.mark.parametrize("line", ["run show r1", "run log r1", "health order"])
def test_what_asks_for_something_is_none(line: str) -> None:
    assert not payloads.from_click(a_click(line)).target.is_ephemeral


@pytest.mark.parametrize("note", ["seen", "it's “quoted” -- <x> & $y", "--question 1", 'a "b" \\ c'])
def test_a_note_goes_with_an_answer_as_it_was_typed(note: str) -> None:
    text = payloads.from_click(a_click("run answer r1 yes --question 0a1b", note)).invocation.text

    assert shlex.split(text) == ["run", "answer", "r1", "yes", "--question", "0a1b", f"--note={note}"]


@pytest.mark.parametrize("note", [None, "", "  "])
def test_without_a_note_the_line_is_what_the_button_says(note: str | None) -> None:
    assert payloads.from_click(a_click("run answer r1 yes", note)).invocation.text == "run answer r1 yes"


def test_a_note_goes_with_nothing_but_answers() -> None:
    assert payloads.from_click(a_click("run cancel r1", "seen")).invocation.text == "run cancel r1"
