"""What Slack and the network do to a bot: repeats, refusals, silence, and the end of the process."""

import asyncio
import pathlib
import signal
from collections.abc import AsyncIterator

import aiohttp
import pytest

from sandbox import processes, slack, testbed
from sandbox.slack.state import channels
from tests import cli_runner

pytestmark = pytest.mark.anyio

_QUICK = slack.Settings(timings=slack.Timings(retry_factor=0.001))


@pytest.fixture(scope="module", params=list(testbed.Mode))
async def shared_stage(request: pytest.FixtureRequest) -> AsyncIterator[testbed.TestBed]:
    """A bot that Slack reaches by Socket Mode, then one that it reaches by signed HTTP: delivery differs."""
    async with testbed.set_up(request.param) as stage:
        yield stage


async def fetch(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


def a_channel(stage: testbed.TestBed, *, bot_is_member: bool = True) -> channels.Channel:
    number = len(stage.workspace.deliveries)
    return stage.workspace.channel(
        f"ops-{number}", members=[stage.workspace.person("alice")], bot_is_member=bot_is_member
    )


async def settle(stage: testbed.TestBed) -> None:
    """Wait until the bot has answered everything that came before: answers keep the order of a single person."""
    alice = stage.workspace.person("alice")
    room = a_channel(stage)
    await alice.types("/pos version", room)
    await alice.waits_for_message(room, containing="posbot 0")


async def test_repeated_command_is_executed_once(stage: testbed.TestBed) -> None:
    alice, ops = stage.workspace.person("alice"), a_channel(stage)
    stage.workspace.faults.duplicate_delivery("/pos")

    await alice.types("/pos health pos-order", ops)
    await alice.waits_for_message(ops, containing="UP")
    await settle(stage)

    assert len(alice.sees(ops)) == 1


async def test_repeated_event_is_executed_once(stage: testbed.TestBed) -> None:
    alice, ops = stage.workspace.person("alice"), a_channel(stage)

    delivery = await alice.mentions("health pos-order", ops)
    await alice.waits_for_message(ops, containing="UP,")
    await stage.workspace.deliver_again(delivery)
    await settle(stage)

    assert len([message for message in alice.sees(ops) if "UP," in message.plain_text]) == 1


async def test_unhandled_event_is_acknowledged(stage: testbed.TestBed) -> None:
    alice = stage.workspace.person("alice")

    delivery = await alice.causes_event({"type": "team_rename", "name": "durion"})

    assert delivery.is_acknowledged
    assert len(delivery.attempts) == 1


async def test_response_is_sent_after_a_rate_limit(stage: testbed.TestBed) -> None:
    alice, ops = stage.workspace.person("alice"), a_channel(stage)
    stage.workspace.faults.rate_limit("response_url", retry_after_seconds=1)
    stage.workspace.faults.rate_limit("chat.postMessage", retry_after_seconds=1)

    await alice.types("/pos health pos-order", ops)
    await alice.mentions("health pos-price", ops)
    await alice.waits_for_message(ops, containing="pos-order · sandbox")
    await alice.waits_for_message(ops, containing="pos-price · sandbox")

    refused = [use for use in stage.workspace.response_uses if use.outcome != "ok"]
    assert len(refused) >= 1


async def test_unconfirmed_post_is_not_repeated(stage: testbed.TestBed) -> None:
    alice, ops = stage.workspace.person("alice"), a_channel(stage)
    before = len(stage.workspace.calls("chat.postMessage"))
    stage.workspace.faults.drop_after_accepting("chat.postMessage")

    await alice.mentions("health pos-order", ops)
    await alice.waits_for_message(ops, containing="UP,")
    await settle(stage)

    assert len(stage.workspace.calls("chat.postMessage")) == before + 1


async def test_response_after_an_expired_response_url_is_ephemeral(stage: testbed.TestBed) -> None:
    alice, ops = stage.workspace.person("alice"), a_channel(stage)
    await stage.fleet["pos-order"].slows_to(seconds=0.5)

    delivery = asyncio.create_task(alice.types("/pos health pos-order", ops))
    await delivery
    stage.workspace.faults.expire_response_urls()
    message = await alice.waits_for_message(ops, containing="pos-order · sandbox")

    assert message.is_ephemeral
    assert stage.workspace.calls("chat.postEphemeral")[-1].is_ok


async def test_long_command_shows_progress_at_once(stage: testbed.TestBed) -> None:
    alice, ops = stage.workspace.person("alice"), a_channel(stage)
    await stage.fleet["pos-order"].slows_to(seconds=3.5)

    delivery = await alice.types("/pos health pos-order", ops)
    await alice.waits_for_message(ops, containing="Working on it.")
    answer = await alice.waits_for_message(ops, containing="degraded (slow)", timeout_seconds=10)

    assert delivery.ack_seconds is not None
    assert delivery.ack_seconds < 1.0
    assert answer.text.startswith("🟡")


async def test_ready_and_healthy_while_connected_to_slack(stage: testbed.TestBed) -> None:
    assert await fetch(f"{stage.bot_url}/readyz") == (200, "ok\n")
    assert await fetch(f"{stage.bot_url}/healthz") == (200, "ok\n")


async def test_metrics_count_commands_by_status(stage: testbed.TestBed) -> None:
    alice, ops = stage.workspace.person("alice"), a_channel(stage)
    await alice.types("/pos helth", ops)
    await alice.waits_for_message(ops, containing="Did you mean")

    _, metrics = await fetch(f"{stage.bot_url}/metrics")

    assert 'posbot_invocations_total{command="none",source="slash",status="usage_error"}' in metrics
    assert "posbot_slack_ack_seconds_count" in metrics
    assert 'posbot_outbound_calls_total{outcome="ok",system="slack auth.test"}' in metrics


@pytest.mark.parametrize("mode", list(testbed.Mode))
async def test_sigterm_completes_running_commands_and_exits_with_0(mode: testbed.Mode) -> None:
    async with testbed.set_up(mode, names=["pos-order"], setup=_QUICK) as stage:
        alice, ops = stage.workspace.person("alice"), a_channel(stage)
        await stage.fleet["pos-order"].slows_to(seconds=1.0)
        await alice.types("/pos health pos-order", ops)
        stage.bot.sends(signal.SIGTERM)

        answer = await alice.waits_for_message(ops, containing="degraded (slow)")
        code = await stage.bot.ends(timeout_seconds=20)

    assert answer.text.startswith("🟡")
    assert code == 0


@pytest.mark.parametrize("mode", list(testbed.Mode))
async def test_sigterm_reports_commands_that_it_interrupts(mode: testbed.Mode) -> None:
    extra = {"POSBOT_DRAIN_SECONDS": "0.5"}
    async with testbed.set_up(mode, names=["pos-order"], setup=_QUICK, extra=extra) as stage:
        alice, ops = stage.workspace.person("alice"), a_channel(stage)
        await stage.fleet["pos-order"].goes_down()
        await alice.types("/pos health pos-order --wait 10m", ops)
        await alice.waits_for_message(ops, containing="waiting, 0 of")
        stage.bot.sends(signal.SIGTERM)

        answer = await alice.waits_for_message(ops, containing="being restarted", timeout_seconds=20)
        code = await stage.bot.ends(timeout_seconds=20)
        _, audit, _ = await cli_runner.run(stage.environment, "audit")

    assert [button.text for button in answer.buttons] == ["Run again"]
    assert code == 0
    assert "cancelled" in audit


async def test_dead_websocket_is_detected_and_replaced() -> None:
    extra = {"POSBOT_SOCKET_PING_SECONDS": "0.3"}
    async with testbed.set_up(testbed.Mode.SOCKET, names=["pos-order"], setup=_QUICK, extra=extra) as stage:
        alice, ops = stage.workspace.person("alice"), a_channel(stage)
        dead = {socket.number for socket in stage.workspace.open_sockets}
        stage.workspace.faults.silence_sockets()

        status = 200
        async with asyncio.timeout(10):
            while status == 200:
                status, reason = await fetch(f"{stage.bot_url}/readyz")
        await stage.workspace.wait_for(
            lambda: len([socket for socket in stage.workspace.open_sockets if socket.number not in dead]) >= 2 or None,
            timeout_seconds=20,
        )
        await alice.types("/pos version", ops)
        await alice.waits_for_message(ops, containing="posbot 0")

    assert reason == "No Socket Mode connection to Slack is alive.\n"


async def test_refused_handshake_is_retried_with_a_new_url() -> None:
    extra = {"POSBOT_SOCKET_PING_SECONDS": "0.3"}
    async with testbed.set_up(testbed.Mode.SOCKET, names=["pos-order"], setup=_QUICK, extra=extra) as stage:
        alice, ops = stage.workspace.person("alice"), a_channel(stage)
        stage.workspace.faults.refuse_handshakes(times=4)
        stage.workspace.faults.cut_sockets()

        await stage.workspace.wait_for(
            lambda: len([shake for shake in stage.workspace.handshakes if not shake.is_accepted]) >= 4 or None,
            timeout_seconds=20,
        )
        await stage.workspace.wait_for_sockets(2, timeout_seconds=30)
        await alice.types("/pos version", ops)
        await alice.waits_for_message(ops, containing="posbot 0")


async def test_websocket_refresh_loses_no_command() -> None:
    async with testbed.set_up(testbed.Mode.SOCKET, names=["pos-order"], setup=_QUICK) as stage:
        alice, ops = stage.workspace.person("alice"), a_channel(stage)

        await stage.workspace.faults.refresh_sockets("warning")
        await stage.workspace.wait_for_sockets(2)
        await alice.types("/pos version", ops)
        await alice.waits_for_message(ops, containing="posbot 0")


async def test_response_refused_by_the_response_url_is_ephemeral(stage: testbed.TestBed) -> None:
    alice, ops = stage.workspace.person("alice"), a_channel(stage)
    stage.workspace.faults.server_error("response_url", status=503)

    await alice.types("/pos health pos-order", ops)

    assert await alice.waits_for_message(ops, containing="pos-order · sandbox")
    assert stage.workspace.calls("chat.postEphemeral")[-1].is_ok


async def test_response_reaches_the_person_where_the_bot_cannot_post(stage: testbed.TestBed) -> None:
    alice, ops = stage.workspace.person("alice"), a_channel(stage, bot_is_member=False)
    stage.workspace.faults.server_error("response_url", status=503)

    await alice.types("/pos health pos-order", ops)

    assert await alice.waits_for_message(alice.chat_with_bot, containing="pos-order · sandbox")


async def test_failed_share_reaches_the_person_and_can_be_repeated(stage: testbed.TestBed) -> None:
    alice, ops = stage.workspace.person("alice"), a_channel(stage, bot_is_member=False)
    await alice.types("/pos health pos-order", ops)
    answer = await alice.waits_for_message(ops, containing="pos-order · sandbox")
    stage.workspace.faults.server_error("response_url", status=503)

    await alice.clicks("Share with channel", answer)
    await alice.waits_for_message(alice.chat_with_bot, containing="shared by")
    await alice.clicks("Share with channel", answer)

    assert not (await alice.waits_for_message(ops, containing="shared by")).is_ephemeral


async def test_second_share_says_that_it_is_already_shared(stage: testbed.TestBed) -> None:
    alice, ops = stage.workspace.person("alice"), a_channel(stage)
    await alice.types("/pos health pos-order", ops)
    answer = await alice.waits_for_message(ops, containing="pos-order · sandbox")
    await alice.clicks("Share with channel", answer)
    await alice.waits_for_message(ops, containing="shared by")

    await alice.clicks("Share with channel", answer)

    assert (await alice.waits_for_message(ops, containing="Already shared with the channel")).is_ephemeral


async def test_deleted_progress_message_does_not_lose_the_response(stage: testbed.TestBed) -> None:
    alice, ops = stage.workspace.person("alice"), a_channel(stage)
    await stage.fleet["pos-order"].slows_to(seconds=3.5)

    await alice.mentions("health pos-order", ops)
    progress = await alice.waits_for_message(ops, containing="Working on it.")
    stage.workspace.delete_message(progress)

    assert await alice.waits_for_message(ops, containing="degraded (slow)", timeout_seconds=10)


async def test_rate_limited_progress_does_not_delay_the_response(stage: testbed.TestBed) -> None:
    alice, ops = stage.workspace.person("alice"), a_channel(stage)
    await stage.fleet["pos-order"].slows_to(seconds=3.5)
    stage.workspace.faults.rate_limit("response_url", retry_after_seconds=25)

    await alice.types("/pos health pos-order", ops)

    assert await alice.waits_for_message(ops, containing="degraded (slow)", timeout_seconds=8)


async def test_unavailable_names_do_not_delay_the_response(stage: testbed.TestBed) -> None:
    bob = stage.workspace.person(f"bob{len(stage.workspace.deliveries)}")
    ops = stage.workspace.channel(f"nameless-{len(stage.workspace.deliveries)}", members=[bob])
    stage.workspace.faults.slow_answer("conversations.info", seconds=20)

    await bob.mentions("health pos-order", ops)

    assert await bob.waits_for_message(ops, containing="pos-order · sandbox", timeout_seconds=8)


async def test_sigterm_during_startup_exits_at_once(tmp_path: pathlib.Path) -> None:
    setup = slack.Settings()
    async with (
        slack.running(setup) as workspace,
        processes.serving(
            {
                **processes.plain_environment(tmp_path),
                "SLACK_BOT_TOKEN": workspace.bot_token,
                "SLACK_APP_TOKEN": workspace.app_token,
                "POSBOT_SLACK_API_URL": workspace.api_url,
            }
        ) as bot,
    ):
        workspace.faults.slow_answer("auth.test", seconds=15)
        await workspace.wait_for(lambda: workspace.calls("auth.test") or None, timeout_seconds=20)
        bot.sends(signal.SIGTERM)

        assert await bot.ends(timeout_seconds=10) == 0
