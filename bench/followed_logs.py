"""
A log of 5,000 lines a second, followed in Slack for a minute: what of it arrives, how often the message is edited.

The cluster and Slack are the sandbox's, posbot is a process of its own.
"""

import asyncio
import collections
import dataclasses
import datetime
import itertools
import re
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from bench import footprint, results
from sandbox import slack, testbed
from sandbox.cluster.state import container_logs

SECONDS, LINES_A_SECOND = 60, 5_000
_BATCHES_A_SECOND = 50
_EDGE_SECONDS = 10
"""At the beginning and at the end, whose memory is compared."""
_TIMEOUT_SECONDS = 60.0
_NUMBER = re.compile(r"order (\d{7}) priced")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Followed:
    """What was seen."""

    numbers: Sequence[int]
    """Of the lines in the file, in its order."""
    edits: Sequence[Any]
    """Calls of `chat.update`."""
    megabytes: Sequence[float]
    """Of posbot, once a second."""
    lag_seconds: float
    """From writing the last line until the message showed it."""


async def measure() -> results.Results:
    """Return what became of the lines, of the message and of the memory."""
    results.log(f"logs: following {LINES_A_SECOND:,} lines a second for {SECONDS} s")
    async with testbed.set_up(names=["pos-order"], setup=slack.Settings(enforces_tiers=True)) as stage:
        order = stage.kube.deployments["pos-order"]
        await order.scales(1)
        seen = await _follow(stage, order.pods[0])
    memory = results.Comparison(
        what=f"following: memory, last {_EDGE_SECONDS} s", peer=f"first {_EDGE_SECONDS} s", unit="MB", target=1.1
    )
    first, last = seen.megabytes[:_EDGE_SECONDS], seen.megabytes[-_EDGE_SECONDS:]
    memory.add(statistics.median(last), statistics.median(first))
    remark = "The followed log: the sandbox's cluster, and its Slack with the tiers of its methods enforced."
    return results.Results(comparisons=(memory,), tables=(tuple(_table(seen)),), remarks=(remark,))


async def _follow(stage: testbed.TestBed, pod: Any) -> _Followed:
    alice = stage.workspace.person("alice")
    channel = stage.workspace.channel("inc-bench", members=[alice])
    await alice.types("/pos logs pos-order --follow --tail 1", channel)
    live = await alice.waits_for_message(channel, containing="Following pos-order.log")
    megabytes: list[float] = []
    began_at = datetime.datetime.now(datetime.UTC)
    async for batch in _batches():
        pod.log_of().append([_line(number, began_at) for number in batch])
        if batch.stop // LINES_A_SECOND > len(megabytes):
            megabytes.append(footprint.resident_megabytes(stage.bot.pid))
    written = time.monotonic()
    total = SECONDS * LINES_A_SECOND
    await alice.waits_for_change(live, containing=f"order {total - 1:07} priced", timeout_seconds=_TIMEOUT_SECONDS)
    lag = time.monotonic() - written
    edits = stage.workspace.calls("chat.update")
    identity = re.search(r"id (\d{4}-[0-9a-f]{10})", live.plain_text)
    code, _, complaint = await stage.types("stop", identity[1] if identity else "")
    if code:
        raise RuntimeError(f"the log was not stopped: {complaint}")
    file = await alice.waits_for_file(channel, thread=live, timeout_seconds=_TIMEOUT_SECONDS)
    numbers = [int(found) for found in _NUMBER.findall(file.text)]
    return _Followed(numbers=numbers, edits=edits, megabytes=megabytes, lag_seconds=lag)


async def _batches() -> AsyncIterator[range]:
    """Return the numbers of lines at an even pace; what could not be given in time comes with the next."""
    started, given = time.monotonic(), 0
    while given < SECONDS * LINES_A_SECOND:
        await asyncio.sleep(1 / _BATCHES_A_SECOND)
        due = min(int((time.monotonic() - started) * LINES_A_SECOND), SECONDS * LINES_A_SECOND)
        yield range(given, due)
        given = due


def _line(number: int, began_at: datetime.datetime) -> container_logs.Line:
    text = (
        f"2026-11-23T10:00:00.000Z  INFO 1 --- [pos-order] [nio-8080-exec-7] c.d.p.Pricing : order {number:07} priced"
    )
    return container_logs.Line(began_at + datetime.timedelta(seconds=number / LINES_A_SECOND), text.encode())


def _table(seen: _Followed) -> list[str]:
    total = SECONDS * LINES_A_SECOND
    counts = collections.Counter(seen.numbers)
    taken = [edit.at_seconds for edit in seen.edits if edit.is_ok]
    pauses = [later - earlier for earlier, later in itertools.pairwise(taken)]
    rows = (
        ("lines written", f"{total:,} in {SECONDS} s"),
        ("lines in the file, once each and in order", f"{len(counts):,}, {_yes(seen.numbers == sorted(counts))}"),
        ("lines lost, repeated", f"{total - len(counts):,}, {len(seen.numbers) - len(counts):,}"),
        ("edits of the message, refused with 429", f"{len(seen.edits)}, {_refused(seen)}"),
        ("most edits in any minute, of the 50 that Slack allows", f"{_most_in_a_minute(taken)}"),
        (
            "pause between edits: shortest, median, longest",
            f"{min(pauses):.2f} s, {statistics.median(pauses):.2f} s, {max(pauses):.2f} s",
        ),
        ("last line shown after it was written", f"{seen.lag_seconds:.1f} s"),
        (f"memory of posbot serve, every {_EDGE_SECONDS} s", f"{_sampled(seen.megabytes)} MB"),
    )
    return results.table(("a followed log", "seen"), rows)


def _sampled(megabytes: Sequence[float]) -> str:
    return ", ".join(f"{one:.0f}" for one in megabytes[_EDGE_SECONDS - 1 :: _EDGE_SECONDS])


def _most_in_a_minute(moments: Sequence[float]) -> int:
    return max(sum(begin <= one < begin + 60 for one in moments) for begin in moments)


def _refused(seen: _Followed) -> int:
    return sum(edit.outcome == "ratelimited" for edit in seen.edits)


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"
