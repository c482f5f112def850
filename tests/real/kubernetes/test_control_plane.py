"""
The cluster does what a cluster does: it rolls out, schedules, and refuses those who may not.
"""

import json

import httpx
import pytest

from tests.real.kubernetes import accounts, manifests
from tests.real.kubernetes.control_plane import ControlPlane, Finished

READ_PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
READ_LOGS = {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}

pytestmark = [pytest.mark.real, pytest.mark.anyio, pytest.mark.timeout(120, func_only=True)]


def pods_of(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


async def get(cluster: ControlPlane, path: str, *, token: str) -> httpx.Response:
    async with cluster.client(token) as client:
        return await client.get(path)


async def test_servers_report_their_version(cluster: ControlPlane) -> None:
    version = await cluster.fetch("/version")
    finished = await cluster.kubectl("version", "--output=json")

    versions = json.loads(finished.out)
    assert version["gitVersion"] == cluster.build.kubernetes_version
    assert versions["clientVersion"]["gitVersion"] == versions["serverVersion"]["gitVersion"] == version["gitVersion"]


async def test_deployment_creates_pods_that_become_ready(cluster: ControlPlane, namespace: str) -> None:
    await cluster.apply(manifests.deployment("pos-order", namespace=namespace, replicas=3))

    finished = await cluster.kubectl("rollout", "status", "deployment/pos-order", "-n", namespace, "--timeout=30s")

    pods = (await cluster.fetch(pods_of(namespace), labelSelector="app=pos-order"))["items"]
    assert finished == Finished(code=0, out=finished.out, err="")
    assert finished.out.endswith('deployment "pos-order" successfully rolled out\n')
    assert [pod["status"]["phase"] for pod in pods] == ["Running"] * 3
    assert {pod["spec"]["nodeName"] for pod in pods} <= set(manifests.NODES)


async def test_restart_replaces_the_pods(cluster: ControlPlane, namespace: str) -> None:
    await cluster.apply(manifests.deployment("pos-order", namespace=namespace, replicas=2))
    await cluster.kubectl("rollout", "status", "deployment/pos-order", "-n", namespace)
    before = {pod["metadata"]["uid"] for pod in (await cluster.fetch(pods_of(namespace)))["items"]}

    await cluster.kubectl("rollout", "restart", "deployment/pos-order", "-n", namespace)
    await cluster.kubectl("rollout", "status", "deployment/pos-order", "-n", namespace)

    after = await cluster.wait_for(pods_of(namespace), lambda pods: len(pods["items"]) == 2)
    assert before.isdisjoint(pod["metadata"]["uid"] for pod in after["items"])


async def test_unschedulable_pod_stays_pending_with_the_reason(cluster: ControlPlane, namespace: str) -> None:
    await cluster.apply(manifests.pod("picky", namespace=namespace, nodeSelector={"disk": "gold"}))

    events = await cluster.wait_for(f"/api/v1/namespaces/{namespace}/events", lambda events: bool(events["items"]))

    [event] = events["items"]
    assert event["reason"] == "FailedScheduling"
    assert event["message"].startswith("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.")
    assert (await cluster.fetch(f"{pods_of(namespace)}/picky"))["status"]["phase"] == "Pending"


async def test_service_account_may_do_only_what_its_role_allows(cluster: ControlPlane, namespace: str) -> None:
    await cluster.apply(manifests.secret("token", namespace=namespace, values={"value": "hidden"}))
    token = await accounts.sign_up(cluster, namespace, "posbot", rules=[READ_PODS, READ_LOGS])

    pods, secret, elsewhere = [
        await get(cluster, path, token=token)
        for path in (pods_of(namespace), f"/api/v1/namespaces/{namespace}/secrets/token", pods_of("kube-system"))
    ]

    user = f'User "system:serviceaccount:{namespace}:posbot"'
    assert pods.status_code == 200
    assert secret.status_code == elsewhere.status_code == 403
    assert secret.json()["message"] == (
        f'secrets "token" is forbidden: {user} cannot get resource "secrets" in API group ""'
        f' in the namespace "{namespace}"'
    )
    assert elsewhere.json()["message"] == (
        f'pods is forbidden: {user} cannot list resource "pods" in API group "" in the namespace "kube-system"'
    )


async def test_service_account_without_a_role_may_not_read_logs(cluster: ControlPlane, namespace: str) -> None:
    token = await accounts.sign_up(cluster, namespace, "nobody")
    kubeconfig = accounts.write_kubeconfig(cluster, token, namespace=namespace)

    response = await get(cluster, f"{pods_of(namespace)}/pos-order/log", token=token)
    finished = await cluster.kubectl("logs", "pos-order", kubeconfig=kubeconfig)

    assert response.status_code == 403
    assert response.json()["message"] == (
        f'pods "pos-order" is forbidden: User "system:serviceaccount:{namespace}:nobody"'
        f' cannot get resource "pods/log" in API group "" in the namespace "{namespace}"'
    )
    assert (finished.code, finished.out) == (1, "")
    assert finished.err.startswith("Error from server (Forbidden): ")


async def test_expired_token_is_rejected(cluster: ControlPlane, namespace: str) -> None:
    token = await accounts.sign_up(cluster, namespace, "posbot", rules=[READ_PODS])
    path = pods_of(namespace)

    valid, expired, forged = [
        await get(cluster, path, token=each)
        for each in (token, accounts.expired(cluster, token), f"{token[:-8]}AAAAAAAA")
    ]

    assert valid.status_code == 200
    assert expired.status_code == forged.status_code == 401
    assert expired.json()["message"] == forged.json()["message"] == "Unauthorized"


async def test_forged_token_is_rejected(cluster: ControlPlane, namespace: str) -> None:
    kubeconfig = accounts.write_kubeconfig(cluster, "made-up", namespace=namespace)

    finished = await cluster.kubectl("get", "pods", kubeconfig=kubeconfig)

    assert (finished.code, finished.out) == (1, "")
    assert finished.err.endswith("You must be logged in to the server (Unauthorized)\n")
