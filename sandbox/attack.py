"""
What hostile or hasty people do to one posbot at the same time, and what came of it.

Ten large logs, forty followed logs of which one is written to as fast as it can be read, three hundred commands at
once, and strangers who send unsigned requests whose bodies never end.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import re
import time
import urllib.parse
from collections.abc import Sequence

from sandbox import testbed
from sandbox.cluster.state import container_logs
from sandbox.slack.scenario import people
from sandbox.slack.state import channels

LARGE, QUIET = "pos-order", "pos-price"
"""The services whose logs are read, and the one that is asked for its health."""
LARGE_ANSWERS, FOLLOWS, BURST, STRANGERS = 10, 40, 300, 200
_LINES = 20_000
_LINE_BYTES = 350
_FLOOD_LINES, _FLOOD_BYTES, _FLOOD_PARTS = 64_000, 150, 60
"""9.6 MB in six seconds."""
_TIMEOUT_SECONDS = 240.0
_PROGRESS = "⏳"
_ID = re.compile(r"id (\d{4}-[0-9a-f]{10})")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of the attack."""

    burst_seconds: float
    """From the first command of the burst until the last of them was answered."""
    unanswered: int
    """Commands without an answer, or without an acknowledgement."""
    large_files: int
    followed: int
    refused_follows: int
    strangers_refused: int


async def prepare(stage: testbed.TestBed) -> None:
    """Let the pods of one service have written much."""
    now = datetime.datetime.now(datetime.UTC)
    texts = [f"2026-11-23T10:00:00Z  INFO 1 --- [pos-order] order {number} {'x' * _LINE_BYTES}" for number in range(50)]
    for pod in stage.kube.deployments[LARGE].pods:
        pod.logs(container_logs.Repeated(texts, count=_LINES, last_at=now))


async def run(stage: testbed.TestBed) -> Outcome:
    """Do everything at once; return once all of it was answered, the followed logs stopped and the strangers gone."""
    crowd = [stage.workspace.person(f"person{number}") for number in range(FOLLOWS // 3 + 1)]
    channel = stage.workspace.channel("ops-attack", members=crowd)
    async with asyncio.TaskGroup() as group:
        strangers = group.create_task(_endless_bodies(stage))
        follows = group.create_task(_follow(stage, crowd, channel))
        large = group.create_task(type_at_once(stage, crowd, channel, f"/pos logs {LARGE} --tail 50000", LARGE_ANSWERS))
        burst = group.create_task(_burst(stage, crowd[0], channel))
    followed, refused = follows.result()
    seconds, missing = burst.result()
    # Of the files of followed logs, none has many of the lines that were there before.
    files = [file for file in stage.workspace.files if file.content.count(b"] order ") > _LINES // 4]
    return Outcome(
        burst_seconds=seconds,
        unanswered=large.result() + missing + (FOLLOWS - followed - refused),
        large_files=len(files),
        followed=followed,
        refused_follows=refused,
        strangers_refused=strangers.result(),
    )


async def _burst(stage: testbed.TestBed, person: people.Person, channel: channels.Channel) -> tuple[float, int]:
    started = time.monotonic()
    missing = await type_at_once(stage, [person], channel, f"/pos health {QUIET}", BURST)
    return time.monotonic() - started, missing


async def type_at_once(
    stage: testbed.TestBed, crowd: Sequence[people.Person], channel: channels.Channel, line: str, count: int
) -> int:
    """Type *line* so often at once, by *crowd* in turn; return how many were not answered."""
    deliveries = await asyncio.gather(*(crowd[number % len(crowd)].types(line, channel) for number in range(count)))
    urls = {str(delivery.payload["response_url"]) for delivery in deliveries}
    return len(urls - await answered(stage, urls))


async def answered(stage: testbed.TestBed, urls: set[str]) -> set[str]:
    """Return which response URLs got an answer, once all did or after some minutes."""
    with contextlib.suppress(TimeoutError):
        await stage.workspace.wait_for(
            lambda: True if urls <= _final_answers(stage) else None, timeout_seconds=_TIMEOUT_SECONDS
        )
    return urls & _final_answers(stage)


def _final_answers(stage: testbed.TestBed) -> set[str]:
    uses = stage.workspace.response_uses
    return {use.url for use in uses if use.outcome == "ok" and not str(use.body.get("text")).startswith(_PROGRESS)}


async def _follow(stage: testbed.TestBed, crowd: Sequence[people.Person], channel: channels.Channel) -> tuple[int, int]:
    """Follow logs, write much, and stop; return how many were followed and how many refused."""
    line = f"/pos logs {LARGE} --follow --tail 5"
    deliveries = await asyncio.gather(*(crowd[number // 3].types(line, channel) for number in range(FOLLOWS)))
    urls = {delivery.payload["response_url"] for delivery in deliveries}

    def refused() -> int:
        return len(urls & _final_answers(stage))

    def followed() -> dict[str, people.Person]:
        found = {}
        for person in crowd:
            for message in stage.workspace.messages_in(person.chat_with_bot):
                if "Following" in message.plain_text and (identity := _ID.search(message.plain_text)):
                    found[identity[1]] = person
        return found

    with contextlib.suppress(TimeoutError):
        await stage.workspace.wait_for(
            lambda: True if len(followed()) + refused() >= FOLLOWS else None, timeout_seconds=_TIMEOUT_SECONDS
        )
    await _flood(stage)
    running = followed()
    stops = await asyncio.gather(*(person.types(f"/pos stop {one}", channel) for one, person in running.items()))
    await answered(stage, {str(delivery.payload["response_url"]) for delivery in stops})
    return len(running), refused()


async def _flood(stage: testbed.TestBed) -> None:
    log = stage.kube.deployments[LARGE].pods[0].log_of()
    for part in range(_FLOOD_PARTS):
        now = datetime.datetime.now(datetime.UTC)
        first = part * _FLOOD_LINES // _FLOOD_PARTS
        numbers = range(first, first + _FLOOD_LINES // _FLOOD_PARTS)
        log.append([container_logs.Line(now, f"INFO {number:07} {'y' * _FLOOD_BYTES}".encode()) for number in numbers])
        await asyncio.sleep(0.1)


async def _endless_bodies(stage: testbed.TestBed) -> int:
    """Send unsigned requests whose bodies do not end; return how many were refused meanwhile."""
    port = urllib.parse.urlsplit(stage.bot_url).port
    return sum(await asyncio.gather(*(_endless_body(port) for _ in range(STRANGERS))))


async def _endless_body(port: int | None) -> bool:
    head = "POST /slack/events HTTP/1.1\r\nHost: x\r\nContent-Length: 999000\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(head.encode() + b"x" * 200_000)
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            return (await reader.readline()).startswith(b"HTTP/1.1 401")
    except ConnectionError:
        # The connection was closed before the rest of the body arrived.
        return True
    finally:
        writer.close()
