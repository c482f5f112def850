"""The request URL: what cannot be Slack's is refused before it is read, and odd payloads are refused in a sentence."""

import asyncio
import contextlib
import dataclasses
import json
import time
import urllib.parse
from collections.abc import AsyncIterator
from typing import Any

import hypothesis
import hypothesis.strategies as st
import prometheus_client
import pytest
import structlog.testing
from aiohttp import web
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier

from bot.http import server
from bot.slack.client import api as slack_api
from bot.slack.inbound import listeners, manifest, payload_shapes, payloads, refusals, signed_http

pytestmark = pytest.mark.anyio

SECRET = "the-signing-secret"
IDENTITY = slack_api.Identity(
    team_id="T0HOME", team="durion", user_id="U0POSBOT", bot_id="B0POSBOT", enterprise_id=None
)


class Received:
    """Takes the place of what handles requests and publishes the App Home."""

    def __init__(self) -> None:
        self.requests: list[payloads.Request] = []

    async def handle(self, request: payloads.Request) -> None:
        self.requests.append(request)

    async def publish(self, _: object) -> None:
        """Show nothing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Url:
    port: int
    received: Received

    async def exchange(self, head: str, body: bytes = b"") -> str:
        """Send a request as it is; return the response with its head."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            lines = f"POST {manifest.REQUEST_PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n"
            writer.write(lines.encode() + body)
            async with asyncio.timeout(5):
                return (await reader.read()).decode()
        finally:
            writer.close()

    async def post(self, body: bytes, content_type: str = "application/json", **headers: str) -> str:
        given = {**signed(body), "Content-Type": content_type, "Content-Length": str(len(body)), **headers}
        return await self.exchange("".join(f"{name}: {value}\r\n" for name, value in given.items()), body)


def signed(body: bytes, at: float | None = None, secret: str = SECRET) -> dict[str, str]:
    timestamp = str(int(time.time() if at is None else at))
    signature = SignatureVerifier(secret).generate_signature(timestamp=timestamp, body=body)
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": str(signature)}


def status_of(response: str) -> int:
    return int(response.split()[1])


def refused(reason: str) -> float:
    return prometheus_client.REGISTRY.get_sample_value("posbot_slack_refused_requests_total", {"reason": reason}) or 0.0


async def fine() -> str | None:
    return None


@pytest.fixture
async def url() -> AsyncIterator[Url]:
    async with serving() as running:
        yield running


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Url]:
    received: Any = Received()
    tasks = listeners.BackgroundTasks()
    app = listeners.application(
        slack_api.SlackApi("xoxb-token", "http://127.0.0.1:1/"), IDENTITY, handler=received, home=received, tasks=tasks
    )
    own = signed_http.RequestUrl(app, SECRET, refusals.Refusals(), lambda: False, body_seconds=0.1)
    endpoints = server.application(is_alive=fine, is_ready=fine, routes=[web.post(manifest.REQUEST_PATH, own.receive)])
    async with server.listening(endpoints, "127.0.0.1", 0) as listening:
        yield Url(port=listening.port, received=received)
        await tasks.drain(1.0)


def head_with(**changes: str) -> str:
    headers = signed(b"") | {"Content-Length": "200000"} | changes
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)


@pytest.mark.parametrize(
    ("head", "status", "reason"),
    [
        (head_with(**{"X-Slack-Signature": ""}), 401, "no signature"),
        (head_with(**{"X-Slack-Request-Timestamp": ""}), 401, "no signature"),
        (head_with(**{"X-Slack-Signature": "v0=00"}), 401, "wrong signature"),
        (head_with(**{"X-Slack-Request-Timestamp": "9" * 3_000}), 401, "malformed signature"),
        (head_with(**{"X-Slack-Request-Timestamp": "٣"}), 401, "malformed signature"),
        (head_with(**{"X-Slack-Request-Timestamp": "1"}), 401, "old timestamp"),
        (head_with(**{"X-Slack-Request-Timestamp": "9" * 12}), 401, "old timestamp"),
        (head_with(**{"Content-Length": "300001"}), 413, "too large"),
        (head_with(**{"Content-Encoding": "deflate"}), 415, "encoded body"),
        (head_with(), 408, "slow body"),
    ],
    ids=[
        "no signature",
        "no timestamp",
        "short signature",
        "long timestamp",
        "other digits",
        "old",
        "future",
        "large",
        "encoded",
        "body that does not come",
    ],
)
async def test_refused_without_waiting_for_the_body(url: Url, head: str, status: int, reason: str) -> None:
    before = refused(reason)

    response = await url.exchange(head)

    assert status_of(response) == status
    assert refused(reason) == before + 1


