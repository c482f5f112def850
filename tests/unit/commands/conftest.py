"""One posbot for each module of tests, with healthy services for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.commands import app_fixture


@pytest.fixture(scope="module")
async def shared_app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[app_fixture.AppFixture]:
    async with app_fixture.running(tmp_path_factory.mktemp("app")) as app:
        yield app


@pytest.fixture
async def app(shared_app: app_fixture.AppFixture) -> app_fixture.AppFixture:
    await shared_app.recover()
    return shared_app
