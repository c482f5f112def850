"""
What the bot is handed for a short while: trigger ids and response urls, and how answers through them look.
"""

import collections.abc
import dataclasses
import json
import typing
import urllib.parse

import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient
from slack_sdk.webhook.webhook_response import WebhookResponse

from sandbox import slack
from sandbox.slack.scenario import people
from sandbox.slack.state import channels, messages, records

pytestmark = pytest.mark.anyio
Json = dict[str, typing.Any]
VIEW: Json = {"type": "modal", "title": {"type": "plain_text", "text": "t"}, "blocks": []}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Desk:
    workspace: slack.Workspace
    client: AsyncWebClient
    clock: slack.ManualClock
    alice: people.Person
    bob: people.Person
    ops: channels.Channel
    answers: list[web.Response]
    """What the request URL answers next; an empty 200 when there is nothing."""

    async def trigger(self) -> str:
        delivery = await self.alice.types("/pos x", self.ops)
        return str(delivery.payload["trigger_id"])

    async def respond(self, body: Json) -> WebhookResponse:
        delivery = await self.alice.types("/pos x", self.ops)
        return await AsyncWebhookClient(delivery.payload["response_url"]).send_dict(body)


@pytest.fixture
async def desk() -> collections.abc.AsyncIterator[Desk]:
    answers: list[web.Response] = []

    async def take(request: web.Request) -> web.Response:
        return answers.pop(0) if answers else web.Response()

    application = web.Application()
    application.router.add_post("/", take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    clock = slack.ManualClock()
    async with slack.running(clock=clock) as workspace:
        workspace.deliver_to(f"http://127.0.0.1:{runner.addresses[0][1]}/")
        alice, bob = workspace.person("alice"), workspace.person("bob")
        yield Desk(
            workspace=workspace,
            client=AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url),
            clock=clock,
            alice=alice,
            bob=bob,
            ops=workspace.channel("ops", members=[alice, bob], bot_is_member=False),
            answers=answers,
        )
    await runner.cleanup()