MENTION: dict[str, Any] = {
    "type": "event_callback",
    "team_id": "T0HOME",
    "event_id": "Ev1",
    "authorizations": [{"enterprise_id": None, "team_id": "T0HOME", "user_id": "U0POSBOT", "is_bot": True}],
    "event": {"type": "app_mention", "user": "U0ALICE", "text": "<@U0POSBOT> health", "ts": "1.2", "channel": "C0OPS"},
}
CLICK: dict[str, Any] = {
    "type": "block_actions",
    "user": {"id": "U0ALICE", "username": "alice", "team_id": "T0HOME"},
    "team": {"id": "T0HOME", "domain": "durion"},
    "enterprise": None,
    "channel": {"id": "C0OPS", "name": "ops"},
    "container": {"type": "message", "is_ephemeral": True},
    "message": {"type": "message", "text": "x", "ts": "1.1", "user": "U0POSBOT"},
    "state": {"values": {"text": {"type": {"type": "plain_text_input", "value": None}}}},
    "actions": [
        {
            "type": "button",
            "action_id": "run:0",
            "action_ts": "1.3",
            "value": "health",
            "text": {"type": "plain_text", "text": "Run"},
        }
    ],
}


async def test_payloads_of_slack_are_accepted(url: Url) -> None:
    mention = await url.post(json.dumps(MENTION).encode())
    form = urllib.parse.urlencode({"payload": json.dumps(CLICK)}).encode()
    click = await url.post(form, "application/x-www-form-urlencoded")

    assert (status_of(mention), status_of(click)) == (200, 200)
    for _ in range(100):
        if len(url.received.requests) == 2:
            break
        await asyncio.sleep(0.01)
    assert sorted(one.invocation.text for one in url.received.requests) == ["health", "health"]


@pytest.mark.parametrize("secret", ["another secret", ""])
async def test_body_that_is_not_signed_with_the_secret_is_refused(url: Url, secret: str) -> None:
    body, before = json.dumps(MENTION).encode(), refused("wrong signature")
    forged = signed(body, secret=secret) if secret else signed(body.replace(b"health", b"audit "))

    response = await url.post(body, **forged)

    assert status_of(response) == 401
    assert refused("wrong signature") == before + 1
    assert url.received.requests == []


