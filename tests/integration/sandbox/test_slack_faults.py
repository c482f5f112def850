"""
Trouble on demand, as the real client and a real socket meet it.
"""

import asyncio
import collections.abc
import contextlib
import json
import typing

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from sandbox import slack
from sandbox.slack.state import records
from tests.integration.sandbox import slack_client

pytestmark = pytest.mark.anyio


@pytest.fixture
async def slack_app() -> collections.abc.AsyncIterator[slack_client.SlackApp]:
    timings = slack.Timings(ack_seconds=0.2, retry_factor=0.0005, socket_grace_seconds=0.05)
    async with slack_client.running(slack.Settings(timings=timings), retries=False) as app:
        yield app


class RawSocket:
    """A socket that acknowledges only what it is told to."""

    def __init__(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        self.connection = connection

    async def frame(self) -> dict[str, typing.Any]:
        return dict(await self.connection.receive_json(timeout=2))

    async def acknowledge(self, envelope_id: str, payload: object = None) -> None:
        body = {"envelope_id": envelope_id} | ({"payload": payload} if payload else {})
        await self.connection.send_str(json.dumps(body))


@contextlib.asynccontextmanager
async def raw_sockets(workspace: slack.Workspace, count: int) -> collections.abc.AsyncIterator[list[RawSocket]]:
    client = AsyncWebClient(token=workspace.app_token, base_url=workspace.api_url)
    async with aiohttp.ClientSession() as session:
        opened = []
        for _ in range(count):
            url = (await client.apps_connections_open(app_token=workspace.app_token))["url"]
            opened.append(RawSocket(await session.ws_connect(url)))
        yield opened


async def test_rate_limit_tells_when_to_come_again(slack_app: slack_client.SlackApp) -> None:
    slack_app.workspace.faults.rate_limit("users.info", retry_after_seconds=30)

    with pytest.raises(SlackApiError) as caught:
        await slack_app.client.users_info(user=slack_app.alice.id)
    await slack_app.client.users_info(user=slack_app.alice.id)

    response = caught.value.response
    assert (response.status_code, response["error"]) == (429, "ratelimited")
    assert response.headers["Retry-After"] == "30"
    assert [call.outcome for call in slack_app.workspace.calls("users.info")] == ["ratelimited", "ok"]


async def test_clients_own_handler_gets_over_rate_limit(slack_app: slack_client.SlackApp) -> None:
    slack_app.workspace.faults.rate_limit("users.info", retry_after_seconds=0, times=1)
    slack_app.client.retry_handlers.append(AsyncRateLimitErrorRetryHandler())
    assert (await slack_app.client.users_info(user=slack_app.alice.id))["ok"]


@pytest.mark.parametrize("status", [500, 503])
async def test_server_error_changes_nothing(slack_app: slack_client.SlackApp, status: int) -> None:
    slack_app.workspace.faults.server_error("chat.postMessage", status=status)
    with pytest.raises(SlackApiError) as caught:
        await slack_app.client.chat_postMessage(channel=slack_app.ops.id, text="x")

    assert caught.value.response.status_code == status
    assert slack_app.alice.sees(slack_app.ops) == ()


async def test_any_refusal_can_be_asked_for(slack_app: slack_client.SlackApp) -> None:
    slack_app.workspace.faults.refuse("conversations.create", error="restricted_action", times=2)
    for _ in range(2):
        with pytest.raises(SlackApiError, match="restricted_action"):
            await slack_app.client.conversations_create(name="inc-1")
    await slack_app.client.conversations_create(name="inc-1")
    assert slack_app.workspace.faults.planned == ()


async def test_dropped_connection_comes_after_message_was_posted(slack_app: slack_client.SlackApp) -> None:
    slack_app.workspace.faults.drop_after_accepting("chat.postMessage")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await slack_app.client.chat_postMessage(channel=slack_app.ops.id, text="x")

    assert [message.text for message in slack_app.alice.sees(slack_app.ops)] == ["x"]
    [call] = slack_app.workspace.calls("chat.postMessage")
    assert (call.outcome, call.was_carried_out) == ("no answer", True)


async def test_clients_default_retry_posts_twice_after_drop(slack_app: slack_client.SlackApp) -> None:
    slack_app.workspace.faults.drop_after_accepting("chat.postMessage")
    client = AsyncWebClient(token=slack_app.workspace.bot_token, base_url=slack_app.workspace.api_url)
    await client.chat_postMessage(channel=slack_app.ops.id, text="x")
    assert len(slack_app.alice.sees(slack_app.ops)) == 2


async def test_slow_answer_comes_after_message_was_posted(slack_app: slack_client.SlackApp) -> None:
    slack_app.workspace.faults.slow_answer("chat.postMessage", seconds=0.2)
    async with asyncio.TaskGroup() as group:
        posting = group.create_task(slack_app.client.chat_postMessage(channel=slack_app.ops.id, text="x"))
        await slack_app.alice.waits_for_message(slack_app.ops, containing="x")
        assert not posting.done()


async def test_workspace_closes_while_answer_is_due() -> None:
    async with slack.running() as workspace:
        workspace.faults.slow_answer("auth.test", seconds=60)
        client = AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url, retry_handlers=[])
        calling = asyncio.create_task(client.auth_test())
        await workspace.wait_for(lambda: workspace.calls("auth.test"))
    with pytest.raises(aiohttp.ClientError):
        await calling


