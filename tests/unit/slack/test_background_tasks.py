"""Background tasks start after acknowledgements, and end with the process."""

import asyncio

import pytest

from bot.slack.inbound import listeners

pytestmark = pytest.mark.anyio


async def test_task_waits_for_pending_acknowledgements() -> None:
    acknowledgements = listeners.Acknowledgements()
    with acknowledgements.pending() as first:
        with acknowledgements.pending():
            work = asyncio.create_task(first.wait())
            await asyncio.sleep(0)
            assert not work.done()
        await asyncio.sleep(0)
        assert not work.done()

    await asyncio.wait_for(work, timeout=1)
