"""The app's manifest, held against what Slack publishes of its shape, and against what the bot really needs."""

import json
import pathlib

import jsonschema
import pytest

import commands
from bot import __main__ as entry
from bot import errors
from bot.slack.inbound import manifest
from sandbox import runbook_folder, slack, testbed

_SCHEMA = json.loads((pathlib.Path(__file__).parent / "payloads" / "manifest_schema.json").read_text())


@pytest.mark.parametrize("url", [None, "https://pos.example.com/"])
def test_manifest_matches_the_schema_of_slack(url: str | None) -> None:
    document = json.loads(manifest.write(commands.load_all(), url))

    jsonschema.validate(document, _SCHEMA)


def test_shipped_manifest_is_what_posbot_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run(["manifest"]) == 0
    assert (runbook_folder.PROJECT / "deploy" / "slack" / "manifest.json").read_text() == capsys.readouterr().out


def test_schema_rejects_what_slack_rejects() -> None:
    document = manifest.build(commands.load_all())
    document["features"]["slash_commands"][0]["unheard_of"] = True

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, _SCHEMA)


def test_usage_hint_names_every_command_of_slack() -> None:
    (command,) = manifest.build(commands.load_all())["features"]["slash_commands"]

    words = command["usage_hint"].split(" | ")
    assert words == [each.name for each in commands.load_all() if not each.is_terminal_only]
    assert command["should_escape"] is True


def test_only_signed_http_has_request_urls() -> None:
    by_socket = json.dumps(manifest.build(commands.load_all()))
    by_http = manifest.build(commands.load_all(), "https://pos.example.com/")

    assert "url" not in by_socket
    assert by_http["settings"]["interactivity"]["request_url"] == "https://pos.example.com/slack/events"
    assert by_http["settings"]["socket_mode_enabled"] is False


def test_url_that_slack_cannot_call_is_rejected() -> None:
    with pytest.raises(errors.UsageError, match="must be an https:// address"):
        manifest.write(commands.load_all(), "http://pos.example.com")


@pytest.mark.slow
@pytest.mark.anyio
async def test_requested_scopes_cover_every_api_call() -> None:
    scopes = frozenset(manifest.build(commands.load_all())["oauth_config"]["scopes"]["bot"])
    events = frozenset(manifest.build(commands.load_all())["settings"]["event_subscriptions"]["bot_events"])

    async with testbed.set_up(names=["pos-order"], setup=slack.Settings(scopes=scopes, events=events)) as stage:
        alice = stage.workspace.person("alice")
        ops = stage.workspace.channel("ops", members=[alice])
        await alice.types("/pos health pos-order", ops)
        await alice.mentions("health pos-order", ops)
        await alice.opens_home()
        await alice.waits_for_message(ops, matching=lambda message: not message.is_ephemeral and bool(message.bot_id))
        await alice.waits_for_home(containing="1 service healthy in sandbox")
        await alice.clicks("Services", await alice.waits_for_home(containing="check service health"))
        await alice.waits_for_message(alice.chat_with_bot, containing="services in the catalogue")

        stage.workspace.faults.drop_after_accepting("chat.postMessage")
        await alice.types("/pos triage order", ops)
        await alice.waits_for_message(ops, containing="What is abnormal?", timeout_seconds=20)

        assert [call for call in stage.workspace.calls() if not call.is_ok and not call.was_carried_out] == []
        assert stage.workspace.calls("conversations.history")
