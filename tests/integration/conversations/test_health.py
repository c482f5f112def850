"""Whole conversations about health: from a signed request or an envelope to the blocks that stand in Slack."""

import itertools

import pytest

from sandbox import testbed
from sandbox.services import health_documents
from sandbox.slack.scenario import people
from sandbox.slack.state import channels
from tests import cli_runner

pytestmark = pytest.mark.anyio

_NUMBERS = itertools.count(1)


def a_channel(
    stage: testbed.TestBed, *, kind: str = "ops", bot_is_member: bool = False
) -> tuple[people.Person, channels.Channel]:
    alice = stage.workspace.person("alice")
    name = f"{kind}-{next(_NUMBERS)}"
    return alice, stage.workspace.channel(name, members=[alice], bot_is_member=bot_is_member)


async def test_healthy_service_is_reported_privately(stage: testbed.TestBed) -> None:
    alice, ops = a_channel(stage)

    delivery = await alice.types("/pos health order", ops)
    message = await alice.waits_for_message(ops, containing="pos-order · sandbox: UP,")

    assert delivery.is_acknowledged
    assert message.is_ephemeral
    assert [button.text for button in message.buttons] == ["Details", "Run again", "Share with channel"]
    assert "Runbook 2.2 Health and readiness checks" in message.plain_text
    assert "readiness: UP" in message.plain_text
    assert "liveness: UP" in message.plain_text


async def test_response_is_sent_where_the_bot_is_no_member(stage: testbed.TestBed) -> None:
    alice, ops = a_channel(stage, bot_is_member=False)

    await alice.types("/pos health order", ops)

    assert await alice.waits_for_message(ops, containing="pos-order")


async def test_down_service_names_failing_component_and_runbook_section(stage: testbed.TestBed) -> None:
    alice, ops = a_channel(stage)
    await stage.fleet["pos-order"].goes_down(db="org.h2.jdbc.JdbcSQLNonTransientConnectionException: broken")

    await alice.types("/pos health pos-order", ops)
    message = await alice.waits_for_message(ops, containing="pos-order · sandbox: DOWN (db)")

    assert "JdbcSQLNonTransientConnectionException: broken" in message.plain_text
    assert "Runbook 4.3 Health endpoint failing" in message.plain_text
    assert message.text.startswith("🔴")


async def test_password_in_component_details_is_redacted(stage: testbed.TestBed) -> None:
    alice, ops = a_channel(stage)
    await stage.fleet["pos-order"].goes_down_leaking_password()

    await alice.types("/pos health pos-order --verbose", ops)
    message = await alice.waits_for_message(ops, containing="DOWN (db)")

    assert "•••" in message.plain_text
    assert health_documents.PASSWORD not in str([use.body for use in stage.workspace.response_uses])
    assert health_documents.PASSWORD not in str(stage.bot.log)


async def test_run_again_replaces_the_private_response(stage: testbed.TestBed) -> None:
    alice, ops = a_channel(stage)
    await stage.fleet["pos-order"].goes_down()
    await alice.types("/pos health pos-order", ops)
    down = await alice.waits_for_message(ops, containing="DOWN")

    await stage.fleet["pos-order"].recovers()
    await alice.clicks("Run again", down)
    up = await alice.waits_for_change(down, containing="UP,")

    assert up.ts == down.ts
    assert len(alice.sees(ops)) == 1


async def test_details_show_what_curl_would(stage: testbed.TestBed) -> None:
    alice, ops = a_channel(stage)
    await alice.types("/pos health pos-order", ops)

    await alice.clicks("Details", await alice.waits_for_message(ops, containing="UP"))
    message = await alice.waits_for_message(ops, containing="first byte after")

    for part in ("address           127.0.0.1:", "connected after", "total", "HTTP/1.1 200", "content-type"):
        assert part in message.plain_text


async def test_response_is_shared_once_without_repeating_the_command(stage: testbed.TestBed) -> None:
    alice, ops = a_channel(stage)
    bob = stage.workspace.person("bob")
    await stage.fleet["pos-order"].goes_down()
    await alice.types("/pos health pos-order", ops)
    private = await alice.waits_for_message(ops, containing="DOWN (db)")
    asked = stage.fleet["pos-order"].request_count

    await alice.clicks("Share with channel", private)
    shared = await bob.waits_for_message(ops, containing=f"shared by <@{alice.id}>")
    await alice.clicks("Share with channel", private)
    await alice.types("/pos version", ops)
    await alice.waits_for_message(ops, containing="posbot 0")

    assert not shared.is_ephemeral
    assert "DOWN (db)" in shared.plain_text
    assert len([message for message in bob.sees(ops) if "shared by" in message.plain_text]) == 1
    assert stage.fleet["pos-order"].request_count == asked


async def test_response_of_another_person_cannot_be_shared(stage: testbed.TestBed) -> None:
    alice, ops = a_channel(stage)
    bob = stage.workspace.person("bob")
    theirs = stage.workspace.channel(f"bobs-{next(_NUMBERS)}", members=[bob])
    await alice.types("/pos version", ops)
    answer = await alice.waits_for_message(ops, containing="posbot 0")
    its_id = answer.plain_text.rpartition("id ")[2]

    await bob.types(f"/pos share {its_id}", theirs)

    assert await bob.waits_for_message(theirs, containing="None of your responses has the id")


async def test_response_is_public_in_an_incident_channel(stage: testbed.TestBed) -> None:
    alice, incident = a_channel(stage, kind="inc")

    await alice.types("/pos health pos-order", incident)
    message = await stage.workspace.person("bob").waits_for_message(incident, containing="pos-order")

    assert not message.is_ephemeral
    assert "Share with channel" not in [button.text for button in message.buttons]


