"""
Holds lock files, and the lower bounds in pyproject.toml, against an advisory database.

`make audit` runs this in an environment of its own. Exit code 0: every package was looked up, and none has a known
vulnerability. 1: some have; all of them are listed. 3: the packages could not be looked up, so nothing is known.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib
from typing import Any

FOLDER = pathlib.Path(__file__).parent
TIMEOUT_SECONDS = 120
EXIT_VULNERABLE, EXIT_UNKNOWN = 1, 3


class UnknownError(Exception):
    """The packages could not be looked up."""


def main() -> int:
    """Audit each file; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="https://api.osv.dev/v1/query", help="an advisory database that speaks OSV")
    parser.add_argument("locks", nargs="*", help="lock files; those of the project, and its lower bounds, by default")
    given = parser.parse_args()
    found: dict[str, None] = {}
    names: set[str] = set()
    unknown = ""
    with tempfile.TemporaryDirectory() as folder:
        for lock in given.locks or [FOLDER / "run.txt", FOLDER / "dev.txt", lower_bounds(pathlib.Path(folder))]:
            try:
                packages = look_up(str(lock), given.url)
            except UnknownError as error:
                unknown = str(error)
                break
            names |= {f"{package['name']} {package['version']}" for package in packages}
            found |= dict.fromkeys(vulnerabilities(packages))
    if found:
        print(f"{len(found)} known vulnerabilities in {len(names)} packages:", *found, sep="\n")
    if unknown:
        print(f"NOT AUDITED: {given.url} could not be asked, so nothing is known.\n{unknown}", file=sys.stderr)
    elif not found:
        print(f"No known vulnerability in {len(names)} packages.")
    return EXIT_VULNERABLE if found else EXIT_UNKNOWN if unknown else 0


def lower_bounds(folder: pathlib.Path) -> pathlib.Path:
    """Return a file in *folder* with the oldest version of each dependency that pyproject.toml allows."""
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text())
    needed = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    bounds = [re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", one) for one in needed]
    path = folder / "bounds.txt"
    path.write_text("".join(f"{one[1]}=={one[2]}\n" for one in bounds if one is not None))
    return path


def look_up(lock: str, url: str) -> list[dict[str, Any]]:
    """Return what pip-audit says of each package of *lock*; raise UnknownError where it cannot say it."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", lock, "--disable-pip", "--no-deps"]
    command += ["--vulnerability-service", "osv", "--osv-url", url, "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise UnknownError(f"No answer within {TIMEOUT_SECONDS} s.") from None
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        raise UnknownError((done.stderr.strip().splitlines() or ["pip-audit gave no reason."])[-1]) from None
    skipped = [str(package["name"]) for package in packages if "skip_reason" in package]
    if skipped:
        raise UnknownError(f"{lock}: {', '.join(skipped)} could not be looked up.")
    return packages


def vulnerabilities(packages: list[dict[str, Any]]) -> list[str]:
    """Return one line for each vulnerability of *packages*, with the versions that mend it."""
    lines = []
    for package in packages:
        for one in package["vulns"]:
            fixed = ", ".join(one["fix_versions"]) or "no version"
            lines.append(f"{package['name']} {package['version']}: {one['id']}, fixed in {fixed}")
    return lines


if __name__ == "__main__":
    raise SystemExit(main())
