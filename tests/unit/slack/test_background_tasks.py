"""Background tasks start after acknowledgements, and end with the process."""

import asyncio
import time
from typing import Any

import httpx
import pytest
from aiohttp import test_utils, web
from slack_sdk import signature as signing

from bot.slack.client import api
from bot.slack.inbound import listeners, manifest, payloads, refusals, signed_http

pytestmark = pytest.mark.anyio


def signed(body: str) -> dict[str, str]:
    """Return the headers of a request that Slack signs with "secret"."""
    now = str(int(time.time()))
    signature = signing.SignatureVerifier("secret").generate_signature(timestamp=now, body=body)
    return {
        "X-Slack-Request-Timestamp": now,
        "X-Slack-Signature": str(signature),
        "Content-Type": "application/x-www-form-urlencoded",
    }


async def test_task_waits_for_pending_acknowledgements() -> None:
    acknowledgements = listeners.Acknowledgements()
    with acknowledgements.pending() as first:
        with acknowledgements.pending():
            work = asyncio.create_task(first.wait())
            await asyncio.sleep(0)
            assert not work.done()
        await asyncio.sleep(0)
        assert not work.done()

    await asyncio.wait_for(work, timeout=1)


async def test_nothing_starts_after_the_drain() -> None:
    tasks, started = listeners.BackgroundTasks(), asyncio.Event()

    async def work() -> None:
        started.set()

    await tasks.drain(0.0)
    tasks.start(work(), name="late")
    for _ in range(3):
        await asyncio.sleep(0)

    assert not started.is_set()


async def test_request_during_the_drain_is_left_to_another_replica() -> None:
    app: Any = None
    endpoints = web.Application()
    endpoints.add_routes([signed_http.route(app, "secret", refusals.Refusals(), is_stopping=lambda: True)])
    body = "command=%2Fpos&text=version"

    async with test_utils.TestClient(test_utils.TestServer(endpoints)) as client:
        reply = await client.post(manifest.REQUEST_PATH, data=body, headers=signed(body))
        told = reply.status, await reply.text()

    assert told == (503, "posbot is stopping.\n")


async def test_work_of_a_request_starts_after_its_acknowledgement() -> None:
    replied_at: list[float] = []
    worked_until: list[float] = []
    tasks = listeners.BackgroundTasks()

    class Handler:
        async def handle(self, _: payloads.Request) -> None:
            # Whatever comes after this on the event loop would come too late.
            time.sleep(0.5)  # noqa: ASYNC251
            worked_until.append(time.monotonic())

    def post(url: str) -> None:
        assert httpx.post(url, content=body, headers=headers, trust_env=False).status_code == 200
        replied_at.append(time.monotonic())

    identity = api.Identity(team_id="T0HOME", team="home", user_id="U0BOT", bot_id="B0BOT", enterprise_id=None)
    handler: Any = Handler()
    home: Any = None
    app = listeners.application(
        api.SlackApi("xoxb-1", "http://slack"), identity, handler=handler, home=home, tasks=tasks
    )
    endpoints = web.Application()
    endpoints.add_routes([signed_http.route(app, "secret", refusals.Refusals(), is_stopping=lambda: False)])
    body = "command=%2Fpos&text=version&user_id=U0ALICE&channel_id=C0OPS&team_id=T0HOME&trigger_id=1"
    headers = signed(body)
    async with test_utils.TestServer(endpoints) as server:
        await asyncio.to_thread(post, str(server.make_url(manifest.REQUEST_PATH)))
        await tasks.drain(5.0)

    assert replied_at[0] < worked_until[0]
