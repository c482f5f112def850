"""
Messages as the real client posts, changes and deletes them.
"""

import typing

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox import slack
from tests.integration.sandbox import slack_client

pytestmark = pytest.mark.anyio
Json = dict[str, typing.Any]


async def test_posting_needs_membership_even_in_public_channel(slack_app: slack_client.SlackApp) -> None:
    lobby = slack_app.workspace.channel("lobby", members=[slack_app.alice], bot_is_member=False)
    assert await slack_app.error_of("chat.postMessage", channel=lobby.id, text="x") == "not_in_channel"


async def test_private_channel_without_bot_is_not_found(slack_app: slack_client.SlackApp) -> None:
    secret = slack_app.workspace.channel("secret", members=[slack_app.alice], is_private=True, bot_is_member=False)
    assert await slack_app.error_of("chat.postMessage", channel=secret.id, text="x") == "channel_not_found"


async def test_archived_channel_takes_no_message(slack_app: slack_client.SlackApp) -> None:
    sent = await slack_app.client.chat_postMessage(channel=slack_app.ops.id, text="before")
    slack_app.workspace.archive(slack_app.ops)

    assert await slack_app.error_of("chat.postMessage", channel=slack_app.ops.id, text="x") == "is_archived"
    update = {"channel": slack_app.ops.id, "ts": sent["ts"], "text": "x"}
    assert await slack_app.error_of("chat.update", **update) == "is_inactive"


async def test_message_can_go_to_person(slack_app: slack_client.SlackApp) -> None:
    sent = await slack_app.client.chat_postMessage(channel=slack_app.alice.id, text="psst")

    assert sent["channel"] == slack_app.alice.chat_with_bot.id
    assert slack_app.alice.sees(slack_app.alice.chat_with_bot)[0].text == "psst"


async def test_empty_message_has_no_text(slack_app: slack_client.SlackApp) -> None:
    assert await slack_app.error_of("chat.postMessage", channel=slack_app.ops.id, text="") == "no_text"


async def test_unsound_blocks_are_refused_with_their_pointer(slack_app: slack_client.SlackApp) -> None:
    with pytest.raises(SlackApiError) as caught:
        await slack_app.client.chat_postMessage(
            channel=slack_app.ops.id, text="x", blocks=[slack_client.section("x" * 3001)]
        )

    answer = caught.value.response
    assert answer["error"] == "invalid_blocks"
    assert answer["response_metadata"]["messages"] == [
        "[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
    ]


async def test_blocks_that_are_not_list_have_wrong_format(slack_app: slack_client.SlackApp) -> None:
    blocks: Json = {"blocks": []}
    error = await slack_app.error_of("chat.postMessage", channel=slack_app.ops.id, blocks=blocks)
    assert error == "invalid_blocks_format"


async def test_too_much_text_in_all_blocks_is_too_long(slack_app: slack_client.SlackApp) -> None:
    blocks = [slack_client.section("x" * 3000)] * 4
    await slack_app.client.chat_postMessage(channel=slack_app.ops.id, text="x", blocks=blocks)
    error = await slack_app.error_of(
        "chat.postMessage", channel=slack_app.ops.id, blocks=[*blocks, slack_client.section("x")]
    )
    assert error == "msg_blocks_too_long"


async def test_text_over_40_000_characters_is_cut(slack_app: slack_client.SlackApp) -> None:
    await slack_app.client.chat_postMessage(channel=slack_app.ops.id, text="x" * 40_001)
    assert len(slack_app.alice.sees(slack_app.ops)[0].text) == 40_000


async def test_markdown_text_stands_alone(slack_app: slack_client.SlackApp) -> None:
    await slack_app.client.chat_postMessage(channel=slack_app.ops.id, markdown_text="**hi**")
    both = {"channel": slack_app.ops.id, "text": "x", "markdown_text": "y"}
    assert await slack_app.error_of("chat.postMessage", **both) == "markdown_text_conflict"


async def test_update_with_text_alone_takes_blocks_away(slack_app: slack_client.SlackApp) -> None:
    sent = await slack_app.client.chat_postMessage(
        channel=slack_app.ops.id, text="a", blocks=[slack_client.section("card")]
    )
    await slack_app.client.chat_update(channel=slack_app.ops.id, ts=sent["ts"], text="b")

    [message] = slack_app.alice.sees(slack_app.ops)
    assert (message.text, message.blocks, message.has_edited_mark) == ("b", (), True)
    assert message.edits[0].blocks[0]["text"]["text"] == "card"


async def test_update_with_blocks_alone_keeps_text_and_shows_no_mark(slack_app: slack_client.SlackApp) -> None:
    sent = await slack_app.client.chat_postMessage(
        channel=slack_app.ops.id, text="a", blocks=[slack_client.section("old")]
    )
    # The client's own method warns that the text is missing.
    changed = {"channel": slack_app.ops.id, "ts": sent["ts"], "blocks": [slack_client.section("new")]}
    await slack_app.client.api_call("chat.update", json=changed)

    [message] = slack_app.alice.sees(slack_app.ops)
    assert (message.text, message.plain_text, message.has_edited_mark) == ("a", "new", False)


