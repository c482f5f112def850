"""
The Web API as the real client meets it: who may call what, and what each method checks and changes.
"""

import collections.abc
import dataclasses
import typing

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox import slack
from sandbox.slack.scenario import people
from sandbox.slack.state import channels

pytestmark = pytest.mark.anyio
Json = dict[str, typing.Any]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Desk:
    workspace: slack.Workspace
    client: AsyncWebClient
    clock: slack.ManualClock
    alice: people.Person
    ops: channels.Channel

    async def error_of(self, method: str, **arguments: object) -> str:
        with pytest.raises(SlackApiError) as caught:
            await self.client.api_call(method, json=arguments)
        return str(caught.value.response["error"])


@pytest.fixture
async def desk() -> collections.abc.AsyncIterator[Desk]:
    clock = slack.ManualClock()
    async with slack.running(clock=clock) as workspace:
        alice = workspace.person("alice")
        yield Desk(
            workspace=workspace,
            client=AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url),
            clock=clock,
            alice=alice,
            ops=workspace.channel("ops", members=[alice]),
        )


def section(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


async def test_a_call_without_token_is_not_authed(desk: Desk) -> None:
    desk.client.token = None
    assert await desk.error_of("auth.test") == "not_authed"


async def test_a_wrong_token_is_refused(desk: Desk) -> None:
    desk.client.token = "xoxb-wrong"
    assert await desk.error_of("auth.test") == "invalid_auth"


async def test_each_kind_of_token_has_its_methods(desk: Desk) -> None:
    assert await desk.error_of("apps.connections.open") == "not_allowed_token_type"
    desk.client.token = desk.workspace.app_token
    assert await desk.error_of("auth.test") == "not_allowed_token_type"


async def test_an_unknown_method_is_named(desk: Desk) -> None:
    assert await desk.error_of("chat.postTelegram") == "unknown_method"


async def test_a_missing_scope_is_named_with_those_granted() -> None:
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
async def test_a_body_of_the_wrong_kind_is_refused(desk: Desk, body: bytes, content_type: str, error: str) -> None:
    headers = {"Authorization": f"Bearer {desk.workspace.bot_token}", "Content-Type": content_type}
    url = f"{desk.workspace.api_url}auth.test"
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
        answer = await response.json()

    assert answer == {"ok": False, "error": error}


async def test_forms_carry_structures_as_json_text(desk: Desk) -> None:
    form = {"channel": desk.ops.id, "text": "x", "blocks": '[{"type": "divider"}]'}
    await desk.client.api_call("chat.postMessage", data=form)

    [message] = desk.alice.sees(desk.ops)
    assert message.blocks[0]["type"] == "divider"


async def test_reading_methods_overlook_a_json_body(desk: Desk) -> None:
    assert await desk.error_of("conversations.info", channel=desk.ops.id) == "channel_not_found"
    found = await desk.client.conversations_info(channel=desk.ops.id)
    assert found["channel"]["name"] == "ops"


async def test_every_call_is_recorded_with_its_outcome(desk: Desk) -> None:
    await desk.client.chat_postMessage(channel=desk.ops.id, text="hello")
    await desk.error_of("chat.postMessage", channel="C0", text="x")

    calls = desk.workspace.calls("chat.postMessage")
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
async def test_a_channel_name_has_rules(desk: Desk, name: str, error: str) -> None:
    assert await desk.error_of("conversations.create", name=name) == error


async def test_an_incident_channel_is_made_filled_and_archived(desk: Desk) -> None:
    made = await desk.client.conversations_create(name="inc-1")
    channel_id = made["channel"]["id"]
    await desk.client.conversations_invite(channel=channel_id, users=[desk.alice.id])
    await desk.client.conversations_setTopic(channel=channel_id, topic="down")
    await desk.client.bookmarks_add(channel_id=channel_id, title="Runbook", type="link", link="https://a.b")
    sent = await desk.client.chat_postMessage(channel=channel_id, text="x")
    await desk.client.pins_add(channel=channel_id, timestamp=sent["ts"])
    await desk.client.reactions_add(channel=channel_id, timestamp=sent["ts"], name="eyes")
    members = await desk.client.conversations_members(channel=channel_id)
    await desk.client.conversations_archive(channel=channel_id)

    channel = desk.workspace.find_channel("inc-1")
    assert channel is not None and channel.is_archived
    assert (channel.topic, channel.pinned) == ("down", (sent["ts"],))
    assert channel.bookmarks == (("Runbook", "https://a.b"),)
    assert members["members"] == ["U0POSBOT", desk.alice.id]
    assert desk.workspace.messages_in(channel)[0].reactions == ("eyes",)


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
async def test_a_wrong_request_is_named(desk: Desk, method: str, arguments: Json, error: str) -> None:
    channel = "C0" if error == "channel_not_found" else desk.ops.id
    assert await desk.error_of(method, channel=channel, **arguments) == error


async def test_people_and_groups_can_be_looked_up(desk: Desk) -> None:
    mallory = desk.workspace.person("mallory", team="T0OTHER")
    group = desk.workspace.user_group("oncall", [desk.alice])

    user = await desk.client.users_info(user=mallory.id)
    groups = await desk.client.usergroups_list()
    members = await desk.client.usergroups_users_list(usergroup=group.id)

    assert (user["user"]["team_id"], user["user"]["is_stranger"]) == ("T0OTHER", True)
    assert [found["handle"] for found in groups["usergroups"]] == ["oncall"]
    assert members["users"] == [desk.alice.id]


async def test_lists_come_in_pages(desk: Desk) -> None:
    for number in range(3):
        await desk.alice.says(str(number), desk.ops)

    first = await desk.client.conversations_history(channel=desk.ops.id, limit=2)
    cursor = first["response_metadata"]["next_cursor"]
    second = await desk.client.conversations_history(channel=desk.ops.id, limit=2, cursor=cursor)

    assert [message["text"] for message in first["messages"]] == ["2", "1"]
    assert [message["text"] for message in second["messages"]] == ["0"]


async def test_a_file_is_uploaded_and_shared_in_a_thread(desk: Desk) -> None:
    parent = await desk.alice.says("log?", desk.ops)
    await desk.client.files_upload_v2(
        channel=desk.ops.id,
        thread_ts=parent.ts,
        filename="pod.log",
        content="all is well",
        initial_comment="the log",
    )

    [file] = desk.workspace.files
    message = await desk.alice.waits_for_message(desk.ops, containing="the log", thread=parent)
    assert (file.name, file.text, file.channel_ids) == ("pod.log", "all is well", (desk.ops.id,))
    assert message.file_ids == (file.id,)


async def test_a_file_needs_membership_of_the_channel(desk: Desk) -> None:
    lobby = desk.workspace.channel("lobby", bot_is_member=False)
    with pytest.raises(SlackApiError, match="not_in_channel"):
        await desk.client.files_upload_v2(channel=lobby.id, filename="x", content="y")
    assert desk.workspace.files == ()


async def an_upload(desk: Desk, *, length: int = 3) -> tuple[str, str]:
    answer = await desk.client.files_getUploadURLExternal(filename="pod.log", length=length)
    return answer["upload_url"], answer["file_id"]


async def put(url: str, content: bytes) -> int:
    async with aiohttp.ClientSession() as session, session.post(url, data=content) as response:
        return response.status


async def test_an_upload_url_takes_the_announced_bytes_once(desk: Desk) -> None:
    url, file_id = await an_upload(desk)
    other_url, _ = await an_upload(desk)

    assert await put(other_url, b"four") == 400
    assert await put(url, b"abc") == 200
    assert await put(url, b"abc") == 404
    assert await put(f"{url}x", b"abc") == 404
    assert desk.workspace.files == ()
    await desk.client.files_completeUploadExternal(files=[{"id": file_id}], channel_id=desk.ops.id)
    assert await desk.error_of("files.completeUploadExternal", files=[{"id": file_id}]) == "file_not_found"


async def test_only_what_was_uploaded_can_be_shared_and_only_where_the_bot_is(desk: Desk) -> None:
    share = "files.completeUploadExternal"
    url, file_id = await an_upload(desk)
    files = [{"id": file_id, "title": "pod.log"}]
    closed = desk.workspace.archive(desk.workspace.channel("closed"))

    assert await desk.error_of(share, files=files, channel_id=desk.ops.id) == "file_not_found"
    await put(url, b"abc")
    assert await desk.error_of(share, files=[], channel_id=desk.ops.id) == "invalid_arguments"
    assert await desk.error_of(share, files=[{"id": "F0NONE"}], channel_id=desk.ops.id) == "file_not_found"
    assert await desk.error_of(share, files=files, channel_id=desk.alice.id) == "channel_not_found"
    assert await desk.error_of(share, files=files, channel_id=closed.id) == "is_archived"
    late = {"channel_id": desk.ops.id, "thread_ts": "1.000100"}
    assert await desk.error_of(share, files=files, **late) == "thread_not_found"
    assert await desk.error_of(share, files=files, thread_ts="1.000100") == "invalid_arguments"
    assert desk.workspace.files == ()


async def test_files_and_direct_messages_need_their_scopes() -> None:
    async with slack.running(slack.Settings(scopes=frozenset({"chat:write"}))) as workspace:
        client = AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url)

        with pytest.raises(SlackApiError, match="'needed': 'files:write'"):
            await client.files_getUploadURLExternal(filename="x", length=1)
        with pytest.raises(SlackApiError, match="'needed': 'im:write'"):
            await client.conversations_open(users=workspace.person("alice").id)


