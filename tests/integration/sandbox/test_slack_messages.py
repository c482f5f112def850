"""
Messages as the real client posts, changes and deletes them.
"""

import collections.abc
import dataclasses
import typing

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


async def test_posting_needs_membership_even_in_a_public_channel(desk: Desk) -> None:
    lobby = desk.workspace.channel("lobby", members=[desk.alice], bot_is_member=False)
    assert await desk.error_of("chat.postMessage", channel=lobby.id, text="x") == "not_in_channel"


async def test_a_private_channel_without_the_bot_is_not_found(desk: Desk) -> None:
    secret = desk.workspace.channel("secret", members=[desk.alice], is_private=True, bot_is_member=False)
    assert await desk.error_of("chat.postMessage", channel=secret.id, text="x") == "channel_not_found"


async def test_an_archived_channel_takes_no_message(desk: Desk) -> None:
    sent = await desk.client.chat_postMessage(channel=desk.ops.id, text="before")
    desk.workspace.archive(desk.ops)

    assert await desk.error_of("chat.postMessage", channel=desk.ops.id, text="x") == "is_archived"
    update = {"channel": desk.ops.id, "ts": sent["ts"], "text": "x"}
    assert await desk.error_of("chat.update", **update) == "is_inactive"


async def test_a_message_can_go_to_a_person(desk: Desk) -> None:
    sent = await desk.client.chat_postMessage(channel=desk.alice.id, text="psst")

    assert sent["channel"] == desk.alice.chat_with_bot.id
    assert desk.alice.sees(desk.alice.chat_with_bot)[0].text == "psst"


async def test_an_empty_message_has_no_text(desk: Desk) -> None:
    assert await desk.error_of("chat.postMessage", channel=desk.ops.id, text="") == "no_text"


async def test_unsound_blocks_are_refused_with_their_pointer(desk: Desk) -> None:
    with pytest.raises(SlackApiError) as caught:
        await desk.client.chat_postMessage(channel=desk.ops.id, text="x", blocks=[section("x" * 3001)])

    answer = caught.value.response
    assert answer["error"] == "invalid_blocks"
    assert answer["response_metadata"]["messages"] == [
        "[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
    ]


async def test_blocks_that_are_not_a_list_have_the_wrong_format(desk: Desk) -> None:
    blocks: Json = {"blocks": []}
    error = await desk.error_of("chat.postMessage", channel=desk.ops.id, blocks=blocks)
    assert error == "invalid_blocks_format"


async def test_too_much_text_in_all_blocks_is_too_long(desk: Desk) -> None:
    blocks = [section("x" * 3000)] * 4
    await desk.client.chat_postMessage(channel=desk.ops.id, text="x", blocks=blocks)
    error = await desk.error_of("chat.postMessage", channel=desk.ops.id, blocks=[*blocks, section("x")])
    assert error == "msg_blocks_too_long"


async def test_text_over_40_000_characters_is_cut(desk: Desk) -> None:
    await desk.client.chat_postMessage(channel=desk.ops.id, text="x" * 40_001)
    assert len(desk.alice.sees(desk.ops)[0].text) == 40_000


async def test_markdown_text_stands_alone(desk: Desk) -> None:
    await desk.client.chat_postMessage(channel=desk.ops.id, markdown_text="**hi**")
    both = {"channel": desk.ops.id, "text": "x", "markdown_text": "y"}
    assert await desk.error_of("chat.postMessage", **both) == "markdown_text_conflict"


async def test_an_update_with_text_alone_takes_the_blocks_away(desk: Desk) -> None:
    sent = await desk.client.chat_postMessage(channel=desk.ops.id, text="a", blocks=[section("card")])
    await desk.client.chat_update(channel=desk.ops.id, ts=sent["ts"], text="b")

    [message] = desk.alice.sees(desk.ops)
    assert (message.text, message.blocks, message.has_edited_mark) == ("b", (), True)
    assert message.edits[0].blocks[0]["text"]["text"] == "card"


async def test_an_update_with_blocks_alone_keeps_the_text_and_shows_no_mark(desk: Desk) -> None:
    sent = await desk.client.chat_postMessage(channel=desk.ops.id, text="a", blocks=[section("old")])
    # The client's own method warns that the text is missing.
    changed = {"channel": desk.ops.id, "ts": sent["ts"], "blocks": [section("new")]}
    await desk.client.api_call("chat.update", json=changed)

    [message] = desk.alice.sees(desk.ops)
    assert (message.text, message.plain_text, message.has_edited_mark) == ("a", "new", False)


