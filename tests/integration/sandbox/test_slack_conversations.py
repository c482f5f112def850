"""
Whole conversations with a real Bolt app, by Socket Mode and by signed HTTP.
"""

import collections.abc
import contextlib
import dataclasses
import re

import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from sandbox import slack
from sandbox.slack.state import records

pytestmark = pytest.mark.anyio


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    workspace: slack.Workspace
    app: AsyncApp


def a_bot(workspace: slack.Workspace) -> AsyncApp:
    client = AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url)
    app = AsyncApp(client=client, signing_secret=workspace.signing_secret)

    @app.command("/pos")
    async def on_command(ack, command, respond, client):  # type: ignore[no-untyped-def]
        match command["text"].split()[0]:
            case "silent":
                return
            case "inline":
                await ack(text="said in the acknowledgement")
            case "modal":
                await ack()
                await client.views_open(trigger_id=command["trigger_id"], view=a_modal())
            case _:
                await ack()
                await respond(blocks=a_card(command["text"]), text="fallback", response_type="in_channel")

    @app.action("again")
    async def on_click(ack, body, respond):  # type: ignore[no-untyped-def]
        await ack()
        await respond(text=f"{body['user']['name']} pressed {body['actions'][0]['value']}", replace_original=True)

    @app.event("app_mention")
    async def on_mention(event, say):  # type: ignore[no-untyped-def]
        await say(text=f"heard {event['text']}", thread_ts=event.get("thread_ts") or event["ts"])

    @app.event("app_home_opened")
    async def on_home(event, client):  # type: ignore[no-untyped-def]
        view = {"type": "home", "blocks": a_card(f"home of {event['user']}")}
        await client.views_publish(user_id=event["user"], view=view)

    @app.event("message")
    async def on_message(event, say):  # type: ignore[no-untyped-def]
        await say(text=f"you wrote {event['text']}")

    @app.view("form")
    async def on_submit(ack, view, body, client):  # type: ignore[no-untyped-def]
        reason = view["state"]["values"]["why"]["reason"]["value"]
        if reason == "no":
            await ack(response_action="errors", errors={"why": "say more"})
            return
        await ack()
        await client.chat_postMessage(channel=body["user"]["id"], text=f"because {reason}")

    @app.event(re.compile(".*"))
    async def on_anything() -> None:
        pass

    return app


def a_card(text: str) -> list[dict[str, object]]:
    button = {
        "type": "button",
        "text": {"type": "plain_text", "text": "Run again"},
        "action_id": "again",
        "value": "v1",
    }
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": text}},
        {"type": "actions", "elements": [button]},
    ]


def a_modal() -> dict[str, object]:
    return {
        "type": "modal",
        "callback_id": "form",
        "title": {"type": "plain_text", "text": "Why?"},
        "submit": {"type": "plain_text", "text": "Go"},
        "blocks": [
            {
                "type": "input",
                "block_id": "why",
                "label": {"type": "plain_text", "text": "Reason"},
                "element": {"type": "plain_text_input", "action_id": "reason"},
            }
        ],
    }


@contextlib.asynccontextmanager
async def by_socket(workspace: slack.Workspace, app: AsyncApp) -> collections.abc.AsyncIterator[None]:
    handler = AsyncSocketModeHandler(app, workspace.app_token, web_client=app.client)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    await workspace.wait_for_sockets()
    try:
        yield
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]


