"""
Pods can be in every state that an operator meets, and kubectl and the kubelet tell it in their own words.
"""

import re
from typing import Any

import pytest

from tests.real.kubernetes import manifests, pod_states
from tests.real.kubernetes.container_logs import SECOND, Line
from tests.real.kubernetes.control_plane import ControlPlane

pytestmark = [pytest.mark.real, pytest.mark.anyio, pytest.mark.timeout(120, func_only=True)]

HELD = "pos-order"
KILLED = {"restarts": 2, "ended": pod_states.OUT_OF_MEMORY}


def path_of(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods/{HELD}"


@pytest.fixture
async def held(cluster: ControlPlane, namespace: str) -> str:
    """
    The namespace of a pod that is on a node, and of which nothing else is known yet.
    """
    await cluster.apply(manifests.pod(HELD, namespace=namespace, annotations=manifests.BY_HAND))
    await cluster.wait_for(path_of(namespace), lambda pod: "nodeName" in pod["spec"])
    return namespace


async def shown(cluster: ControlPlane, namespace: str) -> list[str]:
    """
    Return the columns READY, STATUS and RESTARTS of `kubectl get pods`.
    """
    finished = await cluster.kubectl("get", "pod", HELD, "--no-headers", "-n", namespace)
    return finished.out.split()[1:4]


@pytest.mark.parametrize(
    ("state", "what", "columns"),
    [
        pytest.param(pod_states.running, {}, ["1/1", "Running", "0"], id="running"),
        pytest.param(pod_states.running, KILLED, ["1/1", "Running", "2"], id="running again"),
        pytest.param(pod_states.not_ready, {}, ["0/1", "Running", "0"], id="not ready"),
        pytest.param(pod_states.crash_looping, {"restarts": 7}, ["0/1", "CrashLoopBackOff", "7"], id="crash-looping"),
        pytest.param(pod_states.image_pull_back_off, {}, ["0/1", "ImagePullBackOff", "0"], id="no image"),
        pytest.param(pod_states.container_config_error, {}, ["0/1", "CreateContainerConfigError", "0"], id="no secret"),
        pytest.param(pod_states.container_creating, {}, ["0/1", "ContainerCreating", "0"], id="creating"),
        pytest.param(pod_states.completed, {}, ["0/1", "Completed", "0"], id="completed"),
        pytest.param(pod_states.completed, {"ended": pod_states.FAILED}, ["0/1", "Error", "0"], id="failed"),
        pytest.param(pod_states.evicted, {}, ["0/1", "Evicted", "0"], id="evicted"),
    ],
)
async def test_kubectl_shows_the_state(
    cluster: ControlPlane, held: str, state: pod_states.State, what: dict[str, Any], columns: list[str]
) -> None:
    await pod_states.put(cluster, held, HELD, state, **what)

    assert await shown(cluster, held) == columns


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        pytest.param(pod_states.container_creating, "is waiting to start: ContainerCreating", id="creating"),
        pytest.param(
            pod_states.container_config_error, "is waiting to start: CreateContainerConfigError", id="no secret"
        ),
        pytest.param(
            pod_states.image_pull_back_off, "is waiting to start: trying and failing to pull image", id="no image"
        ),
        pytest.param(pod_states.evicted, "is not available", id="evicted"),
    ],
)
async def test_pod_without_a_container_has_no_logs(
    cluster: ControlPlane, held: str, state: pod_states.State, refusal: str
) -> None:
    await pod_states.put(cluster, held, HELD, state)

    finished = await cluster.kubectl("logs", HELD, "-n", held)

    assert finished.code == 1
    assert finished.err == f'Error from server (BadRequest): container "main" in pod "{HELD}" {refusal}\n'


async def test_log_of_an_unscheduled_pod_is_empty(cluster: ControlPlane, namespace: str) -> None:
    await cluster.apply(manifests.pod(HELD, namespace=namespace, nodeSelector={"disk": "gold"}))

    async with cluster.client() as client:
        response = await client.get(f"{path_of(namespace)}/log")
    finished = await cluster.kubectl("logs", HELD, "-n", namespace)

    assert (response.status_code, response.text) == (204, "")
    assert (finished.code, finished.out, finished.err) == (0, "", "")


async def test_crash_looping_container_shows_its_last_log(cluster: ControlPlane, held: str) -> None:
    cluster.logs.of(held, HELD, "main").write([Line(text="out of memory", at=SECOND)], attempt=7)
    await pod_states.put(cluster, held, HELD, pod_states.crash_looping, restarts=7, ended=pod_states.OUT_OF_MEMORY)

    finished = await cluster.kubectl("logs", HELD, "-n", held)
    described = await cluster.kubectl("describe", "pod", HELD, "-n", held)

    assert finished.out == "out of memory\n"
    assert re.search(r"Last State: +Terminated\n +Reason: +OOMKilled", described.out)


async def test_state_replaces_the_former_state(cluster: ControlPlane, held: str) -> None:
    await pod_states.put(cluster, held, HELD, pod_states.evicted)

    await pod_states.put(cluster, held, HELD, pod_states.running)

    assert await shown(cluster, held) == ["1/1", "Running", "0"]


async def test_pod_of_a_deployment_can_become_unhealthy(cluster: ControlPlane, namespace: str) -> None:
    await cluster.apply(manifests.deployment(HELD, namespace=namespace, replicas=2))
    await cluster.kubectl("rollout", "status", f"deployment/{HELD}", "-n", namespace)
    pods = await cluster.fetch(f"/api/v1/namespaces/{namespace}/pods")

    await pod_states.put(cluster, namespace, pods["items"][0]["metadata"]["name"], pod_states.crash_looping, restarts=3)

    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{HELD}"
    await cluster.wait_for(path, lambda deployment: deployment["status"].get("readyReplicas") == 1)
