"""Whatever is typed or sent, it ends in one helpful sentence and nothing is done."""

import itertools
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from sandbox import processes, runbook_folder, testbed
from sandbox.slack.scenario import people
from sandbox.slack.state import channels
from tests import cli_runner

pytestmark = pytest.mark.anyio

_NUMBERS = itertools.count(1)

LINES = {
    "unknown service": ("health pos-ordr", "Did you mean “pos-order”"),
    "unknown command": ("helth", "Did you mean “health”"),
    "unknown flag": ("health --verbos", "Did you mean --verbose?"),
    "unknown environment": ("health order --env prdo", "Did you mean “prod”?"),
    "flag without value": ("health order --env", "--env requires an argument"),
    "duration out of range": ("health order --wait 99h", "wait"),
    "negative duration": ("health order --wait=-3m", "is no duration; write it like 90s, 3m, 1h30m or 7d"),
    "nonsense duration": ("health order --wait soon", "is no duration"),
    "too many words": ("pods order price", "pods takes one service; run it for each of them."),
    "unbalanced quote": ('health "pos-order', "a quote is opened but not closed"),
    "lone backslash": ("health pos-order \\", "it ends in a lone backslash"),
    "10,000 characters": ("health " + "x" * 9_993, "That is 10,000 characters"),
    "emoji": ("health 🔥", "There is no service or group called “🔥”"),
    "right to left": ("health طلب", "There is no service or group called “طلب”"),
    "markup": ("health <script>alert(1)</script>", "There is no service or group called"),
    "shell": ("health $(reboot)", "There is no service or group called “$(reboot)”"),
    "path": ("health ../..", "There is no service or group called “../..”"),
    "everyone": ("health <!channel>", "There is no service or group called"),
}


@pytest.fixture(scope="module")
async def shared_stage() -> AsyncIterator[testbed.TestBed]:
    """A bot that Slack reaches by signed HTTP; test_health has the one that it reaches by Socket Mode."""
    async with testbed.set_up(testbed.Mode.HTTP) as stage:
        yield stage


def alices_channel(stage: testbed.TestBed) -> tuple[people.Person, channels.Channel]:
    alice = stage.workspace.person("alice")
    return alice, stage.workspace.channel(f"typos-{next(_NUMBERS)}", members=[alice])


