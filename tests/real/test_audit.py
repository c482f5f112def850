"""`make audit` against an advisory database that answers, and where none can be reached."""

import asyncio
import pathlib
import subprocess
import tomllib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from sandbox import runbook_folder

pytestmark = [pytest.mark.anyio, pytest.mark.real]

SCRIPT = runbook_folder.PROJECT / "requirements" / "audit.py"
PYTHON = runbook_folder.PROJECT / ".venv-audit" / "bin" / "python"
HASH = "sha256:" + "0" * 64
ADVISORY = {
    "id": "PYSEC-0000-1",
    "modified": "2026-01-01T00:00:00Z",
    "published": "2026-01-01T00:00:00Z",
    "summary": "Something is wrong.",
    "aliases": [],
    "affected": [
        {
            "package": {"name": "bad", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
            "versions": ["1.0"],
        }
    ],
}


@pytest.fixture
def looked_up() -> list[tuple[str, str]]:
    """The packages that were looked up, with their versions."""
    return []


@pytest.fixture
async def url(looked_up: list[tuple[str, str]]) -> AsyncIterator[str]:
    """The address of an advisory database that knows one advisory, of the package `bad`."""

    async def answer(request: web.Request) -> web.Response:
        asked = await request.json()
        looked_up.append((asked["package"]["name"], asked["version"]))
        return web.json_response({"vulns": [ADVISORY]} if asked["package"]["name"] == "bad" else {})

    app = web.Application()
    app.router.add_post("/v1/query", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}/v1/query"
    await runner.cleanup()


async def audit(url: str, folder: pathlib.Path, *names: str) -> tuple[int, str, str]:
    """Return the exit code and the outputs of an audit of the packages *names*."""
    if not PYTHON.exists():
        pytest.skip("pip-audit is not here; install it with: make audit")
    lock = folder / "lock.txt"
    lock.write_text("".join(f"{name}==1.0 --hash={HASH}\n" for name in names))
    command = [str(PYTHON), str(SCRIPT), "--url", url, *([str(lock)] if names else [])]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=50, check=False)
    return done.returncode, done.stdout, done.stderr


async def test_lock_without_known_vulnerabilities_passes(url: str, tmp_path: pathlib.Path) -> None:
    assert await audit(url, tmp_path, "good", "fine") == (0, "No known vulnerability in 2 packages.\n", "")


async def test_vulnerable_package_is_named_with_the_version_that_mends_it(url: str, tmp_path: pathlib.Path) -> None:
    code, output, _ = await audit(url, tmp_path, "good", "bad")

    assert code == 1
    assert output == "1 known vulnerabilities in 2 packages:\nbad 1.0: PYSEC-0000-1, fixed in 1.1\n"


async def test_locked_versions_and_lower_bounds_are_looked_up(
    url: str, looked_up: list[tuple[str, str]], tmp_path: pathlib.Path
) -> None:
    code, output, complaint = await audit(url, tmp_path)

    project = tomllib.loads((runbook_folder.PROJECT / "pyproject.toml").read_text())
    [bound] = [one for one in project["project"]["dependencies"] if one.startswith("aiohttp>=")]
    assert (code, complaint) == (0, "")
    assert output == f"No known vulnerability in {len(set(looked_up))} packages.\n"
    assert ("aiohttp", bound.removeprefix("aiohttp>=")) in looked_up
    assert {name for name, _ in looked_up} >= {"slack-bolt", "httpcore", "pytest", "hypothesis"}


async def test_database_that_cannot_be_reached_is_said(tmp_path: pathlib.Path) -> None:
    code, output, complaint = await audit("http://127.0.0.1:9/v1/query", tmp_path, "good")

    assert (code, output) == (3, "")
    assert complaint.startswith("NOT AUDITED: http://127.0.0.1:9/v1/query could not be asked, so nothing is known.\n")
