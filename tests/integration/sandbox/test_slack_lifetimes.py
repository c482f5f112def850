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
from sandbox.slack.state import messages, records
from tests.integration.sandbox import slack_client

pytestmark = pytest.mark.anyio
Json = dict[str, typing.Any]
VIEW: Json = {"type": "modal", "title": {"type": "plain_text", "text": "t"}, "blocks": []}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RespondingApp(slack_client.SlackApp):
    bob: people.Person
    answers: list[web.Response]
    """What the request URL answers next; an empty 200 when there is nothing."""

    async def trigger(self) -> str:
        delivery = await self.alice.types("/pos x", self.ops)
        return str(delivery.payload["trigger_id"])

    async def respond(self, body: Json) -> WebhookResponse:
        delivery = await self.alice.types("/pos x", self.ops)
        return await AsyncWebhookClient(delivery.payload["response_url"]).send_dict(body)


@pytest.fixture
async def slack_app() -> collections.abc.AsyncIterator[RespondingApp]:
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
        yield RespondingApp(
            workspace=workspace,
            client=AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url),
            clock=clock,
            alice=alice,
            bob=bob,
            ops=workspace.channel("ops", members=[alice, bob], bot_is_member=False),
            answers=answers,
        )
    await runner.cleanup()


async def a_message_with_a_button(slack_app: RespondingApp) -> messages.Message:
    await slack_app.alice.invites_bot(slack_app.ops)
    button = {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": "go"}
    blocks = [{"type": "actions", "elements": [button]}]
    await slack_app.client.chat_postMessage(channel=slack_app.ops.id, text="card", blocks=blocks)
    return await slack_app.alice.waits_for_message(slack_app.ops, containing="Go")


async def test_trigger_opens_one_modal(slack_app: RespondingApp) -> None:
    trigger_id = await slack_app.trigger()
    await slack_app.client.views_open(trigger_id=trigger_id, view=VIEW)
    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        await slack_app.client.views_open(trigger_id=trigger_id, view=VIEW)

    assert [view.title for view in slack_app.alice.modals] == ["t"]
    assert slack_app.bob.modals == ()


async def test_trigger_lasts_three_seconds(slack_app: RespondingApp) -> None:
    early, late = await slack_app.trigger(), await slack_app.trigger()
    slack_app.clock.advance(3)
    await slack_app.client.views_open(trigger_id=early, view=VIEW)
    slack_app.clock.advance(0.1)
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        await slack_app.client.views_open(trigger_id=late, view=VIEW)


async def test_invented_trigger_is_invalid(slack_app: RespondingApp) -> None:
    with pytest.raises(SlackApiError, match="invalid_trigger_id"):
        await slack_app.client.views_open(trigger_id="1.2.abc", view=VIEW)


async def test_unsound_view_does_not_use_up_trigger(slack_app: RespondingApp) -> None:
    trigger_id = await slack_app.trigger()
    with pytest.raises(SlackApiError, match="invalid_arguments"):
        await slack_app.client.views_open(trigger_id=trigger_id, view=VIEW | {"colour": "red"})
    await slack_app.client.views_open(trigger_id=trigger_id, view=VIEW)


async def test_stack_holds_three_modals(slack_app: RespondingApp) -> None:
    for _ in range(3):
        method = slack_app.client.views_push if slack_app.alice.modals else slack_app.client.views_open
        await method(trigger_id=await slack_app.trigger(), view=VIEW)
    with pytest.raises(SlackApiError, match="push_limit_reached"):
        await slack_app.client.views_push(trigger_id=await slack_app.trigger(), view=VIEW)


async def test_modal_is_updated_while_it_is_open(slack_app: RespondingApp) -> None:
    opened = await slack_app.client.views_open(trigger_id=await slack_app.trigger(), view=VIEW)
    view_id = opened["view"]["id"]
    changed = VIEW | {"title": {"type": "plain_text", "text": "later"}}
    await slack_app.client.views_update(view_id=view_id, view=changed)
    modal = await slack_app.alice.waits_for_modal(containing="later")
    await slack_app.alice.closes(modal)
    with pytest.raises(SlackApiError, match="not_found"):
        await slack_app.client.views_update(view_id=view_id, view=changed)


async def test_response_url_works_five_times(slack_app: RespondingApp) -> None:
    delivery = await slack_app.alice.types("/pos x", slack_app.ops)
    client = AsyncWebhookClient(delivery.payload["response_url"])
    statuses = [(await client.send_dict({"text": str(number)})).status_code for number in range(6)]

    assert statuses == [200] * 5 + [404]
    assert [use.outcome for use in slack_app.workspace.response_uses] == ["ok"] * 5 + ["used_url"]
    assert len(slack_app.alice.sees(slack_app.ops)) == 5


async def test_response_url_works_for_half_hour(slack_app: RespondingApp) -> None:
    delivery = await slack_app.alice.types("/pos x", slack_app.ops)
    client = AsyncWebhookClient(delivery.payload["response_url"])
    slack_app.clock.advance(1800)
    in_time = await client.send_dict({"text": "a"})
    slack_app.clock.advance(1)
    too_late = await client.send_dict({"text": "b"})

    assert (in_time.status_code, too_late.status_code) == (200, 404)
    assert "expired_url" in too_late.body


async def test_answer_is_for_one_person_unless_it_says_otherwise(slack_app: RespondingApp) -> None:
    await slack_app.respond({"text": "for you"})
    await slack_app.respond({"text": "for all", "response_type": "in_channel"})

    assert [message.text for message in slack_app.alice.sees(slack_app.ops)] == ["for you", "for all"]
    assert [message.text for message in slack_app.bob.sees(slack_app.ops)] == ["for all"]


async def test_answer_can_go_to_thread(slack_app: RespondingApp) -> None:
    parent = await slack_app.bob.says("question", slack_app.ops)
    await slack_app.respond({"text": "x", "response_type": "in_channel", "thread_ts": parent.ts})
    await slack_app.bob.waits_for_message(slack_app.ops, thread=parent, containing="x")


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
async def test_answer_of_wrong_shape_is_refused(slack_app: RespondingApp, body: Json, error: str) -> None:
    response = await slack_app.respond(body)

    assert response.status_code >= 400
    assert json.loads(response.body)["error"] == error
    assert slack_app.alice.sees(slack_app.ops) == ()


async def test_long_blocks_are_not_refused_in_answers(slack_app: RespondingApp) -> None:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3000}}
    assert (await slack_app.respond({"blocks": [section] * 5})).status_code == 200


