"""Clicks on buttons: who sees the response, and the note that was typed beside the button."""

import shlex

import pytest

import commands
from bot import errors
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


def an_event(text: str, **changes: object) -> payloads.Payload:
    event = {"type": "app_mention", "user": "U0ALICE", "team": "T0HOME", "channel": "C0OPS", "ts": "1700000000.000100"}
    return {"event_id": "Ev1", "event": {**event, "text": text, **changes}}


def a_direct_message(text: str, **changes: object) -> payloads.Payload:
    return an_event(text, **{"type": "message", "channel": "D0ALICE", "channel_type": "im"} | changes)


def test_edited_mention_is_the_same_request_as_the_mention() -> None:
    edited = {"user": "U0ALICE", "ts": "1700000030.000000"}
    first = an_event("<@U0POSBOT> triage order")
    again = {**an_event("<@U0POSBOT> triage price", edited=edited), "event_id": "Ev2"}
    other = an_event("<@U0POSBOT> triage order", ts="1700000031.000000")

    keys = [
        payloads.from_message(one, "U0POSBOT", invocations.Source.MENTION).invocation.delivery_key
        for one in (first, again, other)
    ]

    assert keys == ["message:C0OPS:1700000000.000100"] * 2 + ["message:C0OPS:1700000031.000000"]
    assert not payloads.is_late_edit(first) and not payloads.is_late_edit(again)


def test_edit_of_an_old_message_is_no_request() -> None:
    assert payloads.is_late_edit(an_event("<@U0POSBOT> health", edited={"user": "U0ALICE", "ts": "1700086400.000000"}))


@pytest.mark.parametrize(("team", "kept"), [("T0HOME", "T0HOME"), ("E0ORG", None), (None, None)])
def test_organization_in_place_of_a_workspace_is_not_taken_for_one(team: str | None, kept: str | None) -> None:
    request = payloads.from_message(an_event("x", team=None, user_team=team), "U0POSBOT", invocations.Source.MENTION)

    assert request.invocation.actor.team_id == kept


def a_command(**changes: object) -> payloads.Payload:
    values = {"channel_id": "C0OPS", "channel_name": "ops", "user_id": "U0ALICE", "user_name": "alice"}
    return {**values, "team_id": "T0HOME", "text": "health", "trigger_id": "1", **changes}


BAD_IDS = [
    "terminal:root",
    "terminal",
    "",
    "u0alice",
    "U0ALICE\n",
    "U0 ALICE",
    "S0GROUP",
    "B0BOT",
    "U" * 99,
    7,
    None,
    ["U0A"],
]


@pytest.mark.parametrize("user", BAD_IDS, ids=repr)
def test_user_id_has_the_form_of_slacks_ids(user: object) -> None:
    click = {"actions": [{"value": "health"}], "user": {"id": user}, "channel": {"id": "C0OPS"}}
    made = (
        lambda: payloads.from_command(a_command(user_id=user)),
        lambda: payloads.from_click(click),
        lambda: payloads.from_message(an_event("x", user=user), "U0POSBOT", invocations.Source.MENTION),
        lambda: payloads.user_of_home({"event": {"user": user}}),
    )

    for make in made:
        with pytest.raises(errors.UsageError, match=r"^Malformed payload: "):
            make()


@pytest.mark.parametrize("channel", ["terminal", "", "home", "c0ops", "T0HOME", "C0OPS:1", 7, None])
def test_channel_id_has_the_form_of_slacks_ids(channel: object) -> None:
    with pytest.raises(errors.UsageError, match=r"^Malformed payload: "):
        payloads.from_command(a_command(channel_id=channel))
    with pytest.raises(errors.UsageError, match=r"^Malformed payload: "):
        payloads.from_click({"actions": [{"value": "health"}], "user": {"id": "U0ALICE"}, "channel": {"id": channel}})


@pytest.mark.parametrize("changes", [{"ts": "soon"}, {"ts": 1.5}, {"thread_ts": {"a": 1}}, {"thread_ts": "1"}])
def test_timestamp_of_a_message_has_the_form_of_slacks(changes: dict[str, object]) -> None:
    with pytest.raises(errors.UsageError, match=r"^Malformed payload: "):
        payloads.from_message(an_event("x", **changes), "U0POSBOT", invocations.Source.MENTION)


@pytest.mark.parametrize("text", [["health"], {"a": 1}, 7])
def test_text_of_another_type_is_malformed(text: object) -> None:
    with pytest.raises(errors.UsageError, match=r"^Malformed payload: "):
        payloads.from_command(a_command(text=text))


@pytest.mark.parametrize(
    ("changes", "kind", "is_private"),
    [
        ({}, "channel", False),
        ({"channel_name": "directmessage"}, "channel", True),
        ({"channel_name": "privategroup"}, "channel", True),
        ({"channel_name": "mpdm-alice--bob-1"}, "channel", True),
        ({"channel_name": ""}, "channel", None),
        ({"channel_id": "G0OLD", "channel_name": "old"}, "channel", True),
        ({"channel_id": "D0ALICE", "channel_name": "directmessage"}, "dm", True),
        ({"channel_id": "D0ALICE", "channel_name": "general"}, "dm", True),
    ],
)
def test_conversation_is_a_dm_by_its_id(changes: dict[str, object], kind: str, *, is_private: bool | None) -> None:
    conversation = payloads.from_command(a_command(**changes)).invocation.conversation

    assert (conversation.kind.value, conversation.is_private) == (kind, is_private)


def test_message_of_a_bot_is_the_bots_whoever_it_names() -> None:
    source = invocations.Source.MENTION
    by_bot = payloads.from_message(an_event("x", bot_id="B0JIRA"), "U0POSBOT", source)
    by_slackbot = payloads.from_message(an_event("x", user="USLACKBOT"), "U0POSBOT", source)
    by_alice = payloads.from_message(an_event("x"), "U0POSBOT", source)

    kinds = [one.invocation.actor.kind for one in (by_bot, by_slackbot, by_alice)]
    assert kinds == [invocations.ActorKind.BOT, invocations.ActorKind.BOT, invocations.ActorKind.UNKNOWN]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("health order", "health order"),
        ("<@U0POSBOT> health order", "health order"),
        ("helth order", "helth order"),
        ("hello", "help"),
        ("Thanks a lot! :tada:", "help"),
        ("it's \"broken", "help"),
        ("", ""),
        ('health "order', 'health "order'),
    ],
)
def test_direct_message_is_a_command_or_gets_the_help(text: str, line: str) -> None:
    request = payloads.from_message(a_direct_message(text), "U0POSBOT", invocations.Source.DIRECT_MESSAGE)

    resolved = payloads.resolve(request, PARSER)

    assert resolved.invocation.text == line
    assert resolved.invocation.conversation.kind is invocations.ConversationKind.DM
    assert (resolved.target.channel, resolved.target.thread) == ("D0ALICE", None)


@pytest.mark.parametrize(
    ("changes", "is_request"),
    [
        ({}, True),
        ({"thread_ts": "1700000000.000000"}, True),
        ({"subtype": "file_share"}, True),
        ({"subtype": "message_changed"}, False),
        ({"subtype": "message_deleted"}, False),
        ({"bot_id": "B0POSBOT"}, False),
        ({"user": None}, False),
        ({"channel_type": "channel"}, False),
        ({"channel_type": "mpim"}, False),
        ({"channel": "C0OPS"}, False),
    ],
)
def test_only_what_a_person_writes_to_the_bot_is_a_direct_message(changes: dict[str, object], is_request: bool) -> None:
    assert payloads.is_direct_message(a_direct_message("x", **changes)) is is_request
