"""`posbot diagnose --jar` with a real Spring Boot application: started, failed or cancelled, and always stopped."""

import asyncio
import json
import pathlib
import re
import signal
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.kubernetes.diagnosis import java
from sandbox import processes, runbook_folder
from tests.real.spring import application, toolchain
from tests.real.spring import processes as spring_processes

pytestmark = [pytest.mark.real, pytest.mark.anyio, pytest.mark.timeout(300, func_only=True)]


@pytest.fixture(scope="module")
def build() -> toolchain.Build:
    return toolchain.built()


@pytest.fixture
async def data_source(build: toolchain.Build, tmp_path: pathlib.Path) -> AsyncIterator[application.DataSource]:
    async with application.DataSource(build, folder=tmp_path) as running:
        yield running


@pytest.fixture
def port() -> int:
    return spring_processes.free_port()


@pytest.fixture
def environment(
    build: toolchain.Build, data_source: application.DataSource, port: int, tmp_path: pathlib.Path
) -> dict[str, str]:
    """A terminal in which the catalogue gives pos-order *port*, and the application finds its database."""
    runbook_folder.write(tmp_path / "runbook_data", {"pos-order": port})
    (tmp_path / "tmp").mkdir()
    return {
        **processes.plain_environment(tmp_path),
        "POSBOT_RUNBOOK_DATA": str(tmp_path / "runbook_data"),
        "DATABASE_URL": f"sqlite:///{tmp_path}/posbot.db",
        "JAVA_HOME": str(build.jdk),
        "TMPDIR": str(tmp_path / "tmp"),
        "SPRING_DATASOURCE_URL": data_source.jdbc_url,
        "SERVER_PORT": str(port),
    }


@pytest.fixture
def jar(build: toolchain.Build) -> str:
    return str(build.folder / "pos-order.jar")


async def started(environment: dict[str, str], *words: str) -> tuple[int, dict[str, Any]]:
    code, output, complaint = await processes.run(environment, "diagnose", "pos-order", *words, "--output", "json")
    assert output, complaint
    return code, json.loads(output)


def leftovers(jar: str, environment: dict[str, str]) -> list[str]:
    """Return the leftovers of a start: processes of that jar and of this test, and files."""
    own = f"TMPDIR={environment['TMPDIR']}".encode()
    left = [str(path) for path in pathlib.Path(environment["TMPDIR"]).iterdir()]
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if jar.encode() in (process / "cmdline").read_bytes() and own in (process / "environ").read_bytes():
                left.append((process / "cmdline").read_text())
        except OSError:
            continue
    return left


async def test_started_jar_is_reported_and_stopped(environment: dict[str, str], jar: str, port: int) -> None:
    code, report = await started(environment, "--jar", jar)

    assert (code, report["verdict"]) == (0, "ok")
    assert report["headline"].startswith("pos-order · pos-order.jar: started in ")
    assert report["headline"].endswith(" s, health UP")
    assert report["facts"]["health"] in {"up", "slow"}
    assert not await java.Java({}).is_port_in_use(port)
    assert leftovers(jar, environment) == []


async def test_own_port_of_the_jar_is_compared_with_the_catalog(
    environment: dict[str, str], jar: str, port: int
) -> None:
    own = environment["SERVER_PORT"] = str(spring_processes.free_port())

    code, report = await started(environment, "--jar", jar)

    assert (code, report["verdict"]) == (1, "warning")
    assert f"health UP; port {own} in the jar, {port} in the catalog" in report["headline"]
    assert report["facts"]["port"] == int(own)


async def test_jar_of_another_service_is_named(environment: dict[str, str], jar: str, port: int) -> None:
    runbook_folder.write(pathlib.Path(environment["POSBOT_RUNBOOK_DATA"]), {"pos-price": port})

    code, output, complaint = await processes.run(
        environment, "diagnose", "pos-price", "--jar", jar, "--output", "json"
    )

    report = json.loads(output or complaint)
    assert (code, report["verdict"]) == (1, "warning")
    assert report["headline"].endswith("health UP; this is the jar of pos-order")
    [own] = [section for section in report["sections"] if section["title"] == "Jar"]
    told = dict(own["pairs"])
    assert told["jar"] == "pos-order 1.4.2, posbot.order.OrderApplication"
    assert str(environment["JAVA_HOME"]) in told["Java"]


