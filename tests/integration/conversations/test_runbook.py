"""Whole conversations about the runbook and about the way to a service, in Slack."""

import itertools

import pytest

from sandbox import testbed
from sandbox.slack.scenario import people
from sandbox.slack.state import channels

pytestmark = pytest.mark.anyio

_NUMBERS = itertools.count(1)


def a_channel(stage: testbed.TestBed) -> tuple[people.Person, channels.Channel]:
    alice = stage.workspace.person("alice")
    return alice, stage.workspace.channel(f"reading-{next(_NUMBERS)}", members=[alice])


async def test_index_links_to_a_section_and_its_full_text(stage: testbed.TestBed) -> None:
    alice, ops = a_channel(stage)

    await alice.types("/pos runbook", ops)
    index = await alice.waits_for_message(ops, containing="A service does not start.")
    await alice.clicks("4.3 Health endpoint failing", index)
    section = await alice.waits_for_message(ops, containing="/pos health pos-order is the quick check")
    await alice.clicks("Whole section", section)
    whole = await alice.waits_for_message(ops, containing="It accepts an authenticated request.")

    assert "It accepts an authenticated request" not in section.plain_text
    assert "curl -v http://<host>:<port>/actuator/health" in whole.plain_text


async def test_search_offers_the_best_section_as_a_button(stage: testbed.TestBed) -> None:
    alice, ops = a_channel(stage)

    await alice.types("/pos runbook “connection refused”", ops)
    found = await alice.waits_for_message(ops, containing="Runbook sections that match")
    assert "4.3 Health endpoint failing: Connection refused – 7" in found.plain_text
    await alice.clicks("4.3 Health endpoint failing", found)

    assert await alice.waits_for_message(ops, containing="is the quick check")


async def test_command_of_a_section_runs_for_the_named_service(stage: testbed.TestBed) -> None:
    alice, ops = a_channel(stage)

    await alice.types("/pos runbook 4.3 --service order", ops)
    section = await alice.waits_for_message(ops, containing="Commands")
    await alice.clicks("Run connectivity pos-order", section)
    connectivity = await alice.waits_for_message(ops, containing="reachable, authentication required")

    assert stage.gateway.login not in connectivity.plain_text
    assert "/order/** → lb://POS-ORDER" in connectivity.plain_text


async def test_runbook_links_are_rendered_and_search_words_are_escaped(stage: testbed.TestBed) -> None:
    alice, ops = a_channel(stage)

    await alice.types("/pos runbook overview", ops)
    overview = await alice.waits_for_message(ops, containing="RTO")
    await alice.types("/pos runbook zzz <!channel> *zzz*", ops)
    echoed = await alice.waits_for_message(ops, containing="“zzz <!channel> *zzz*”")

    links = [
        part["url"]
        for block in overview.blocks
        for group in block.get("elements", ())
        for line in group.get("elements", ())
        for part in line.get("elements", ())
        if part.get("type") == "link"
    ]
    assert any(url.endswith("/workspace-agents/docs/OperationsRunbook.md") for url in links)
    assert "&lt;!channel&gt;" in echoed.text
