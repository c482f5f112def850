"""
The Web API as the real client meets it: who may call what, and what each method checks and changes.
"""

import typing

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox import slack
from tests.integration.sandbox import slack_client

pytestmark = pytest.mark.anyio
Json = dict[str, typing.Any]


async def test_call_without_token_is_not_authed(slack_app: slack_client.SlackApp) -> None:
    slack_app.client.token = None
    assert await slack_app.error_of("auth.test") == "not_authed"


async def test_wrong_token_is_refused(slack_app: slack_client.SlackApp) -> None:
    slack_app.client.token = "xoxb-wrong"
    assert await slack_app.error_of("auth.test") == "invalid_auth"


async def test_each_kind_of_token_has_its_methods(slack_app: slack_client.SlackApp) -> None:
    assert await slack_app.error_of("apps.connections.open") == "not_allowed_token_type"
    slack_app.client.token = slack_app.workspace.app_token
    assert await slack_app.error_of("auth.test") == "not_allowed_token_type"


async def test_unknown_method_is_named(slack_app: slack_client.SlackApp) -> None:
    assert await slack_app.error_of("chat.postTelegram") == "unknown_method"


async def test_missing_scope_is_named_with_those_granted() -> None:
    setup = slack.Settings(scopes=frozenset({"chat:write", "users:read"}))
    async with slack.running(setup) as workspace:
        client = AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url)

        with pytest.raises(SlackApiError) as caught:
            await client.pins_add(channel="C1", timestamp="1")

    assert caught.value.response["error"] == "missing_scope"
    assert caught.value.response["needed"] == "pins:write"
    assert caught.value.response["provided"] == "chat:write,users:read"


@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        pytest.param(b"{", "application/json", "invalid_json", id="broken JSON"),
        pytest.param(b"[]", "application/json", "json_not_object", id="JSON list"),
        pytest.param(b"x", "text/csv", "invalid_post_type", id="unknown type"),
    ],
)
async def test_body_of_wrong_kind_is_refused(
    slack_app: slack_client.SlackApp, body: bytes, content_type: str, error: str
) -> None:
    headers = {"Authorization": f"Bearer {slack_app.workspace.bot_token}", "Content-Type": content_type}
    url = f"{slack_app.workspace.api_url}auth.test"
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
        answer = await response.json()

    assert answer == {"ok": False, "error": error}


async def test_forms_carry_structures_as_json_text(slack_app: slack_client.SlackApp) -> None:
    form = {"channel": slack_app.ops.id, "text": "x", "blocks": '[{"type": "divider"}]'}
    await slack_app.client.api_call("chat.postMessage", data=form)

    [message] = slack_app.alice.sees(slack_app.ops)
    assert message.blocks[0]["type"] == "divider"


async def test_reading_methods_overlook_json_body(slack_app: slack_client.SlackApp) -> None:
    assert await slack_app.error_of("conversations.info", channel=slack_app.ops.id) == "channel_not_found"
    found = await slack_app.client.conversations_info(channel=slack_app.ops.id)
    assert found["channel"]["name"] == "ops"


async def test_every_call_is_recorded_with_its_outcome(slack_app: slack_client.SlackApp) -> None:
    await slack_app.client.chat_postMessage(channel=slack_app.ops.id, text="hello")
    await slack_app.error_of("chat.postMessage", channel="C0", text="x")

    calls = slack_app.workspace.calls("chat.postMessage")
    assert [(call.arguments["text"], call.outcome) for call in calls] == [
        ("hello", "ok"),
        ("x", "channel_not_found"),
    ]


async def test_tiers_are_enforced_where_asked_for() -> None:
    async with slack.running(slack.Settings(enforces_tiers=True)) as workspace:
        client = AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url)
        for _ in range(20):
            await client.usergroups_list()

        with pytest.raises(SlackApiError) as caught:
            await client.usergroups_list()

    assert caught.value.response.status_code == 429


@pytest.mark.parametrize(
    ("name", "error"),
    [
        pytest.param("", "invalid_name_required", id="empty"),
        pytest.param("x" * 81, "invalid_name_maxlength", id="long"),
        pytest.param("Incident", "invalid_name_specials", id="capital"),
        pytest.param("inc 1", "invalid_name_specials", id="blank"),
        pytest.param("--_", "invalid_name_punctuation", id="punctuation"),
        pytest.param("ops", "name_taken", id="taken"),
    ],
)
async def test_channel_name_has_rules(slack_app: slack_client.SlackApp, name: str, error: str) -> None:
    assert await slack_app.error_of("conversations.create", name=name) == error


