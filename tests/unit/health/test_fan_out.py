"""How long a service took to answer is remembered."""

import pytest

from bot.health import actuator
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