async def test_a_file_in_a_direct_message_is_opened_by_that_person_alone(desk: Desk) -> None:
    bob = desk.workspace.person("bob")
    opened = await desk.client.conversations_open(users=desk.alice.id)
    url, file_id = await an_upload(desk)
    await put(url, b"abc")

    await desk.client.files_completeUploadExternal(files=[{"id": file_id}], channel_id=opened["channel"]["id"])

    assert (await desk.alice.waits_for_file(desk.alice.chat_with_bot)).text == "abc"
    assert bob.files_in(desk.alice.chat_with_bot) == ()


async def test_a_file_in_a_thread_is_found_there(desk: Desk) -> None:
    parent, other = await desk.alice.says("log?", desk.ops), await desk.alice.says("?", desk.ops)
    url, file_id = await an_upload(desk)
    await put(url, b"abc")

    await desk.client.files_completeUploadExternal(files=[{"id": file_id}], channel_id=desk.ops.id, thread_ts=parent.ts)

    assert [file.text for file in desk.alice.files_in(desk.ops, thread=parent)] == ["abc"]
    assert desk.alice.files_in(desk.ops, thread=other) == ()
    assert desk.workspace.file_names == {file_id: "pod.log"}


async def test_what_the_bot_wrote_cannot_be_changed_once_it_is_out_of_the_channel(desk: Desk) -> None:
    sent = await desk.client.chat_postMessage(channel=desk.ops.id, text="a")
    desk.workspace.remove_bot_from(desk.ops)

    assert await desk.error_of("chat.update", channel=desk.ops.id, ts=sent["ts"], text="b") == "not_in_channel"