async def test_incident_channel_is_made_filled_and_archived(slack_app: slack_client.SlackApp) -> None:
    made = await slack_app.client.conversations_create(name="inc-1")
    channel_id = made["channel"]["id"]
    await slack_app.client.conversations_invite(channel=channel_id, users=[slack_app.alice.id])
    await slack_app.client.conversations_setTopic(channel=channel_id, topic="down")
    await slack_app.client.bookmarks_add(channel_id=channel_id, title="Runbook", type="link", link="https://a.b")
    sent = await slack_app.client.chat_postMessage(channel=channel_id, text="x")
    await slack_app.client.pins_add(channel=channel_id, timestamp=sent["ts"])
    await slack_app.client.reactions_add(channel=channel_id, timestamp=sent["ts"], name="eyes")
    await slack_app.client.conversations_archive(channel=channel_id)

    channel = slack_app.workspace.find_channel("inc-1")
    assert channel is not None and channel.is_archived
    assert (channel.topic, channel.pinned) == ("down", (sent["ts"],))
    assert channel.bookmarks == (("Runbook", "https://a.b"),)
    assert channel.member_ids == ("U0POSBOT", slack_app.alice.id)
    assert slack_app.workspace.messages_in(channel)[0].reactions == ("eyes",)


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        pytest.param("conversations.invite", {"users": "U0ALICE"}, "already_in_channel", id="in already"),
        pytest.param("conversations.invite", {"users": "U0POSBOT"}, "cant_invite_self", id="self"),
        pytest.param("conversations.invite", {"users": "U0GHOST"}, "user_not_found", id="nobody"),
        pytest.param("conversations.open", {"users": "U0GHOST"}, "channel_not_found", id="channel wins"),
        pytest.param("pins.add", {"timestamp": "1"}, "message_not_found", id="pin nothing"),
        pytest.param("reactions.add", {"timestamp": "1", "name": "no emoji"}, "invalid_name", id="emoji"),
        pytest.param("conversations.setTopic", {"topic": "x" * 251}, "too_long", id="long topic"),
    ],
)
async def test_wrong_request_is_named(
    slack_app: slack_client.SlackApp, method: str, arguments: Json, error: str
) -> None:
    channel = "C0" if error == "channel_not_found" else slack_app.ops.id
    assert await slack_app.error_of(method, channel=channel, **arguments) == error


async def test_people_and_groups_can_be_looked_up(slack_app: slack_client.SlackApp) -> None:
    mallory = slack_app.workspace.person("mallory", team="T0OTHER")
    group = slack_app.workspace.user_group("oncall", [slack_app.alice])

    user = await slack_app.client.users_info(user=mallory.id)
    groups = await slack_app.client.usergroups_list()
    members = await slack_app.client.usergroups_users_list(usergroup=group.id)

    assert (user["user"]["team_id"], user["user"]["is_stranger"]) == ("T0OTHER", True)
    assert [found["handle"] for found in groups["usergroups"]] == ["oncall"]
    assert members["users"] == [slack_app.alice.id]


async def test_lists_come_in_pages(slack_app: slack_client.SlackApp) -> None:
    for number in range(3):
        await slack_app.alice.says(str(number), slack_app.ops)

    first = await slack_app.client.conversations_history(channel=slack_app.ops.id, limit=2)
    cursor = first["response_metadata"]["next_cursor"]
    second = await slack_app.client.conversations_history(channel=slack_app.ops.id, limit=2, cursor=cursor)

    assert [message["text"] for message in first["messages"]] == ["2", "1"]
    assert [message["text"] for message in second["messages"]] == ["0"]


async def test_file_is_uploaded_and_shared_in_thread(slack_app: slack_client.SlackApp) -> None:
    parent = await slack_app.alice.says("log?", slack_app.ops)
    await slack_app.client.files_upload_v2(
        channel=slack_app.ops.id,
        thread_ts=parent.ts,
        filename="pod.log",
        content="all is well",
        initial_comment="the log",
    )

    [file] = slack_app.workspace.files
    message = await slack_app.alice.waits_for_message(slack_app.ops, containing="the log", thread=parent)
    assert (file.name, file.text, file.channel_ids) == ("pod.log", "all is well", (slack_app.ops.id,))
    assert message.file_ids == (file.id,)


async def test_file_needs_membership_of_channel(slack_app: slack_client.SlackApp) -> None:
    lobby = slack_app.workspace.channel("lobby", bot_is_member=False)
    with pytest.raises(SlackApiError, match="not_in_channel"):
        await slack_app.client.files_upload_v2(channel=lobby.id, filename="x", content="y")
    assert slack_app.workspace.files == ()


async def an_upload(slack_app: slack_client.SlackApp, *, length: int = 3) -> tuple[str, str]:
    answer = await slack_app.client.files_getUploadURLExternal(filename="pod.log", length=length)
    return answer["upload_url"], answer["file_id"]


async def put(url: str, content: bytes) -> int:
    async with aiohttp.ClientSession() as session, session.post(url, data=content) as response:
        return response.status


async def test_upload_url_takes_announced_bytes_once(slack_app: slack_client.SlackApp) -> None:
    url, file_id = await an_upload(slack_app)
    other_url, _ = await an_upload(slack_app)

    assert await put(other_url, b"four") == 400
    assert await put(url, b"abc") == 200
    assert await put(url, b"abc") == 404
    assert await put(f"{url}x", b"abc") == 404
    assert slack_app.workspace.files == ()
    await slack_app.client.files_completeUploadExternal(files=[{"id": file_id}], channel_id=slack_app.ops.id)
    assert await slack_app.error_of("files.completeUploadExternal", files=[{"id": file_id}]) == "file_not_found"