async def a_message_with_a_button(desk: Desk) -> messages.Message:
    await desk.client.conversations_join(channel=desk.ops.id)
    button = {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": "go"}
    blocks = [{"type": "actions", "elements": [button]}]
    await desk.client.chat_postMessage(channel=desk.ops.id, text="card", blocks=blocks)
    return await desk.alice.waits_for_message(desk.ops, containing="Go")


async def test_a_trigger_opens_one_modal(desk: Desk) -> None:
    trigger_id = await desk.trigger()
    await desk.client.views_open(trigger_id=trigger_id, view=VIEW)
    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        await desk.client.views_open(trigger_id=trigger_id, view=VIEW)

    assert [view.title for view in desk.alice.modals] == ["t"]
    assert desk.bob.modals == ()


async def test_a_trigger_lasts_three_seconds(desk: Desk) -> None:
    early, late = await desk.trigger(), await desk.trigger()
    desk.clock.advance(3)
    await desk.client.views_open(trigger_id=early, view=VIEW)
    desk.clock.advance(0.1)
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        await desk.client.views_open(trigger_id=late, view=VIEW)


async def test_an_invented_trigger_is_invalid(desk: Desk) -> None:
    with pytest.raises(SlackApiError, match="invalid_trigger_id"):
        await desk.client.views_open(trigger_id="1.2.abc", view=VIEW)


async def test_an_unsound_view_does_not_use_up_the_trigger(desk: Desk) -> None:
    trigger_id = await desk.trigger()
    with pytest.raises(SlackApiError, match="invalid_arguments"):
        await desk.client.views_open(trigger_id=trigger_id, view=VIEW | {"colour": "red"})
    await desk.client.views_open(trigger_id=trigger_id, view=VIEW)


async def test_a_stack_holds_three_modals(desk: Desk) -> None:
    for _ in range(3):
        method = desk.client.views_push if desk.alice.modals else desk.client.views_open
        await method(trigger_id=await desk.trigger(), view=VIEW)
    with pytest.raises(SlackApiError, match="push_limit_reached"):
        await desk.client.views_push(trigger_id=await desk.trigger(), view=VIEW)


async def test_a_modal_is_updated_while_it_is_open(desk: Desk) -> None:
    opened = await desk.client.views_open(trigger_id=await desk.trigger(), view=VIEW)
    view_id = opened["view"]["id"]
    changed = VIEW | {"title": {"type": "plain_text", "text": "later"}}
    await desk.client.views_update(view_id=view_id, view=changed)
    modal = await desk.alice.waits_for_modal(containing="later")
    await desk.alice.closes(modal)
    with pytest.raises(SlackApiError, match="not_found"):
        await desk.client.views_update(view_id=view_id, view=changed)


async def test_a_response_url_works_five_times(desk: Desk) -> None:
    delivery = await desk.alice.types("/pos x", desk.ops)
    client = AsyncWebhookClient(delivery.payload["response_url"])
    statuses = [(await client.send_dict({"text": str(number)})).status_code for number in range(6)]

    assert statuses == [200] * 5 + [404]
    assert [use.outcome for use in desk.workspace.response_uses] == ["ok"] * 5 + ["used_url"]
    assert len(desk.alice.sees(desk.ops)) == 5


async def test_a_response_url_works_for_half_an_hour(desk: Desk) -> None:
    delivery = await desk.alice.types("/pos x", desk.ops)
    client = AsyncWebhookClient(delivery.payload["response_url"])
    desk.clock.advance(1800)
    in_time = await client.send_dict({"text": "a"})
    desk.clock.advance(1)
    too_late = await client.send_dict({"text": "b"})

    assert (in_time.status_code, too_late.status_code) == (200, 404)
    assert "expired_url" in too_late.body


async def test_an_answer_is_for_one_person_unless_it_says_otherwise(desk: Desk) -> None:
    await desk.respond({"text": "for you"})
    await desk.respond({"text": "for all", "response_type": "in_channel"})

    assert [message.text for message in desk.alice.sees(desk.ops)] == ["for you", "for all"]
    assert [message.text for message in desk.bob.sees(desk.ops)] == ["for all"]


async def test_an_answer_can_go_to_a_thread(desk: Desk) -> None:
    parent = await desk.bob.says("question", desk.ops)
    await desk.respond({"text": "x", "response_type": "in_channel", "thread_ts": parent.ts})
    await desk.bob.waits_for_message(desk.ops, thread=parent, containing="x")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param({"text": ""}, "no_text", id="empty"),
        pytest.param({"text": "x", "response_type": "public"}, "invalid_payload", id="response type"),
        pytest.param({"text": "x", "replace_original": 3}, "invalid_payload", id="flag"),
        pytest.param({"blocks": [{"type": "section"}]}, "invalid_blocks", id="blocks"),
        pytest.param({"delete_original": True}, "message_not_found", id="nothing to delete"),
    ],
)
async def test_an_answer_of_the_wrong_shape_is_refused(desk: Desk, body: Json, error: str) -> None:
    response = await desk.respond(body)

    assert response.status_code >= 400
    assert json.loads(response.body)["error"] == error
    assert desk.alice.sees(desk.ops) == ()


async def test_long_blocks_are_not_refused_in_answers(desk: Desk) -> None:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3000}}
    assert (await desk.respond({"blocks": [section] * 5})).status_code == 200


async def test_a_click_can_delete_its_message(desk: Desk) -> None:
    message = await a_message_with_a_button(desk)
    delivery = await desk.bob.clicks("Go", message)
    await AsyncWebhookClient(delivery.payload["response_url"]).send_dict({"delete_original": True})

    assert desk.alice.sees(desk.ops) == ()
    with pytest.raises(LookupError):
        await desk.bob.clicks("Go", message)


async def test_an_archived_channel_takes_no_answer(desk: Desk) -> None:
    delivery = await desk.alice.types("/pos x", desk.ops)
    desk.workspace.archive(desk.ops)
    response = await AsyncWebhookClient(delivery.payload["response_url"]).send_dict({"text": "x"})
    assert response.status_code == 410


async def test_a_direct_answer_with_unsound_blocks_fails_the_command(desk: Desk) -> None:
    desk.answers.append(web.json_response({"blocks": [{"type": "nonsense"}]}))
    delivery = await desk.alice.types("/pos x", desk.ops)

    assert (delivery.outcome, delivery.problem) == (records.Outcome.REFUSED, "invalid_blocks")
    assert "dispatch_failed" in desk.alice.sees(desk.ops)[-1].text


async def test_a_server_error_fails_the_command_without_a_second_try(desk: Desk) -> None:
    desk.answers.append(web.Response(status=500))
    delivery = await desk.alice.types("/pos x", desk.ops)

    assert [attempt.status for attempt in delivery.attempts] == [500]
    assert "dispatch_failed" in desk.alice.sees(desk.ops)[-1].text


