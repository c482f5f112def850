"""posbot as a process of its own, started and ended as an operator would."""

import asyncio
import contextlib
import json
import pathlib
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from sandbox import runbook_folder

START_SECONDS = 30.0
END_SECONDS = 25.0
_NO_AUTHORITY = runbook_folder.PROJECT / "sandbox" / "no_authority.pem"
"""An authority whose key nobody has; the many of the machine take longer to read than a command takes."""


class Process:
    """A running `posbot serve`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._log: list[dict[str, Any]] = []
        self._changed = asyncio.Condition()
        self._reading = asyncio.create_task(self._read(), name="posbot log")

    @property
    def pid(self) -> int:
        """Return the id of the process."""
        return self._process.pid

    @property
    def log(self) -> tuple[dict[str, Any], ...]:
        """Return the log lines so far; a line that is not JSON stands under `raw`."""
        return tuple(self._log)

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return the log lines of one kind."""
        return [line for line in self._log if line.get("event") == event]

    async def waits_for(
        self, matching: Callable[[dict[str, Any]], bool], *, timeout_seconds: float = START_SECONDS
    ) -> dict[str, Any]:
        """Return the first log line that fits; raises RuntimeError with the log when the process ends before."""
        async with asyncio.timeout(timeout_seconds), self._changed:
            while True:
                found = next((line for line in self._log if matching(line)), None)
                if found is not None:
                    return found
                if self._reading.done():
                    code = await self._process.wait()
                    raise RuntimeError(f"posbot ended with {code}: {self._log}")
                await self._changed.wait()

    async def waits_for_event(self, event: str) -> dict[str, Any]:
        """Return the first log line of one kind."""
        return await self.waits_for(lambda line: line.get("event") == event)

    def sends(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self._process.send_signal(number)

    async def ends(self, *, timeout_seconds: float = END_SECONDS) -> int:
        """Return the exit code once the process has ended."""
        async with asyncio.timeout(timeout_seconds):
            code = await self._process.wait()
            await self._reading
        return code

    async def stops(self) -> int:
        """Ask the process to end and return its exit code; kill it if it does not."""
        if self._process.returncode is None:
            self._process.terminate()
        try:
            return await self.ends()
        except TimeoutError:
            self._process.kill()
            return await self.ends()

    async def _read(self) -> None:
        if self._process.stderr is None:
            return
        async for line in self._process.stderr:
            async with self._changed:
                self._log.append(_parsed(line))
                self._changed.notify_all()
        async with self._changed:
            self._changed.notify_all()


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(line)
    except ValueError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {"raw": line.decode(errors="replace").rstrip()}


@contextlib.asynccontextmanager
async def serving(environment: Mapping[str, str], *, within: Sequence[str] = ()) -> AsyncIterator[Process]:
    """
    Start `posbot serve` with nothing but *environment*, and end it with the block.

    *within* is a command that runs what follows it, in the same process: one that takes rights away, for example.
    """
    started = await asyncio.create_subprocess_exec(
        *within, *command("serve"), env=dict(environment), stderr=asyncio.subprocess.PIPE, limit=1_000_000
    )
    process = Process(started)
    try:
        yield process
    finally:
        await process.stops()


async def run(environment: Mapping[str, str], *words: str) -> tuple[int, str, str]:
    """Run one line in a terminal without a screen; return exit code, output and error output."""
    process = await asyncio.create_subprocess_exec(
        *command(*words), env=dict(environment), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        output, complaint = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode or 0, output.decode(), complaint.decode()


def command(*words: str) -> list[str]:
    """Return the argv that runs posbot with *words*."""
    return [sys.executable, "-m", "bot", *words]


def plain_environment(home: pathlib.Path) -> dict[str, str]:
    """Return an environment without anything of the machine's own."""
    return {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(runbook_folder.PROJECT),
        "LANG": "C.UTF-8",
        "SSL_CERT_FILE": str(_NO_AUTHORITY),
    }
