"""One kitchen for each module of tests, in good order for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.commands import kitchens


@pytest.fixture(scope="module")
async def shared_kitchen(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[kitchens.Kitchen]:
    async with kitchens.opened(tmp_path_factory.mktemp("kitchen")) as kitchen:
        yield kitchen


@pytest.fixture
async def kitchen(shared_kitchen: kitchens.Kitchen) -> kitchens.Kitchen:
    await shared_kitchen.recovers()
    return shared_kitchen
