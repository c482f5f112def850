"""
`posbot logs` against kubectl, which reads the same logs from the same API server, and a followed log for a minute.

What is compared is what a person would type. posbot asks the node for time stamps, because it brings the lines of
several pods into order, and kubectl does not: that alone is a fifth more bytes, so it is also measured with them.
"""

import dataclasses
import pathlib
import tempfile
from collections.abc import Mapping

from bench import followed_logs, kubernetes_endpoint, results, timing
from sandbox import processes, slack, testbed

ROUNDS = 5
LONG, SHORT, MANY = "pos-order", "pos-price", "pos-inventory"
LARGE_LINES, SMALL_LINES = 1_290_323, 129_033
"""200 MB and 20 MB as kubectl writes them."""
PODS, LINES = 50, 200
_PATTERN = "order [0-9]+777 accepted"
"""One line in a thousand."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """An endpoint, and a place for what programs write."""

    endpoint: kubernetes_endpoint.Endpoint
    output: pathlib.Path

    async def posbot(self, *words: str) -> timing.FinishedProcess:
        line = timing.quoted(*processes.command("logs", *words))
        return await timing.run(f"exec {line}", self.endpoint.environment, self.output)

    async def shell(self, line: str) -> timing.FinishedProcess:
        return await timing.run(line, self.endpoint.environment, self.output)

    def kubectl(self, *words: str) -> str:
        return timing.quoted(self.endpoint.kubectl, "logs", *words)


async def run() -> results.Results:
    """Return time, CPU and memory for a long log and for many pods, and what became of a followed log's lines."""
    comparisons: list[results.Comparison] = []
    remarks = [
        "The endpoint of these is a real kube-apiserver; the logs are served by the kubelet's own code.",
        f"A long log: {LARGE_LINES:,} lines, 200 MB, one in a thousand matches, the newest 200 of them are shown.",
        "posbot serve: the time to the report of a bot that runs, by its own log line.",
    ]
    sizes = {LONG: (1, LARGE_LINES), SHORT: (1, SMALL_LINES), MANY: (PODS, LINES)}
    results.log("logs: starting a cluster and writing its logs")
    with tempfile.TemporaryDirectory(prefix="posbot-bench-") as folder:
        async with kubernetes_endpoint.running(sizes) as endpoint:
            if endpoint is None:
                remarks = ["There is no Go here to build Kubernetes with, so nothing was compared with kubectl."]
            else:
                bench = _Bench(endpoint=endpoint, output=pathlib.Path(folder) / "output")
                comparisons += [*await _measure_many(bench), *await _measure_long(bench)]
    followed = await followed_logs.measure()
    return results.Results(
        comparisons=(*comparisons, *followed.comparisons),
        tables=followed.tables,
        remarks=(*remarks, *followed.remarks),
    )


async def _measure_long(bench: _Bench) -> list[results.Comparison]:
    [pod] = bench.endpoint.pods[LONG]
    filtering = f"| grep -E '{_PATTERN}' | tail -n {LINES}"
    peer, stamped = "kubectl logs into grep and tail", "the same with --timestamps"
    what = "logs --grep over 200 MB"
    plain_time = results.Comparison(what=what, peer=peer, target=1.2)
    stamped_time = results.Comparison(what=what, peer=stamped)
    cpu = results.Comparison(what=f"{what}, CPU", peer=peer)
    memory = results.Comparison(what=f"{what}, peak memory", peer="over 20 MB", unit="MB", target=1.1)
    for number in range(ROUNDS):
        results.log(f"logs: a long log, round {number + 1} of {ROUNDS}")
        ours = await bench.posbot(LONG, "--grep", _PATTERN)
        plain = await bench.shell(f"{bench.kubectl(pod, '-c', LONG)} {filtering}")
        with_stamps = await bench.shell(f"{bench.kubectl(pod, '-c', LONG, '--timestamps')} {filtering}")
        small = await bench.posbot(SHORT, "--grep", _PATTERN)
        if plain.lines != LINES or ours.lines < LINES:
            raise RuntimeError("the newest matching lines were not found")
        plain_time.add(ours.seconds, plain.seconds)
        stamped_time.add(ours.seconds, with_stamps.seconds)
        cpu.add(ours.cpu_seconds, plain.cpu_seconds)
        memory.add(ours.peak_megabytes, small.peak_megabytes)
    return [plain_time, stamped_time, cpu, memory]


async def _measure_many(bench: _Bench) -> list[results.Comparison]:
    throttled, at_once = "kubectl logs -l --max-log-requests=50", f"{PODS} kubectl processes at once"
    what = f"{PODS} pods × {LINES} lines"
    in_terminal = [
        results.Comparison(what=f"{what}, a terminal's posbot", peer=peer, target=target)
        for peer, target in ((throttled, 0.1), (at_once, 1.0))
    ]
    cpu = results.Comparison(what=f"{what}, CPU", peer=at_once)
    in_bot = [
        results.Comparison(what=f"{what}, posbot serve", peer=peer, target=target)
        for peer, target in ((throttled, 0.1), (at_once, 1.0))
    ]
    by_label = bench.kubectl("-l", f"app={MANY}", "--prefix", f"--max-log-requests={PODS}", f"--tail={LINES}")
    each = [bench.kubectl(pod, "-c", MANY, "--prefix", f"--tail={LINES}") for pod in bench.endpoint.pods[MANY]]
    extra = {"KUBECONFIG": bench.endpoint.environment["KUBECONFIG"]}
    async with testbed.set_up(
        names=[LONG], setup=slack.Settings(posting_burst=None), extra=extra, is_in_pod=True
    ) as stage:
        await _ask_bot(stage)
        for number in range(ROUNDS):
            results.log(f"logs: many pods, round {number + 1} of {ROUNDS}")
            ours = await bench.posbot(MANY)
            warm = await _ask_bot(stage)
            peers = [await bench.shell(by_label), await bench.shell(f"{' & '.join(each)} & wait")]
            if min(ended.lines for ended in (ours, *peers)) < PODS * LINES:
                raise RuntimeError("not all lines were read")
            for comparison, peer in zip(in_terminal, peers, strict=True):
                comparison.add(ours.seconds, peer.seconds)
            for comparison, peer in zip(in_bot, peers, strict=True):
                comparison.add(warm, peer.seconds)
            cpu.add(ours.cpu_seconds, peers[1].cpu_seconds)
    return [*in_terminal, cpu, *in_bot]


async def _ask_bot(stage: testbed.TestBed) -> float:
    """Return how long a bot that runs took for the report, by its own log line."""
    alice = stage.workspace.person("alice")
    channel = stage.workspace.channel("ops", members=[alice], bot_is_member=False)
    before = len(stage.bot.lines("invocation ended"))
    await alice.types(f"/pos logs {MANY}", channel)
    await stage.bot.waits_for(lambda _: len(stage.bot.lines("invocation ended")) > before)
    ended: Mapping[str, object] = stage.bot.lines("invocation ended")[-1]
    await alice.waits_for_message(channel, containing=f"{PODS * LINES:,} lines of {PODS} pods")
    return float(str(ended["seconds"]))
