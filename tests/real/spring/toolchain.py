"""The JDK and Maven of this machine, and the applications they build once per change of the sources."""

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

ENVIRONMENT: Mapping[str, str] = os.environ  # noqa: TID251 - of the machine, not of posbot

_SOURCES = pathlib.Path(__file__).parent / "app"
_CLOUD_SOURCES = pathlib.Path(__file__).parent / "cloud"
_FAILING_SOURCES = pathlib.Path(__file__).parent / "failing"
CLOUD = ("discovery", "gateway")
_SYSTEM_JDKS = pathlib.Path("/usr/lib/jvm")
_MIN_JDK = 21
_STEP_TIMEOUT_SECONDS = 540
_MAX_LOG_LINES = 30
_VERSION = re.compile(r'^JAVA_VERSION="(\d+)', re.MULTILINE)
_ARCHIVE = "classes.jsa"

QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Build:
    """A built application and the commands that run it, to which a test adds arguments."""

    jdk: pathlib.Path
    folder: pathlib.Path

    def application(self, *, scratch: pathlib.Path) -> list[str]:
        """Return the command that starts the service; *scratch* takes the temporary files of its web server."""
        options = (f"-XX:SharedArchiveFile={self.folder / _ARCHIVE}", f"-Djava.io.tmpdir={scratch}")
        return [_java(self.jdk), *QUICK_START, *options, "-jar", str(self.folder / "pos-order.jar")]

    def database(self) -> list[str]:
        """Return the command that starts the database, in the version of the service's driver."""
        [jar] = (self.folder / "lib").glob("h2-*.jar")
        return [_java(self.jdk), *QUICK_START, "-cp", str(jar), "org.h2.tools.Server"]


def built(maven_options: Sequence[str] = ()) -> Build:
    """Return the application, built if its sources have changed; skip the test without JDK and Maven."""
    jdk = find_jdk()
    folder = _cache() / f"pos-order-{_fingerprint(jdk)}"
    if not folder.exists():
        _build_into(folder, jdk, maven_options)
    return Build(jdk=jdk, folder=folder)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CloudBuild:
    """Built registry and gateway."""

    jdk: pathlib.Path
    folder: pathlib.Path

    def command(self, name: str, *, scratch: pathlib.Path) -> list[str]:
        """Return the command that starts `discovery` or `gateway`; *scratch* takes its temporary files."""
        return [_java(self.jdk), *QUICK_START, f"-Djava.io.tmpdir={scratch}", "-jar", str(self.folder / f"{name}.jar")]


def built_cloud() -> CloudBuild:
    """Return registry and gateway, built if their sources have changed; skip the test without JDK and Maven."""
    jdk = find_jdk()
    folder = _cache() / f"pos-cloud-{_fingerprint(jdk, _CLOUD_SOURCES)}"
    if not folder.exists():
        with _built(_CLOUD_SOURCES, folder, jdk) as (project, result):
            result.mkdir()
            for name in CLOUD:
                shutil.copy(project / name / "target" / f"{name}.jar", result)
    return CloudBuild(jdk=jdk, folder=folder)


def built_failing(boot: str) -> pathlib.Path:
    """
    Return a folder with the jars of the applications that fail to start, with Spring Boot *boot*, such as `3.2`.

    They are built if their sources have changed; without JDK and Maven the test is skipped.
    """
    jdk = find_jdk()
    folder = _cache() / f"failing-{boot}-{_fingerprint(jdk, _FAILING_SOURCES)}"
    if not folder.exists():
        with _built(_FAILING_SOURCES, folder, jdk, ("-P", f"boot-{boot}")) as (project, result):
            result.mkdir()
            for jar in project.glob("*/target/*.jar"):
                shutil.copy(jar, result)
    return folder


def package(project: pathlib.Path, *options: str) -> pathlib.Path:
    """Build the Maven project in place and return the JDK used; skip the test without JDK and Maven."""
    jdk, maven = find_jdk(), shutil.which("mvn")
    if maven is None:
        pytest.skip("no Maven: install it (package maven) so that `mvn` is on the PATH")
    _run(project, jdk, maven, "-B", "-q", *options, "package")
    return jdk


def find_jdk() -> pathlib.Path:
    """Return the home of a JDK for Java 21: JAVA_HOME if recent enough, else the newest one installed."""
    named = ENVIRONMENT.get("JAVA_HOME")
    if named and _version_of(pathlib.Path(named)) >= _MIN_JDK:
        return pathlib.Path(named)
    homes = sorted(_SYSTEM_JDKS.glob("*"), key=_version_of)
    if not homes or _version_of(homes[-1]) < _MIN_JDK:
        pytest.skip(f"no JDK {_MIN_JDK} or later: install one (openjdk-21-jdk) or let JAVA_HOME name it")
    return homes[-1]


def _version_of(home: pathlib.Path) -> int:
    """Return the major version of a JDK, or 0 if it is none or has no compiler."""
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
    """Build beside *folder*, let the block fill the result, then rename it, so that no partial build is ever used."""
    maven = shutil.which("mvn")
    if maven is None:
        pytest.skip("no Maven: install it (package maven) so that `mvn` is on the PATH")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as temporary:
        project, result = pathlib.Path(temporary) / "app", pathlib.Path(temporary) / "result"
        shutil.copytree(sources, project, ignore=shutil.ignore_patterns("target"))
        _run(project, jdk, maven, "-B", "-q", *maven_options, "package")
        yield project, result
        try:
            result.rename(folder)
        except OSError:
            if not folder.exists():
                raise


def _unpack(jar: pathlib.Path, result: pathlib.Path, jdk: pathlib.Path) -> None:
    """Extract the application into a small jar beside its libraries, for a faster start and the database's jar."""
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
    """Start the application once without a server and archive its loaded classes, which halves the start time."""
    once = ("-Dspring.context.exit=onRefresh", "-Dspring.datasource.url=jdbc:h2:mem:orders")
    archive = f"-XX:ArchiveClassesAtExit={result / _ARCHIVE}"
    _run(result, jdk, _java(jdk), *QUICK_START, archive, *once, "-jar", str(result / "pos-order.jar"))


def _java(jdk: pathlib.Path) -> str:
    return str(jdk / "bin" / "java")


def _run(folder: pathlib.Path, jdk: pathlib.Path, *command: str) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**ENVIRONMENT, "JAVA_HOME": str(jdk)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_STEP_TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-_MAX_LOG_LINES:])
        raise RuntimeError(f"build failed, output of {command[0]}:\n{last}")


def _cache() -> pathlib.Path:
    root = ENVIRONMENT.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(root) / "posbot-tests"


def _fingerprint(jdk: pathlib.Path, sources: pathlib.Path = _SOURCES) -> str:
    """Return a digest of what the build depends on: the sources, and the JDK of the class archive."""
    digest = hashlib.sha256((jdk / "release").read_bytes())
    for path in _source_files(sources):
        digest.update(f"{path.relative_to(sources)}\0".encode())
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _source_files(sources: pathlib.Path) -> Iterator[pathlib.Path]:
    yield sources / "pom.xml"
    inner = sorted(path for path in sources.rglob("*") if path.is_file() and "target" not in path.parts)
    yield from (path for path in inner if path != sources / "pom.xml")