async def test_blocks_are_validated_without_a_token(desk: Desk) -> None:
    desk.client.token = None
    await desk.client.blocks_validate(blocks=[section("x")])
    with pytest.raises(SlackApiError) as caught:
        await desk.client.blocks_validate(message={"blocks": [section("")]})

    assert caught.value.response["error"] == "invalid_message"
    assert caught.value.response["errors"][0]["pointer"] == "/blocks/0/text/text"


async def test_a_home_tab_with_a_modals_block_is_refused(desk: Desk) -> None:
    alert = {"type": "alert", "text": {"type": "plain_text", "text": "x"}}
    view = {"type": "home", "blocks": [alert]}
    with pytest.raises(SlackApiError) as caught:
        await desk.client.views_publish(user_id=desk.alice.id, view=view)

    assert caught.value.response["error"] == "invalid_blocks"
    assert "/view/blocks/0/type" in caught.value.response["response_metadata"]["messages"][0]


async def test_a_view_over_250_kilobytes_is_too_large(desk: Desk) -> None:
    view = {"type": "home", "blocks": [section("x" * 3000)] * 90}
    error = await desk.error_of("views.publish", user_id=desk.alice.id, view=view)
    assert error == "view_too_large"


async def test_a_home_tab_changed_meanwhile_is_a_conflict(desk: Desk) -> None:
    view = {"type": "home", "blocks": [section("x")]}
    first = await desk.client.views_publish(user_id=desk.alice.id, view=view)
    await desk.client.views_publish(user_id=desk.alice.id, view=view, hash=first["view"]["hash"])
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await desk.client.views_publish(user_id=desk.alice.id, view=view, hash=first["view"]["hash"])
