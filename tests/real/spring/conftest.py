"""One real service per test module, healthy at the start of each test."""

from collections.abc import AsyncIterator

import pytest

from tests.real.spring import application
from tests.real.spring.application import Application


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Application]:
    async with application.running(tmp_path_factory.mktemp("pos-order")) as running:
        yield running


@pytest.fixture
async def order(shared: Application) -> Application:
    """Return the service of this module, restored to health."""
    await shared.data_source.start()
    await shared.start()
    await shared.post("/traffic/accept")
    await shared.post("/traffic/mend")
    await shared.post("/till/UP")
    await shared.wait_for(200)
    return shared
