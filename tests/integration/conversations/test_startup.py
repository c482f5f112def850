"""The start of `posbot serve`: every mistake is one sentence, and local ones are told before Slack is asked."""

import asyncio
import pathlib
import socket

import pytest

from sandbox import processes, runbook_folder, slack

pytestmark = pytest.mark.anyio


def an_environment(tmp_path: pathlib.Path, **changes: str) -> dict[str, str]:
    if not (tmp_path / "data").exists():
        runbook_folder.write(tmp_path / "data", {})
    own = {
        "SLACK_BOT_TOKEN": "xoxb-1",
        "SLACK_SIGNING_SECRET": "secret",
        # Nothing listens there.
        "POSBOT_SLACK_API_URL": "http://127.0.0.1:9/api/",
        "POSBOT_RUNBOOK_DATA": str(tmp_path / "data"),
        "DATABASE_URL": f"sqlite:///{tmp_path}/posbot.db",
        "POSBOT_HOST": "127.0.0.1",
        "PORT": "0",
    }
    return processes.plain_environment(tmp_path) | own | changes


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("POSBOT_RUNBOOK_DATA", "/nope", "/nope"),
        ("DATABASE_URL", "mysql://x", "DATABASE_URL"),
        ("PORT", "taken", "cannot be opened (Address already in use): set PORT to a free one"),
    ],
)
async def test_local_mistake_is_told_while_slack_is_away(
    tmp_path: pathlib.Path, name: str, value: str, sentence: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        changes = {name: str(taken.getsockname()[1]) if value == "taken" else value}
        async with asyncio.timeout(15):
            code, _, complaint = await processes.run(an_environment(tmp_path, **changes), "serve")

    assert code == 3
    assert sentence in complaint
    assert '"waiting"' not in complaint
    assert "Traceback" not in complaint and "Unclosed" not in complaint


async def test_waiting_for_slack_names_address_and_reason(tmp_path: pathlib.Path) -> None:
    async with processes.serving(an_environment(tmp_path)) as bot:
        line = await bot.waits_for_event("waiting")

    assert line["what"] == "Slack at http://127.0.0.1:9/api/"
    assert line["reason"] == "Slack could not be reached for auth.test (Connection refused)."


@pytest.mark.parametrize(
    ("name", "token", "sentence"),
    [
        ("SLACK_APP_TOKEN", "xapp-1-wrong", "Slack rejected SLACK_APP_TOKEN (invalid_auth)."),
        ("SLACK_BOT_TOKEN", "xoxb-wrong", "Slack rejected SLACK_BOT_TOKEN (invalid_auth)."),
    ],
)
async def test_wrong_token_is_one_sentence_and_an_exit(
    tmp_path: pathlib.Path, name: str, token: str, sentence: str
) -> None:
    async with slack.running() as workspace:
        given = {"SLACK_BOT_TOKEN": workspace.bot_token, "SLACK_APP_TOKEN": workspace.app_token}
        environment = an_environment(tmp_path, POSBOT_SLACK_API_URL=workspace.api_url, **(given | {name: token}))
        async with asyncio.timeout(20):
            code, _, complaint = await processes.run(environment, "serve")

    assert code == 3
    assert sentence in complaint
    assert "Traceback" not in complaint