async def test_a_command_has_exactly_slacks_fields(desk: Desk) -> None:
    delivery = await desk.alice.types("/pos health @bob #ops <&> @ghost", desk.ops)

    link = urllib.parse.urlparse(delivery.payload["response_url"])
    assert link.netloc == urllib.parse.urlparse(desk.workspace.api_url).netloc
    shown = delivery.payload | {"response_url": "", "trigger_id": ""}
    assert shown == {
        "token": "sandbox-verification-token",
        "team_id": "T0HOME",
        "team_domain": "durion",
        "channel_id": desk.ops.id,
        "channel_name": "ops",
        "user_id": "U0ALICE",
        "user_name": "alice",
        "command": "/pos",
        "text": f"health <@U0BOB> <#{desk.ops.id}|ops> &lt;&amp;&gt; @ghost",
        "api_app_id": "A0POSBOT",
        "is_enterprise_install": "false",
        "response_url": "",
        "trigger_id": "",
    }


async def test_commands_are_refused_in_threads_and_when_unknown(desk: Desk) -> None:
    parent = await desk.bob.says("question", desk.ops)
    in_thread = await desk.alice.types("/pos health", desk.ops, thread=parent)
    unknown = await desk.alice.types("/nope", desk.ops)

    assert in_thread.outcome is unknown.outcome is records.Outcome.NOT_DELIVERED
    notices = [message.text for message in desk.alice.sees(desk.ops) if message.is_ephemeral]
    assert notices == ["/pos is not supported in threads. Sorry!", "/nope is not a valid command."]


async def test_a_stranger_in_a_shared_channel_carries_the_other_team(desk: Desk) -> None:
    mallory = desk.workspace.person("mallory", team="T0OTHER")
    shared = desk.workspace.channel("shared", members=[desk.alice, mallory])

    command = await mallory.types("/pos health", shared)
    mention = await mallory.mentions("health", shared)

    assert command.payload["team_id"] == "T0OTHER"
    assert mention.payload["team_id"] == "T0HOME"
    assert mention.payload["is_ext_shared_channel"] is True
    assert mention.payload["event"]["user_team"] == "T0OTHER"


async def test_web_addresses_in_messages_are_marked_as_links(desk: Desk) -> None:
    message = await desk.alice.says("see https://a.b/c?d=1&e=2 now", desk.ops)
    assert message.text == "see <https://a.b/c?d=1&amp;e=2> now"


async def test_a_menu_in_a_message_tells_what_was_chosen(desk: Desk) -> None:
    await desk.client.conversations_join(channel=desk.ops.id)
    option = {"text": {"type": "plain_text", "text": "Production"}, "value": "prod"}
    menu = {"type": "static_select", "action_id": "env", "options": [option]}
    blocks = [{"type": "actions", "elements": [menu]}]
    await desk.client.chat_postMessage(channel=desk.ops.id, text="where?", blocks=blocks)
    [message] = desk.alice.sees(desk.ops)

    delivery = await desk.alice.chooses("Production", message, menu="env")

    [action] = delivery.payload["actions"]
    assert action["selected_option"]["value"] == "prod"
    with pytest.raises(LookupError):
        await desk.alice.chooses("Moon", message, menu="env")


async def test_a_clicked_ephemeral_message_is_not_in_the_payload(desk: Desk) -> None:
    button = {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": "go"}
    await desk.respond({"blocks": [{"type": "actions", "elements": [button]}]})
    [message] = desk.alice.sees(desk.ops)

    delivery = await desk.alice.clicks("Go", message)

    assert "message" not in delivery.payload
    assert delivery.payload["container"]["is_ephemeral"] is True
    with pytest.raises(LookupError):
        await desk.bob.clicks("Go", message)


async def test_a_click_can_come_from_a_screen_that_is_a_moment_behind(desk: Desk) -> None:
    message = await a_message_with_a_button(desk)
    await desk.client.chat_update(channel=desk.ops.id, ts=message.ts, text="done")
    with pytest.raises(LookupError):
        await desk.alice.clicks("Go", message)
    delivery = await desk.alice.clicks("Go", message, as_seen=True)

    assert delivery.payload["message"]["text"] == "done"
    assert delivery.payload["actions"][0]["action_id"] == "go"
