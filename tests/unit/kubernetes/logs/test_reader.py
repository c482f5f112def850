"""The log reader against the sandbox cluster: limits, and the newest lines of a long log."""

import datetime
import pathlib
from collections.abc import AsyncIterator

import pytest

from bot.kubernetes import client as kubernetes_client
from bot.kubernetes import workloads
from bot.kubernetes.logs import filters, reader
from sandbox import cluster

pytestmark = pytest.mark.anyio

LINE = "2026-11-23T10:00:00.000Z  INFO 1 --- [pos-order] order priced"


@pytest.fixture
async def kube() -> AsyncIterator[cluster.Cluster]:
    async with cluster.running() as running:
        yield running


@pytest.fixture
async def client(kube: cluster.Cluster, tmp_path: pathlib.Path) -> AsyncIterator[workloads.Workloads]:
    clusters = kubernetes_client.Clusters(str(kube.kubeconfig(tmp_path / "kubeconfig")))
    yield workloads.Workloads(clusters.find(None), kube.namespace)
    await clusters.close()


async def test_long_log_is_read_again_from_its_newest_lines(kube: cluster.Cluster, client: workloads.Workloads) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    now = datetime.datetime.now(datetime.UTC)
    order.pods[0].logs(cluster.Repeated([LINE], count=3_000, last_at=now))
    deployment = await client.deployment("pos-order")
    sources = reader.select_sources(await client.pods(deployment.selector), "pos-order", is_previous=False)
    query = reader.LogQuery(filter=filters.Filter(grep=filters.compile_pattern("priced")))

    [result] = await reader.read(client, sources, query, max_bytes=300_000, long_log_bytes=100_000)

    asked = [request.query for request in kube.requests if request.path.endswith("/log")]
    assert ["tailLines" in query for query in asked] == [False, True]
    assert (result.lines_read, result.lines_matched, result.is_incomplete) == (3_000, 3_000, False)
    assert sum(entry.count for entry in result.entries) == 200


async def test_read_limit_makes_the_result_incomplete(kube: cluster.Cluster, client: workloads.Workloads) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].logs(cluster.Repeated([LINE], count=20_000, last_at=datetime.datetime.now(datetime.UTC)))
    deployment = await client.deployment("pos-order")
    sources = reader.select_sources(await client.pods(deployment.selector), "pos-order", is_previous=False)
    query = reader.LogQuery(filter=filters.Filter(grep=filters.compile_pattern("priced")))

    [result] = await reader.read(client, sources, query, max_bytes=300_000)

    assert result.is_incomplete
    assert 300_000 <= result.bytes_read < 1_500_000


async def test_silent_node_does_not_delay_the_others(kube: cluster.Cluster, client: workloads.Workloads) -> None:
    await kube.deploys("pos-order", replicas=2)
    kube.faults.hangs("pods/log")
    deployment = await client.deployment("pos-order")
    sources = reader.select_sources(await client.pods(deployment.selector), "pos-order", is_previous=False)

    results = await reader.read(client, sources, reader.LogQuery(), idle_seconds=0.5)

    assert sorted(bool(result.entries) for result in results) == [False, True]
    assert {result.unavailable_reason for result in results} == {
        None,
        f"The API server did not respond in time: {kube.url.partition('//')[2]}.",
    }
