"""The wheel: the bot, its commands and its migrations, and nothing that only development needs."""

import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

from sandbox import processes, runbook_folder

pytestmark = pytest.mark.slow

_BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A wheel of the working tree, built in a copy so that the checkout stays clean."""
    source = tmp_path_factory.mktemp("source")
    target = tmp_path_factory.mktemp("wheel")
    for name in ("bot", "commands", "sandbox", "bench"):
        shutil.copytree(runbook_folder.PROJECT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(runbook_folder.PROJECT / name, source)
    subprocess.run([sys.executable, "-c", _BUILD, str(target)], cwd=source, check=True, capture_output=True, timeout=50)
    [built] = target.glob("posbot-*.whl")
    return built


def test_wheel_holds_all_of_bot_and_commands_and_nothing_else(wheel: pathlib.Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packaged = {name for name in archive.namelist() if ".dist-info/" not in name}

    tracked = {
        str(path.relative_to(runbook_folder.PROJECT))
        for package in ("bot", "commands")
        for path in (runbook_folder.PROJECT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packaged == tracked


def test_installed_wheel_reports_its_version_and_migrates_database(wheel: pathlib.Path, tmp_path: pathlib.Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    environment = {
        **processes.plain_environment(tmp_path),
        "PYTHONPATH": str(site),
        "POSBOT_RUNBOOK_DATA": str(runbook_folder.PROJECT / "runbook_data"),
        "DATABASE_URL": f"sqlite:///{tmp_path}/posbot.db",
    }

    def posbot(*arguments: str) -> str:
        script = (
            "import bot, sys; sys.argv[0] = 'posbot'; print(bot.__path__[0]); from bot.__main__ import main; main()"
        )
        command = [sys.executable, "-P", "-c", script, *arguments]
        done = subprocess.run(
            command, check=False, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=50
        )
        assert done.returncode == 0, done.stderr
        imported, _, output = done.stdout.partition("\n")
        assert imported == str(site / "bot")
        return output

    assert "0.1.0" in posbot("--version")
    assert "pos-order" in posbot("services")
    assert (tmp_path / "posbot.db").exists()