async def test_click_can_delete_its_message(slack_app: RespondingApp) -> None:
    message = await a_message_with_a_button(slack_app)
    delivery = await slack_app.bob.clicks("Go", message)
    await AsyncWebhookClient(delivery.payload["response_url"]).send_dict({"delete_original": True})

    assert slack_app.alice.sees(slack_app.ops) == ()
    with pytest.raises(LookupError):
        await slack_app.bob.clicks("Go", message)


async def test_archived_channel_takes_no_answer(slack_app: RespondingApp) -> None:
    delivery = await slack_app.alice.types("/pos x", slack_app.ops)
    slack_app.workspace.archive(slack_app.ops)
    response = await AsyncWebhookClient(delivery.payload["response_url"]).send_dict({"text": "x"})
    assert response.status_code == 410


async def test_direct_answer_with_unsound_blocks_fails_command(slack_app: RespondingApp) -> None:
    slack_app.answers.append(web.json_response({"blocks": [{"type": "nonsense"}]}))
    delivery = await slack_app.alice.types("/pos x", slack_app.ops)

    assert (delivery.outcome, delivery.problem) == (records.Outcome.REFUSED, "invalid_blocks")
    assert "dispatch_failed" in slack_app.alice.sees(slack_app.ops)[-1].text


async def test_server_error_fails_command_without_second_try(slack_app: RespondingApp) -> None:
    slack_app.answers.append(web.Response(status=500))
    delivery = await slack_app.alice.types("/pos x", slack_app.ops)

    assert [attempt.status for attempt in delivery.attempts] == [500]
    assert "dispatch_failed" in slack_app.alice.sees(slack_app.ops)[-1].text


