"""Messages to posbot in an organization (Enterprise Grid): its DM, edited mentions, people of several workspaces."""

import itertools
from collections.abc import AsyncIterator

import pytest

from sandbox import slack, testbed
from sandbox.slack.scenario import people
from sandbox.slack.state import channels, messages

pytestmark = pytest.mark.anyio
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
async def shared_stage() -> AsyncIterator[testbed.TestBed]:
    """A bot that is installed for the whole organization E0ORG, and serves its workspace T0HOME."""
    setup = slack.Settings(enterprise_id="E0ORG")
    async with testbed.set_up(testbed.Mode.SOCKET, names=["pos-order"], setup=setup) as stage:
        yield stage


def alices_channel(stage: testbed.TestBed) -> tuple[people.Person, channels.Channel]:
    alice = stage.workspace.person("alice")
    return alice, stage.workspace.channel(f"org-{next(_NUMBERS)}", members=[alice])


def invocations(stage: testbed.TestBed) -> int:
    return len(stage.bot.lines("invocation ended"))


async def test_members_of_a_listed_workspace_are_served(stage: testbed.TestBed) -> None:
    alice, ops = alices_channel(stage)

    await alice.types("/pos health pos-order", ops)
    await alice.waits_for_message(ops, containing="pos-order · sandbox: UP")
    await alice.mentions("health pos-order", ops)
    await alice.waits_for_message(
        ops, containing="pos-order · sandbox: UP", matching=lambda message: not message.is_ephemeral
    )
    await alice.opens_home()

    assert await alice.waits_for_home(containing="pos-order")


async def test_members_of_another_workspace_of_the_organization_are_denied(stage: testbed.TestBed) -> None:
    alice = stage.workspace.person("alice")
    mallory = stage.workspace.person("mallory", team="T0OTHER")
    shared = stage.workspace.channel(f"org-{next(_NUMBERS)}", members=[alice, mallory])

    await mallory.types("/pos health pos-order", shared)
    await mallory.mentions("health pos-order", shared)

    await mallory.waits_for_message(shared, containing="roles.yaml lists it (workspaces: T0OTHER)")
    await mallory.waits_for_message(
        shared, containing="own workspace", matching=lambda message: not message.is_ephemeral
    )


async def test_direct_message_is_answered(stage: testbed.TestBed) -> None:
    alice, _ = alices_channel(stage)

    await alice.writes_to_bot("health pos-order")
    answer = await alice.waits_for_message(alice.chat_with_bot, containing="pos-order · sandbox: UP")
    await alice.writes_to_bot("hello")

    assert answer.thread_ts is None
    assert await alice.waits_for_message(alice.chat_with_bot, containing="What posbot can do for you here")


async def test_edited_message_does_not_run_twice(stage: testbed.TestBed) -> None:
    alice, ops = alices_channel(stage)
    await alice.mentions("version", ops)
    await alice.waits_for_message(ops, containing="posbot 0")
    await alice.writes_to_bot("version")
    await alice.waits_for_message(alice.chat_with_bot, containing="posbot 0")
    done = invocations(stage)

    for channel, text in ((ops, "@pos version please"), (alice.chat_with_bot, "health pos-order")):
        written = newest(stage, alice, channel)
        assert (await alice.edits(written, text)).is_acknowledged
    await alice.mentions("services pos-order", ops)
    await alice.waits_for_message(ops, containing="pos-order", matching=lambda message: message.bot_id is not None)

    assert invocations(stage) == done + 1


def newest(stage: testbed.TestBed, person: people.Person, channel: channels.Channel) -> messages.Message:
    own = [one for one in stage.workspace.messages_in(channel) if one.user_id == person.id]
    return own[-1]


async def test_click_delivered_twice_is_silent(stage: testbed.TestBed) -> None:
    alice, ops = alices_channel(stage)
    await alice.types("/pos health pos-order", ops)
    answer = await alice.waits_for_message(ops, containing="pos-order · sandbox")
    stage.workspace.faults.duplicate_delivery("block_actions")

    await alice.clicks("Share with channel", answer)
    await alice.waits_for_message(ops, containing="shared by")
    await alice.types("/pos version", ops)
    await alice.waits_for_message(ops, containing="posbot 0")

    assert not [one for one in stage.workspace.messages_in(ops) if "Already shared" in one.plain_text]
