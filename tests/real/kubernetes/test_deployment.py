"""
What `deploy/` ships, taken by a real API server: its pods are let in, and its account can do what posbot's commands
need and nothing else.
"""

import asyncio
import contextlib
import itertools
import json
import pathlib
import sys
import time
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest

from sandbox import processes, runbook_folder
from sandbox.services import fleets
from tests.integration.deploy import manifests as deploy_manifests
from tests.real.kubernetes import accounts, container_logs, manifests, pod_states
from tests.real.kubernetes.control_plane import ControlPlane
from tests.real.kubernetes.test_pods_events import environment_for

pytestmark = [pytest.mark.real, pytest.mark.anyio, pytest.mark.timeout(180, func_only=True)]

SERVICE = "pos-order"
PODS = f"/api/v1/namespaces/{deploy_manifests.SERVICES}/pods"
METRICS = f"/apis/metrics.k8s.io/v1beta1/namespaces/{deploy_manifests.SERVICES}/pods"
LINES = (
    ("pods", "order"),
    ("events", "order"),
    ("rollout", "status", "order"),
    ("rollout", "history", "order"),
    ("rollout", "verify", "order"),
    ("logs", "order"),
    ("logs", "order", "--previous"),
    ("diagnose", "order"),
)
MISSED_BY = {
    ("", "pods", "list"): ("pods", "order"),
    ("", "pods", "watch"): ("logs", "order", "--follow"),
    ("", "pods/log", "get"): ("logs", "order"),
    ("", "events", "list"): ("events", "order"),
    ("apps", "deployments", "get"): ("rollout", "status", "order"),
    ("apps", "replicasets", "list"): ("rollout", "history", "order"),
}
USAGE = ("metrics.k8s.io", "pods", "list")
NAMES_NEAR = ("apps", "deployments", "list")


async def ship(cluster: ControlPlane, folder: pathlib.Path = deploy_manifests.KUBERNETES) -> str:
    """Apply a kustomization as its README says, and give what kubectl said."""
    built = await cluster.kubectl("kustomize", str(folder))
    assert (built.code, built.err) == (0, "")
    applied = await cluster.kubectl("apply", "--server-side", "-f", "-", standard_input=built.out)
    # Warnings would be here too: of fields that are not known, and of pods that are not restricted enough.
    assert (applied.code, applied.err) == (0, "")
    return applied.out


async def roll_out(cluster: ControlPlane, namespace: str, name: str) -> str:
    finished = await cluster.kubectl("rollout", "status", f"deployment/{name}", "-n", namespace, "--timeout=60s")
    return finished.out + finished.err


@pytest.fixture(scope="module")
async def token(shared_cluster: ControlPlane) -> str:
    """Of the account that posbot has in a cluster in which a service runs and was started again once."""
    cluster = shared_cluster
    await cluster.add_namespace(deploy_manifests.SERVICES)
    await cluster.apply(manifests.volume("posbot-state"), manifests.metrics_api())
    await ship(cluster)
    await cluster.apply(manifests.deployment(SERVICE, namespace=deploy_manifests.SERVICES, replicas=2))
    await roll_out(cluster, deploy_manifests.SERVICES, SERVICE)
    await cluster.wait_for(METRICS, lambda _: True)
    pods = (await cluster.fetch(PODS))["items"]
    for pod in pods:
        name = pod["metadata"]["name"]
        for attempt in range(2):
            line = container_logs.Line(text=f"attempt {attempt} said", at=time.time_ns())
            cluster.logs.of(deploy_manifests.SERVICES, name, SERVICE).write([line], attempt=attempt)
        await pod_states.put(cluster, deploy_manifests.SERVICES, name, pod_states.running, restarts=1)
    await cluster.apply(*(manifests.pod_metrics(pod, cpu="12m", memory="300Mi") for pod in pods))
    token = await accounts.make_token(cluster, deploy_manifests.NAMESPACE, deploy_manifests.ACCOUNT)
    await accounts.wait_for_rights(cluster, token, deploy_manifests.SERVICES, deploy_manifests.rules())
    return token


@pytest.fixture
async def environment(cluster: ControlPlane, token: str, tmp_path: pathlib.Path) -> AsyncIterator[dict[str, str]]:
    async with fleets.running([SERVICE]) as fleet:
        ports = fleet.ports
        yield environment_for(cluster, deploy_manifests.SERVICES, token, tmp_path, ports=ports)


