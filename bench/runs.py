"""
The engine of runs against dbos, which does the same for workflows written in Python, on the same database.

dbos is installed for the benchmark alone, into an environment that is thrown away.
"""

import asyncio
import contextlib
import dataclasses
import os
import pathlib
import statistics
import tempfile
from collections.abc import AsyncIterator, Sequence

from bench import footprint, postgresql, results, subprocesses
from sandbox import processes

PEER = "dbos==3.4.0"
ROUNDS = 3
RUNS, AT_ONCE, STEPS = 1000, 50, 3
LONG, SHORT, SEQUENCE = 21, 1, 20
WAITING, REST_SECONDS = 1000, 10.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """Both engines on one kind of database, each with a database of its own."""

    kind: str
    ours: subprocesses.Child
    peer: subprocesses.Child


async def run() -> results.Results:
    """Return what a step costs, how many runs are done in a second, and what waiting runs take."""
    with tempfile.TemporaryDirectory(prefix="posbot-bench-") as name:
        folder = pathlib.Path(name)
        results.log(f"runs: installing {PEER}")
        python = await subprocesses.install(folder / "dbos", PEER)
        comparisons: list[results.Comparison] = []
        async with _pairs(folder, python) as pairs:
            for pair in pairs:
                comparisons += await _measure(pair)
            comparisons += [one for pair in pairs for one in await _rest(pair)]
        remarks = (
            f"A step: {SEQUENCE} runs of {LONG} steps less {SEQUENCE} of {SHORT}, one after another, per step.",
            f"At once: {RUNS} runs of {STEPS} steps, {AT_ONCE} at a time.",
            "With live messages: as if started in a channel; each change also requests its message. Nothing is posted.",
            "No step does anything; posbot's are commands, with permission, redaction and an audit record each.",
            f"At rest: {WAITING} runs that wait for a person, {REST_SECONDS:g} s without anything else to do.",
            "SQLite in WAL with synchronous=NORMAL for both, PostgreSQL as it comes.",
            *([] if len(pairs) > 1 else ["PostgreSQL is not installed here."]),
        )
        return results.Results(comparisons=tuple(comparisons), remarks=remarks)


@contextlib.asynccontextmanager
async def _pairs(folder: pathlib.Path, python: str) -> AsyncIterator[Sequence[_Pair]]:
    async with contextlib.AsyncExitStack() as stack:
        urls = {"SQLite": {name: f"sqlite:///{folder}/{name}.db" for name in ("ours", "peer")}}
        if postgresql.programs() is not None:
            urls["PostgreSQL"] = await stack.enter_async_context(postgresql.running(("ours", "peer")))
        environment = processes.plain_environment(folder)
        pairs = []
        for kind, names in urls.items():
            ours = subprocesses.running(
                "bench.engine_process", names["ours"], str(folder / kind), environment=environment
            )
            peer = subprocesses.running("bench.dbos_process", names["peer"], environment=environment, python=python)
            pairs.append(
                _Pair(
                    kind=kind,
                    ours=await stack.enter_async_context(ours),
                    peer=await stack.enter_async_context(peer),
                )
            )
        yield pairs


async def _measure(pair: _Pair) -> list[results.Comparison]:
    step = results.Comparison(what=f"a step that reads, {pair.kind}", peer="dbos", target=1.0)
    whole = results.Comparison(what=f"{RUNS} runs at once, per run, {pair.kind}", peer="dbos", target=0.8)
    shown = results.Comparison(what=f"the same with live messages, {pair.kind}", peer="dbos, which has none")
    slowest = results.Comparison(what=f"{RUNS} runs at once, p99, {pair.kind}", peer="dbos", target=1.0)
    for number in range(ROUNDS):
        results.log(f"runs: {pair.kind}, round {number + 1} of {ROUNDS}")
        step.add(await _step_seconds(pair.ours), await _step_seconds(pair.peer))
        ours, peer = await _at_once(pair.ours), await _at_once(pair.peer)
        whole.add(ours["total"] / RUNS, peer["total"] / RUNS)
        with_messages = await _at_once(pair.ours, has_messages=True)
        shown.add(with_messages["total"] / RUNS, peer["total"] / RUNS)
        slowest.add(results.percentile(ours["each"], 99), results.percentile(peer["each"], 99))
    return [step, whole, shown, slowest]


async def _step_seconds(child: subprocesses.Child) -> float:
    each = [
        statistics.median((await child.ask("work", count=SEQUENCE, steps=steps, at_once=1))["each"])
        for steps in (SHORT, LONG)
    ]
    return float(each[1] - each[0]) / (LONG - SHORT)


async def _at_once(child: subprocesses.Child, **more: bool) -> subprocesses.Message:
    return await child.ask("work", count=RUNS, steps=STEPS, at_once=AT_ONCE, **more)


async def _rest(pair: _Pair) -> list[results.Comparison]:
    results.log(f"runs: {pair.kind}, at rest")
    cpu = results.Comparison(what=f"{WAITING} waiting runs, CPU per second, {pair.kind}", peer="dbos")
    memory = results.Comparison(what=f"{WAITING} waiting runs, memory, {pair.kind}", peer="dbos", unit="MB")
    for child in (pair.ours, pair.peer):
        await child.ask("wait", count=WAITING)
    before = [_cpu_seconds(child.pid) for child in (pair.ours, pair.peer)]
    await asyncio.sleep(REST_SECONDS)
    after = [_cpu_seconds(child.pid) for child in (pair.ours, pair.peer)]
    ours, peer = ((late - early) / REST_SECONDS for early, late in zip(before, after, strict=True))
    cpu.add(ours, max(peer, 1 / os.sysconf("SC_CLK_TCK")))
    memory.add(footprint.resident_megabytes(pair.ours.pid), footprint.resident_megabytes(pair.peer.pid))
    return [cpu, memory]


def _cpu_seconds(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
