"""Everything here runs on both kinds of database."""

import pathlib
from collections.abc import AsyncIterator

import pytest

from tests.databases import _no_thread_is_left, database_url, postgresql_folder
from tests.unit.engine import engine_fixture

__all__ = ["_no_thread_is_left", "database_url", "postgresql_folder"]


@pytest.fixture
def notes(tmp_path: pathlib.Path) -> engine_fixture.Notes:
    """What steps leave behind in the world."""
    return engine_fixture.Notes(tmp_path / "notes")


@pytest.fixture
async def crew(
    database_url: str, tmp_path: pathlib.Path, notes: engine_fixture.Notes
) -> AsyncIterator[engine_fixture.Crew]:
    """A posbot with one worker, put together as always, with commands that leave notes."""
    async with engine_fixture.working(database_url, tmp_path, notes) as crew:
        yield crew
