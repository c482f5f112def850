"""Server processes started by tests, each on a port of its own and ended by its id."""

import abc
import asyncio
import pathlib
import random
import socket
import time
from collections.abc import Sequence
from typing import Self

from tests.real.spring import toolchain

HOST = "127.0.0.1"

_STOP_TIMEOUT_SECONDS = 10.0
"""After SIGTERM; then the server is killed."""
_START_TIMEOUT_SECONDS = 120.0
_POLL_SECONDS = 0.05
_MAX_LOG_LINES = 30
_INHERITED_VARIABLES = ("PATH", "HOME", "LANG", "TZ")
_PORTS = range(20_000, 32_000)
"""Below the ephemeral ports: a client that reconnects to a stopped server on one of those can connect to itself."""


def free_port() -> int:
    """Return an unused port on loopback."""
    for port in random.sample(_PORTS, k=100):
        with socket.socket() as candidate:
            if candidate.connect_ex((HOST, port)) == 0:
                continue
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind((HOST, port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no free port between {_PORTS.start} and {_PORTS.stop}")


class Server(abc.ABC):
    """A process that serves on one port, where it can be stopped and started again; runs inside its context."""

    def __init__(self, name: str, *, folder: pathlib.Path) -> None:
        self.name = name
        self.port = free_port()
        self.start_seconds = 0.0
        """Duration of the last start, until ready."""
        self._folder = folder
        self._log = folder / f"{name}.log"
        self._process: asyncio.subprocess.Process | None = None

    @abc.abstractmethod
    def _command(self) -> Sequence[str]:
        """Return the program and its arguments."""

    @abc.abstractmethod
    async def _is_ready(self) -> bool:
        """Return whether the server is ready."""

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the server unless it runs, and wait until it is ready."""
        if self.is_running:
            return
        started = time.monotonic()
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command(),
                cwd=self._folder,
                env=_environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            await self._wait_until_ready()
        except BaseException:
            # A cancelled start leaves no process either.
            await self.stop()
            raise
        self.start_seconds = time.monotonic() - started

    async def stop(self) -> None:
        """Terminate the process and wait for its exit; kill it after a timeout."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _wait_until_ready(self) -> None:
        try:
            async with asyncio.timeout(_START_TIMEOUT_SECONDS):
                while not await self._is_ready():
                    if not self.is_running:
                        raise RuntimeError(f"{self.name} exited during its start:\n{self._log_tail()}")
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError as exc:
            raise RuntimeError(f"{self.name} not ready in time:\n{self._log_tail()}") from exc

    def _log_tail(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines if not line.startswith("\t")][-_MAX_LOG_LINES:])


def _environment() -> dict[str, str]:
    """Return an environment without the tester's configuration of Java and Spring."""
    return {name: toolchain.ENVIRONMENT[name] for name in _INHERITED_VARIABLES if name in toolchain.ENVIRONMENT}
