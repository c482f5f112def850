"""One kitchen for each module of tests, in good order for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.commands import app_fixture


@pytest.fixture(scope="module")
async def shared_kitchen(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[app_fixture.Kitchen]:
    async with app_fixture.opened(tmp_path_factory.mktemp("kitchen")) as kitchen:
        yield kitchen


@pytest.fixture
async def kitchen(shared_kitchen: app_fixture.Kitchen) -> app_fixture.Kitchen:
    await shared_kitchen.recovers()
    return shared_kitchen
