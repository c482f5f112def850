"""Logs in Slack: what does not fit comes as a file, what goes on is followed, and whoever wants to ends it."""

import dataclasses
import itertools
import re
import signal
from collections.abc import AsyncIterator

import pytest

from sandbox import slack, testbed
from sandbox.cluster.scenario import deployments
from sandbox.slack.scenario import people
from sandbox.slack.state import channels, messages

pytestmark = pytest.mark.anyio

_NUMBERS = itertools.count(1)
LINES = [f"2026-11-23T10:00:00Z INFO 1 --- order {number} priced for <!channel> {'x' * 60}" for number in range(900)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scene:
    stage: testbed.TestBed
    order: deployments.Deployment
    alice: people.Person
    bob: people.Person

    def channel(self, kind: str = "ops", *, bot_is_member: bool = True) -> channels.Channel:
        name = f"{kind}-{next(_NUMBERS)}"
        return self.stage.workspace.channel(name, members=[self.alice, self.bob], bot_is_member=bot_is_member)


@pytest.fixture(scope="module")
async def scene() -> AsyncIterator[Scene]:
    async with testbed.set_up(names=["pos-order"], setup=slack.Settings(posting_burst=None)) as stage:
        order = stage.kube.deployments["pos-order"]
        await order.scales(1)
        order.pods[0].logs(LINES)
        people_there = (stage.workspace.person("alice"), stage.workspace.person("bob"))
        yield Scene(stage=stage, order=order, alice=people_there[0], bob=people_there[1])


def id_of(message: messages.Message) -> str:
    found = re.search(r"id (\d{4}-[0-9a-f]{10})", message.plain_text)
    assert found is not None
    return found[1]


async def test_short_log_is_shown_privately_and_whole(scene: Scene) -> None:
    ops = scene.channel(bot_is_member=False)

    await scene.alice.types("/pos logs order --tail 5", ops)
    message = await scene.alice.waits_for_message(ops, containing="5 lines of 1 pod")

    assert message.is_ephemeral
    assert "order 899 priced for <!channel>" in message.plain_text
    assert "The last" not in message.plain_text


async def test_long_private_log_shows_its_end_and_sends_a_private_file(scene: Scene) -> None:
    ops = scene.channel(bot_is_member=False)
    chat = scene.alice.chat_with_bot
    before = len(scene.alice.files_in(chat))

    await scene.alice.types("/pos logs order --tail 900", ops)
    message = await scene.alice.waits_for_message(ops, containing="900 lines of 1 pod")

    told = re.search(r"Last (\d+) of 900 lines. Full log: pos-order.log, in your DM", message.plain_text)
    assert told is not None
    assert message.is_ephemeral
    assert int(told[1]) > 20
    assert "order 899 priced" in message.plain_text
    (file,) = scene.alice.files_in(chat)[before:]
    assert [line.partition(" │ ")[2] for line in file.text.splitlines()] == LINES
    assert scene.bob.files_in(chat) == scene.bob.files_in(ops) == ()


async def test_long_log_for_a_mention_is_a_file_in_its_thread(scene: Scene) -> None:
    ops = scene.channel()
    start = await scene.alice.says("orders are failing", ops)

    await scene.alice.mentions("logs order --tail 900", ops, thread=start)
    message = await scene.bob.waits_for_message(ops, containing="Full log: pos-order.log, in this thread", thread=start)
    file = await scene.bob.waits_for_file(ops, thread=start)

    assert "order 899 priced" in message.plain_text
    assert len(file.text.splitlines()) == 900


@pytest.mark.parametrize("bot_is_member", [True, False])
async def test_long_public_log_is_a_file_in_the_channel(scene: Scene, *, bot_is_member: bool) -> None:
    incident = scene.channel("inc", bot_is_member=bot_is_member)

    await scene.alice.types("/pos logs order --tail 900", incident)
    message = await scene.bob.waits_for_message(incident, containing="Last ")

    assert "order 899 priced" in message.plain_text
    assert not message.is_ephemeral
    if bot_is_member:
        assert "Full log: pos-order.log, in this channel." in message.plain_text
        assert len(scene.bob.files_in(incident)) == 1
    else:
        assert "The full log could not be uploaded." in message.plain_text
        assert "Invite posbot to the channel." in message.plain_text


async def test_shared_log_includes_its_file(scene: Scene) -> None:
    ops = scene.channel()
    await scene.alice.types("/pos logs order --tail 900", ops)
    private = await scene.alice.waits_for_message(ops, containing="Last ")

    await scene.alice.clicks("Share with channel", private)
    shared = await scene.bob.waits_for_message(ops, containing="shared by")

    assert "order 899 priced" in shared.plain_text
    assert len(scene.bob.files_in(ops)) == 1


async def test_failed_upload_costs_only_the_file(scene: Scene) -> None:
    ops = scene.channel()
    scene.stage.workspace.faults.refuse("files.getUploadURLExternal", error="missing_scope", times=2)

    await scene.alice.types("/pos logs order --tail 900", ops)
    private = await scene.alice.waits_for_message(ops, containing="log could not be uploaded")
    await scene.alice.mentions("logs order --tail 900", ops)
    public = await scene.bob.waits_for_message(ops, containing="log could not be uploaded")

    for message in (private, public):
        assert "order 899 priced" in message.plain_text
        assert "apply the output of `posbot manifest`" in message.plain_text


async def test_log_is_followed_in_the_thread_until_stopped(scene: Scene) -> None:
    ops = scene.channel()
    await scene.alice.mentions("logs order --follow --tail 2", ops)
    live = await scene.bob.waits_for_message(ops, containing="order 899 priced")
    scene.order.pods[0].says("2026-11-23T10:00:01Z INFO 1 --- and another order")
    live = await scene.bob.waits_for_change(live, containing="and another order")

    await scene.bob.clicks("Stop", live)
    said = await scene.bob.waits_for_message(ops, containing=f"Stop requested: {id_of(live)}")
    last = await scene.bob.waits_for_change(live, containing="stopped by bob")
    await scene.bob.clicks("Stop", live, as_seen=True)
    again = await scene.bob.waits_for_message(ops, containing=f"already requested: {id_of(live)}, by bob")

    assert said.is_ephemeral and again.is_ephemeral
    assert "Share with channel" not in [button.text for button in said.buttons]
    assert "and another order" in last.plain_text
    assert [button.text for button in last.buttons] == ["Follow again"]
    assert id_of(last) == id_of(live)


async def test_thousands_of_followed_lines_become_a_file(scene: Scene) -> None:
    incident = scene.channel("inc")
    await scene.alice.types("/pos logs order --follow --tail 1", incident)
    live = await scene.bob.waits_for_message(incident, containing="Following pos-order.log")
    scene.order.pods[0].says(*(f"2026-11-23T10:00:01Z INFO 1 --- burst {number}" for number in range(5_000)))
    await scene.bob.waits_for_change(live, containing="burst 4999", timeout_seconds=20)

    code, output, _ = await scene.stage.types("stop", id_of(live))
    last = await scene.bob.waits_for_change(live, containing="stopped by", timeout_seconds=10)
    file = await scene.bob.waits_for_file(incident, thread=live, timeout_seconds=10)

    assert (code, output) == (0, f"Stop requested: {id_of(live)}.\n")
    assert "Full log: pos-order.log, in this thread." in last.plain_text
    bursts = [line.rpartition("burst ")[2] for line in file.text.splitlines() if "burst " in line]
    assert bursts == [str(number) for number in range(5_000)]


async def test_private_log_is_followed_in_direct_messages(scene: Scene) -> None:
    ops = scene.channel(bot_is_member=False)
    await scene.alice.types("/pos logs order --follow --tail 1", ops)
    where = await scene.alice.waits_for_message(ops, containing="in your DM with posbot")
    live = await scene.alice.waits_for_message(scene.alice.chat_with_bot, containing="Following pos-order.log")

    await scene.alice.types(f"/pos stop {id_of(live)}", ops)
    last = await scene.alice.waits_for_change(live, containing="stopped by alice")
    answer = await scene.alice.waits_for_message(ops, containing="stopped by alice")

    assert where.is_ephemeral and answer.is_ephemeral
    assert "Stop" not in [button.text for button in last.buttons]


async def test_deleted_message_ends_following(scene: Scene) -> None:
    ops = scene.channel()
    await scene.alice.mentions("logs order --follow --tail 1", ops)
    live = await scene.alice.waits_for_message(ops, containing="Following pos-order.log")

    scene.stage.workspace.delete_message(live)
    scene.order.pods[0].says("2026-11-23T10:00:01Z INFO 1 --- one more")

    assert await scene.alice.waits_for_message(ops, containing="stopped because its message was deleted")


async def test_unknown_id_is_a_usage_error(scene: Scene) -> None:
    ops = scene.channel()

    await scene.alice.types("/pos stop 1123-0000000000", ops)

    message = await scene.alice.waits_for_message(ops, containing="No invocation has the id 1123-0000000000.")
    assert message.text.startswith("✋")


async def test_sigterm_ends_a_followed_log_with_a_message() -> None:
    async with testbed.set_up(names=["pos-order"], extra={"POSBOT_DRAIN_SECONDS": "30"}) as stage:
        alice = stage.workspace.person("alice")
        ops = stage.workspace.channel("ops", members=[alice])
        await alice.mentions("logs order --follow --tail 200", ops)
        live = await alice.waits_for_message(ops, containing="Following pos-order.log")
        stage.bot.sends(signal.SIGTERM)

        last = await alice.waits_for_change(live, containing="stopped because posbot is being restarted")
        code = await stage.bot.ends(timeout_seconds=10)

    assert code == 0
    assert [button.text for button in last.buttons] == ["Follow again"]
