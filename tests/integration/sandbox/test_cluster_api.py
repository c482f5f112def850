"""
The sandboxed API server finds, lists and watches like a real one.
"""

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import kubernetes.client
import pytest

from sandbox import cluster
from sandbox.cluster.state import kinds
from tests.integration.sandbox.cluster_client import DEPLOYMENTS, PODS, fetch

pytestmark = pytest.mark.anyio


@pytest.fixture
async def kube(kube: cluster.Cluster) -> cluster.Cluster:
    await kube.deploys("pos-order", replicas=3)
    await kube.deploys("pos-price", replicas=2)
    return kube


async def names(kube: cluster.Cluster, path: str = PODS, **query: str) -> list[str]:
    response = await fetch(kube, path, **query)
    assert response.status_code == 200, response.text
    return [item["metadata"]["name"] for item in response.json()["items"]]


@contextlib.asynccontextmanager
async def watching(kube: cluster.Cluster, path: str = PODS, **query: str) -> AsyncIterator[AsyncIterator[Any]]:
    """Return the events of a watch as they come."""
    headers = {"Authorization": f"Bearer {cluster.BOT_TOKEN}"}
    async with (
        aiohttp.ClientSession(kube.url, headers=headers) as session,
        session.get(path, params={"watch": "true", **query}) as response,
    ):
        yield (json.loads(line) async for line in response.content)


async def test_version_is_served(kube: cluster.Cluster) -> None:
    assert (await fetch(kube, "/version")).json()["gitVersion"] == "v1.32.4"


async def test_cluster_without_metrics_does_not_speak_of_them(kube: cluster.Cluster) -> None:
    path = "/apis/metrics.k8s.io/v1beta1/namespaces/positivity/pods"
    assert len((await fetch(kube, path)).json()["items"]) == 5

    kube.settings.metrics_answer = False
    assert (await fetch(kube, path)).status_code == 503

    kube.settings.has_metrics = False
    assert (await fetch(kube, path)).text == "404 page not found\n"


@pytest.mark.parametrize(
    ("selector", "count"),
    [
        ("app=pos-order", 3),
        ("app==pos-order", 3),
        ("app!=pos-order", 2),
        ("app in (pos-order, pos-price)", 5),
        ("app notin (pos-order),pod-template-hash", 2),
        ("!app", 0),
        ("app,team=x", 0),
        ("team notin (x)", 5),
        ("app>5", 0),
    ],
)
async def test_pods_are_chosen_by_labels(kube: cluster.Cluster, selector: str, count: int) -> None:
    assert len(await names(kube, labelSelector=selector)) == count


@pytest.mark.parametrize("selector", ["app in pos", "=x", "app=a b", "-x=1"])
async def test_selector_that_cannot_be_read_is_refused(kube: cluster.Cluster, selector: str) -> None:
    response = await fetch(kube, PODS, labelSelector=selector)

    assert response.status_code == 400
    assert response.json()["message"].startswith("unable to parse requirement")


async def test_pods_are_chosen_by_fields(kube: cluster.Cluster) -> None:
    pod = kube.deployments["pos-order"].pods[0]
    pod.is_unschedulable()

    assert await names(kube, fieldSelector=f"metadata.name={pod.name}") == [pod.name]
    assert await names(kube, fieldSelector="status.phase=Pending") == [pod.name]
    assert await names(kube, fieldSelector="spec.nodeName=") == [pod.name]
    assert len(await names(kube, fieldSelector="status.phase!=Pending,spec.nodeName!=node-a")) < 4


async def test_field_that_cannot_be_selected_by_is_refused(kube: cluster.Cluster) -> None:
    pods = await fetch(kube, PODS, fieldSelector="spec.volumes=x")
    deployments = await fetch(kube, DEPLOYMENTS, fieldSelector="spec.replicas=3")

    assert pods.json()["message"] == "field label not supported: spec.volumes"
    assert deployments.json()["message"].startswith('"spec.replicas" is not a known field selector')


async def test_events_are_chosen_by_object_and_type(kube: cluster.Cluster) -> None:
    pod = kube.deployments["pos-order"].pods[0]
    pod.fails_probe()
    selector = f"involvedObject.kind=Pod,involvedObject.name={pod.name},type=Warning"

    response = await fetch(kube, "/api/v1/namespaces/positivity/events", fieldSelector=selector)

    (event,) = response.json()["items"]
    assert event["reason"] == "Unhealthy"
    assert event["eventTime"] is None


async def test_list_comes_in_pages_of_one_moment(kube: cluster.Cluster) -> None:
    before = await names(kube)
    first = (await fetch(kube, PODS, limit="2")).json()
    await kube.deployments["pos-order"].scales(1)

    rest = await names(kube, limit="500", **{"continue": first["metadata"]["continue"]})

    assert first["metadata"]["remainingItemCount"] == 3
    assert [item["metadata"]["name"] for item in first["items"]] + rest == before
    assert "kind" not in first["items"][0]


async def test_list_cannot_be_continued_after_history_is_gone(kube: cluster.Cluster) -> None:
    token = (await fetch(kube, PODS, limit="2")).json()["metadata"]["continue"]
    kube.faults.forgets_history()

    response = await fetch(kube, PODS, **{"continue": token})

    assert (response.status_code, response.json()["reason"]) == (410, "Expired")
    assert response.json()["message"].startswith("The provided continue parameter is too old")


