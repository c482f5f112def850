"""
Failing starts of a real Spring Boot application, recorded as if in a container.

    with recorder.running() as machine:
        log = machine.record(starts.STARTS["bean-missing"], starts.FORMATS["boot-3.2-plain"])

The process sees a folder as its file system, and other systems by names such as `pos-db`, all of which are on loopback.
"""

import asyncio
import contextlib
import dataclasses
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping

import pytest

from tests import databases
from tests.real.spring import cloud, formats, jars, normalization, processes, stand_ins, starts, toolchain

_TIMEOUT_SECONDS = 120
_OLD_JDKS = ("java-17-openjdk-*", "temurin-17-jdk-*")
_NOBODY = "nobody"
_HOSTS = ("localhost", "pos-db", "pos-redis", "pos-rabbit", "pos-kafka", "pos-config", "pos-service-discovery")
_CONVENTIONAL_PORTS = {
    "server": 8080, "database": 5432, "redis": 6379, "rabbit": 5672, "kafka": 9092, "config": 8888, "eureka": 8761,
}  # fmt: skip
_EMPTY_DATABASE = (
    "drop database if exists orders",
    "drop role if exists pos",
    "create role pos login password 'pos'",
    "create database orders owner pos",
)
_ONCE = ("-Dspring.context.exit=onRefresh",)
_LOGBACK = '<configuration><include resource="org/springframework/boot/logging/logback/base.xml"/></configuration>'
_OPTIONS = (*toolchain.QUICK_START, "-Xshare:auto")


@contextlib.contextmanager
def running() -> Iterator["Recorder"]:
    """Run PostgreSQL and the stand-ins, on ports that nobody else has."""
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="posbot-record-")))
        folder.chmod(0o755)
        ports = stack.enter_context(stand_ins.running())
        for name in _CONVENTIONAL_PORTS:
            ports[f"{name}_away"] = stack.enter_context(_port(listens=False))
        ports["server_taken"] = stack.enter_context(_port(listens=True))
        ports["server"], ports["database"], ports["eureka"] = [processes.free_port() for _ in range(3)]
        (folder / "postgresql").mkdir()
        postgresql = stack.enter_context(databases.running_postgresql(folder / "postgresql", ports["database"]))
        yield Recorder(folder=folder, postgresql=postgresql, ports=ports)


