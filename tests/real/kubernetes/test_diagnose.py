"""`diagnose` against a real API server and a real kubelet's logs."""

import datetime
import json
import pathlib
from typing import Any

import pytest

from sandbox import processes
from sandbox.cluster import spring_logs
from tests.integration.deploy import manifests as deploy_manifests
from tests.real.kubernetes import accounts, container_logs, manifests, pod_states
from tests.real.kubernetes.container_logs import SECOND
from tests.real.kubernetes.control_plane import ControlPlane
from tests.real.kubernetes.test_pods_events import environment_for

pytestmark = [pytest.mark.real, pytest.mark.anyio, pytest.mark.timeout(120, func_only=True)]

SERVICE = "pos-order"
START = 1_782_892_800 * SECOND
PROBE = {
    "httpGet": {"path": "/actuator/health/liveness", "port": 9007},
    "initialDelaySeconds": 10,
    "periodSeconds": 10,
    "failureThreshold": 2,
}


@pytest.fixture
async def environment(cluster: ControlPlane, namespace: str, tmp_path: pathlib.Path) -> dict[str, str]:
    """A terminal whose default environment is the namespace, seen by an account that may read what it must."""
    token = await accounts.sign_up(cluster, namespace, "posbot", rules=deploy_manifests.rules())
    return environment_for(cluster, namespace, token, tmp_path)


async def deployed(
    cluster: ControlPlane, namespace: str, *, replicas: int = 1, container: dict[str, Any] | None = None
) -> list[str]:
    """Deploy the service with more to say of its container, and give the names of its pods once they run."""
    written = manifests.deployment(SERVICE, namespace=namespace, replicas=replicas)
    written["spec"]["template"]["spec"]["containers"][0] |= container or {}
    await cluster.apply(written)
    await cluster.kubectl("rollout", "status", f"deployment/{SERVICE}", "-n", namespace, "--timeout=30s")
    pods = await cluster.fetch(f"/api/v1/namespaces/{namespace}/pods")
    return [pod["metadata"]["name"] for pod in pods["items"]]


async def asked(environment: dict[str, str]) -> tuple[int, dict[str, Any]]:
    code, output, complaint = await processes.run(environment, "diagnose", "order", "--output", "json")
    assert complaint == ""
    return code, json.loads(output)


async def note(cluster: ControlPlane, namespace: str, pod: str, reason: str, message: str) -> None:
    """Write an event of a kubelet about a pod."""
    now = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{pod}.", "namespace": namespace},
        "involvedObject": {"kind": "Pod", "name": pod, "namespace": namespace},
        "reason": reason,
        "message": message,
        "type": "Normal" if reason == "Killing" else "Warning",
        "count": 3,
        "firstTimestamp": now,
        "lastTimestamp": now,
    }
    async with cluster.client() as client:
        response = await client.post(f"/api/v1/namespaces/{namespace}/events", json=event)
    response.raise_for_status()


def written(cluster: ControlPlane, namespace: str, pod: str, lines: list[str], *, attempt: int = 0) -> None:
    log = cluster.logs.of(namespace, pod, SERVICE)
    log.write(container_logs.lines(lines, start=START), attempt=attempt)


async def test_running_service_has_started(cluster: ControlPlane, namespace: str, environment: dict[str, str]) -> None:
    await deployed(cluster, namespace, replicas=2)

    code, report = await asked(environment)

    assert (code, report["headline"]) == (0, "pos-order · sandbox: started, 2 of 2 pods ready")


async def test_missing_key_is_named(cluster: ControlPlane, namespace: str, environment: dict[str, str]) -> None:
    [pod] = await deployed(cluster, namespace)
    message = f"couldn't find key DB_PASSWORD in Secret {namespace}/pos-secrets"
    await pod_states.put(cluster, namespace, pod, pod_states.container_config_error, message=message)

    code, report = await asked(environment)

    assert (code, report["facts"]["cause"]) == (1, "config-key-missing")
    assert report["headline"].endswith("not starting: key DB_PASSWORD missing in the Secret pos-secrets")