async def test_command_has_exactly_slacks_fields(slack_app: RespondingApp) -> None:
    delivery = await slack_app.alice.types("/pos health @bob #ops <&> @ghost", slack_app.ops)

    link = urllib.parse.urlparse(delivery.payload["response_url"])
    assert link.netloc == urllib.parse.urlparse(slack_app.workspace.api_url).netloc
    shown = delivery.payload | {"response_url": "", "trigger_id": ""}
    assert shown == {
        "token": "sandbox-verification-token",
        "team_id": "T0HOME",
        "team_domain": "durion",
        "channel_id": slack_app.ops.id,
        "channel_name": "ops",
        "user_id": "U0ALICE",
        "user_name": "alice",
        "command": "/pos",
        "text": f"health <@U0BOB> <#{slack_app.ops.id}|ops> &lt;&amp;&gt; @ghost",
        "api_app_id": "A0POSBOT",
        "is_enterprise_install": "false",
        "response_url": "",
        "trigger_id": "",
    }


async def test_commands_are_refused_in_threads_and_when_unknown(slack_app: RespondingApp) -> None:
    parent = await slack_app.bob.says("question", slack_app.ops)
    in_thread = await slack_app.alice.types("/pos health", slack_app.ops, thread=parent)
    unknown = await slack_app.alice.types("/nope", slack_app.ops)

    assert in_thread.outcome is unknown.outcome is records.Outcome.NOT_DELIVERED
    notices = [message.text for message in slack_app.alice.sees(slack_app.ops) if message.is_ephemeral]
    assert notices == ["/pos is not supported in threads. Sorry!", "/nope is not a valid command."]


async def test_stranger_in_shared_channel_carries_other_team(slack_app: RespondingApp) -> None:
    mallory = slack_app.workspace.person("mallory", team="T0OTHER")
    shared = slack_app.workspace.channel("shared", members=[slack_app.alice, mallory])

    command = await mallory.types("/pos health", shared)
    mention = await mallory.mentions("health", shared)

    assert command.payload["team_id"] == "T0OTHER"
    assert mention.payload["team_id"] == "T0HOME"
    assert mention.payload["is_ext_shared_channel"] is True
    assert mention.payload["event"]["user_team"] == "T0OTHER"


async def test_web_addresses_in_messages_are_marked_as_links(slack_app: RespondingApp) -> None:
    message = await slack_app.alice.says("see https://a.b/c?d=1&e=2 now", slack_app.ops)
    assert message.text == "see <https://a.b/c?d=1&amp;e=2> now"


async def test_menu_in_message_tells_what_was_chosen(slack_app: RespondingApp) -> None:
    await slack_app.alice.invites_bot(slack_app.ops)
    option = {"text": {"type": "plain_text", "text": "Production"}, "value": "prod"}
    menu = {"type": "static_select", "action_id": "env", "options": [option]}
    blocks = [{"type": "actions", "elements": [menu]}]
    await slack_app.client.chat_postMessage(channel=slack_app.ops.id, text="where?", blocks=blocks)
    [message] = slack_app.alice.sees(slack_app.ops)

    delivery = await slack_app.alice.chooses("Production", message, menu="env")

    [action] = delivery.payload["actions"]
    assert action["selected_option"]["value"] == "prod"
    with pytest.raises(LookupError):
        await slack_app.alice.chooses("Moon", message, menu="env")


async def test_clicked_ephemeral_message_is_not_in_payload(slack_app: RespondingApp) -> None:
    button = {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": "go"}
    await slack_app.respond({"blocks": [{"type": "actions", "elements": [button]}]})
    [message] = slack_app.alice.sees(slack_app.ops)

    delivery = await slack_app.alice.clicks("Go", message)

    assert "message" not in delivery.payload
    assert delivery.payload["container"]["is_ephemeral"] is True
    with pytest.raises(LookupError):
        await slack_app.bob.clicks("Go", message)


async def test_click_can_come_from_screen_that_is_moment_behind(slack_app: RespondingApp) -> None:
    message = await a_message_with_a_button(slack_app)
    await slack_app.client.chat_update(channel=slack_app.ops.id, ts=message.ts, text="done")
    with pytest.raises(LookupError):
        await slack_app.alice.clicks("Go", message)
    delivery = await slack_app.alice.clicks("Go", message, as_seen=True)

    assert delivery.payload["message"]["text"] == "done"
    assert delivery.payload["actions"][0]["action_id"] == "go"