async def test_response_urls_can_be_troubled_as_well(slack_app: slack_client.SlackApp) -> None:
    async with raw_sockets(slack_app.workspace, 1) as [socket]:
        await socket.frame()
        async with asyncio.TaskGroup() as group:
            typing_task = group.create_task(slack_app.alice.types("/pos x", slack_app.ops))
            await socket.acknowledge((await socket.frame())["envelope_id"])
    client = AsyncWebhookClient(typing_task.result().payload["response_url"], retry_handlers=[])
    slack_app.workspace.faults.rate_limit("response_url")
    limited = await client.send_dict({"text": "x"})
    slack_app.workspace.faults.expire_response_urls()
    expired = await client.send_dict({"text": "x"})

    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "1")
    assert "expired_url" in expired.body


async def test_socket_begins_with_hello(slack_app: slack_client.SlackApp) -> None:
    async with raw_sockets(slack_app.workspace, 2) as [first, second]:
        hello, other = await first.frame(), await second.frame()

    assert hello["type"] == "hello"
    assert (hello["num_connections"], other["num_connections"]) == (1, 2)
    assert hello["debug_info"]["approximate_connection_time"] == 18060


async def test_ticket_opens_one_socket(slack_app: slack_client.SlackApp) -> None:
    client = AsyncWebClient(token=slack_app.workspace.app_token, base_url=slack_app.workspace.api_url)
    url = (await client.apps_connections_open(app_token=slack_app.workspace.app_token))["url"]
    async with aiohttp.ClientSession() as session:
        await session.ws_connect(url)
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(url)

    assert caught.value.status == 408
    assert [handshake.is_accepted for handshake in slack_app.workspace.handshakes] == [True, False]


async def test_eleventh_socket_is_sent_away(slack_app: slack_client.SlackApp) -> None:
    async with raw_sockets(slack_app.workspace, 11) as opened:
        assert await opened[10].frame() == {
            "type": "disconnect",
            "reason": "too_many_websockets",
            "debug_info": {"host": "applink-sandbox"},
        }
        assert len(slack_app.workspace.open_sockets) == 10


async def test_each_payload_goes_to_one_socket_in_turn(slack_app: slack_client.SlackApp) -> None:
    async with raw_sockets(slack_app.workspace, 2) as opened:
        for _ in range(4):
            await asyncio.wait_for(slack_app.alice.types("/pos x", slack_app.ops), 2)

        for socket in opened:
            frames = [await socket.frame() for _ in range(3)]
            assert [frame["type"] for frame in frames] == ["hello", "slash_commands", "slash_commands"]
            assert frames[1]["accepts_response_payload"] is True


async def test_unacknowledged_command_is_not_delivered_again(slack_app: slack_client.SlackApp) -> None:
    async with raw_sockets(slack_app.workspace, 1):
        delivery = await slack_app.alice.types("/pos x", slack_app.ops)
    assert [attempt.outcome for attempt in delivery.attempts] == [records.Outcome.TIMED_OUT]


