"""Logs read through a real client from a pretend cluster: bounded, and the newest lines of what is long."""

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
    yield workloads.Workloads(clusters.of(None), kube.namespace)
    await clusters.close()


async def test_a_long_log_is_begun_again_from_its_newest_lines(
    kube: cluster.Cluster, client: workloads.Workloads
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    now = datetime.datetime.now(datetime.UTC)
    order.pods[0].logs(cluster.Repeated([LINE], count=3_000, last_at=now))
    deployment = await client.deployment("pos-order")
    sources = reader.select_sources(await client.pods(deployment.selector), "pos-order", is_previous=False)
    wish = reader.LogQuery(filter=filters.Filter(grep=filters.compile_pattern("priced")))

    [portion] = await reader.read(client, sources, wish, most_bytes=300_000, long_bytes=100_000)

    asked = [request.query for request in kube.requests if request.path.endswith("/log")]
    assert ["tailLines" in query for query in asked] == [False, True]
    assert (portion.lines_read, portion.lines_matched, portion.is_incomplete) == (3_000, 3_000, False)
    assert sum(entry.count for entry in portion.entries) == 200


async def test_at_its_bound_it_stops_and_says_so(kube: cluster.Cluster, client: workloads.Workloads) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].logs(cluster.Repeated([LINE], count=20_000, last_at=datetime.datetime.now(datetime.UTC)))
    deployment = await client.deployment("pos-order")
    sources = reader.select_sources(await client.pods(deployment.selector), "pos-order", is_previous=False)
    wish = reader.LogQuery(filter=filters.Filter(grep=filters.compile_pattern("priced")))

    [portion] = await reader.read(client, sources, wish, most_bytes=300_000)

    assert portion.is_incomplete
    assert 300_000 <= portion.bytes_read < 1_500_000


async def test_a_node_that_sends_nothing_is_not_waited_for(kube: cluster.Cluster, client: workloads.Workloads) -> None:
    await kube.deploys("pos-order", replicas=2)
    kube.faults.hangs("pods/log")
    deployment = await client.deployment("pos-order")
    sources = reader.select_sources(await client.pods(deployment.selector), "pos-order", is_previous=False)

    portions = await reader.read(client, sources, reader.LogQuery(), idle_seconds=0.5)

    assert sorted(bool(portion.entries) for portion in portions) == [False, True]
    assert {portion.unavailable_reason for portion in portions} == {None, "The API server did not answer in time."}