async def test_update_takes_4000_characters_and_no_more(slack_app: slack_client.SlackApp) -> None:
    sent = await slack_app.client.chat_postMessage(channel=slack_app.ops.id, text="a")
    await slack_app.client.chat_update(channel=slack_app.ops.id, ts=sent["ts"], text="x" * 4000)
    update = {"channel": slack_app.ops.id, "ts": sent["ts"], "text": "x" * 4001}
    assert await slack_app.error_of("chat.update", **update) == "msg_too_long"


async def test_metadata_stays_until_it_is_emptied(slack_app: slack_client.SlackApp) -> None:
    metadata = {"event_type": "run", "event_payload": {"id": 1}}
    sent = await slack_app.client.chat_postMessage(channel=slack_app.ops.id, text="a", metadata=metadata)
    place = {"channel": slack_app.ops.id, "ts": sent["ts"]}
    await slack_app.client.chat_update(**place, text="b")
    kept = slack_app.alice.sees(slack_app.ops)[0].metadata
    history = await slack_app.client.conversations_history(channel=slack_app.ops.id, include_all_metadata=True)
    await slack_app.client.chat_update(**place, text="c", metadata={})

    assert kept == history["messages"][0]["metadata"] == metadata
    assert slack_app.alice.sees(slack_app.ops)[0].metadata is None


async def test_only_bots_own_messages_can_be_changed(slack_app: slack_client.SlackApp) -> None:
    said = await slack_app.alice.says("mine", slack_app.ops)
    place = {"channel": slack_app.ops.id, "ts": said.ts}
    assert await slack_app.error_of("chat.update", **place, text="x") == "cant_update_message"
    assert await slack_app.error_of("chat.delete", **place) == "cant_delete_message"


async def test_deleted_message_is_gone(slack_app: slack_client.SlackApp) -> None:
    sent = await slack_app.client.chat_postMessage(channel=slack_app.ops.id, text="a")
    place = {"channel": slack_app.ops.id, "ts": sent["ts"]}
    await slack_app.client.chat_delete(**place)

    assert slack_app.alice.sees(slack_app.ops) == ()
    assert await slack_app.error_of("chat.update", **place, text="x") == "message_not_found"


async def test_reply_goes_to_parents_thread(slack_app: slack_client.SlackApp) -> None:
    parent = await slack_app.alice.says("question", slack_app.ops)
    reply = await slack_app.client.chat_postMessage(channel=slack_app.ops.id, text="a", thread_ts=parent.ts)
    await slack_app.client.chat_postMessage(channel=slack_app.ops.id, text="b", thread_ts=reply["ts"])

    thread = await slack_app.client.conversations_replies(channel=slack_app.ops.id, ts=parent.ts)
    assert [message["text"] for message in thread["messages"]] == ["question", "a", "b"]


async def test_deleted_parent_takes_no_first_reply(slack_app: slack_client.SlackApp) -> None:
    parent = await slack_app.alice.says("question", slack_app.ops)
    slack_app.workspace.delete_message(parent)
    post = {"channel": slack_app.ops.id, "text": "a", "thread_ts": parent.ts}
    assert await slack_app.error_of("chat.postMessage", **post) == "thread_not_found"


async def test_ephemeral_message_is_seen_by_one_person_and_cannot_be_updated(slack_app: slack_client.SlackApp) -> None:
    bob = slack_app.workspace.person("bob")
    ops = slack_app.ops.id
    sent = await slack_app.client.chat_postEphemeral(channel=ops, user=slack_app.alice.id, text="psst")

    assert slack_app.alice.sees(slack_app.ops)[0].is_ephemeral
    assert bob.sees(slack_app.ops) == ()
    update = {"channel": ops, "ts": sent["message_ts"], "text": "x"}
    assert await slack_app.error_of("chat.update", **update) == "message_not_found"
    post = {"channel": ops, "user": bob.id, "text": "x"}
    assert await slack_app.error_of("chat.postEphemeral", **post) == "user_not_in_channel"


async def test_posts_are_limited_for_each_channel(slack_app: slack_client.SlackApp) -> None:
    other = slack_app.workspace.channel("other")
    for _ in range(10):
        await slack_app.client.chat_postMessage(channel=slack_app.ops.id, text="x")

    with pytest.raises(SlackApiError) as caught:
        await slack_app.client.chat_postMessage(channel=slack_app.ops.id, text="x")
    await slack_app.client.chat_postMessage(channel=other.id, text="x")
    slack_app.clock.advance(1)
    await slack_app.client.chat_postMessage(channel=slack_app.ops.id, text="x")

    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "1"


async def test_workspace_that_does_not_know_kind_of_block_refuses_message() -> None:
    setup = slack.Settings(refused_blocks=frozenset({"divider"}))
    async with slack.running(setup) as workspace:
        ops = workspace.channel("ops")
        client = AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url)
        with pytest.raises(SlackApiError, match="invalid_blocks"):
            await client.chat_postMessage(channel=ops.id, text="x", blocks=[{"type": "divider"}])