async def test_unacknowledged_event_is_delivered_three_times_more(slack_app: slack_client.SlackApp) -> None:
    async with raw_sockets(slack_app.workspace, 1) as [socket]:
        delivery = await slack_app.alice.mentions("x", slack_app.ops)
        await slack_app.workspace.wait_for(lambda: len(delivery.attempts) == 4)
        frames = [await socket.frame() for _ in range(5)][1:]

    assert [frame["retry_attempt"] for frame in frames] == [0, 1, 2, 3]
    assert [frame["retry_reason"] for frame in frames] == ["", "timeout", "timeout", "timeout"]
    assert len({frame["payload"]["event_id"] for frame in frames}) == 1


async def test_without_socket_command_fails_at_once(slack_app: slack_client.SlackApp) -> None:
    delivery = await slack_app.alice.types("/pos x", slack_app.ops)

    assert delivery.outcome is records.Outcome.UNREACHABLE
    assert "dispatch_failed" in slack_app.alice.sees(slack_app.ops)[-1].text


async def test_silent_socket_looks_connected_and_swallows_everything(slack_app: slack_client.SlackApp) -> None:
    async with raw_sockets(slack_app.workspace, 1) as [socket]:
        await socket.frame()
        slack_app.workspace.faults.silence_sockets()
        await socket.connection.ping()
        delivery = await slack_app.alice.types("/pos x", slack_app.ops)

        assert delivery.outcome is records.Outcome.TIMED_OUT
        assert not socket.connection.closed
        with pytest.raises(TimeoutError):
            await socket.connection.receive(timeout=0.05)


async def test_refresh_says_goodbye_and_closes_after_grace(slack_app: slack_client.SlackApp) -> None:
    async with raw_sockets(slack_app.workspace, 1) as [socket]:
        await socket.frame()
        await slack_app.workspace.faults.refresh_sockets()
        farewell = await socket.frame()
        delivery = await slack_app.alice.types("/pos x", slack_app.ops)
        end = await socket.connection.receive(timeout=2)

    assert (farewell["type"], farewell["reason"]) == ("disconnect", "refresh_requested")
    assert delivery.outcome is records.Outcome.UNREACHABLE
    assert end.type is aiohttp.WSMsgType.CLOSE


async def test_duplicate_envelope_has_same_ids(slack_app: slack_client.SlackApp) -> None:
    slack_app.workspace.faults.duplicate_delivery("/pos")
    async with raw_sockets(slack_app.workspace, 1) as [socket]:
        await socket.frame()
        async with asyncio.TaskGroup() as group:
            typing_task = group.create_task(slack_app.alice.types("/pos x", slack_app.ops))
            frames = [await socket.frame(), await socket.frame()]
            for frame in frames:
                await socket.acknowledge(frame["envelope_id"], {"text": "hi"})

    assert frames[0] == frames[1]
    assert len(typing_task.result().attempts) == 2
    assert [message.text for message in slack_app.alice.sees(slack_app.ops)] == ["hi"]


@contextlib.asynccontextmanager
async def bolt(slack_app: slack_client.SlackApp) -> collections.abc.AsyncIterator[AsyncSocketModeHandler]:
    app = AsyncApp(client=slack_app.client)

    @app.command("/pos")
    async def on_command(ack) -> None:  # type: ignore[no-untyped-def]
        await ack("done")

    handler = AsyncSocketModeHandler(
        app, slack_app.workspace.app_token, web_client=slack_app.client, ping_interval=0.05
    )
    connecting = asyncio.create_task(handler.connect_async())  # type: ignore[no-untyped-call]
    try:
        yield handler
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]
        await connecting


async def test_bolt_comes_back_after_refresh(slack_app: slack_client.SlackApp) -> None:
    async with bolt(slack_app):
        await slack_app.workspace.wait_for_sockets()
        [old] = slack_app.workspace.open_sockets
        await slack_app.workspace.faults.refresh_sockets()
        await slack_app.workspace.wait_for(lambda: slack_app.workspace.open_sockets not in ((), (old,)))
        delivery = await slack_app.alice.types("/pos x", slack_app.ops)

    assert delivery.is_acknowledged


