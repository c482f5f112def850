"""`pods` and `events` in a terminal, against the sandbox cluster's API."""

import asyncio
import json
import pathlib

import pytest
import yaml

from bot.kubernetes import workloads
from sandbox import cluster, processes, runbook_folder
from sandbox.cluster.state import events
from tests import cli_runner

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_pods_lists_the_pods_of_a_healthy_service(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", image="registry.example/pos-order:1.4.2")

    code, output, complaint = await processes.run(environment, "pods", "order")

    assert (code, complaint) == (0, "")
    assert "pos-order · staging: 3 of 3 pods ready" in output
    assert all(pod.name in output for pod in order.pods)
    assert "registry.example/pos-order:1.4.2" in output


async def test_pods_shows_the_last_termination(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order")
    order.pods[0].crash_loops(exit_code=137, reason="OOMKilled", times=6)

    code, output, _ = await cli_runner.run(environment, "pods", "pos-order", "--output", "json")

    report = json.loads(output)
    row = next(row for row in report["sections"][0]["rows"] if row["cells"][0] == order.pods[0].name)
    assert code == 1
    assert report["facts"]["ready"] == 2
    assert row["cells"][1] == "CrashLoopBackOff"
    assert row["cells"][4].startswith("OOMKilled (137)")


async def test_unschedulable_pod_shows_the_scheduler_message(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].is_unschedulable("0/3 nodes are available: 3 Insufficient cpu.")

    code, output, _ = await cli_runner.run(environment, "pods", "pos-order")

    assert code == 1
    assert "0 of 1 pods ready" in output
    assert "3 Insufficient cpu" in output


async def test_events_lists_warnings_first(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order")
    order.pods[0].misses_config(kind="secretKeyRef", name="pos-secrets", key="DB_URL")

    code, output, _ = await cli_runner.run(environment, "events", "order", "--output", "json")

    report = json.loads(output)
    rows = report["sections"][0]["rows"]
    assert code == 1
    assert report["facts"]["warnings"] >= 1
    assert [row["verdict"] for row in rows] == sorted((row["verdict"] for row in rows), key=["warning", "ok"].index)
    assert any("DB_URL" in cell or "pos-secrets" in cell for cell in rows[0]["cells"])


async def test_forbidden_request_names_the_missing_rule(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    await kube.deploys("pos-order")
    kube.forbids(cluster.BOT_TOKEN, "list", "pods")

    code, _, complaint = await cli_runner.run(environment, "pods", "pos-order")

    assert code == 3
    assert "Forbidden: posbot cannot list pods in namespace positivity." in complaint
    assert 'resources: ["pods"], verbs: ["list"]' in complaint
    assert "serviceaccount" not in complaint


async def test_expired_token_is_reported_as_unauthorized(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    kube.expires(cluster.BOT_TOKEN)

    code, _, complaint = await cli_runner.run(environment, "pods", "pos-order")

    assert code == 3
    assert "Unauthorized: the API server does not accept posbot's credentials (401)." in complaint


async def test_missing_deployment_suggests_similar_names(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    await kube.deploys("pos-orders")

    code, _, complaint = await cli_runner.run(environment, "events", "pos-order")

    assert code == 3
    assert "There is no deployment called “pos-order” in namespace positivity. Did you mean “pos-orders”?" in complaint


async def test_unreachable_or_overloaded_api_server_is_named(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    kube.faults.too_many_requests("", retry_after_seconds=0, times=50)
    overloaded = await cli_runner.run(environment, "pods", "pos-order")
    await kube.stops()
    unreachable = await cli_runner.run(environment, "pods", "pos-order")

    assert overloaded[0] == unreachable[0] == 3
    assert "The API server is overloaded (too many requests)." in overloaded[2]
    assert f"The API server is unreachable: {kube.url.partition('//')[2]}." in unreachable[2]


async def test_missing_context_is_named(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    code, _, complaint = await cli_runner.run(environment, "pods", "pos-order", "--env", "prod")

    assert code == 3
    assert "context “prod” does not exist in the kubeconfig" in complaint


async def test_each_environment_uses_its_own_cluster_and_namespace(
    kube: cluster.Cluster, environment: dict[str, str], tmp_path: pathlib.Path
) -> None:
    await kube.deploys("pos-order", replicas=2)
    async with cluster.running(namespace="elsewhere") as other:
        other.kubeconfig(tmp_path / "kubeconfig", context="prod")
        environments = tmp_path / "runbook_data" / "environments.yaml"
        content = yaml.safe_load(environments.read_text())["environments"]
        content["prod"]["namespace"] = "elsewhere"
        runbook_folder.change(environments, environments=content)
        await other.deploys("pos-order", replicas=5)

        here = await cli_runner.run(environment, "pods", "order", "--env", "staging")
        there = await cli_runner.run(environment, "pods", "order", "--env", "prod")

    assert "pos-order · staging: 2 of 2 pods ready" in here[1]
    assert "pos-order · prod: 5 of 5 pods ready" in there[1]


async def test_expired_continue_token_restarts_the_list(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    for number in range(workloads.PAGE_SIZE + 1):
        kube.notes(order.pods[0].document, events.EventSpec(reason=f"Reason{number}", message="is one of many"))

    async def forget() -> None:
        await kube.waits_for_request(lambda request: "continue" in request.query)
        kube.faults.forgets_history()

    # The first page comes at once, the second only after its continue token has expired.
    kube.faults.slow("events", seconds=0)
    kube.faults.slow("events", seconds=0.5)
    async with asyncio.TaskGroup() as group:
        group.create_task(forget())
        answer = group.create_task(cli_runner.run(environment, "events", "order", "--limit", "3"))

    assert (answer.result()[0], answer.result()[2]) == (0, "")
    assert "is one of many" in answer.result()[1]
    pages = [request for request in kube.requests if request.path.endswith("/events")]
    assert ["continue" in page.query for page in pages] == [False, True, False, True]


async def test_missing_deployment_is_reported_without_the_right_to_list(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    kube.forbids(cluster.BOT_TOKEN, "list", "deployments")

    code, _, complaint = await cli_runner.run(environment, "pods", "order")

    assert code == 3
    assert "There is no deployment called “pos-order” in namespace positivity." in complaint


async def test_missing_credentials_are_not_reported_as_a_missing_rule(
    kube: cluster.Cluster, environment: dict[str, str], tmp_path: pathlib.Path
) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    content = json.loads(kubeconfig.read_text())
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "false", "interactiveMode": "Never"}
    content["users"][0]["user"] = {"exec": plugin}
    kubeconfig.write_text(json.dumps(content))

    code, _, complaint = await cli_runner.run(environment, "pods", "order")

    assert code == 3
    assert "posbot sent neither a token nor a certificate" in complaint
    assert "Role" not in complaint
