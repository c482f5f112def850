"""The follower against the sandbox cluster: the status beside a followed log."""

import asyncio
import datetime
import pathlib

import pytest

from bot.kubernetes import client, workloads
from bot.kubernetes.logs import follower, reader
from bot.model import invocations, reports
from sandbox import cluster

pytestmark = pytest.mark.anyio


class Display:
    """Keeps what is appended, and stops after the first lines."""

    def __init__(self) -> None:
        self.statuses: list[str] = []
        self._stopped = asyncio.Event()

    async def progress(self, report: reports.Report) -> None:
        raise AssertionError(f"unexpected progress: {report.headline}")

    async def append(self, log: reports.Log, status: str) -> None:
        assert log.entries
        self.statuses.append(status)
        self._stopped.set()

    async def until_stopped(self) -> str:
        await self._stopped.wait()
        return "by the test"

    async def ask(self, prompt: invocations.Prompt) -> None:
        raise AssertionError(f"unexpected question: {prompt.text}")


async def test_lines_read_are_shown_and_old_ones_are_no_delay(tmp_path: pathlib.Path) -> None:
    async with cluster.running() as kube:
        order = await kube.deploys("pos-order", replicas=1)
        written_at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=3)
        order.pods[0].logs(cluster.Repeated(["INFO a quiet service"], count=5, last_at=written_at))
        clusters = client.Clusters(str(kube.kubeconfig(tmp_path / "kubeconfig")))
        api = workloads.Workloads(clusters.find(None), kube.namespace)
        deployment = await api.deployment("pos-order")
        following = follower.Follower(
            api, deployment.selector, "pos-order", reader.LogQuery(lines=5), common="pos-order-"
        )
        display = Display()

        reason = await following.run(display, "pos-order.log")
        await clusters.close()

    assert reason == "by the test"
    assert (following.stats.lines_read, following.stats.lines_shown) == (5, 5)
    assert not any("behind" in status for status in display.statuses)


class SlowDisplay(Display):
    """Takes nothing until it is released, and counts the characters of each batch."""

    def __init__(self, total: int) -> None:
        super().__init__()
        self.released = asyncio.Event()
        self.batches: list[int] = []
        self._left = total

    async def append(self, log: reports.Log, status: str) -> None:
        del status
        await self.released.wait()
        self.batches.append(sum(len(entry.text) for entry in log.entries))
        self._left -= len(log.entries)
        if self._left <= 0:
            self._stopped.set()


async def test_backlog_of_a_slow_display_is_bounded_and_nothing_is_lost(tmp_path: pathlib.Path) -> None:
    async with cluster.running() as kube:
        order = await kube.deploys("pos-order", replicas=1)
        order.pods[0].logs([f"INFO {number:05} {'x' * 990}" for number in range(6_000)])
        clusters = client.Clusters(str(kube.kubeconfig(tmp_path / "kubeconfig")))
        api = workloads.Workloads(clusters.find(None), kube.namespace)
        deployment = await api.deployment("pos-order")
        query = reader.LogQuery(lines=6_000)
        following = follower.Follower(api, deployment.selector, "pos-order", query, common="pos-order-")
        display = SlowDisplay(6_000)
        running = asyncio.create_task(following.run(display, "pos-order.log"))
        read = -1
        while following.stats.lines_read > read or not read:
            read = following.stats.lines_read
            await asyncio.sleep(0.3)
        display.released.set()
        await running
        await clusters.close()

    assert read < 5_000
    assert max(display.batches) < 2_000_000
    assert (following.stats.lines_read, following.stats.lines_shown) == (6_000, 6_000)
