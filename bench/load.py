"""
What bystanders notice of an attack: their acknowledgements against those of the same bot when nothing else happens.

The bystanders type five commands a second. The attack is `sandbox/attack.py`: ten large logs, forty followed logs,
three hundred commands at once, and strangers whose requests do not end, all at the same time.
"""

import asyncio
import pathlib
import re
import tempfile
import time

from bench import results, signed_requests, subprocesses
from sandbox import processes

QUIET_SECONDS, MAX_ATTACK_SECONDS = 20, 90
"""How long bystanders type in each half; under attack no longer than it lasts."""
A_SECOND = 5
_CONNECTIONS = 20
_TIMEOUT_SECONDS = 300.0
_TEXTS = ("version", "health pos-price")
_MAX_RATIO, _MAX_ACK_SECONDS, _MAX_BURST_SECONDS, _MAX_MEGABYTES = 10.0, 1.0, 3.0, 400


async def run() -> results.Results:
    """Return the acknowledgements of bystanders, and what came of the attack."""
    with tempfile.TemporaryDirectory(prefix="posbot-bench-") as folder:
        environment = processes.plain_environment(pathlib.Path(folder))
        async with subprocesses.running("bench.load_process", environment=environment) as child:
            return await _measure(child)


async def _measure(child: subprocesses.Child) -> results.Results:
    quiet_requests, quiet_urls = await _written_down(child, QUIET_SECONDS * A_SECOND)
    attack_requests, attack_urls = await _written_down(child, MAX_ATTACK_SECONDS * A_SECOND)
    pid, rest = child.hello["pid"], _megabytes(child.hello["pid"], "VmRSS")
    async with signed_requests.connected(child.hello["port"], _CONNECTIONS) as bystanders:
        results.log(f"load: {QUIET_SECONDS} s without an attack")
        quiet = await bystanders.pace(quiet_requests, 1 / A_SECOND)
        results.log("load: under attack")
        attack = asyncio.create_task(child.ask("attack", timeout_seconds=_TIMEOUT_SECONDS))
        started = time.monotonic()
        attacked = await bystanders.pace(attack_requests, 1 / A_SECOND, until=attack)
        seconds = time.monotonic() - started
        outcome = await attack
    urls = [*quiet_urls, *attack_urls[: len(attacked)]]
    missing = (await child.ask("missing", urls=urls, timeout_seconds=_TIMEOUT_SECONDS))["missing"]
    p99 = results.Comparison(
        what="ack of bystanders under attack, p99", peer="without an attack, p99", target=_MAX_RATIO
    )
    p99.add(results.percentile(attacked, 99), results.percentile(quiet, 99))
    p50 = results.Comparison(what="the same, p50", peer="without an attack, p50")
    p50.add(results.percentile(attacked, 50), results.percentile(quiet, 50))
    rows = [
        ("slowest acknowledgement of a bystander", f"{max(attacked) * 1000:.0f} ms", f"≤ {_MAX_ACK_SECONDS:g} s"),
        ("burst of 300 commands, answered", f"{outcome['burst_seconds']:.1f} s", f"≤ {_MAX_BURST_SECONDS:g} s"),
        ("commands of the attack without an answer", str(outcome["unanswered"]), "0"),
        ("commands of bystanders without an answer", f"{missing} of {len(urls)}", "0"),
        ("large logs delivered", str(outcome["large_files"]), "10"),
        ("followed logs, refused ones", f"{outcome['followed']}, {outcome['refused_follows']}", "20, 20"),
        ("endless requests of strangers refused", str(outcome["strangers_refused"]), "200"),
        ("memory at rest", f"{rest} MB", ""),
        ("largest memory", f"{_megabytes(pid, 'VmHWM')} MB", f"≤ {_MAX_MEGABYTES} MB"),
        ("memory after the attack", f"{_megabytes(pid, 'VmRSS')} MB", ""),
    ]
    remark = f"{A_SECOND} commands of bystanders a second, {QUIET_SECONDS} s without and {seconds:.0f} s under attack."
    return results.Results(
        comparisons=(p99, p50),
        tables=(tuple(results.table(("under attack", "seen", "target"), rows)),),
        remarks=(remark,),
    )


async def _written_down(child: subprocesses.Child, count: int) -> tuple[list[dict[str, object]], list[str]]:
    """Return requests of all texts in turn, and their response URLs."""
    written = [await child.ask("write down", text=text, count=count // len(_TEXTS)) for text in _TEXTS]
    requests = [request for turn in zip(*(one["requests"] for one in written), strict=True) for request in turn]
    return requests, [url for turn in zip(*(one["urls"] for one in written), strict=True) for url in turn]


def _megabytes(pid: int, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError("this system does not tell how much memory a process takes")
    return int(found[1]) // 1024