async def test_connection_of_a_refused_request_is_closed(url: Url) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", url.port)
    writer.write(f"POST {manifest.REQUEST_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
    async with asyncio.timeout(5):
        response = await reader.read()
    writer.close()

    assert status_of(response.decode()) == 401
    assert b"Connection: close" in response


@pytest.mark.parametrize(
    "payload",
    [
        {"type": {"a": 1}, "event": []},
        {"type": "event_callback", "event": None},
        {"type": "event_callback", "event": []},
        {"type": "event_callback", "event": "type"},
        {"type": "event_callback"},
        {"type": "event_callback", "event": {"type": ["app_mention"]}},
        MENTION | {"authorizations": {"0": 1}},
        MENTION | {"authorizations": [None]},
        MENTION | {"event": MENTION["event"] | {"user": ["U0ALICE"]}},
        MENTION | {"event": {"type": "message", "subtype": {}, "channel_type": "im"}},
        CLICK | {"actions": []},
        CLICK | {"actions": None},
        CLICK | {"actions": [None]},
        CLICK | {"actions": [{"type": "button"}]},
        CLICK | {"actions": {"0": {"action_id": "run:0"}}},
        CLICK | {"actions": [{"action_id": "run:0", "value": {"a": 1}}]},
        CLICK | {"user": 7},
        CLICK | {"team": ["T0HOME"]},
        CLICK | {"channel": {"id": {}}},
        CLICK | {"state": {"values": []}},
        CLICK | {"response_urls": [1]},
        {"type": "view_submission", "view": {"callback_id": 3}},
        {"command": ["/pos"]},
        {
            "message": {
                "message": {"message": {"message": {"message": {"message": {"message": {"message": {"message": {}}}}}}}}
            }
        },
    ],
    ids=lambda payload: json.dumps(payload)[:60],
)
async def test_odd_payload_is_refused_in_a_sentence(
    url: Url, payload: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    with structlog.testing.capture_logs() as lines:
        response = await url.post(json.dumps(payload).encode())

    assert status_of(response) == 400
    assert [record for record in caplog.records if record.exc_info] == []
    assert [line for line in lines if line.get("exc_info")] == []
    assert url.received.requests == []


@pytest.mark.parametrize(
    "kind",
    [
        *("workflow_step_edit", "view_submission", "view_closed", "shortcut", "message_action", "block_suggestion"),
        *("dialog_submission", "dialog_cancellation", "dialog_suggestion", "interactive_message", "block_actions"),
        *("event_callback", "function_executed", "url_verification", "app_rate_limited", "x", ""),
    ],
)
@pytest.mark.parametrize("is_form", [True, False], ids=["form", "JSON"])
async def test_payload_of_any_type_without_its_keys_leaves_no_traceback(
    url: Url, kind: str, is_form: bool, caplog: pytest.LogCaptureFixture
) -> None:
    for more in ({}, {"callback_id": "x"}, {"view": {}}, {"workflow_step": 1}, {"event": {"type": "x"}}):
        content = json.dumps({"type": kind, **more})
        form = urllib.parse.urlencode({"payload": content}) if is_form else None
        content_type = "application/x-www-form-urlencoded" if is_form else "application/json"
        response = await url.post((form or content).encode(), content_type)
        assert status_of(response) in {200, 400, 404}, (more, response)

    assert [record for record in caplog.records if record.exc_info] == []


async def test_whatever_bolt_raises_is_a_counted_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    async def dispatch(*_: object) -> None:
        raise KeyError("anything")

    monkeypatch.setattr(AsyncApp, "async_dispatch", dispatch)
    before = refused("malformed payload")
    async with serving() as url:
        response = await url.post(json.dumps(MENTION).encode())

    assert status_of(response) == 400
    assert refused("malformed payload") == before + 1


VALUES = st.sampled_from([None, True, 7, "", "x", [], {}, [None], ["x"], {"x": 1}, [{"type": 1}], {"id": None}])
KEYS = st.sampled_from(
    sorted({*MENTION, *MENTION["event"], *CLICK, "view", "event", "item", "previous_message", "response_urls"})
)


@hypothesis.given(kind=st.sampled_from([MENTION, CLICK]), path=st.lists(KEYS, min_size=1, max_size=2), value=VALUES)
def test_payload_with_any_value_of_another_type_is_judged(kind: dict[str, Any], path: list[str], value: object) -> None:
    """What passes can be read: by Bolt, and by posbot's own functions of payloads."""
    payload = json.loads(json.dumps(kind))
    place = payload
    for key in path[:-1]:
        place = place[key] if isinstance(place.get(key), dict) else place
    place[path[-1]] = value

    if payload_shapes.problem(payload) is None:
        asyncio.run(_dispatched(payload))


async def _dispatched(payload: dict[str, Any]) -> None:
    async with serving() as url:
        response = await url.post(json.dumps(payload).encode())
    assert status_of(response) in {200, 400, 404}, response