async def test_bolt_comes_back_after_cut(slack_app: slack_client.SlackApp) -> None:
    async with bolt(slack_app):
        await slack_app.workspace.wait_for_sockets()
        [old] = slack_app.workspace.open_sockets
        slack_app.workspace.faults.cut_sockets()
        await slack_app.workspace.wait_for(lambda: slack_app.workspace.open_sockets not in ((), (old,)))
        delivery = await slack_app.alice.types("/pos x", slack_app.ops)

    assert delivery.is_acknowledged


async def test_bolt_sticks_to_refused_ticket_until_it_is_taken_away(slack_app: slack_client.SlackApp) -> None:
    slack_app.workspace.faults.refuse_handshakes()
    async with bolt(slack_app) as handler:
        await slack_app.workspace.wait_for(lambda: len(slack_app.workspace.handshakes) >= 4)
        tickets = {handshake.ticket for handshake in slack_app.workspace.handshakes}
        handler.client.wss_uri = None
        await slack_app.workspace.wait_for_sockets()

    assert len(tickets) == 1
    assert slack_app.workspace.handshakes[-1].is_accepted


@contextlib.asynccontextmanager
async def request_url(slack_app: slack_client.SlackApp, app: AsyncApp) -> collections.abc.AsyncIterator[None]:
    runner = web.AppRunner(app.server(port=0, path="/slack/events").web_app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack_app.workspace.deliver_to(f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events")
    try:
        yield
    finally:
        await runner.cleanup()


async def test_bolt_takes_only_what_is_signed_and_fresh(slack_app: slack_client.SlackApp) -> None:
    app = AsyncApp(client=slack_app.client, signing_secret=slack_app.workspace.signing_secret)

    @app.command("/pos")
    async def on_command(ack) -> None:  # type: ignore[no-untyped-def]
        await ack("done")

    async with request_url(slack_app, app):
        body = "command=%2Fpos&text=x&team_id=T0HOME&user_id=U0ALICE"
        fresh = await slack_app.workspace.post_raw(body=body)
        unsigned = await slack_app.workspace.post_raw(body=body, sign=False)
        old = await slack_app.workspace.post_raw(body=body, timestamp=1_000_000_000)
        forged = await slack_app.workspace.post_raw(body=body, headers={"X-Slack-Signature": "v0=0"})
        is_verified = await slack_app.workspace.verify_request_url()

    assert [reply.status for reply in (fresh, unsigned, old, forged)] == [200, 401, 401, 401]
    assert is_verified


async def test_events_by_http_are_retried_with_number_and_reason(slack_app: slack_client.SlackApp) -> None:
    seen: list[tuple[str | None, str | None]] = []
    app = AsyncApp(client=slack_app.client, signing_secret=slack_app.workspace.signing_secret)

    @app.middleware
    async def note(request, next) -> None:  # type: ignore[no-untyped-def]  # noqa: A002 - Bolt's name
        number = request.headers.get("x-slack-retry-num", [None])[0]
        seen.append((number, request.headers.get("x-slack-retry-reason", [None])[0]))
        await next()

    async with request_url(slack_app, app):
        delivery = await slack_app.alice.mentions("x", slack_app.ops)
        await slack_app.workspace.wait_for(lambda: len(delivery.attempts) == 4)

    assert seen == [(None, None), ("1", "http_error"), ("2", "http_error"), ("3", "http_error")]
    assert [attempt.status for attempt in delivery.attempts] == [404] * 4


async def test_waiting_in_vain_tells_what_was_seen(slack_app: slack_client.SlackApp) -> None:
    await slack_app.alice.says("hello", slack_app.ops)
    with pytest.raises(TimeoutError, match="alice waited for 'bye'; seen in ops: \\['hello'\\]"):
        await slack_app.alice.waits_for_message(slack_app.ops, containing="bye", timeout_seconds=0.01)


async def test_nothing_is_left_running_after_end(slack_app: slack_client.SlackApp) -> None:
    before = asyncio.all_tasks()
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the story is what must not leak
        async with slack.running() as workspace:
            alice = workspace.person("alice")
            ops = workspace.channel("ops", members=[alice])
            async with raw_sockets(workspace, 1):
                await workspace.faults.refresh_sockets()
            delivery = await alice.mentions("x", ops)
            await workspace.wait_for(lambda: len(delivery.attempts) >= 2)
            raise ZeroDivisionError

    assert asyncio.all_tasks() <= before