@contextlib.asynccontextmanager
async def by_http(workspace: slack.Workspace, app: AsyncApp) -> collections.abc.AsyncIterator[None]:
    runner = web.AppRunner(app.server(port=0, path="/slack/events").web_app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    workspace.deliver_to(f"http://127.0.0.1:{port}/slack/events")
    try:
        yield
    finally:
        await runner.cleanup()


@pytest.fixture(params=[by_socket, by_http], ids=["socket", "http"])
async def stage(request: pytest.FixtureRequest) -> collections.abc.AsyncIterator[Stage]:
    patience = slack.Timings(ack_seconds=0.4, retry_factor=0.001)
    async with slack.running(slack.Settings(timings=patience)) as workspace:
        app = a_bot(workspace)
        async with request.param(workspace, app):
            yield Stage(workspace=workspace, app=app)


async def test_command_is_answered_where_bot_is_not_member(stage: Stage) -> None:
    alice = stage.workspace.person("alice")
    ops = stage.workspace.channel("ops", members=[alice], bot_is_member=False)

    delivery = await alice.types("/pos health pos-order", ops)
    message = await alice.waits_for_message(ops, containing="pos-order")

    assert delivery.is_acknowledged and delivery.ack_seconds is not None
    assert message.plain_text == "health pos-order\nRun again"
    assert [button.text for button in message.buttons] == ["Run again"]
    assert not message.is_ephemeral


async def test_click_replaces_message(stage: Stage) -> None:
    alice = stage.workspace.person("alice")
    ops = stage.workspace.channel("ops", members=[alice])
    await alice.types("/pos health", ops)
    message = await alice.waits_for_message(ops, containing="health")

    await alice.clicks("Run again", message)
    changed = await alice.waits_for_change(message)

    assert changed.plain_text == "alice pressed v1"
    assert changed.ts == message.ts
    assert [edit.text for edit in changed.edits] == ["fallback"]


async def test_acknowledgement_can_carry_answer(stage: Stage) -> None:
    alice, bob = stage.workspace.person("alice"), stage.workspace.person("bob")
    ops = stage.workspace.channel("ops", members=[alice, bob])

    await alice.types("/pos inline", ops)

    assert [message.text for message in alice.sees(ops)] == ["said in the acknowledgement"]
    assert bob.sees(ops) == ()


async def test_command_without_acknowledgement_shows_operation_timeout(stage: Stage) -> None:
    alice = stage.workspace.person("alice")
    ops = stage.workspace.channel("ops", members=[alice])

    delivery = await alice.types("/pos silent", ops)

    assert delivery.outcome is records.Outcome.TIMED_OUT
    assert len(delivery.attempts) == 1
    assert 'failed with the error "operation_timeout"' in alice.sees(ops)[-1].text


async def test_mention_in_thread_is_answered_there(stage: Stage) -> None:
    alice = stage.workspace.person("alice")
    ops = stage.workspace.channel("ops", members=[alice])
    question = await alice.says("what is wrong?", ops)

    delivery = await alice.mentions("health pos-order", ops, thread=question)
    answer = await alice.waits_for_message(ops, containing="heard", thread=question)

    assert delivery.is_acknowledged
    assert answer.text == "heard <@U0POSBOT> health pos-order"


async def test_mention_is_not_delivered_where_bot_is_not_member(stage: Stage) -> None:
    alice = stage.workspace.person("alice")
    ops = stage.workspace.channel("ops", members=[alice], bot_is_member=False)

    delivery = await alice.mentions("health", ops)

    assert delivery.outcome is records.Outcome.NOT_DELIVERED
    assert delivery.attempts == ()


async def test_home_tab_is_published(stage: Stage) -> None:
    alice = stage.workspace.person("alice")

    await alice.opens_home()
    home = await alice.waits_for_home(containing="home of U0ALICE")

    assert [button.action_id for button in home.buttons] == ["again"]


async def test_direct_message_and_command_in_it_are_answered(stage: Stage) -> None:
    alice = stage.workspace.person("alice")

    await alice.writes_to_bot("health")
    await alice.waits_for_message(alice.chat_with_bot, containing="you wrote health")
    delivery = await alice.writes_to_bot("/pos health")
    await alice.waits_for_message(alice.chat_with_bot, containing="Run again")

    assert delivery.payload["channel_name"] == "directmessage"


async def test_modal_is_opened_refused_and_submitted(stage: Stage) -> None:
    alice = stage.workspace.person("alice")
    ops = stage.workspace.channel("ops", members=[alice])
    await alice.types("/pos modal", ops)
    modal = await alice.waits_for_modal(containing="Why?")

    await alice.submits(modal, {"reason": "no"})
    refused = await alice.waits_for_modal(after=modal)
    await alice.submits(modal, {"reason": "tired"})
    message = await alice.waits_for_message(alice.chat_with_bot, containing="because")

    assert refused.errors == {"why": "say more"}
    assert alice.modals == ()
    assert message.text == "because tired"


async def test_event_with_lost_acknowledgement_comes_again_with_same_id(stage: Stage) -> None:
    alice = stage.workspace.person("alice")
    ops = stage.workspace.channel("ops", members=[alice])
    stage.workspace.faults.lose_acknowledgement("app_mention", times=2)

    delivery = await alice.mentions("health", ops)
    await stage.workspace.wait_for(lambda: delivery.is_acknowledged)

    assert [attempt.number for attempt in delivery.attempts] == [0, 1, 2]


async def test_same_payload_can_be_delivered_twice_at_once(stage: Stage) -> None:
    alice = stage.workspace.person("alice")
    ops = stage.workspace.channel("ops", members=[alice])
    stage.workspace.faults.duplicate_delivery("/pos")

    delivery = await alice.types("/pos health", ops)
    await stage.workspace.wait_for(lambda: len(stage.workspace.response_uses) == 2)

    assert [attempt.outcome for attempt in delivery.attempts] == [records.Outcome.ACKNOWLEDGED] * 2
    assert len(alice.sees(ops)) == 2