@contextlib.asynccontextmanager
async def following(environment: dict[str, str]) -> AsyncIterator[asyncio.StreamReader]:
    """Follow the service's logs in a terminal; give what is said, errors among it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "logs", "order", "--follow"),
        env=environment,
        cwd=runbook_folder.PROJECT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


async def read_until(output: asyncio.StreamReader, *texts: str) -> str:
    """Return the output up to the line with the last of these texts."""
    said = ""
    async with asyncio.timeout(30):
        while not all(text in said for text in texts):
            line = await output.readline()
            if not line:
                raise AssertionError(f"it ended without {texts}: {said}")
            said += line.decode()
    return said


async def sent(cluster: ControlPlane, token: str, method: str, path: str) -> httpx.Response:
    async with cluster.client(token) as client:
        return await client.request(method, path)


async def test_pod_is_admitted_and_gets_its_volume(cluster: ControlPlane, token: str) -> None:
    await ship(cluster)

    said = await roll_out(cluster, deploy_manifests.NAMESPACE, "posbot")

    claim = await cluster.fetch(f"/api/v1/namespaces/{deploy_manifests.NAMESPACE}/persistentvolumeclaims/posbot-state")
    [pod] = (await cluster.fetch(f"/api/v1/namespaces/{deploy_manifests.NAMESPACE}/pods"))["items"]
    assert 'deployment "posbot" successfully rolled out' in said
    assert claim["status"]["phase"] == "Bound"
    assert pod["spec"]["serviceAccountName"] == deploy_manifests.ACCOUNT
    assert any("serviceAccountToken" in str(volume) for volume in pod["spec"]["volumes"])


async def test_privileged_pod_is_rejected(cluster: ControlPlane, token: str) -> None:
    bad = manifests.pod("sloppy", namespace=deploy_manifests.NAMESPACE)

    finished = await cluster.kubectl("apply", "-f", "-", standard_input=json.dumps(bad))

    assert finished.code == 1 and 'violates PodSecurity "restricted:latest"' in finished.err


async def test_overlay_has_two_replicas_without_a_volume(cluster: ControlPlane, token: str) -> None:
    await ship(cluster, deploy_manifests.POSTGRESQL)

    said = await roll_out(cluster, deploy_manifests.NAMESPACE, "posbot")

    path = f"/api/v1/namespaces/{deploy_manifests.NAMESPACE}/pods"
    pods = (await cluster.wait_for(path, lambda pods: len(pods["items"]) == 2))["items"]
    budgets = f"/apis/policy/v1/namespaces/{deploy_manifests.NAMESPACE}/poddisruptionbudgets/posbot"
    assert 'deployment "posbot" successfully rolled out' in said
    assert {pod["spec"]["nodeName"] for pod in pods} == set(manifests.NODES)
    assert not any("persistentVolumeClaim" in str(pod["spec"]["volumes"]) for pod in pods)
    assert all("DATABASE_URL" in str(pod["spec"]["containers"][0]["env"]) for pod in pods)
    await cluster.wait_for(budgets, lambda budget: budget.get("status", {}).get("disruptionsAllowed") == 1)


async def test_account_may_do_only_what_its_role_allows(cluster: ControlPlane, token: str) -> None:
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview"}
    async with cluster.client(token) as client:
        path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
        response = await client.post(path, json=review | {"spec": {"namespace": deploy_manifests.SERVICES}})

    found = response.json()["status"]["resourceRules"]
    about_itself = {"authorization.k8s.io", "authentication.k8s.io", "certificates.k8s.io"}
    rights = {
        each
        for rule in found
        if not set(rule["apiGroups"]) <= about_itself
        for each in itertools.product(rule["apiGroups"], rule["resources"], rule["verbs"])
    }
    assert rights == set(deploy_manifests.rights())


async def test_account_may_not_read_secrets_or_write_or_leave_its_namespace(cluster: ControlPlane, token: str) -> None:
    await cluster.apply(
        manifests.secret("pos-secrets", namespace=deploy_manifests.SERVICES, values={"DB_PASSWORD": "hidden"})
    )
    pod = (await cluster.fetch(PODS))["items"][0]["metadata"]["name"]
    own = f"/api/v1/namespaces/{deploy_manifests.SERVICES}"
    refused = (
        ("GET", f"{own}/secrets/pos-secrets"),
        ("GET", f"{own}/secrets"),
        ("GET", f"{own}/configmaps"),
        ("GET", f"{own}/pods/{pod}"),
        ("DELETE", f"{own}/pods/{pod}"),
        ("POST", f"{own}/pods/{pod}/exec?command=id"),
        ("PATCH", f"/apis/apps/v1/namespaces/{deploy_manifests.SERVICES}/deployments/{SERVICE}"),
        ("GET", "/api/v1/namespaces/kube-system/pods"),
        ("GET", f"/api/v1/namespaces/{deploy_manifests.NAMESPACE}/pods"),
        ("GET", "/api/v1/pods"),
        ("GET", f"/api/v1/namespaces/{deploy_manifests.NAMESPACE}/secrets/posbot-slack"),
    )

    codes = [(await sent(cluster, token, method, path)).status_code for method, path in refused]

    assert dict(zip(refused, codes, strict=True)) == dict.fromkeys(refused, 403)
    assert (await sent(cluster, token, "GET", PODS)).status_code == 200


@pytest.mark.parametrize("words", LINES, ids=" ".join)
async def test_every_command_works_as_the_account(environment: dict[str, str], words: Sequence[str]) -> None:
    code, output, complaint = await processes.run(environment, *words, "--output", "json")

    assert complaint == ""
    assert code in {0, 1}
    assert "Forbidden" not in output
    assert json.loads(output)["facts"]["service"] == SERVICE


async def test_account_reads_logs_before_and_after_a_restart(environment: dict[str, str]) -> None:
    _, both, _ = await processes.run(environment, "logs", "order")
    _, previous, _ = await processes.run(environment, "logs", "order", "--previous")

    assert (both.count("attempt 0 said"), both.count("attempt 1 said")) == (2, 2)
    assert (previous.count("attempt 0 said"), previous.count("attempt 1 said")) == (2, 0)


async def test_account_follows_a_log(cluster: ControlPlane, environment: dict[str, str]) -> None:
    pod = (await cluster.fetch(PODS))["items"][0]["metadata"]["name"]
    log = cluster.logs.of(deploy_manifests.SERVICES, pod, SERVICE)

    async with following(environment) as output:
        await read_until(output, "attempt 1 said")
        log.write([container_logs.Line(text="something new", at=time.time_ns())], attempt=1)
        said = await read_until(output, "something new")

    assert "Forbidden" not in said


async def test_account_reads_pod_metrics(environment: dict[str, str]) -> None:
    _, output, _ = await processes.run(environment, "pods", "order", "--output", "json")

    table = json.loads(output)["sections"][0]
    assert table["columns"][-1] == "usage"
    assert all("12m" in row["cells"][-1] and "300Mi" in row["cells"][-1] for row in table["rows"])


def test_each_rule_of_the_role_has_a_test_without_it() -> None:
    assert {*MISSED_BY, USAGE, NAMES_NEAR} == set(deploy_manifests.rights())


@pytest.mark.parametrize("right", MISSED_BY, ids=lambda right: f"{right[2]} {right[1]}")
async def test_missing_rule_is_reported_with_the_rule_to_add(
    cluster: ControlPlane, namespace: str, tmp_path: pathlib.Path, right: tuple[str, str, str]
) -> None:
    group, resource, verb = right
    token = await accounts.sign_up(cluster, namespace, "posbot", rules=deploy_manifests.rules_without(*right))
    environment = environment_for(cluster, namespace, token, tmp_path)
    await cluster.apply(manifests.deployment(SERVICE, namespace=namespace))
    await roll_out(cluster, namespace, SERVICE)

    said = await told(environment, MISSED_BY[right])

    assert f"Forbidden: posbot cannot {verb} {resource} in namespace {namespace}" in said
    assert f'Role: {{apiGroups: ["{group}"], resources: ["{resource}"], verbs: ["{verb}"]}}' in said


async def test_missing_deployment_is_reported_without_the_right_to_list(
    cluster: ControlPlane, namespace: str, tmp_path: pathlib.Path
) -> None:
    token = await accounts.sign_up(cluster, namespace, "posbot", rules=deploy_manifests.rules_without(*NAMES_NEAR))

    said = await told(environment_for(cluster, namespace, token, tmp_path), ("pods", "price"))

    assert f"There is no deployment called “pos-price” in namespace {namespace}" in said


async def test_pods_are_shown_without_forbidden_metrics(
    cluster: ControlPlane, token: str, namespace: str, tmp_path: pathlib.Path
) -> None:
    blind = await accounts.sign_up(cluster, namespace, "posbot", rules=deploy_manifests.rules_without(*USAGE))
    environment = environment_for(cluster, namespace, blind, tmp_path)
    await cluster.apply(manifests.deployment(SERVICE, namespace=namespace))
    await roll_out(cluster, namespace, SERVICE)

    code, output, complaint = await processes.run(environment, "pods", "order", "--output", "json")

    assert (code, complaint) == (0, "")
    assert "usage" not in json.loads(output)["sections"][0]["columns"]


async def told(environment: dict[str, str], words: Sequence[str]) -> str:
    if "--follow" in words:
        async with following(environment) as output:
            return await read_until(output, "Forbidden", "Add this rule to")
    _, output, complaint = await processes.run(environment, *words)
    return output + complaint