async def test_watch_tells_what_changes_after_version(kube: cluster.Cluster) -> None:
    order = kube.deployments["pos-order"]
    version = (await fetch(kube, PODS)).json()["metadata"]["resourceVersion"]
    gone = order.pods[0]

    async with watching(kube, resourceVersion=version, labelSelector="app=pos-order") as events:
        order.pods[1].fails_probe()
        event = await anext(events)
        assert (event["type"], event["object"]["metadata"]["name"]) == ("MODIFIED", order.pods[1].name)
        gone.ends()
        seen: dict[str, Any] = {}
        while not {"ADDED", "DELETED"} <= seen.keys():
            event = await anext(events)
            seen[event["type"]] = event["object"]

    assert seen["DELETED"]["metadata"]["name"] == gone.name
    assert seen["ADDED"]["metadata"]["name"] == order.pods[-1].name


async def test_watch_without_version_begins_with_what_there_is(kube: cluster.Cluster) -> None:
    async with watching(kube, labelSelector="app=pos-price", timeoutSeconds="60") as events:
        assert [(await anext(events))["type"] for _ in range(2)] == ["ADDED", "ADDED"]


async def test_object_that_no_longer_fits_selector_is_deleted_for_watch(kube: cluster.Cluster) -> None:
    pod = kube.deployments["pos-price"].pods[0]
    version = pod.document["metadata"]["resourceVersion"]

    async with watching(kube, resourceVersion=version, fieldSelector="status.phase=Running") as events:
        pod.misses_config()
        seen = [await anext(events) for _ in range(2)]

    assert [event["type"] for event in seen] == ["ADDED", "DELETED"]


async def test_watch_ends_in_time_with_bookmark(kube: cluster.Cluster) -> None:
    version = (await fetch(kube, PODS)).json()["metadata"]["resourceVersion"]
    query = {"resourceVersion": version, "timeoutSeconds": "0.05", "allowWatchBookmarks": "true"}

    async with watching(kube, **query) as events:
        kube.sends_bookmarks()
        seen = [event async for event in events]

    assert {event["type"] for event in seen} == {"BOOKMARK"}
    assert int(seen[-1]["object"]["metadata"]["resourceVersion"]) > int(version)


async def test_watch_is_told_when_its_version_is_too_old(kube: cluster.Cluster) -> None:
    version = (await fetch(kube, PODS)).json()["metadata"]["resourceVersion"]

    async with watching(kube, resourceVersion=version) as events:
        kube.faults.forgets_history()
        under_way = [event async for event in events]
    async with watching(kube, resourceVersion=version) as events:
        begun_late = [event async for event in events]

    for (event,) in (under_way, begun_late):
        assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
        assert event["object"]["message"].startswith("too old resource version: ")


async def test_what_is_not_there_is_named(kube: cluster.Cluster) -> None:
    pod, deployment = [await fetch(kube, f"{place}/x") for place in (PODS, DEPLOYMENTS)]
    path = await fetch(kube, "/api/v2/x", token=cluster.ADMIN_TOKEN)

    assert pod.json()["message"] == 'pods "x" not found'
    assert deployment.json()["message"] == 'deployments.apps "x" not found'
    assert deployment.json()["details"] == {"name": "x", "group": "apps", "kind": "deployments"}
    assert path.json()["message"] == "the server could not find the requested resource"
    assert (await fetch(kube, "/foo", token=cluster.ADMIN_TOKEN)).text == "404 page not found\n"


async def test_versions_that_cannot_be_served_are_refused(kube: cluster.Cluster) -> None:
    early = await fetch(kube, PODS, resourceVersion="99999999")
    odd = await fetch(kube, PODS, resourceVersion="x")
    watched = await fetch(kube, PODS, resourceVersion="x", watch="true")

    assert (early.status_code, early.headers["retry-after"]) == (504, "1")
    assert early.json()["message"].startswith("Timeout: Too large resource version: 99999999, current: ")
    assert odd.json()["message"].startswith("invalid resource version: ")
    assert (watched.status_code, "reason" in watched.json()) == (500, False)


async def test_official_models_read_everything(kube: cluster.Cluster) -> None:
    first, second, third = kube.deployments["pos-order"].pods
    first.crash_loops()
    second.is_unschedulable()
    third.is_evicted()
    parser = kubernetes.client.ApiClient(kubernetes.client.Configuration(host=kube.url))

    for path, model in (
        (PODS, "V1PodList"),
        (DEPLOYMENTS, "V1DeploymentList"),
        (DEPLOYMENTS.replace("deployments", "replicasets"), "V1ReplicaSetList"),
        (PODS.replace("pods", "events"), "CoreV1EventList"),
        (PODS.replace("pods", "configmaps"), "V1ConfigMapList"),
    ):
        text = (await fetch(kube, path)).text
        read = parser.deserialize(text, model, "application/json")

        assert len(read.items) == len(json.loads(text)["items"]) > 0


@pytest.mark.slow
async def test_two_thousand_pods_are_listed_at_once(kube: cluster.Cluster) -> None:
    await kube.deploys("pos-many", replicas=2000, log=["up"])

    assert len(await names(kube, labelSelector="app=pos-many")) == 2000
    assert len(kube.objects(kinds.POD_METRICS)) == 2005
