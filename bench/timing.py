"""Programs that run to their end: how long they took, what they used of a core, and how much memory at most."""

import asyncio
import dataclasses
import os
import pathlib
import shlex
import subprocess
import time
from collections.abc import Mapping

_TIMEOUT_SECONDS = 300.0
_POLL_SECONDS = 0.02


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FinishedProcess:
    """One run of a program, or of a shell with the programs that it started."""

    seconds: float
    cpu_seconds: float
    """Of all of them together."""
    peak_megabytes: float
    """Of the program itself."""
    lines: int
    """That it wrote."""


async def run(command: str, environment: Mapping[str, str], output: pathlib.Path) -> FinishedProcess:
    """
    Run a line of shell, its output going to a file; what begins with `exec` is measured without the shell.

    Raises:
        RuntimeError: it failed, or took too long.
    """
    return await asyncio.to_thread(_run, command, environment, output)


def quoted(*words: str) -> str:
    """Return *words* as a shell takes them."""
    return shlex.join(words)


def _run(command: str, environment: Mapping[str, str], output: pathlib.Path) -> FinishedProcess:
    with output.open("wb") as file:
        started = time.perf_counter()
        process = subprocess.Popen(["/bin/sh", "-c", command], env=dict(environment), stdout=file)
    peak = 0
    while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
        # The kernel's own figure for children includes what their parent had when it started them.
        peak = max(peak, _peak_kilobytes(process.pid))
        if time.perf_counter() - started > _TIMEOUT_SECONDS:
            process.kill()
        time.sleep(_POLL_SECONDS)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(ended[1])
    if process.returncode != 0:
        raise RuntimeError(f"“{command[:200]}” ended with {process.returncode} after {seconds:.0f} s")
    return FinishedProcess(
        seconds=seconds,
        cpu_seconds=ended[2].ru_utime + ended[2].ru_stime,
        peak_megabytes=peak / 1024,
        lines=output.read_bytes().count(b"\n"),
    )


def _peak_kilobytes(pid: int) -> int:
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), 0)
