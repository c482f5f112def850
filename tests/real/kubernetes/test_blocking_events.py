"""What the controllers of a real cluster leave behind: warnings that are over, and pods of a node that is lost."""

import asyncio
import pathlib
from collections.abc import Mapping

import pytest

from sandbox import processes
from tests.integration.deploy import manifests as deploy_manifests
from tests.real.kubernetes import accounts, manifests
from tests.real.kubernetes.control_plane import ControlPlane
from tests.real.kubernetes.test_pods_events import environment_for

pytestmark = [pytest.mark.real, pytest.mark.anyio, pytest.mark.timeout(240, func_only=True)]

NODE_LOST_SECONDS = 150
"""The node lifecycle controller waits 50 s for a heartbeat, and looks every 5 s."""


async def terminal(cluster: ControlPlane, namespace: str, home: pathlib.Path) -> Mapping[str, str]:
    token = await accounts.sign_up(cluster, namespace, "posbot", rules=deploy_manifests.rules())
    return environment_for(cluster, namespace, token, home)


async def until_shown(environment: Mapping[str, str], text: str, *words: str, within_seconds: float) -> str:
    """Return the first output of a command line that has *text*."""
    async with asyncio.timeout(within_seconds):
        while True:
            _, output, _ = await processes.run(environment, *words)
            if text in output:
                return output
            await asyncio.sleep(0.5)


async def test_service_account_that_came_late_blocks_nothing(
    cluster: ControlPlane, namespace: str, tmp_path: pathlib.Path
) -> None:
    environment = await terminal(cluster, namespace, tmp_path)
    document = manifests.deployment("pos-order", namespace=namespace, replicas=2)
    document["spec"]["template"]["spec"]["serviceAccountName"] = "pos-order"
    await cluster.apply(document)

    await until_shown(environment, "FailedCreate", "rollout", "status", "order", within_seconds=30)
    await cluster.kubectl("create", "serviceaccount", "pos-order", "-n", namespace)
    await cluster.kubectl("rollout", "status", "deployment/pos-order", "-n", namespace, "--timeout=60s")
    _, output, _ = await processes.run(environment, "rollout", "verify", "order")
    _, events, _ = await processes.run(environment, "events", "order")

    assert "FailedCreate" in events
    assert "no open warnings since the rollout began (1 resolved)" in output
    assert "Not ready because" not in output


async def test_pods_of_a_lost_node_say_that_it_is_not_ready(
    cluster: ControlPlane, namespace: str, tmp_path: pathlib.Path
) -> None:
    environment = await terminal(cluster, namespace, tmp_path)
    await cluster.apply(manifests.deployment("pos-order", namespace=namespace, replicas=1))
    await cluster.kubectl("rollout", "status", "deployment/pos-order", "-n", namespace, "--timeout=30s")

    await cluster.kwok.stop()
    try:
        output = await until_shown(environment, "0 of 1 pods ready", "pods", "order", within_seconds=NODE_LOST_SECONDS)
        _, status, _ = await processes.run(environment, "rollout", "status", "order")
    finally:
        await cluster.kwok.start()

    assert "Its node " in output
    assert "is not ready." in output
    assert "NodeNotReady" in status
