"""The image, as far as it can be held to its promises without a container engine."""

import fnmatch
import pathlib
import re
import subprocess

import pytest

from bot.config import settings as config_settings
from tests.integration.deploy import dockerfiles, manifests

PROJECT = manifests.FOLDER.parent
BUILD, IMAGE = dockerfiles.read(manifests.FOLDER / "Dockerfile")


def test_copied_files_exist_and_only_they_are_in_the_context() -> None:
    rules = (manifests.FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
    let_through = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    sources = {source for source, _ in BUILD.copied}

    assert "*" in rules
    assert all((PROJECT / source).exists() for source in sources)
    assert sources == let_through


def test_image_holds_only_the_built_stage() -> None:
    assert IMAGE.copied == ()
    assert IMAGE.all("COPY") == ("--from=build /opt/posbot /opt/posbot",)
    assert not any(" install " in line or "apt" in line for line in IMAGE.all("RUN"))


def test_image_has_no_pip_and_nothing_that_installs_it() -> None:
    [removal] = [line for line in IMAGE.all("RUN") if "pip" in line]

    assert "pip uninstall --yes" in removal and "ensurepip.__file__" in removal
    assert "! python -c 'import pip'" in removal and "! python -c 'import ensurepip'" in removal


DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("base", "is_pinned"),
    [
        (f"python:3.13-slim@{DIGEST}", True),
        (f"registry.example.com:5000/mirror/python@{DIGEST}", True),
        ("python:3.13-slim", False),
        ("python:latest", False),
        ("", False),
        (f"python@{DIGEST[:-1]}", False),
        (f"python@{DIGEST}0", False),
        (f"python@{DIGEST.upper()}", False),
        (f"{DIGEST}", False),
        (f"python:3.13-slim other@{DIGEST}", False),
    ],
)
def test_release_needs_the_digest_of_its_base_image(base: str, *, is_pinned: bool) -> None:
    command = ["make", "--no-print-directory", "image-base", f"BASE_IMAGE={base}"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode == 0) is is_pinned, done.stderr
    assert is_pinned or "is not pinned by its digest: run make pin-base" in done.stderr


def test_every_stage_builds_on_the_base_image_that_is_given() -> None:
    text = (manifests.FOLDER / "Dockerfile").read_text()
    reference = (manifests.FOLDER / "base-image").read_text()

    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["${BASE_IMAGE}"] * 2
    assert re.findall(r"^ARG (\S+)", text, re.MULTILINE) == ["BASE_IMAGE"]
    assert re.fullmatch(r"docker\.io/library/python:3\.13-slim(@sha256:[0-9a-f]{64})?\n", reference)
    assert "image: image-base" in (PROJECT / "Makefile").read_text()


def test_installed_packages_are_locked_by_hash() -> None:
    installs = [line for line in BUILD.all("RUN") if " install " in line]

    assert len(installs) == 3
    assert all("--require-hashes" in line for line in installs if "wheels/posbot" not in line)
    assert all("--no-deps" in line for line in installs if "wheels/posbot" in line)
    assert "setuptools==" in (PROJECT / "requirements" / "dev.txt").read_text()


def test_image_serves_as_an_unprivileged_user() -> None:
    [user] = IMAGE.all("USER")
    limits = manifests.pod()["securityContext"]

    assert user == f"{limits['runAsUser']}:{limits['runAsGroup']}"
    assert any(f"useradd --uid {limits['runAsUser']} " in line for line in IMAGE.all("RUN"))
    assert (IMAGE.all("ENTRYPOINT"), IMAGE.all("CMD")) == (('["posbot"]',), ('["serve"]',))


def test_allocator_of_the_image_returns_freed_memory() -> None:
    assert (IMAGE.environment["MALLOC_ARENA_MAX"], IMAGE.environment["MALLOC_TRIM_THRESHOLD_"]) == ("2", "131072")


def test_settings_match_the_folders_of_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in IMAGE.environment.items():
        monkeypatch.setenv(name, value)
    settings = config_settings.Settings.from_environment()
    mounts = {mount["mountPath"]: mount["name"] for mount in manifests.container()["volumeMounts"]}
    database = pathlib.PurePath(settings.store_url.removeprefix("sqlite:///"))

    assert ("runbook_data", str(settings.runbook_data)) in BUILD.copied
    assert mounts[str(database.parent)] == "state"
    assert mounts[f"{settings.runbook_data}/environments.yaml"] == "environments"
    assert IMAGE.all("EXPOSE") == (str(settings.port),)
    assert IMAGE.environment["PATH"].split(":")[0] == "/opt/posbot/bin"


def test_local_databases_and_environments_are_ignored() -> None:
    rules = (manifests.FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
    let_through = [rule.removeprefix("!") for rule in rules if rule.startswith("!")]

    assert not any(fnmatch.fnmatch(name, rule) for name in (".venv", ".git", "posbot.db") for rule in let_through)