@contextlib.contextmanager
def _port(*, listens: bool) -> Iterator[int]:
    """Reserve a port, which refuses connections unless it *listens*."""
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind((processes.HOST, processes.free_port()))
        if listens:
            reserved.listen()
        yield reserved.getsockname()[1]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recorder:
    """Starts applications and returns their logs."""

    folder: pathlib.Path
    postgresql: pathlib.Path
    ports: Mapping[str, int]

    def record(self, start: starts.Start, form: starts.Format) -> str:
        """
        Return the log of a failing start, with nothing of this machine.

        Raises:
            RuntimeError: it did not end as it should.
        """
        log, machine = self._fail(start, form)
        return machine.remove_from(log)

    def record_all(self, start: starts.Start, boot: str) -> dict[str, str]:
        """
        Return the logs of one failing start in all formats of a version, by the names of the formats.

        Raises:
            RuntimeError, ValueError: it did not end as it should, or was not logged the same everywhere.
        """
        plain = f"boot-{boot}-plain"
        if start.is_before_logging:
            return {plain: self.record(start, starts.FORMATS[plain])}
        if boot == starts.UNSTRUCTURED:
            ansi = self.record(start, starts.FORMATS[f"boot-{boot}-ansi"])
            return {f"boot-{boot}-ansi": ansi, plain: normalization.without_colors(ansi)}
        console, machine = self._fail(start, starts.ALL_FORMATS)
        logs = formats.of_console(console, self.folder / "root" / "tmp")
        return {f"boot-{boot}-{name}": machine.remove_from(log) for name, log in logs.items()}

    def _fail(self, start: starts.Start, form: starts.Format) -> tuple[str, normalization.Machine]:
        root = self._prepare(start, form)
        if start.before is not None:
            before = dataclasses.replace(start, properties=start.before, sql="", options=_ONCE)
            self._run(root, before, dataclasses.replace(form, properties={}))
        if start.sql:
            databases.execute_as_owner(self.postgresql, self.ports["database"], start.sql, database="orders")
        if start.needs_eureka:
            pid, exit_code, log = asyncio.run(self._run_with_eureka(root, start, form))
        else:
            pid, exit_code, log = self._run(root, start, form)
        if exit_code != start.exit_code:
            raise RuntimeError(f"exit code {exit_code} instead of {start.exit_code}:\n{log[-4000:]}")
        names = {
            str(root): "",
            str(toolchain.find_jdk()): "/opt/java/openjdk",
            socket.gethostname(): "pos-order-0",
            _own_address(): "10.1.4.7",
        }
        ports = {port: _CONVENTIONAL_PORTS[name.partition("_")[0]] for name, port in self.ports.items()}
        return log, normalization.Machine(pid=pid, ports=ports, names=names)

    async def _run_with_eureka(
        self, root: pathlib.Path, start: starts.Start, form: starts.Format
    ) -> tuple[int, int, str]:
        discovery = cloud.Discovery(toolchain.built_cloud(), folder=self.folder)
        discovery.port = self.ports["eureka"]
        async with discovery:
            return await asyncio.to_thread(self._run, root, start, form)

    def _prepare(self, start: starts.Start, form: starts.Format) -> pathlib.Path:
        """Return an empty file system but for the application, and empty the database."""
        root = self.folder / "root"
        shutil.rmtree(root, ignore_errors=True)
        for name in ("app/settings", "tmp", "etc/pos", "var/log/pos", "var/tmp/pos"):
            (root / name).mkdir(parents=True)
        (root / "tmp").chmod(0o1777)
        (root / "app" / "settings" / "application.yaml").write_text("server:\n  port: 8080\n port: 8081\n")
        key = root / "etc" / "pos" / "signing.key"
        key.write_text("secret")
        for path in (key, root / "var" / "log" / "pos", root / "var" / "tmp" / "pos"):
            path.chmod(0o500 if path.is_dir() else 0)
        shutil.copy(pathlib.Path(__file__).with_name("formats.xml"), root / "etc")
        (root / "etc" / "logback.xml").write_text(_LOGBACK)
        lines = [f"{processes.HOST} {name}" for name in (*_HOSTS, socket.gethostname())]
        (root / "etc" / "hosts").write_text("\n".join(lines) + "\n")
        jars.make(start.jar, toolchain.built_failing(form.boot), start.module, root / "app" / "pos-order.jar")
        if "server.ssl.key-store" in start.properties:
            _create_key_store(root / "app" / "keystore.p12")
        if start.module == "data":
            databases.execute_as_owner(self.postgresql, self.ports["database"], *_EMPTY_DATABASE)
        return root

    def _run(self, root: pathlib.Path, start: starts.Start, form: starts.Format) -> tuple[int, int, str]:
        """Return process id, exit code and output."""
        values = {**self.ports, "root": root}
        java = _old_java() if start.java else toolchain.find_jdk() / "bin" / "java"
        files = (
            f"-Dformats={root / 'tmp'}",
            f"-Djava.io.tmpdir={root / 'tmp'}",
            f"-Djdk.net.hosts.file={root / 'etc' / 'hosts'}",
        )
        options = (*_OPTIONS, *files, *start.options)
        properties = {"server.port": "{server}", **form.properties, **start.properties}
        if start.profile:
            properties["spring.profiles.active"] = start.profile
        arguments = [f"--{name}={value.format_map(values)}" for name, value in properties.items()]
        command = [str(java), *(one.format_map(values) for one in options), "-jar", f"{root}/app/pos-order.jar"]
        limits = ["prlimit", *start.limits] if start.limits else []
        with subprocess.Popen(
            [*limits, *command, *arguments],
            cwd=root / "app",
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC"},
            user=_NOBODY if start.is_unprivileged and os.geteuid() == 0 else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            try:
                log, _ = process.communicate(timeout=_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                log, _ = process.communicate()
        return process.pid, process.returncode, log


def _own_address() -> str:
    """Return the address of this machine towards others; no packet is sent."""
    with socket.socket(type=socket.SOCK_DGRAM) as towards:
        try:
            towards.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.1.1"
        return str(towards.getsockname()[0])


def _create_key_store(path: pathlib.Path) -> None:
    keytool = toolchain.find_jdk() / "bin" / "keytool"
    entry = ("-genkeypair", "-alias", "pos", "-keyalg", "EC", "-dname", "CN=pos-order", "-storetype", "PKCS12")
    subprocess.run(
        [str(keytool), *entry, "-keystore", str(path), "-storepass", "changeit"],
        check=True,
        capture_output=True,
    )


def _old_java() -> pathlib.Path:
    for pattern in _OLD_JDKS:
        for home in pathlib.Path("/usr/lib/jvm").glob(pattern):
            if (home / "bin" / "java").exists():
                return home / "bin" / "java"
    pytest.skip("no Java 17 on this machine")
