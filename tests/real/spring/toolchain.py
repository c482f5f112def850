"""
The JDK and Maven of this machine, and the application that they build, once per change of its sources.
"""

import contextlib
import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence

import pytest

ENVIRONMENT: Mapping[str, str] = os.environ  # noqa: TID251 - which machine this is, not how posbot is set up

_SOURCES = pathlib.Path(__file__).parent / "app"
_CLOUD_SOURCES = pathlib.Path(__file__).parent / "cloud"
CLOUD = ("discovery", "gateway")
_SYSTEM_JDKS = pathlib.Path("/usr/lib/jvm")
_LOWEST_JDK = 21
_STEP_SECONDS = 540
_LINES_SHOWN = 30
_VERSION = re.compile(r'^JAVA_VERSION="(\d+)', re.MULTILINE)
_ARCHIVE = "classes.jsa"

QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Build:
    """
    What was built, and how to run it: commands to which a test adds arguments.
    """

    jdk: pathlib.Path
    folder: pathlib.Path

    def application(self, *, scratch: pathlib.Path) -> list[str]:
        """
        Give the command that starts the service; `scratch` takes what its web server writes to disk.
        """
        options = (f"-XX:SharedArchiveFile={self.folder / _ARCHIVE}", f"-Djava.io.tmpdir={scratch}")
        return [_java(self.jdk), *QUICK_START, *options, "-jar", str(self.folder / "pos-order.jar")]

    def database(self) -> list[str]:
        """
        Give the command that starts the database, of the very version that the service's driver is of.
        """
        [jar] = (self.folder / "lib").glob("h2-*.jar")
        return [_java(self.jdk), *QUICK_START, "-cp", str(jar), "org.h2.tools.Server"]


def built(maven_options: Sequence[str] = ()) -> Build:
    """
    Give the application, built if these sources have not been built before; skip the test where that cannot be.
    """
    jdk = find_jdk()
    folder = _cache() / f"pos-order-{_fingerprint(jdk)}"
    if not folder.exists():
        _build_into(folder, jdk, maven_options)
    return Build(jdk=jdk, folder=folder)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CloudBuild:
    """
    Registry and gateway as they were built.
    """

    jdk: pathlib.Path
    folder: pathlib.Path

    def command(self, name: str, *, scratch: pathlib.Path) -> list[str]:
        """
        Give the command that starts `discovery` or `gateway`; `scratch` takes what it writes to disk.
        """
        return [_java(self.jdk), *QUICK_START, f"-Djava.io.tmpdir={scratch}", "-jar", str(self.folder / f"{name}.jar")]


def built_cloud() -> CloudBuild:
    """
    Give registry and gateway, built if these sources have not been built before; skip the test where that cannot be.
    """
    jdk = find_jdk()
    folder = _cache() / f"pos-cloud-{_fingerprint(jdk, _CLOUD_SOURCES)}"
    if not folder.exists():
        with _built(_CLOUD_SOURCES, folder, jdk) as (project, result):
            result.mkdir()
            for name in CLOUD:
                shutil.copy(project / name / "target" / f"{name}.jar", result)
    return CloudBuild(jdk=jdk, folder=folder)


def find_jdk() -> pathlib.Path:
    """
    Give the home of a JDK that can build for Java 21: JAVA_HOME if it will do, else the newest of the system's.
    """
    named = ENVIRONMENT.get("JAVA_HOME")
    if named and _version_of(pathlib.Path(named)) >= _LOWEST_JDK:
        return pathlib.Path(named)
    homes = sorted(_SYSTEM_JDKS.glob("*"), key=_version_of)
    if not homes or _version_of(homes[-1]) < _LOWEST_JDK:
        pytest.skip(f"no JDK {_LOWEST_JDK} or later: install one (openjdk-21-jdk) or let JAVA_HOME name it")
    return homes[-1]


def _version_of(home: pathlib.Path) -> int:
    """
    Give the major version of a JDK; 0 for what is none, a runtime without a compiler included.
    """
    release = home / "release"
    if not release.is_file() or not (home / "bin" / "javac").exists():
        return 0
    found = _VERSION.search(release.read_text(errors="replace"))
    return int(found[1]) if found else 0


def _build_into(folder: pathlib.Path, jdk: pathlib.Path, maven_options: Sequence[str]) -> None:
    with _built(_SOURCES, folder, jdk, maven_options) as (project, result):
        _unpack(project / "target" / "pos-order.jar", result, jdk)
        _archive_classes(result, jdk)


@contextlib.contextmanager
def _built(
    sources: pathlib.Path, folder: pathlib.Path, jdk: pathlib.Path, maven_options: Sequence[str] = ()
) -> Iterator[tuple[pathlib.Path, pathlib.Path]]:
    """
    Build beside `folder`, let the block fill the result, and rename that at the end, so that a half-made or a doubly
    made build is never seen.
    """
    maven = shutil.which("mvn")
    if maven is None:
        pytest.skip("no Maven: install it (package maven) so that `mvn` is on the PATH")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as workplace:
        project, result = pathlib.Path(workplace) / "app", pathlib.Path(workplace) / "result"
        shutil.copytree(sources, project, ignore=shutil.ignore_patterns("target"))
        _run(project, jdk, maven, "-B", "-q", *maven_options, "package")
        yield project, result
        try:
            result.rename(folder)
        except OSError:
            if not folder.exists():
                raise


def _unpack(jar: pathlib.Path, result: pathlib.Path, jdk: pathlib.Path) -> None:
    """
    Lay the application out as a small jar beside its libraries: it starts faster, and the database is at hand.
    """
    _run(
        result.parent,
        jdk,
        _java(jdk),
        "-Djarmode=tools",
        "-jar",
        str(jar),
        "extract",
        "--destination",
        str(result),
    )


def _archive_classes(result: pathlib.Path, jdk: pathlib.Path) -> None:
    """
    Start the application once without a server, and keep its loaded classes for all later starts: they halve.
    """
    once = ("-Dspring.context.exit=onRefresh", "-Dspring.datasource.url=jdbc:h2:mem:orders")
    archive = f"-XX:ArchiveClassesAtExit={result / _ARCHIVE}"
    _run(result, jdk, _java(jdk), *QUICK_START, archive, *once, "-jar", str(result / "pos-order.jar"))


def _java(jdk: pathlib.Path) -> str:
    return str(jdk / "bin" / "java")


def _run(place: pathlib.Path, jdk: pathlib.Path, *command: str) -> None:
    done = subprocess.run(
        command,
        cwd=place,
        env={**ENVIRONMENT, "JAVA_HOME": str(jdk)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_STEP_SECONDS,
        check=False,
    )
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-_LINES_SHOWN:])
        raise RuntimeError(f"the application could not be built, {command[0]} said:\n{last}")


def _cache() -> pathlib.Path:
    root = ENVIRONMENT.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(root) / "posbot-tests"


def _fingerprint(jdk: pathlib.Path, sources: pathlib.Path = _SOURCES) -> str:
    """
    Give a name for what the build depends on: the sources, and the JDK that the archive of classes belongs to.
    """
    digest = hashlib.sha256((jdk / "release").read_bytes())
    for path in _source_files(sources):
        digest.update(f"{path.relative_to(sources)}\0".encode())
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _source_files(sources: pathlib.Path) -> Iterator[pathlib.Path]:
    yield sources / "pom.xml"
    inner = sorted(path for path in sources.rglob("*") if path.is_file() and "target" not in path.parts)
    yield from (path for path in inner if path != sources / "pom.xml")