async def test_oom_kill_shows_the_limit(cluster: ControlPlane, namespace: str, environment: dict[str, str]) -> None:
    [pod] = await deployed(cluster, namespace, container={"resources": {"limits": {"memory": "512Mi"}}})
    await pod_states.put(cluster, namespace, pod, pod_states.crash_looping, restarts=7, ended=pod_states.OUT_OF_MEMORY)

    _, report = await asked(environment)

    assert report["facts"]["causes"] == "out-of-memory"
    assert "its memory limit is 512Mi" in report["headline"]


async def test_previous_log_has_the_cause(cluster: ControlPlane, namespace: str, environment: dict[str, str]) -> None:
    pods = await deployed(cluster, namespace, replicas=3)
    for pod in pods:
        written(cluster, namespace, pod, spring_logs.database_refused(), attempt=1)
        written(cluster, namespace, pod, spring_logs.normal_start()[:12], attempt=2)
        await runs_unready(cluster, namespace, pod, restarts=2)

    _, report = await asked(environment)

    assert report["facts"]["causes"] == "database-refused"
    assert report["facts"]["affected"] == 3
    assert f"previous log of {min(pods)}" in json.dumps(report["sections"])


async def test_crash_loop_without_a_known_cause(
    cluster: ControlPlane, namespace: str, environment: dict[str, str]
) -> None:
    [pod] = await deployed(cluster, namespace)
    written(cluster, namespace, pod, ["nothing to see"], attempt=4)
    await pod_states.put(cluster, namespace, pod, pod_states.crash_looping, restarts=4)

    _, report = await asked(environment)

    assert report["facts"]["causes"] == "crash-loop"
    assert "Error (exit code 1), next restart within 5m0s" in report["headline"]


async def test_missing_image(cluster: ControlPlane, namespace: str, environment: dict[str, str]) -> None:
    [pod] = await deployed(cluster, namespace)
    await pod_states.put(cluster, namespace, pod, pod_states.image_pull_back_off)

    _, report = await asked(environment)

    assert report["facts"]["cause"] == "image-missing"
    assert "registry.test/pos/pos-order:1.0.0 not found in the registry" in report["headline"]


async def test_probe_that_fails_before_the_start(
    cluster: ControlPlane, namespace: str, environment: dict[str, str]
) -> None:
    [pod] = await deployed(cluster, namespace, container={"livenessProbe": PROBE})
    line = spring_logs.normal_start()[-1].replace("in 8.914 seconds", "in 41.2 seconds")
    written(cluster, namespace, pod, [line], attempt=2)
    await pod_states.put(
        cluster, namespace, pod, pod_states.crash_looping, restarts=2, ended={"exitCode": 143, "reason": "Error"}
    )
    await note(cluster, namespace, pod, "Killing", f"Container {SERVICE} failed liveness probe, will be restarted")

    _, report = await asked(environment)

    assert report["facts"]["causes"] == "probe-too-early"
    assert "fails after 30 s, the application takes 41 s to start" in report["headline"]


async def test_failing_probe_shows_its_response(
    cluster: ControlPlane, namespace: str, environment: dict[str, str]
) -> None:
    [pod] = await deployed(cluster, namespace)
    for attempt in (0, 1):
        written(cluster, namespace, pod, spring_logs.normal_start(), attempt=attempt)
    await runs_unready(cluster, namespace, pod, restarts=1)
    await note(cluster, namespace, pod, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")

    _, report = await asked(environment)

    assert report["facts"]["causes"] == "probe-failing"
    assert "Readiness probe failing (HTTP probe failed with statuscode: 503)" in report["headline"]


async def test_unschedulable_pod_shows_the_scheduler_message(
    cluster: ControlPlane, namespace: str, environment: dict[str, str]
) -> None:
    wanted = manifests.deployment(SERVICE, namespace=namespace)
    wanted["spec"]["template"]["spec"]["nodeSelector"] = {"disk": "gold"}
    await cluster.apply(wanted)
    await cluster.wait_for(f"/api/v1/namespaces/{namespace}/pods", is_unschedulable)

    _, report = await asked(environment)

    assert report["facts"]["cause"] == "no-matching-node"
    assert "didn't match Pod's node affinity/selector" in report["headline"]


async def test_exceeded_quota_is_named(cluster: ControlPlane, namespace: str, environment: dict[str, str]) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "pos-quota", "namespace": namespace},
        "spec": {"hard": {"pods": "0"}},
    }
    await cluster.apply(quota)
    path = f"/api/v1/namespaces/{namespace}/resourcequotas/pos-quota"
    await cluster.wait_for(path, lambda one: "hard" in one.get("status", {}))
    await cluster.apply(manifests.deployment(SERVICE, namespace=namespace))
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{SERVICE}"
    await cluster.wait_for(path, lambda one: "ReplicaFailure" in str(one.get("status", {}).get("conditions")))

    _, report = await asked(environment)

    assert report["facts"]["cause"] == "quota"
    assert "quota pos-quota of the namespace exceeded, so no pod can be created" in report["headline"]


