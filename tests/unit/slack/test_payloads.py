"""Clicks on buttons: who sees the response, and the note that was typed beside the button."""

import shlex

import pytest

import commands
from bot.dispatch import parser
from bot.model import invocations
from bot.slack.inbound import payloads
from tests import builders

TABLE = {command.name: command for command in commands.load_all()}
PARSER = parser.Parser(TABLE, builders.a_vocabulary(tuple(TABLE)))
RUN = "r1124-0a1b2c3d"


def a_click(line: str, note: str | None = None) -> payloads.Request:
    field = {"note": {"note": {"type": "plain_text_input", "value": note}}}
    body = {
        "actions": [{"action_id": "run:0", "action_ts": "1.0", "value": line}],
        "user": {"id": "U0ALICE", "username": "alice", "team_id": "T0HOME"},
        "channel": {"id": "C0OPS", "name": "ops"},
        "container": {"type": "message", "is_ephemeral": False},
        "state": {"values": field},
    }
    return payloads.resolve(payloads.from_click(body), PARSER)


@pytest.mark.parametrize(
    "line", ["stop 1125-0a1b2c3d4e", f"run answer {RUN} yes", f"run cancel {RUN}", f"run retry {RUN}"]
)
def test_click_that_acts_on_a_message_is_acknowledged_privately(line: str) -> None:
    assert a_click(line).target.reply is invocations.Reply.ACKNOWLEDGEMENT


@pytest.mark.parametrize("line", [f"run show {RUN}", f"run log {RUN}", "health pos-order", "nonsense", "health '"])
def test_click_that_asks_for_a_report_is_not_an_acknowledgement(line: str) -> None:
    assert a_click(line).target.reply is invocations.Reply.PRIVATE


def test_share_button_responds_to_everyone() -> None:
    assert a_click("share 1125-0a1b2c3d4e").is_share
    assert not a_click("health pos-order").is_share


@pytest.mark.parametrize("note", ["seen", "it's “quoted” -- <x> & $y", "--question 1", 'a "b" \\ c'])
def test_note_goes_with_an_answer_as_typed(note: str) -> None:
    text = a_click(f"run answer {RUN} yes --question 0a1b2c3d4e", note).invocation.text

    assert shlex.split(text) == ["run", "answer", RUN, "yes", "--question", "0a1b2c3d4e", f"--note={note}"]


@pytest.mark.parametrize("note", [None, "", "  "])
def test_button_without_a_note_sends_its_own_line(note: str | None) -> None:
    assert a_click(f"run answer {RUN} yes", note).invocation.text == f"run answer {RUN} yes"


@pytest.mark.parametrize("line", [f"run cancel {RUN}", "health pos-order"])
def test_note_goes_only_with_answers(line: str) -> None:
    assert a_click(line, "seen").invocation.text == line
