"""
The sandboxed API server knows who asks, refuses what no role allows, and fails when it is told to.
"""

import asyncio
import json
import pathlib
import ssl

import httpx
import pytest

from sandbox import cluster
from sandbox.cluster.state import accounts
from sandbox.services.states import Listener
from tests import plain_http
from tests.integration.sandbox.cluster_client import DEPLOYMENTS, PODS, SECRETS, fetch

pytestmark = pytest.mark.anyio


@pytest.fixture
async def kube(kube: cluster.Cluster) -> cluster.Cluster:
    await kube.deploys("pos-order", replicas=3)
    await kube.deploys("pos-price", replicas=2)
    return kube


async def test_token_that_is_unknown_or_expired_is_not_accepted(kube: cluster.Cluster) -> None:
    assert (await fetch(kube, PODS, token="nobody's")).status_code == 401

    kube.expires(cluster.BOT_TOKEN)
    expired = await fetch(kube, PODS)
    assert (expired.status_code, expired.json()["message"]) == (401, "Unauthorized")

    kube.renews(cluster.BOT_TOKEN)
    assert (await fetch(kube, PODS)).status_code == 200


async def test_stranger_may_read_version_and_nothing_else(kube: cluster.Cluster) -> None:
    assert (await fetch(kube, "/version", token=None)).status_code == 200
    assert 'User "system:anonymous"' in (await fetch(kube, PODS, token=None)).json()["message"]
    assert (await fetch(kube, "/apis", token=None)).json()["message"] == (
        'forbidden: User "system:anonymous" cannot get path "/apis"'
    )


async def test_bot_may_not_see_secrets_and_administrator_may(kube: cluster.Cluster) -> None:
    refused = await fetch(kube, f"{SECRETS}/pos-secrets")

    assert refused.status_code == 403
    assert refused.json()["message"] == (
        'secrets "pos-secrets" is forbidden: User "system:serviceaccount:positivity:posbot" cannot get resource '
        '"secrets" in API group "" in the namespace "positivity"'
    )
    assert (await fetch(kube, f"{SECRETS.replace('secrets', 'configmaps')}/pos-config")).status_code == 200
    assert (await fetch(kube, f"{SECRETS}/pos-secrets", token=cluster.ADMIN_TOKEN)).status_code == 200


async def test_rights_are_given_and_taken_per_token(kube: cluster.Cluster) -> None:
    path = f"{PODS}/{kube.deployments['pos-order'].pods[0].name}/log"

    kube.forbids(cluster.BOT_TOKEN, "get", "pods/log")
    refused = await fetch(kube, path)
    kube.allows(cluster.BOT_TOKEN, "get", "pods/log")

    assert 'cannot get resource "pods/log" in API group ""' in refused.json()["message"]
    assert (await fetch(kube, path)).status_code == 200
    assert (await fetch(kube, "/api/v1/pods")).json()["message"].endswith("at the cluster scope")


async def test_role_of_another_namespace_is_worth_nothing_here(kube: cluster.Cluster) -> None:
    kube.adds_namespace("elsewhere")
    kube.admits("their-token", rules=accounts.EVERYTHING, namespace="elsewhere")

    assert (await fetch(kube, PODS, token="their-token")).status_code == 403
    assert (await fetch(kube, PODS.replace("positivity", "elsewhere"), token="their-token")).status_code == 200


async def test_writing_is_not_served(kube: cluster.Cluster) -> None:
    url = f"{kube.url}{PODS}/{kube.deployments['pos-order'].pods[0].name}"
    async with plain_http.client() as client:
        refused = await client.delete(url, headers={"Authorization": f"Bearer {cluster.BOT_TOKEN}"})
        missing = await client.delete(url, headers={"Authorization": f"Bearer {cluster.ADMIN_TOKEN}"})

    assert refused.status_code == 403
    assert (missing.status_code, missing.json()["reason"]) == (405, "MethodNotAllowed")


async def test_troubles_happen_as_often_as_planned(kube: cluster.Cluster) -> None:
    kube.faults.too_many_requests("pods", retry_after_seconds=2)
    kube.faults.unavailable("pods")
    kube.faults.fails("deployments")
    kube.faults.bad_gateway("pods")

    answers = [await fetch(kube, PODS) for _ in range(4)]
    failed = await fetch(kube, DEPLOYMENTS)

    assert [answer.status_code for answer in answers] == [429, 503, 502, 200]
    assert answers[0].headers["retry-after"] == "2"
    assert answers[0].text == "Too many requests, please try again later.\n"
    assert "retry-after" not in answers[1].headers
    assert answers[2].text.startswith("<html>")
    assert failed.json()["message"] == "etcdserver: request timed out"
    assert kube.faults.planned == ()


async def test_answer_can_be_late_or_never_come(kube: cluster.Cluster) -> None:
    kube.faults.slow(seconds=0.05)
    assert (await fetch(kube, PODS)).elapsed.total_seconds() >= 0.05

    kube.faults.hangs("pods")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await fetch(kube, PODS)


async def test_connection_can_be_dropped_or_refused(kube: cluster.Cluster) -> None:
    url = kube.url
    kube.faults.drops("pods")
    with pytest.raises(httpx.RemoteProtocolError):
        await fetch(kube, PODS)

    await kube.stops()
    with pytest.raises(httpx.ConnectError):
        await fetch(kube, PODS)

    await kube.starts()
    assert kube.url == url
    assert len((await fetch(kube, PODS)).json()["items"]) == 5


async def test_over_tls_only_own_authority_is_trusted() -> None:
    async with cluster.running(listener=Listener.TLS) as kube:
        trusting = ssl.create_default_context(cadata=kube.authority.decode())
        async with httpx.AsyncClient(verify=trusting, trust_env=False) as client:
            assert (await client.get(f"{kube.url}/version")).status_code == 200
            await kube.starts(Listener.TLS_EXPIRED)
            with pytest.raises(httpx.ConnectError, match="expired"):
                await client.get(f"{kube.url}/version")


async def test_requests_are_recorded_without_tokens(kube: cluster.Cluster) -> None:
    await fetch(kube, PODS, labelSelector="app=x")

    (request,) = kube.requests
    assert (request.method, request.path, request.query) == ("GET", PODS, {"labelSelector": "app=x"})
    assert "authorization" not in request.headers


async def test_one_kubeconfig_holds_several_clusters(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "config"
    async with cluster.running() as staging, cluster.running(namespace="pos-prod", listener=Listener.TLS) as prod:
        staging.kubeconfig(path)
        prod.kubeconfig(path, context="prod", token=cluster.ADMIN_TOKEN)

        config = json.loads(path.read_text())

        assert {one["name"]: one["cluster"]["server"] for one in config["clusters"]} == {
            "staging": staging.url,
            "prod": prod.url,
        }
        assert config["contexts"][1]["context"] == {"cluster": "prod", "user": "prod", "namespace": "pos-prod"}
        assert path.stat().st_mode & 0o077 == 0