async def test_only_what_was_uploaded_can_be_shared_and_only_where_bot_is(slack_app: slack_client.SlackApp) -> None:
    share = "files.completeUploadExternal"
    url, file_id = await an_upload(slack_app)
    files = [{"id": file_id, "title": "pod.log"}]
    closed = slack_app.workspace.archive(slack_app.workspace.channel("closed"))

    assert await slack_app.error_of(share, files=files, channel_id=slack_app.ops.id) == "file_not_found"
    await put(url, b"abc")
    assert await slack_app.error_of(share, files=[], channel_id=slack_app.ops.id) == "invalid_arguments"
    assert await slack_app.error_of(share, files=[{"id": "F0NONE"}], channel_id=slack_app.ops.id) == "file_not_found"
    assert await slack_app.error_of(share, files=files, channel_id=slack_app.alice.id) == "channel_not_found"
    assert await slack_app.error_of(share, files=files, channel_id=closed.id) == "is_archived"
    late = {"channel_id": slack_app.ops.id, "thread_ts": "1.000100"}
    assert await slack_app.error_of(share, files=files, **late) == "thread_not_found"
    assert await slack_app.error_of(share, files=files, thread_ts="1.000100") == "invalid_arguments"
    assert slack_app.workspace.files == ()


async def test_files_and_direct_messages_need_their_scopes() -> None:
    async with slack.running(slack.Settings(scopes=frozenset({"chat:write"}))) as workspace:
        client = AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url)

        with pytest.raises(SlackApiError, match="'needed': 'files:write'"):
            await client.files_getUploadURLExternal(filename="x", length=1)
        with pytest.raises(SlackApiError, match="'needed': 'im:write'"):
            await client.conversations_open(users=workspace.person("alice").id)


async def test_file_in_direct_message_is_opened_by_that_person_alone(slack_app: slack_client.SlackApp) -> None:
    bob = slack_app.workspace.person("bob")
    opened = await slack_app.client.conversations_open(users=slack_app.alice.id)
    url, file_id = await an_upload(slack_app)
    await put(url, b"abc")

    await slack_app.client.files_completeUploadExternal(files=[{"id": file_id}], channel_id=opened["channel"]["id"])

    assert (await slack_app.alice.waits_for_file(slack_app.alice.chat_with_bot)).text == "abc"
    assert bob.files_in(slack_app.alice.chat_with_bot) == ()


async def test_file_in_thread_is_found_there(slack_app: slack_client.SlackApp) -> None:
    parent, other = await slack_app.alice.says("log?", slack_app.ops), await slack_app.alice.says("?", slack_app.ops)
    url, file_id = await an_upload(slack_app)
    await put(url, b"abc")

    await slack_app.client.files_completeUploadExternal(
        files=[{"id": file_id}], channel_id=slack_app.ops.id, thread_ts=parent.ts
    )

    assert [file.text for file in slack_app.alice.files_in(slack_app.ops, thread=parent)] == ["abc"]
    assert slack_app.alice.files_in(slack_app.ops, thread=other) == ()
    assert slack_app.workspace.file_names == {file_id: "pod.log"}


async def test_what_bot_wrote_cannot_be_changed_once_it_is_out_of_channel(slack_app: slack_client.SlackApp) -> None:
    sent = await slack_app.client.chat_postMessage(channel=slack_app.ops.id, text="a")
    slack_app.workspace.remove_bot_from(slack_app.ops)

    assert (
        await slack_app.error_of("chat.update", channel=slack_app.ops.id, ts=sent["ts"], text="b") == "not_in_channel"
    )


async def test_home_tab_with_modals_block_is_refused(slack_app: slack_client.SlackApp) -> None:
    alert = {"type": "alert", "text": {"type": "plain_text", "text": "x"}}
    view = {"type": "home", "blocks": [alert]}
    with pytest.raises(SlackApiError) as caught:
        await slack_app.client.views_publish(user_id=slack_app.alice.id, view=view)

    assert caught.value.response["error"] == "invalid_blocks"
    assert "/view/blocks/0/type" in caught.value.response["response_metadata"]["messages"][0]


async def test_view_over_250_kilobytes_is_too_large(slack_app: slack_client.SlackApp) -> None:
    view = {"type": "home", "blocks": [slack_client.section("x" * 3000)] * 90}
    error = await slack_app.error_of("views.publish", user_id=slack_app.alice.id, view=view)
    assert error == "view_too_large"


async def test_home_tab_changed_meanwhile_is_conflict(slack_app: slack_client.SlackApp) -> None:
    view = {"type": "home", "blocks": [slack_client.section("x")]}
    first = await slack_app.client.views_publish(user_id=slack_app.alice.id, view=view)
    await slack_app.client.views_publish(user_id=slack_app.alice.id, view=view, hash=first["view"]["hash"])
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await slack_app.client.views_publish(user_id=slack_app.alice.id, view=view, hash=first["view"]["hash"])
