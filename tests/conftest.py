"""What every test stands on: one loop, an environment of its own, and a stage with a real bot where one is needed."""

import os
from collections.abc import AsyncIterator

import hypothesis
import pytest

from sandbox import testbed

# Nothing of the machine's own configuration may reach a test, whoever runs it.
for _name in [name for name in os.environ if name.startswith(("SLACK_", "POSBOT_", "KUBE", "DATABASE_URL"))]:  # noqa: TID251
    del os.environ[_name]  # noqa: TID251


# Enough to find what is likely; a test that wants more says so itself.
hypothesis.settings.register_profile("quick", max_examples=40, deadline=None)
hypothesis.settings.load_profile("quick")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module", params=list(testbed.Mode))
async def shared_stage(request: pytest.FixtureRequest) -> AsyncIterator[testbed.TestBed]:
    """A bot behind a sandboxed Slack, once by Socket Mode and once by signed HTTP."""
    async with testbed.set_up(request.param) as stage:
        yield stage


@pytest.fixture
async def stage(shared_stage: testbed.TestBed) -> testbed.TestBed:
    """The stage of this module with all services in good order."""
    for service in shared_stage.fleet.values():
        await service.recovers()
    await shared_stage.registry.recovers()
    await shared_stage.gateway.recovers()
    return shared_stage
