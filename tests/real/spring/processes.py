"""
Server processes that tests start: one at a time on a port of their choice, always ended by their own id.
"""

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

_PATIENCE_SECONDS = 10.0
"""A server that has not ended by then after being asked to is killed."""
_START_SECONDS = 120.0
_POLL_SECONDS = 0.05
_LOG_LINES_SHOWN = 30
_KEPT = ("PATH", "HOME", "LANG", "TZ")
_PORTS = range(20_000, 32_000)
"""
Below the ports that systems lend to outgoing connections. A client that keeps connecting to a stopped server
on such a lent port can be given that very port, and then it is connected to itself.
"""


def free_port() -> int:
    """
    Give a port on loopback that nobody listens on.
    """
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
    """
    A process that serves on one port and can be stopped and started again there; as a context it runs inside.
    """

    def __init__(self, name: str, *, folder: pathlib.Path) -> None:
        self.name = name
        self.port = free_port()
        self.start_seconds = 0.0
        """How long the last start took until the server was ready."""
        self._folder = folder
        self._log = folder / f"{name}.log"
        self._process: asyncio.subprocess.Process | None = None

    @abc.abstractmethod
    def _command(self) -> Sequence[str]:
        """
        Give the program and its arguments.
        """

    @abc.abstractmethod
    async def _is_ready(self) -> bool:
        """
        Tell whether the server does its work yet.
        """

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """
        Start the server and wait until it is ready; one that runs is left alone.
        """
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
            # Cancelled and timed-out starts too must leave no process behind.
            await self.stop()
            raise
        self.start_seconds = time.monotonic() - started

    async def stop(self) -> None:
        """
        End the process and wait for its end: asked first, killed after a limit.
        """
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
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
            async with asyncio.timeout(_START_SECONDS):
                while not await self._is_ready():
                    if not self.is_running:
                        raise RuntimeError(f"{self.name} ended while it was starting:\n{self._last_words()}")
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError as exc:
            raise RuntimeError(f"{self.name} was not ready in time:\n{self._last_words()}") from exc

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines if not line.startswith("\t")][-_LOG_LINES_SHOWN:])


def _environment() -> dict[str, str]:
    """
    Give an environment in which nothing of the tester's own configures a Java program or Spring.
    """
    return {name: toolchain.ENVIRONMENT[name] for name in _KEPT if name in toolchain.ENVIRONMENT}
