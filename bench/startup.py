"""
What a terminal command costs before it does anything: its CPU time over that of `python -c pass` in the same run.

CPU (user and system) and not elapsed time, because it varies less on a busy machine; medians of turns taken one after
the other. The targets, in multiples of bare Python:

- `posbot --help` at most 8: it needs the index of commands, and no module of a command.
- `version`, `help` and `completion` at most 12: local, without dispatcher, database and audit record.
- a recorded command at most 28: it needs one module of a command, the runbook data, the dispatcher and the store; the
  rest is SQLAlchemy, pydantic, cyclopts, structlog and rich, none of which it can do without.

`runbook 4.2` has no target: it names the commands and procedures of a section, and so loads all of them.
"""

import asyncio
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence

from bench import results
from sandbox import processes, runbook_folder

TURNS = 15
TARGETS: Mapping[str, float | None] = {
    "--help": 8.0,
    "version": 12.0,
    "help": 12.0,
    "completion bash": 12.0,
    "services order": 28.0,
    "runbook 4.2": None,
}


async def run() -> results.Results:
    """Return the CPU time of each command over that of bare Python."""
    return await asyncio.to_thread(_run)


def _run() -> results.Results:
    comparisons = []
    with tempfile.TemporaryDirectory(prefix="posbot-bench-") as folder:
        environment = processes.plain_environment(pathlib.Path(folder))
        for command, target in TARGETS.items():
            results.log(f"startup: posbot {command}")
            comparison = results.Comparison(what=f"CPU of posbot {command}", peer="python -c pass", target=target)
            arguments = ("-m", "bot", *command.split())
            # The first run writes byte code and creates the database.
            _cpu_seconds(environment, arguments)
            for _ in range(TURNS):
                comparison.add(_cpu_seconds(environment, arguments), _cpu_seconds(environment, ("-c", "pass")))
            comparisons.append(comparison)
    return results.Results(comparisons=tuple(comparisons))


def _cpu_seconds(environment: Mapping[str, str], arguments: Sequence[str]) -> float:
    process = subprocess.Popen(
        [sys.executable, *arguments], env=dict(environment), cwd=runbook_folder.PROJECT, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"posbot {' '.join(arguments)} exited with {process.returncode}")
    return usage.ru_utime + usage.ru_stime
