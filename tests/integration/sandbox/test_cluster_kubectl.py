"""
A real kubectl takes the pretend cluster for a cluster.
"""

import asyncio
import pathlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from sandbox import cluster
from sandbox.cluster import spring_logs
from sandbox.services.states import Door

KUBECTL = shutil.which("kubectl")
SECONDS = 20

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(
        KUBECTL is None, reason="no kubectl: put one on the PATH, any version of the last years will do"
    ),
]

Kubectl = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
async def kube() -> AsyncIterator[cluster.Cluster]:
    async with cluster.running(door=Door.TLS) as running:
        await running.deploys("pos-order", image="registry.example/pos-order:1.4.2", change_cause="release 1.4.2")
        yield running


@pytest.fixture
async def kubectl(kube: cluster.Cluster, tmp_path: pathlib.Path) -> Kubectl:
    config = kube.kubeconfig(tmp_path / "config")

    async def run(*words: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            str(KUBECTL),
            f"--kubeconfig={config}",
            *words,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(SECONDS):
            output, _ = await process.communicate()
        return process.returncode or 0, output.decode()

    return run


async def test_it_prints_pods_with_their_states(kube: cluster.Cluster, kubectl: Kubectl) -> None:
    first, second, third = kube.deployments["pos-order"].pods
    first.crash_loops(log=spring_logs.port_in_use())
    second.restarts(times=2)
    third.misses_config()

    code, text = await kubectl("get", "pods", "-l", "app=pos-order", "-o", "wide")

    rows = {row.split()[0]: row for row in text.splitlines()[1:]}
    assert code == 0
    assert "CrashLoopBackOff" in rows[first.name]
    assert "2 (0s ago)" in rows[second.name] or "2 (1s ago)" in rows[second.name]
    assert "CreateContainerConfigError" in rows[third.name]


async def test_it_reads_logs_of_pods_and_deployments(kube: cluster.Cluster, kubectl: Kubectl) -> None:
    pod = kube.deployments["pos-order"].pods[0]
    pod.restarts(previous_log=["out of memory"], log=["one", "two"])

    assert await kubectl("logs", pod.name, "--tail=1") == (0, "two\n")
    assert await kubectl("logs", pod.name, "--previous") == (0, "out of memory\n")
    code, text = await kubectl("logs", "deployment/pos-order", "--all-pods", "--prefix", "--tail=1")
    assert (code, f"[pod/{pod.name}/pos-order] two\n" in text) == (0, True)


async def test_it_explains_why_there_is_no_log(kube: cluster.Cluster, kubectl: Kubectl) -> None:
    pod = kube.deployments["pos-order"].pods[0]
    pod.fails_to_pull()

    assert await kubectl("logs", pod.name) == (
        1,
        (
            f'Error from server (BadRequest): container "pos-order" in pod "{pod.name}" is waiting to start: '
            "trying and failing to pull image\n"
        ),
    )


async def test_it_follows_a_rollout(kube: cluster.Cluster, kubectl: Kubectl) -> None:
    order = kube.deployments["pos-order"]
    await order.rolls_out(image="registry.example/pos-order:1.5.0", progress=1, change_cause="release 1.5.0")
    following = asyncio.ensure_future(kubectl("rollout", "status", "deployment/pos-order"))
    await kube.waits_for_request(lambda request: "watch" in request.query)
    await order.goes_on()
    code, text = await following

    assert code == 0
    assert "2 out of 3 new replicas have been updated" in text
    assert 'deployment "pos-order" successfully rolled out' in text
    history = (await kubectl("rollout", "history", "deployment/pos-order"))[1]
    assert [row.split(maxsplit=1) for row in history.splitlines()[2:4]] == [
        ["1", "release 1.4.2"],
        ["2", "release 1.5.0"],
    ]


async def test_it_is_told_of_a_stuck_rollout(kube: cluster.Cluster, kubectl: Kubectl) -> None:
    await kube.deployments["pos-order"].rolls_out(image="registry.example/pos-order:1.5.0", gets_stuck=True)

    code, text = await kubectl("rollout", "status", "deployment/pos-order")

    assert (code, text) == (1, 'error: deployment "pos-order" exceeded its progress deadline\n')


async def test_it_describes_a_pod_with_its_events(kube: cluster.Cluster, kubectl: Kubectl) -> None:
    pod = kube.deployments["pos-order"].pods[0]
    pod.fails_probe("liveness", "HTTP probe failed with statuscode: 500")

    code, text = await kubectl("describe", "pod", pod.name)

    assert code == 0
    assert "Liveness probe failed: HTTP probe failed with statuscode: 500" in text
    assert "Successfully assigned" in text


async def test_it_shows_what_pods_use(kubectl: Kubectl) -> None:
    code, text = await kubectl("top", "pods")

    assert (code, text.splitlines()[1].split()[1:]) == (0, ["120m", "512Mi"])


async def test_it_is_refused_what_the_role_does_not_allow(kubectl: Kubectl) -> None:
    assert await kubectl("get", "secrets") == (
        1,
        (
            'Error from server (Forbidden): secrets is forbidden: User "system:serviceaccount:positivity:posbot" '
            'cannot list resource "secrets" in API group "" in the namespace "positivity"\n'
        ),
    )
