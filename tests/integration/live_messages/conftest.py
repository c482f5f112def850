"""Everything here runs on both kinds of database, with a sandboxed Slack."""

import pathlib
from collections.abc import AsyncIterator

import pytest

from sandbox import slack
from tests.databases import database_url, postgresql_folder
from tests.integration.live_messages import delivery_fixture
from tests.unit.engine import engine_fixture

__all__ = ["database_url", "postgresql_folder"]


@pytest.fixture
def notes(tmp_path: pathlib.Path) -> engine_fixture.Notes:
    """The lines that steps append to a file."""
    return engine_fixture.Notes(tmp_path / "notes")


@pytest.fixture
async def workspace() -> AsyncIterator[slack.Workspace]:
    async with slack.running(slack.Settings(posting_burst=None)) as workspace:
        yield workspace


@pytest.fixture
async def delivery(
    workspace: slack.Workspace, database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes
) -> AsyncIterator[delivery_fixture.DeliveryFixture]:
    """A posbot that executes runs and shows them in Slack."""
    async with (
        engine_fixture.running(database_url, tmp_path, notes) as engine,
        delivery_fixture.delivering(engine, workspace),
    ):
        yield delivery_fixture.DeliveryFixture.of(engine, workspace)
