"""
The event loop continues while foreign text is worked on.

A heartbeat measures the longest time for which the loop stood still. The machine itself may be busy, so each gap is
compared with that beside a thread that only counts, which gives the interpreter up as often as Python can.
"""

import asyncio
import json
import pathlib
import time
from collections.abc import Awaitable, Callable

import pytest

from bot import text_threads
from bot.config import yaml_files
from bot.connectivity import gateway
from bot.dispatch import redaction
from bot.health import documents as health_documents
from bot.health import status
from bot.kubernetes import documents
from bot.kubernetes.diagnosis import attempts, rules
from bot.kubernetes.logs import filters, parser, reader

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MAX_GAP_SECONDS = 0.05
MEGABYTE = 1_000_000
LINE = b"2026-11-27T09:00:02.114Z  INFO 1 --- [nio-8080-exec-1] c.d.o.Orders : the token of order 4711 accepted ~e\n"
RULES = yaml_files.load(pathlib.Path("runbook_data/diagnosis.yaml"), rules.Rules)


async def longest_gap(work: Callable[[], Awaitable[object]]) -> float:
    """Return for how long at most the loop stood still while *work* was done."""
    gaps, task = [0.0], asyncio.ensure_future(work())
    while not task.done():
        before = time.monotonic()
        await asyncio.sleep(0.002)
        gaps.append(time.monotonic() - before)
    await task
    return max(gaps)


def count(seconds: float) -> None:
    ends = time.thread_time() + seconds
    while time.thread_time() < ends:
        pass


def redact() -> Awaitable[object]:
    text = "\n".join(['{"token":"a b","x":"eyJ-eyJ-eyJ-"}', "pwdpwd" * 5_000, "the token is near " * 2_000] * 20)
    return asyncio.to_thread(redaction.Redactor(["known-secret"]).text, text)


async def read_log() -> None:
    query = reader.LogQuery(filter=filters.Filter(grep=filters.compile_pattern("(?s:e.{0,60}e.{0,60}~)")))
    pipeline = reader.LogPipeline(query, 4 * MEGABYTE)
    for _ in range(3 * MEGABYTE // (600 * len(LINE))):
        await pipeline.feed(LINE * 600)


def parse_health() -> Awaitable[object]:
    details = {f"d{number}": "a." * 2_000 for number in range(200)}
    body = json.dumps({"status": "DOWN", "components": {"db": {"status": "DOWN", "details": details}}}).encode()
    exchange = status.Exchange(url="http://x", total_seconds=0.1, status=503)
    response = status.HttpResponse(exchange=exchange, body=body)
    return text_threads.run(lambda: health_documents.parse_health(response).components[0].brief_details)


def parse_routes() -> Awaitable[object]:
    routes = [{"route_id": "x", "predicate": "Paths: [" * 1_000, "uri": "lb://A" * 100}] * 100
    exchange = status.Exchange(url="http://x", total_seconds=0.1, status=200)
    response = status.HttpResponse(exchange=exchange, body=json.dumps(routes).encode())
    return text_threads.run(lambda: [one.paths for one in gateway._parse_routes("", response).routes])


def parse_list() -> Awaitable[object]:
    item = {"metadata": {"name": "x" * 200, "labels": {f"l{number}": "v" for number in range(40)}}}
    body = json.dumps({"kind": "List", "items": [item] * 8_000}).encode()
    return text_threads.run(documents.parse, body)


def diagnose() -> Awaitable[object]:
    lines = [f"random text {number} of no rule and no level" for number in range(10_000)]
    attempt = attempts.StartAttempt(pod="", container="", source="x", entries=parser.join_lines(lines))
    return text_threads.run(attempts.find, RULES, [attempt])


@pytest.mark.parametrize("work", [redact, read_log, parse_health, parse_routes, parse_list, diagnose])
async def test_loop_goes_on_beside_work_on_text(work: Callable[[], Awaitable[object]]) -> None:
    gaps = []
    for _ in range(4):
        usual = await longest_gap(lambda: text_threads.run(count, 0.2))
        gaps.append((await longest_gap(work), usual))
        if gaps[-1][0] <= max(MAX_GAP_SECONDS, 3 * usual):
            return

    assert gaps == []