async def test_port_in_use_is_the_cause(environment: dict[str, str], jar: str, port: int) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 15\r\nconnection: close\r\n\r\n{"status":"UP"}')
        writer.close()

    async with await asyncio.start_server(answer, spring_processes.HOST, port):
        code, report = await started(environment, "--jar", jar)

    assert code == 1
    assert report["facts"]["cause"] == "port-in-use"
    assert f"pos-order · pos-order.jar: not starting: port {port} already in use" in report["headline"]
    assert report["facts"]["exit_code"] == 1
    assert leftovers(jar, environment) == []


async def test_unreachable_database_is_the_cause(
    environment: dict[str, str], jar: str, data_source: application.DataSource
) -> None:
    await data_source.stop()

    # Bound and not listened at, the port refuses, and no other test's server can take it meanwhile.
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind((spring_processes.HOST, data_source.port))
        code, report = await started(environment, "--jar", jar)

    assert code == 1
    assert report["facts"]["cause"] == "database-refused"
    assert f"database connection refused by {spring_processes.HOST}:{data_source.port}" in report["headline"]
    assert leftovers(jar, environment) == []


@pytest.mark.parametrize(
    ("variable", "value", "cause", "told"),
    [
        pytest.param(
            "SPRING_DATASOURCE_URL", "${DB_URL}", "data-source-missing", "database URL not set", id="unset"
        ),
        pytest.param(
            "SERVER_TOMCAT_THREADS_MAX", "hunter2", "binding-failed",
            "property server.tomcat.threads.max is missing or invalid (failed to convert java.lang.String to int)",
            id="wrong",
        ),
        pytest.param(
            "SPRING_CONFIG_IMPORT", "file:./shop.yaml", "configuration-unreadable",
            "configuration missing or unreadable (file [shop.yaml])", id="file",
        ),
        pytest.param(
            "SERVER_SSL_KEYSTORE", "file:/nowhere.p12", "key-store-missing",
            "keystore or certificate /nowhere.p12 does not exist", id="store",
        ),
        pytest.param("JAVA_TOOL_OPTIONS", "-XX:Bogus", "java-option", "invalid JVM option", id="option of Java"),
    ],
)  # fmt: skip
async def test_wrong_configuration_is_the_cause_without_its_value(
    environment: dict[str, str], jar: str, *, variable: str, value: str, cause: str, told: str
) -> None:
    code, report = await started(environment | {variable: value}, "--jar", jar)

    assert code == 1
    assert report["facts"]["cause"] == cause
    assert told in report["headline"]
    assert "hunter2" not in json.dumps(report)


async def test_older_java_is_the_cause(environment: dict[str, str], jar: str) -> None:
    old = pathlib.Path("/usr/lib/jvm/java-17-openjdk-amd64")
    if not (old / "bin" / "java").exists():
        pytest.skip("no Java 17 on this machine")
    environment["JAVA_HOME"] = str(old)

    _, report = await started(environment, "--jar", jar)

    assert report["facts"]["cause"] == "wrong-java"
    assert "running on Java 17" in report["headline"]


async def test_start_timeout_stops_the_jar(environment: dict[str, str], jar: str) -> None:
    code, report = await started(environment, "--jar", jar, "--limit", "1s")

    assert (code, report["verdict"]) == (3, "unknown")
    assert re.fullmatch(
        r"pos-order · pos-order\.jar: still starting after \d+ s, no failure so far \(see --limit\)", report["headline"]
    )
    assert leftovers(jar, environment) == []


async def test_start_timeout_shows_the_health(environment: dict[str, str], jar: str) -> None:
    environment["MANAGEMENT_HEALTH_DISKSPACE_THRESHOLD"] = "9000TB"

    code, report = await started(environment, "--jar", jar, "--limit", "45s")

    assert code == 1
    assert "started, not healthy within 45 s: DOWN (diskSpace)" in report["headline"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
async def test_cancellation_leaves_no_process(
    environment: dict[str, str], jar: str, port: int, number: signal.Signals
) -> None:
    process = await asyncio.create_subprocess_exec(
        *processes.command("diagnose", "pos-order", "--jar", jar),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    progress = await process.stderr.readline()
    process.send_signal(number)
    await process.communicate()

    assert b"pos-order: starting" in progress
    assert process.returncode == 130
    assert leftovers(jar, environment) == []
    assert not await java.Java({}).is_port_in_use(port)
