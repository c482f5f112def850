"""What every test stands on: one loop, an environment of its own, and a stage with a real bot where one is needed."""

import gc
import os
import signal
from collections.abc import AsyncIterator

import hypothesis
import pytest

from sandbox import testbed

# Nothing of the machine's own configuration may reach a test, whoever runs it.
for _name in [name for name in os.environ if name.startswith(("SLACK_", "POSBOT_", "KUBE", "DATABASE_URL", "COLUMNS"))]:  # noqa: TID251
    del os.environ[_name]  # noqa: TID251


# A shell that starts the tests in the background makes them, and all that they start, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# `make test` finds what is likely; `make test-all` runs the same properties with the profile "thorough". No test sets
# its own number of examples.
hypothesis.settings.register_profile("quick", max_examples=25, deadline=None)
hypothesis.settings.register_profile("thorough", max_examples=200, deadline=None)
hypothesis.settings.load_profile("quick")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def shared_stage() -> AsyncIterator[testbed.TestBed]:
    """A bot connected to a sandboxed Slack by Socket Mode; modules that test signed HTTP define their own."""
    async with testbed.set_up(testbed.Mode.SOCKET) as stage:
        yield stage


@pytest.fixture
async def stage(shared_stage: testbed.TestBed) -> testbed.TestBed:
    """The stage of this module with all services in good order."""
    for service in shared_stage.fleet.values():
        await service.recovers()
    await shared_stage.registry.recovers()
    await shared_stage.gateway.recovers()
    return shared_stage


# What is imported stays: without it the collector walks it again and again.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()
