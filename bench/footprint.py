"""What posbot takes: memory at rest, time until it is ready, time of a line in a terminal."""

import asyncio
import pathlib
import sys
import time
from collections.abc import Awaitable, Callable, Mapping

import httpx

from bench import results, stages
from sandbox import processes

ROUNDS = 3
LINES = 9
"""Rounds of the lines in a terminal, which are short and so more easily disturbed."""
REST_SECONDS = 3.0
_SERVICES = 24
_POLL_SECONDS = 0.01
_POLLS = 3000


async def run() -> results.Results:
    """Return memory and start of both ways to Slack against the bare application, and lines against bare Python."""
    memory = {mode: _memory(mode) for mode in stages.Mode}
    ready = {mode: _readiness(mode) for mode in stages.Mode}
    async with stages.set_up(_SERVICES) as stage:
        for number in range(ROUNDS):
            results.log(f"footprint: start {number + 1} of {ROUNDS}")
            for mode in stages.Mode:
                await _start_both(stage, mode, memory[mode], ready[mode])
        lines = [await _line(stage, words) for words in (("--help",), ("version",))]
    comparisons = (*memory.values(), *ready.values(), *lines)
    remark = f"Memory is VmRSS of /proc/PID/status after {REST_SECONDS:g} s without anything to do."
    return results.Results(comparisons=comparisons, remarks=(remark,))


def _memory(mode: stages.Mode) -> results.Comparison:
    return results.Comparison(what=f"memory at rest, {mode.value}", peer="bare Bolt AsyncApp", unit="MB")


def _readiness(mode: stages.Mode) -> results.Comparison:
    return results.Comparison(what=f"start to /readyz 200, {mode.value}", peer="bare Bolt AsyncApp, start to serving")


async def _start_both(
    stage: stages.Stage, mode: stages.Mode, memory: results.Comparison, ready: results.Comparison
) -> None:
    started = time.perf_counter()
    async with stage.bare_app(mode) as bare:
        theirs_ready = time.perf_counter() - started
        await asyncio.sleep(REST_SECONDS)
        theirs = resident_megabytes(bare.pid)
    started = time.perf_counter()
    async with stage.posbot(mode) as bot:
        await _until_ready(bot.port)
        ready.add(time.perf_counter() - started, theirs_ready)
        await asyncio.sleep(REST_SECONDS)
        memory.add(resident_megabytes(bot.process.pid), theirs)


async def _until_ready(port: int) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(_POLLS):
            if (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == httpx.codes.OK:
                return
            await asyncio.sleep(_POLL_SECONDS)
    raise RuntimeError("posbot does not become ready")


def resident_megabytes(pid: int) -> float:
    """Return how much memory a process takes now."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not tell how much memory a process takes")


async def _line(stage: stages.Stage, words: tuple[str, ...]) -> results.Comparison:
    comparison = results.Comparison(what=f"posbot {' '.join(words)}", peer="python -c pass")
    environment = stage.environment(stages.Mode.HTTP)

    async def ours() -> None:
        code, _, complaint = await processes.run(environment, *words)
        if code != 0:
            raise RuntimeError(f"posbot {' '.join(words)} ended with {code}: {complaint}")

    async def theirs() -> None:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "pass", env=_plain(environment))
        await process.wait()

    await ours()
    for number in range(LINES):
        results.log(f"footprint: posbot {' '.join(words)}, {number + 1} of {LINES}")
        comparison.add(await _seconds(ours), await _seconds(theirs))
    return comparison


def _plain(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: environment[name] for name in ("HOME", "PATH", "PYTHONPATH", "LANG")}


async def _seconds(work: Callable[[], Awaitable[None]]) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started
