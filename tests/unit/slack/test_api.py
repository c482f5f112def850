"""Slack's answers, and those of whatever stands between, never become anything but one of our errors."""

import datetime
import email.utils
import json

import pytest

from bot import errors
from bot.slack.client import api as slack_api
from bot.slack.client import errors as client_errors
from bot.slack.client import history, retries
from tests import canned_server

pytestmark = pytest.mark.anyio

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"upstream error", JSON, 200),
        (b'{"ok": true}', JSON, 200),
        (b"[1]", JSON, 200),
        (b"{", JSON, 200),
        (b"<html>login</html>", {"content-type": "text/html"}, 200),
        (b"", JSON, 200),
        (b"bad gateway", {"content-type": "text/plain"}, 502),
    ],
    ids=["text", "no team", "a list", "cut off", "a login page", "nothing", "a proxy's error"],
)
async def test_unexpected_response_means_slack_is_unavailable(
    body: bytes, headers: dict[str, str], status: int
) -> None:
    async with canned_server.answering(body, status=status, headers=headers) as url:
        with pytest.raises(errors.Unavailable):
            await slack_api.SlackApi("xoxb-1", f"{url}/api/").identify()


async def test_error_names_its_reason_and_remedy() -> None:
    async with canned_server.answering(b'{"ok": false, "error": "invalid_auth"}', headers=JSON) as url:
        with pytest.raises(errors.Refused, match="invalid_auth") as caught:
            await slack_api.SlackApi("xoxb-1", f"{url}/api/").identify()

    assert caught.value.hint is not None
    assert "SLACK_BOT_TOKEN" in caught.value.hint


@pytest.mark.parametrize(
    ("code", "known"),
    [
        ("invalid_auth", "Slack does not know the token"),
        ("token_revoked", "The token was revoked"),
        ("account_inactive", "The token’s workspace or bot was deleted"),
        ("token_expired", "The token has expired."),
    ],
)
def test_each_refusal_of_a_token_has_its_own_words(code: str, known: str) -> None:
    bot, app = client_errors.SlackRefused("auth.test", code), client_errors.app_token_refused(code)

    for error, name in ((bot, "SLACK_BOT_TOKEN"), (app, "SLACK_APP_TOKEN")):
        assert str(error) == f"Slack rejected {name} ({code})."
        assert error.hint is not None and error.hint.startswith(known) and f"Set {name} to " in error.hint


async def test_failed_lookup_is_not_repeated_at_once() -> None:
    async with canned_server.answering(b'{"ok": false, "error": "missing_scope"}', headers=JSON) as url:
        api = slack_api.SlackApi("xoxb-1", f"{url}/api/")
        with pytest.raises(errors.Refused):
            await api.person("U1")

    with pytest.raises(errors.Refused):
        await api.person("U1")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3.0),
        ("0.1", 0.1),
        ("-5", 0.0),
        ("3600", retries.MAX_RETRY_AFTER_SECONDS),
        ("", 1.0),
        ("soon", 1.0),
        ("nan", 1.0),
    ],
)
def test_retry_after_is_parsed(value: str, seconds: float) -> None:
    assert retries.retry_after_seconds(value) == seconds


def test_retry_after_can_be_a_date() -> None:
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=20)

    assert 15 < retries.retry_after_seconds(email.utils.format_datetime(moment)) <= 20


async def test_message_of_another_app_is_not_found_as_posbots_own() -> None:
    payload = {"kind": "run", "subject": "r1123-0a1b2c3d", "purpose": "live"}
    copies = [
        {"user": user, "ts": ts, "metadata": history.metadata(payload)}
        for user, ts in (("U0OTHERBOT", "2.0"), ("U0POSBOT", "1.0"))
    ]
    body = json.dumps({"ok": True, "messages": copies}).encode()
    async with canned_server.answering(body, headers=JSON) as url:
        found = await history.SlackHistory(slack_api.SlackApi("xoxb-1", f"{url}/api/"), "U0POSBOT").find(
            "C0OPS", None, payload, datetime.datetime.now(datetime.UTC)
        )

    assert found == slack_api.MessageRef(channel="C0OPS", timestamp="1.0")
