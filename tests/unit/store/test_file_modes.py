"""The files of the database: readable by their owner alone, whatever the umask, and also where they exist already."""

import os
import pathlib
import stat
from collections.abc import Iterator

import pytest

from bot import app
from bot.config import settings as config_settings
from bot.store import database, migrate, sqlite_files

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _generous_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder: pathlib.Path) -> dict[str, str]:
    return {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in sorted(folder.iterdir())}


FILES = dict.fromkeys(("posbot.db", "posbot.db-shm", "posbot.db-wal"), "0o600")


@pytest.mark.parametrize("url", ["sqlite:///{}/posbot.db", "sqlite:///file:{}/posbot.db?uri=true"], ids=["path", "uri"])
async def test_new_database_is_readable_by_its_owner_alone(tmp_path: pathlib.Path, url: str) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    async with database.open_database(url.format(folder)) as db:
        await migrate.migrate(db)
        found = modes(folder)

    assert found == FILES


async def test_files_that_others_can_read_are_restricted(tmp_path: pathlib.Path) -> None:
    url = f"sqlite:///{tmp_path}/posbot.db"
    async with database.open_database(url) as db:
        await migrate.migrate(db)
        for name in FILES:
            (tmp_path / name).chmod(0o666)
        async with database.open_database(url) as other:
            await migrate.migrate(other)
            found = modes(tmp_path)

    assert found == FILES


async def test_state_folder_is_restricted_also_where_it_exists(tmp_path: pathlib.Path) -> None:
    (tmp_path / "posbot").mkdir(mode=0o755)
    settings = config_settings.Settings(xdg_state_home=tmp_path)

    await app.migrate(settings)

    assert modes(tmp_path) == {"posbot": "0o700"}


def test_file_of_another_owner_keeps_its_mode(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("Operation not permitted")

    (tmp_path / "posbot.db").touch(mode=0o644)
    monkeypatch.setattr(pathlib.Path, "chmod", refuse)

    sqlite_files._restrict(tmp_path / "posbot.db", 0o600)

    assert modes(tmp_path) == {"posbot.db": "0o644"}


async def test_new_folder_is_restricted_and_a_folder_of_others_is_left(tmp_path: pathlib.Path) -> None:
    (tmp_path / "shared").mkdir(mode=0o755)
    for name in ("shared", "new"):
        await app.migrate(config_settings.Settings(database_url=f"sqlite:///{tmp_path}/{name}/posbot.db"))

    assert modes(tmp_path) == {"shared": "0o755", "new": "0o700"}
