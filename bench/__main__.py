"""Runs the benchmarks that are named on the command line, or all of them."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from bench import (
    acknowledgement,
    diagnosis,
    first_command,
    fleet,
    footprint,
    imports,
    load,
    logs,
    redaction,
    request_path,
    results,
    runs,
    startup,
)

BENCHMARKS: Mapping[str, Callable[[], Awaitable[results.Results]]] = {
    "acknowledgement": acknowledgement.run,
    "diagnosis": diagnosis.run,
    "first-command": first_command.run,
    "fleet": fleet.run,
    "footprint": footprint.run,
    "imports": imports.run,
    "load": load.run,
    "logs": logs.run,
    "redaction": redaction.run,
    "request-path": request_path.run,
    "runs": runs.run,
    "startup": startup.run,
}


def main() -> None:
    """Run what is asked for; figures never change the exit code, a wrong name does."""
    names = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        raise SystemExit(f"There is no benchmark “{unknown[0]}”; there are {', '.join(BENCHMARKS)}.")
    asyncio.run(_run(names))


async def _run(names: Sequence[str]) -> None:
    for name in names:
        started = time.monotonic()
        findings = await BENCHMARKS[name]()
        print(f"\n## {name} ({time.monotonic() - started:.0f} s)\n", *findings.lines(), sep="\n", flush=True)


if __name__ == "__main__":
    main()
