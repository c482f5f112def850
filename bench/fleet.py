"""
`health all` over 200 services, one of which takes a second: is it as quick as the slowest of them, and as curl?

The slow one stands in the middle of the list, where a bot that asks in batches would come to it late.
"""

import asyncio
import pathlib
import shutil
import tempfile
import time
from collections.abc import Mapping

import httpx

from bench import results, stages

SERVICES = 200
SLOW_SECONDS = 1.0
ROUNDS = 7
_TIMEOUT_SECONDS = 15.0


async def run() -> results.Results:
    """Return the time to the report, and to the answer in Slack, against the slow service alone and against curl."""
    async with stages.set_up(SERVICES) as stage, stage.posbot(stages.Mode.SOCKET) as bot:
        slow = list(stage.ports)[SERVICES // 2]
        await stage.slow(slow, SLOW_SECONDS)
        await stage.type("health all")
        with tempfile.TemporaryDirectory(prefix="posbot-bench-") as folder:
            settings = _write_curl_settings(pathlib.Path(folder), stage.ports)
            return await _measure(stage, bot, slow, settings)


async def _measure(stage: stages.Stage, bot: stages.Bot, slow: str, settings: pathlib.Path) -> results.Results:
    alone, curl = "the slow service alone, httpx", "curl --parallel --parallel-max 200"
    report_to_alone = results.Comparison(what="health all, to the report", peer=alone, target=1.1)
    answer_to_alone = results.Comparison(what="health all, to the answer in Slack", peer=alone)
    report_to_curl = results.Comparison(what="health all, to the report", peer=curl, target=1.0)
    answer_to_curl = results.Comparison(what="health all, to the answer in Slack", peer=curl)
    has_curl = shutil.which("curl") is not None
    for number in range(ROUNDS):
        results.log(f"fleet: round {number + 1} of {ROUNDS}")
        report, answer = await _ask_bot(stage, bot)
        slowest = await _ask_one(stage.ports[slow])
        report_to_alone.add(report, slowest)
        answer_to_alone.add(answer, slowest)
        if has_curl:
            swept = await _sweep(settings)
            report_to_curl.add(report, swept)
            answer_to_curl.add(answer, swept)
    comparisons = [report_to_alone, answer_to_alone, *([report_to_curl, answer_to_curl] if has_curl else [])]
    remarks = (
        f"{SERVICES} services, number {SERVICES // 2} of them answers after {SLOW_SECONDS:g} s.",
        "To the report: `seconds` of the bot's own log line. To the answer: from typing until Slack has the answer.",
    )
    return results.Results(
        comparisons=tuple(comparisons), remarks=remarks if has_curl else (*remarks, "curl is not installed here.")
    )


async def _ask_bot(stage: stages.Stage, bot: stages.Bot) -> tuple[float, float]:
    before = len(bot.process.lines("invocation ended"))
    typed = await stage.type("health all")
    if f"{SERVICES} services" not in typed.text:
        raise RuntimeError(f"this is not about the fleet: {typed.text}")
    await bot.process.waits_for(lambda _: len(bot.process.lines("invocation ended")) > before)
    return float(bot.process.lines("invocation ended")[-1]["seconds"]), typed.answer_seconds


async def _ask_one(port: int) -> float:
    async with httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT_SECONDS) as client:
        started = time.perf_counter()
        response = await client.get(_url(port))
        seconds = time.perf_counter() - started
    response.raise_for_status()
    return seconds


async def _sweep(settings: pathlib.Path) -> float:
    words = ("--silent", "--fail", "--parallel", "--parallel-max", str(SERVICES), "--config", str(settings))
    started = time.perf_counter()
    # Some versions show their progress in spite of --silent.
    process = await asyncio.create_subprocess_exec("curl", *words, stderr=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            code = await process.wait()
    except TimeoutError:
        process.kill()
        code = await process.wait()
    if code != 0:
        raise RuntimeError(f"curl ended with {code}")
    return time.perf_counter() - started


def _write_curl_settings(folder: pathlib.Path, ports: Mapping[str, int]) -> pathlib.Path:
    lines = [line for port in ports.values() for line in (f'url = "{_url(port)}"', 'output = "/dev/null"')]
    path = folder / "services.curl"
    path.write_text("\n".join(lines) + "\n")
    return path


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}/actuator/health"