async def test_an_update_takes_4000_characters_and_no_more(desk: Desk) -> None:
    sent = await desk.client.chat_postMessage(channel=desk.ops.id, text="a")
    await desk.client.chat_update(channel=desk.ops.id, ts=sent["ts"], text="x" * 4000)
    update = {"channel": desk.ops.id, "ts": sent["ts"], "text": "x" * 4001}
    assert await desk.error_of("chat.update", **update) == "msg_too_long"


async def test_metadata_stays_until_it_is_emptied(desk: Desk) -> None:
    metadata = {"event_type": "run", "event_payload": {"id": 1}}
    sent = await desk.client.chat_postMessage(channel=desk.ops.id, text="a", metadata=metadata)
    place = {"channel": desk.ops.id, "ts": sent["ts"]}
    await desk.client.chat_update(**place, text="b")
    kept = desk.alice.sees(desk.ops)[0].metadata
    history = await desk.client.conversations_history(channel=desk.ops.id, include_all_metadata=True)
    await desk.client.chat_update(**place, text="c", metadata={})

    assert kept == history["messages"][0]["metadata"] == metadata
    assert desk.alice.sees(desk.ops)[0].metadata is None


async def test_only_the_bots_own_messages_can_be_changed(desk: Desk) -> None:
    said = await desk.alice.says("mine", desk.ops)
    place = {"channel": desk.ops.id, "ts": said.ts}
    assert await desk.error_of("chat.update", **place, text="x") == "cant_update_message"
    assert await desk.error_of("chat.delete", **place) == "cant_delete_message"


async def test_a_deleted_message_is_gone(desk: Desk) -> None:
    sent = await desk.client.chat_postMessage(channel=desk.ops.id, text="a")
    place = {"channel": desk.ops.id, "ts": sent["ts"]}
    await desk.client.chat_delete(**place)

    assert desk.alice.sees(desk.ops) == ()
    assert await desk.error_of("chat.update", **place, text="x") == "message_not_found"


async def test_a_reply_goes_to_the_parents_thread(desk: Desk) -> None:
    parent = await desk.alice.says("question", desk.ops)
    reply = await desk.client.chat_postMessage(channel=desk.ops.id, text="a", thread_ts=parent.ts)
    await desk.client.chat_postMessage(channel=desk.ops.id, text="b", thread_ts=reply["ts"])

    thread = await desk.client.conversations_replies(channel=desk.ops.id, ts=parent.ts)
    assert [message["text"] for message in thread["messages"]] == ["question", "a", "b"]


async def test_a_deleted_parent_takes_no_first_reply(desk: Desk) -> None:
    parent = await desk.alice.says("question", desk.ops)
    desk.workspace.delete_message(parent)
    post = {"channel": desk.ops.id, "text": "a", "thread_ts": parent.ts}
    assert await desk.error_of("chat.postMessage", **post) == "thread_not_found"


async def test_an_ephemeral_message_is_seen_by_one_person_and_cannot_be_updated(desk: Desk) -> None:
    bob = desk.workspace.person("bob")
    ops = desk.ops.id
    sent = await desk.client.chat_postEphemeral(channel=ops, user=desk.alice.id, text="psst")

    assert desk.alice.sees(desk.ops)[0].is_ephemeral
    assert bob.sees(desk.ops) == ()
    update = {"channel": ops, "ts": sent["message_ts"], "text": "x"}
    assert await desk.error_of("chat.update", **update) == "message_not_found"
    post = {"channel": ops, "user": bob.id, "text": "x"}
    assert await desk.error_of("chat.postEphemeral", **post) == "user_not_in_channel"


async def test_posts_are_limited_for_each_channel(desk: Desk) -> None:
    other = desk.workspace.channel("other")
    for _ in range(10):
        await desk.client.chat_postMessage(channel=desk.ops.id, text="x")

    with pytest.raises(SlackApiError) as caught:
        await desk.client.chat_postMessage(channel=desk.ops.id, text="x")
    await desk.client.chat_postMessage(channel=other.id, text="x")
    desk.clock.advance(1)
    await desk.client.chat_postMessage(channel=desk.ops.id, text="x")

    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "1"


async def test_a_workspace_that_does_not_know_a_kind_of_block_refuses_the_message() -> None:
    setup = slack.Settings(refused_blocks=frozenset({"divider"}))
    async with slack.running(setup) as workspace:
        ops = workspace.channel("ops")
        client = AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url)
        with pytest.raises(SlackApiError, match="invalid_blocks"):
            await client.chat_postMessage(channel=ops.id, text="x", blocks=[{"type": "divider"}])