async def test_error_in_an_incident_channel_is_private(stage: testbed.TestBed) -> None:
    alice, incident = a_channel(stage, kind="inc")

    await alice.types("/pos helth", incident)

    assert (await alice.waits_for_message(incident, containing="Did you mean")).is_ephemeral


async def test_mention_in_a_thread_is_answered_there(stage: testbed.TestBed) -> None:
    alice, ops = a_channel(stage, bot_is_member=True)
    start = await alice.says("orders are failing", ops)

    await alice.mentions("health pos-order", ops, thread=start)
    message = await alice.waits_for_message(ops, containing="pos-order · sandbox", thread=start)

    assert not message.is_ephemeral


async def test_many_services_are_one_table_worst_first_with_counts(stage: testbed.TestBed) -> None:
    alice, ops = a_channel(stage)
    await stage.fleet["pos-price"].slows_to(seconds=0.6)
    await stage.fleet["pos-order"].goes_down()
    await stage.fleet["pos-catalog"].refuses()

    await alice.types("/pos health all", ops)
    message = await alice.waits_for_message(ops, containing="3 of 23 services unhealthy in sandbox")
    (table,) = [block for block in message.blocks if block["type"] == "table"]
    names = [row[0]["text"] for row in table["rows"]]

    assert "1 connection refused" in message.plain_text
    assert set(names[1:3]) == {"🔴 pos-order", "🔴 pos-catalog"}
    assert names[3] == "🟡 pos-price"
    assert names[4:-1] == sorted(names[4:-1])
    assert names[-1] == "pos-mcp-server"
    assert len(names) == 25


async def test_wait_shows_progress_until_the_service_is_healthy(stage: testbed.TestBed) -> None:
    alice, ops = a_channel(stage)
    await stage.fleet["pos-order"].goes_down()
    await stage.fleet["pos-order"].recovers(after_seconds=3.0)

    await alice.types("/pos health pos-order --wait 30s", ops)
    waiting = await alice.waits_for_message(ops, containing="waiting")
    await alice.waits_for_message(ops, containing="healthy after", timeout_seconds=15)

    assert "⏳" in waiting.plain_text
    assert len(alice.sees(ops)) <= 5


async def test_wait_started_by_a_button_continues_in_its_message(stage: testbed.TestBed) -> None:
    alice, ops = a_channel(stage)
    await stage.fleet["pos-order"].goes_down()
    await alice.types("/pos health pos-order", ops)
    down = await alice.waits_for_message(ops, containing="DOWN")
    await stage.fleet["pos-order"].recovers(after_seconds=1.0)

    await alice.clicks("Wait 3 min", down)
    await alice.waits_for_change(down, containing="healthy after", timeout_seconds=15)

    assert len(alice.sees(ops)) == 1


async def test_app_home_shows_commands_and_service_health(stage: testbed.TestBed) -> None:
    alice = stage.workspace.person("alice")
    await stage.fleet["pos-order"].goes_down()

    await alice.opens_home()
    await alice.waits_for_home(containing="1 of 23 services unhealthy in sandbox")
    # The part that is there first is shown at once.
    home = await alice.waits_for_home(containing="check service health")

    assert "1 of 23 services unhealthy in sandbox" in home.plain_text
    assert "audit" not in home.plain_text


async def test_app_home_button_responds_in_direct_messages(stage: testbed.TestBed) -> None:
    alice = stage.workspace.person("alice")
    await alice.opens_home()
    await alice.waits_for_home(containing="services healthy in sandbox")

    await alice.clicks("Services", await alice.waits_for_home(containing="check service health"))

    assert await alice.waits_for_message(alice.chat_with_bot, containing="services in the catalogue")


async def test_terminal_gives_the_same_response_and_audit_entry(stage: testbed.TestBed) -> None:
    alice, ops = a_channel(stage)
    await stage.fleet["pos-order"].goes_down()
    await alice.types("/pos health pos-order", ops)
    in_slack = await alice.waits_for_message(ops, containing="pos-order · sandbox: DOWN (db)")

    code, output, complaint = await stage.types("health", "order")
    _, audit, _ = await cli_runner.run(stage.environment, "audit", "--limit", "2")

    assert code == 1
    assert complaint == ""
    assert "pos-order · sandbox: DOWN (db)" in output
    assert "Runbook 4.3 Health endpoint failing" in output
    assert "posbot health pos-order --env sandbox --verbose" in output
    assert in_slack.plain_text.rpartition("id ")[2] in audit


async def test_channel_names_are_resolved_in_mentions_and_private_channels(stage: testbed.TestBed) -> None:
    alice = stage.workspace.person("alice")
    private = stage.workspace.channel(f"inc-{next(_NUMBERS)}", members=[alice], is_private=True)

    await alice.types("/pos health pos-order", private)

    assert not (await alice.waits_for_message(private, containing="pos-order · sandbox")).is_ephemeral


async def test_run_again_keeps_a_public_message(stage: testbed.TestBed) -> None:
    alice, incident = a_channel(stage, kind="inc", bot_is_member=True)
    await alice.types("/pos health pos-order", incident)
    first = await alice.waits_for_message(incident, containing="UP,")
    await stage.fleet["pos-order"].slows_to(seconds=3.0)

    await alice.clicks("Run again", first)
    second = await alice.waits_for_message(incident, containing="degraded (slow)", timeout_seconds=10)

    assert second.ts != first.ts
    assert not second.is_ephemeral
    assert "UP," in stage.workspace.latest(first).plain_text
