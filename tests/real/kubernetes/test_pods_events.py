"""posbot against a real API server, under an account that may read what its commands need and nothing else."""

import pathlib
import types
from collections.abc import Mapping

import pytest
import yaml

from sandbox import processes, runbook_folder
from tests.integration.deploy import manifests as deploy_manifests
from tests.real.kubernetes import accounts, manifests, pod_states
from tests.real.kubernetes.control_plane import ControlPlane

pytestmark = [pytest.mark.real, pytest.mark.anyio, pytest.mark.timeout(120, func_only=True)]

NOTHING_RUNS: Mapping[str, int] = types.MappingProxyType({})


def environment_for(
    cluster: ControlPlane, namespace: str, token: str, home: pathlib.Path, *, ports: Mapping[str, int] = NOTHING_RUNS
) -> dict[str, str]:
    """A terminal whose staging is *namespace* of the cluster, seen with *token*; *ports* are those of its services."""
    runbook_folder.write(home / "runbook_data", ports)
    path = home / "runbook_data" / "environments.yaml"
    environments = yaml.safe_load(path.read_text())
    environments["environments"]["sandbox"]["namespace"] = namespace
    runbook_folder.change(path, environments=environments["environments"])
    return {
        **processes.plain_environment(home),
        "POSBOT_RUNBOOK_DATA": str(home / "runbook_data"),
        "DATABASE_URL": f"sqlite:///{home}/posbot.db",
        "KUBECONFIG": str(accounts.write_kubeconfig(cluster, token, namespace=namespace)),
    }


async def test_pods_and_events_need_only_read_access(
    cluster: ControlPlane, namespace: str, tmp_path: pathlib.Path
) -> None:
    token = await accounts.sign_up(cluster, namespace, "posbot", rules=deploy_manifests.rules())
    environment = environment_for(cluster, namespace, token, tmp_path)
    await cluster.apply(manifests.deployment("pos-order", namespace=namespace, replicas=2))
    await cluster.kubectl("rollout", "status", "deployment/pos-order", "-n", namespace, "--timeout=30s")

    pods = await processes.run(environment, "pods", "order")
    events = await processes.run(environment, "events", "order")

    assert (pods[0], pods[2]) == (0, "")
    assert "pos-order · sandbox: 2 of 2 pods ready" in pods[1]
    assert (events[0], events[2]) == (0, "")
    assert "ScalingReplicaSet" in events[1]


async def test_crash_loop_shows_the_last_termination(
    cluster: ControlPlane, namespace: str, tmp_path: pathlib.Path
) -> None:
    token = await accounts.sign_up(cluster, namespace, "posbot", rules=deploy_manifests.rules())
    environment = environment_for(cluster, namespace, token, tmp_path)
    await cluster.apply(manifests.deployment("pos-order", namespace=namespace, replicas=1))
    await cluster.kubectl("rollout", "status", "deployment/pos-order", "-n", namespace, "--timeout=30s")
    [pod] = (await cluster.fetch(f"/api/v1/namespaces/{namespace}/pods"))["items"]
    looping = pod_states.crash_looping
    await pod_states.put(
        cluster, namespace, pod["metadata"]["name"], looping, restarts=7, ended=pod_states.OUT_OF_MEMORY
    )

    code, output, _ = await processes.run(environment, "pods", "pos-order")

    assert code == 1
    assert "CrashLoopBackOff" in output
    assert "OOMKilled (137)" in output


async def test_forbidden_request_names_the_missing_rule(
    cluster: ControlPlane, namespace: str, tmp_path: pathlib.Path
) -> None:
    token = await accounts.sign_up(cluster, namespace, "stranger")
    environment = environment_for(cluster, namespace, token, tmp_path)

    code, _, complaint = await processes.run(environment, "pods", "pos-order")

    assert code == 3
    assert f"Forbidden: posbot cannot get deployments in namespace {namespace}." in complaint
    assert 'apiGroups: ["apps"], resources: ["deployments"], verbs: ["get"]' in complaint


async def test_expired_token_differs_from_a_missing_rule(
    cluster: ControlPlane, namespace: str, tmp_path: pathlib.Path
) -> None:
    token = await accounts.sign_up(cluster, namespace, "posbot", rules=deploy_manifests.rules())
    environment = environment_for(cluster, namespace, accounts.expired(cluster, token), tmp_path)

    code, _, complaint = await processes.run(environment, "pods", "pos-order")

    assert code == 3
    assert "Unauthorized: the API server does not accept posbot's credentials (401)." in complaint