async def test_missing_right_to_read_logs_is_shown(
    cluster: ControlPlane, namespace: str, tmp_path: pathlib.Path, environment: dict[str, str]
) -> None:
    token = await accounts.sign_up(
        cluster, namespace, "blind", rules=deploy_manifests.rules_without("", "pods/log", "get")
    )
    environment["KUBECONFIG"] = str(accounts.write_kubeconfig(cluster, token, namespace=namespace))
    [pod] = await deployed(cluster, namespace)
    await pod_states.put(cluster, namespace, pod, pod_states.crash_looping, restarts=4)

    code, report = await asked(environment)

    assert (code, report["facts"]["cause"]) == (1, "crash-loop")
    assert "pods/log" in json.dumps(report["sections"])


async def test_dump_that_kubectl_wrote_says_the_same(
    cluster: ControlPlane, namespace: str, environment: dict[str, str], tmp_path: pathlib.Path
) -> None:
    [pod] = await deployed(cluster, namespace)
    written(cluster, namespace, pod, spring_logs.database_refused(), attempt=4)
    await pod_states.put(cluster, namespace, pod, pod_states.crash_looping, restarts=4)
    _, live = await asked(environment)
    report = await dumped(cluster, namespace, environment, tmp_path / "dump")

    assert report["facts"]["cause"] == live["facts"]["cause"] == "database-refused"
    assert report["headline"] == live["headline"].replace("· sandbox:", "· dump:")


async def test_dump_that_kubectl_wrote_lacks_previous_logs(
    cluster: ControlPlane, namespace: str, environment: dict[str, str], tmp_path: pathlib.Path
) -> None:
    [pod] = await deployed(cluster, namespace)
    written(cluster, namespace, pod, spring_logs.database_refused(), attempt=1)
    written(cluster, namespace, pod, spring_logs.normal_start()[:12], attempt=2)
    await runs_unready(cluster, namespace, pod, restarts=2)

    report = await dumped(cluster, namespace, environment, tmp_path / "dump")

    assert "A cluster dump holds no previous logs." in json.dumps(report["sections"])
    assert "Starting" in json.dumps(report["sections"])


async def dumped(
    cluster: ControlPlane, namespace: str, environment: dict[str, str], folder: pathlib.Path
) -> dict[str, Any]:
    """Return the report of a dump that kubectl writes now, by a posbot without a cluster."""
    finished = await cluster.kubectl(
        "cluster-info", "dump", "--namespaces", namespace, "--output-directory", str(folder)
    )
    assert finished.code == 0, finished.err
    environment = environment | {"KUBECONFIG": "/nowhere"}
    words = ("diagnose", "order", "--dump", str(folder), "--output", "json")
    _, output, complaint = await processes.run(environment, *words)
    assert complaint == ""
    report: dict[str, Any] = json.loads(output)
    return report


async def runs_unready(cluster: ControlPlane, namespace: str, pod: str, *, restarts: int) -> None:
    """Let the containers of a pod run again, without passing their readiness probes."""
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}"
    await pod_states.put(cluster, namespace, pod, pod_states.running, restarts=restarts)
    status = (await cluster.fetch(path))["status"]
    conditions = [one | {"status": "False"} if one["type"].endswith("Ready") else one for one in status["conditions"]]
    containers = [one | {"ready": False} for one in status["containerStatuses"]]
    await cluster.set_status(path, status | {"conditions": conditions, "containerStatuses": containers})


def is_unschedulable(pods: dict[str, Any]) -> bool:
    return "Unschedulable" in str([pod["status"].get("conditions") for pod in pods["items"]])