@pytest.mark.parametrize(("line", "sentence"), LINES.values(), ids=LINES)
async def test_usage_error_in_slack_is_one_private_sentence(stage: testbed.TestBed, line: str, sentence: str) -> None:
    alice, ops = alices_channel(stage)

    delivery = await alice.types(f"/pos {line}", ops)
    message = await alice.waits_for_message(ops, containing=sentence)

    assert delivery.is_acknowledged
    assert message.is_ephemeral
    assert "Traceback" not in message.plain_text
    assert "pydantic" not in message.plain_text
    assert stage.bot.lines("command crashed") == []


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A terminal beside no bot: how Slack would reach one does not matter to it."""
    home = tmp_path_factory.mktemp("terminal")
    runbook_folder.write(home / "runbook_data", {})
    own = {"POSBOT_RUNBOOK_DATA": str(home / "runbook_data"), "DATABASE_URL": f"sqlite:///{home}/posbot.db"}
    return processes.plain_environment(home) | own


@pytest.mark.parametrize(("line", "sentence"), [*LINES.values(), ("health order --wait \x00", "")], ids=[*LINES, "NUL"])
async def test_usage_error_in_a_terminal_is_one_sentence_and_exit_code_2(
    terminal: dict[str, str], line: str, sentence: str
) -> None:
    if "\x00" in line or "quote" in sentence or "backslash" in sentence:
        pytest.skip("a shell would not let it through")
    words = line.split(" ")

    code, output, complaint = await cli_runner.run(terminal, *words)

    assert code == 2
    assert output == ""
    assert sentence in complaint
    assert "Traceback" not in complaint


async def test_empty_command_shows_the_help(stage: testbed.TestBed) -> None:
    alice, ops = alices_channel(stage)

    await alice.types("/pos", ops)
    message = await alice.waits_for_message(ops, containing="What posbot can do for you here")

    summary = "check service health, and optionally wait until healthy"
    assert f"health | {summary} | health pos-" in message.plain_text
    assert "audit" not in message.plain_text


async def test_smart_quotes_and_dashes_are_accepted(stage: testbed.TestBed) -> None:
    alice, ops = alices_channel(stage)

    await alice.types("/pos health “pos-order” —verbose", ops)

    assert await alice.waits_for_message(ops, containing="first byte after")


async def test_person_of_another_workspace_is_denied(stage: testbed.TestBed) -> None:
    alice = stage.workspace.person("alice")
    mallory = stage.workspace.person("mallory", team="T0OTHER")
    shared = stage.workspace.channel(f"partners-{next(_NUMBERS)}", members=[alice, mallory])
    asked = stage.fleet["pos-order"].request_count

    await mallory.types("/pos health pos-order", shared)
    await mallory.mentions("health pos-order", shared)
    await mallory.waits_for_message(shared, containing="serves only members of its own workspace")
    await mallory.waits_for_message(
        shared, containing="own workspace", matching=lambda message: not message.is_ephemeral
    )

    assert stage.fleet["pos-order"].request_count == asked


async def test_audit_is_denied_without_the_role(stage: testbed.TestBed) -> None:
    alice, ops = alices_channel(stage)

    await alice.types("/pos audit", ops)

    assert await alice.waits_for_message(ops, containing="requires the role auditors")


async def test_invalid_signature_is_rejected(stage: testbed.TestBed) -> None:
    body = "command=%2Fpos&text=health&user_id=U0ALICE&channel_id=C1&team_id=T0HOME"
    done = len(stage.bot.lines("invocation ended"))

    reply = await stage.workspace.post_raw(body=body, headers={"X-Slack-Signature": "v0=00"})
    unsigned = await stage.workspace.post_raw(body=body, sign=False)

    assert (reply.status, unsigned.status) == (401, 401)
    assert len(stage.bot.lines("invocation ended")) == done
    line = await stage.bot.waits_for_event("requests refused")
    assert line["reasons"] == "1 wrong signature"
    async with httpx.AsyncClient() as client:
        counts = (await client.get(f"{stage.bot_url}/metrics")).text
        ready = await client.get(f"{stage.bot_url}/readyz")
    assert 'posbot_slack_refused_requests_total{reason="wrong signature"} 1.0' in counts
    assert 'posbot_slack_refused_requests_total{reason="no signature"} 1.0' in counts
    assert ready.status_code == 200


async def test_old_timestamp_is_rejected(stage: testbed.TestBed) -> None:
    body = "command=%2Fpos&text=health&user_id=U0ALICE&channel_id=C1&team_id=T0HOME"

    reply = await stage.workspace.post_raw(body=body, timestamp=int(time.time()) - 301)

    assert reply.status == 401


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"x" * 5_000_000, "application/x-www-form-urlencoded", 413),
        (b"\xff\xfe\x00", "application/x-www-form-urlencoded", 400),
        (b"payload=%7Bnot-json", "application/x-www-form-urlencoded", 400),
        (b"{not json", "application/json", 400),
        (b"[1, 2]", "application/json", 400),
        (b"payload=%5B%5D", "application/x-www-form-urlencoded", 400),
        (b"", "application/x-www-form-urlencoded", 404),
        (b"a=1&b", "application/x-www-form-urlencoded", 404),
        (b"command=%2Fpos", "application/x-www-form-urlencoded", 400),
        (b'{"type": "event_callback", "event": {"type": "app_mention"}}', "application/json", 200),
    ],
    ids=[
        "5 MB",
        "not UTF-8",
        "payload is not JSON",
        "not JSON",
        "a list",
        "payload is a list",
        "empty",
        "broken form",
        "command without a person",
        "mention without a message",
    ],
)
async def test_invalid_body_is_rejected_and_posbot_keeps_working(
    stage: testbed.TestBed, body: bytes, content_type: str, status: int
) -> None:
    reply = await stage.workspace.post_raw(body=body, content_type=content_type)
    alice, ops = alices_channel(stage)
    await alice.types("/pos version", ops)
    await alice.waits_for_message(ops, containing="posbot 0")

    assert reply.status == status
    assert "Traceback" not in reply.text


async def test_app_home_is_empty_for_another_workspace(stage: testbed.TestBed) -> None:
    mallory = stage.workspace.person("mallory", team="T0OTHER")

    await mallory.opens_home()
    home = await mallory.waits_for_home(containing="serves only members of its own workspace")

    assert "pos-order" not in home.plain_text


async def test_mention_by_another_app_is_ignored(stage: testbed.TestBed) -> None:
    alice, ops = alices_channel(stage)
    event = {"type": "app_mention", "bot_id": "B1", "text": "<@U0POSBOT> health", "channel": ops.id, "ts": "1.1"}

    failed = len(stage.bot.lines("listener failed"))

    delivery = await alice.causes_event(event, ops)

    assert delivery.is_acknowledged
    assert len(stage.bot.lines("listener failed")) == failed
