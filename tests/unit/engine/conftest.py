"""Everything here runs on both kinds of database."""

import pathlib
from collections.abc import AsyncIterator

import pytest

from tests.databases import database_url, postgresql_folder
from tests.unit.engine import engine_fixture

__all__ = ["database_url", "postgresql_folder"]


@pytest.fixture
def notes(tmp_path: pathlib.Path) -> engine_fixture.Notes:
    """The lines that steps append to a file."""
    return engine_fixture.Notes(tmp_path / "notes")


@pytest.fixture
async def engine(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes
) -> AsyncIterator[engine_fixture.EngineFixture]:
    """A posbot with one worker and with commands that append to the notes."""
    async with engine_fixture.running(database_url, tmp_path, notes) as engine:
        yield engine
