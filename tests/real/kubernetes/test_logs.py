"""The logs of a service read from a real API server, whose node serves them with the kubelet's own code."""

import asyncio
import json
import pathlib
import sys
import time

import pytest

from sandbox import processes, runbook_folder
from tests.integration.deploy import manifests as deploy_manifests
from tests.real.kubernetes import accounts, container_logs, manifests, pod_states
from tests.real.kubernetes.control_plane import ControlPlane
from tests.real.kubernetes.test_pods_events import environment_for

pytestmark = [pytest.mark.real, pytest.mark.anyio, pytest.mark.timeout(120, func_only=True)]


async def deployed(cluster: ControlPlane, namespace: str, replicas: int = 2) -> list[str]:
    await cluster.apply(manifests.deployment("pos-order", namespace=namespace, replicas=replicas))
    await cluster.kubectl("rollout", "status", "deployment/pos-order", "-n", namespace, "--timeout=30s")
    pods = (await cluster.fetch(f"/api/v1/namespaces/{namespace}/pods"))["items"]
    return sorted(pod["metadata"]["name"] for pod in pods)


def lines(*texts: str) -> list[container_logs.Line]:
    return written(*(f"2026-11-23T10:00:00.000Z  INFO 1 --- {text}" for text in texts))


def written(*texts: str) -> list[container_logs.Line]:
    return [container_logs.Line(text=text, at=time.time_ns()) for text in texts]


async def test_all_pods_are_read_and_filtered(cluster: ControlPlane, namespace: str, tmp_path: pathlib.Path) -> None:
    token = await accounts.sign_up(cluster, namespace, "posbot", rules=deploy_manifests.rules())
    environment = environment_for(cluster, namespace, token, tmp_path)
    pods = await deployed(cluster, namespace)
    for pod in pods:
        trace = [
            "2026-11-23T10:00:01Z ERROR 1 --- failed",
            "java.lang.IllegalStateException: bad",
            "\tat a.B.c(B.java:1)",
        ]
        cluster.logs.of(namespace, pod, "pos-order").write([*lines("one", "two"), *written(*trace)])

    _, everything, _ = await processes.run(environment, "logs", "order")
    code, output, complaint = await processes.run(environment, "logs", "order", "--grep", "B.java", "--output", "json")

    assert everything.count(" │ ") == 7
    assert (code, complaint) == (0, "")
    [entry] = json.loads(output)["sections"][0]["entries"]
    assert (entry["count"], entry["source"]) == (2, "2 pods")


async def test_container_waiting_for_its_restart_is_read_once(
    cluster: ControlPlane, namespace: str, tmp_path: pathlib.Path
) -> None:
    token = await accounts.sign_up(cluster, namespace, "posbot", rules=deploy_manifests.rules())
    environment = environment_for(cluster, namespace, token, tmp_path)
    [pod] = await deployed(cluster, namespace, replicas=1)
    log = cluster.logs.of(namespace, pod, "pos-order")
    log.write(lines("the first attempt"), attempt=0)
    log.write(lines("the second attempt"), attempt=1)
    await pod_states.put(cluster, namespace, pod, pod_states.crash_looping, restarts=1, ended=pod_states.OUT_OF_MEMORY)
    looping = await processes.run(environment, "logs", "order")
    await pod_states.put(cluster, namespace, pod, pod_states.running, restarts=1, ended=pod_states.OUT_OF_MEMORY)
    running = await processes.run(environment, "logs", "order")

    assert looping[1].count("attempt") == 1
    assert "terminated: OOMKilled (exit code 137), waiting for its restart" in looping[1]
    assert [running[1].count(f"the {which} attempt") for which in ("first", "second")] == [1, 1]
    assert "terminated: OOMKilled (exit code 137), restarted" in running[1]


async def test_forbidden_request_names_the_missing_rule(
    cluster: ControlPlane, namespace: str, tmp_path: pathlib.Path
) -> None:
    rules = deploy_manifests.rules_without("", "pods/log", "get")
    token = await accounts.sign_up(cluster, namespace, "posbot", rules=rules)
    environment = environment_for(cluster, namespace, token, tmp_path)
    await deployed(cluster, namespace, replicas=1)

    code, _, complaint = await processes.run(environment, "logs", "order")

    assert code == 3
    assert "Forbidden: posbot cannot get pods/log" in complaint
    assert 'resources: ["pods/log"], verbs: ["get"]' in complaint


async def test_followed_log_survives_rotation_without_loss(
    cluster: ControlPlane, namespace: str, tmp_path: pathlib.Path
) -> None:
    token = await accounts.sign_up(cluster, namespace, "posbot", rules=deploy_manifests.rules())
    environment = environment_for(cluster, namespace, token, tmp_path)
    [pod] = await deployed(cluster, namespace, replicas=1)
    log = cluster.logs.of(namespace, pod, "pos-order")
    log.write(lines("begun"))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "logs", "order", "--follow"),
        env=environment,
        cwd=runbook_folder.PROJECT,
        stdout=pipe,
        stderr=pipe,
    )
    assert process.stdout is not None
    seen: list[str] = []
    try:
        while not any("begun" in line for line in seen):
            seen.append((await asyncio.wait_for(process.stdout.readline(), 30)).decode())
        for round_ in range(20):
            log.write(lines(*(f"line {round_ * 100 + number}." for number in range(100))))
            if round_ == 10:
                log.rotate()
            while not any(f"line {round_ * 100 + 99}." in line for line in seen[-100:]):
                seen.append((await asyncio.wait_for(process.stdout.readline(), 30)).decode())
    finally:
        process.terminate()
        await process.communicate()

    numbers = [int(line.rpartition("line ")[2].rstrip(".\n")) for line in seen if "line " in line]
    assert numbers == list(range(2_000))
