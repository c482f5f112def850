"""Who is asked first, and that a crowd at the door is let in before work begins."""

import asyncio

import pytest

from bot.health import actuator
from bot.slack.inbound import acknowledgements as inbound_acknowledgements
from sandbox.services import fleets

pytestmark = pytest.mark.anyio


async def test_it_is_remembered_how_long_a_service_took() -> None:
    async with fleets.running(["pos-order"]) as fleet:
        url = f"{fleet['pos-order'].url}/actuator/health"
        reader = actuator.Actuator()
        before = reader.last_took(url)
        await fleet["pos-order"].slows_to(seconds=0.2)
        await reader.read("pos-order", url, with_groups=False)

    assert before == 0.0
    assert reader.last_took(url) >= 0.2


async def test_work_waits_for_its_own_acknowledgement_and_for_those_of_others() -> None:
    acknowledgements = inbound_acknowledgements.Acknowledgements()
    with acknowledgements.pending() as first:
        with acknowledgements.pending():
            work = asyncio.create_task(first.over())
            await asyncio.sleep(0)
            assert not work.done()
        await asyncio.sleep(0)
        assert not work.done()

    await asyncio.wait_for(work, timeout=1)
