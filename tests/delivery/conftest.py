"""Everything here runs on both kinds of database, beside a pretend Slack."""

import pathlib
from collections.abc import AsyncIterator

import pytest

from sandbox import slack
from tests.databases import _no_thread_is_left, database_url, postgresql_folder
from tests.delivery import posters
from tests.runs import crews

__all__ = ["_no_thread_is_left", "database_url", "postgresql_folder"]


@pytest.fixture
def notes(tmp_path: pathlib.Path) -> crews.Notes:
    """What steps leave behind in the world."""
    return crews.Notes(tmp_path / "notes")


@pytest.fixture
async def workspace() -> AsyncIterator[slack.Workspace]:
    async with slack.pretend_workspace(slack.Settings(posting_burst=None)) as workspace:
        yield workspace


@pytest.fixture
async def scene(
    workspace: slack.Workspace, database_url: str, tmp_path: pathlib.Path, notes: crews.Notes
) -> AsyncIterator[posters.Scene]:
    """A posbot that works on runs and shows them."""
    async with crews.working(database_url, tmp_path, notes) as crew, posters.posting(crew, workspace):
        yield posters.Scene.of(crew, workspace)
