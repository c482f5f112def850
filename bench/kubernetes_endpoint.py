"""
The endpoint of the comparisons with kubectl: the real API server of the tests' cluster, with real logs behind it.

API server, etcd, controllers and kubectl are built from their Go modules; the logs are served by the kubelet's own
code from files. The first build takes some ten minutes.
"""

import contextlib
import dataclasses
import pathlib
import tempfile
from collections.abc import AsyncIterator, Mapping

import pytest

from sandbox import processes, runbook_folder
from tests.real.kubernetes import accounts, container_logs, control_plane, manifests

NAMESPACE = "positivity"
LINE_BYTES = 155
"""Of a line that a busy service writes there, with its end and without the time stamp of the node."""
_RULES = (
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]},
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A cluster in which the pods of some services have written logs."""

    kubectl: str
    environment: Mapping[str, str]
    """For kubectl and for posbot in a terminal; both are the same service account."""
    pods: Mapping[str, tuple[str, ...]]
    """The pods of each service."""


@contextlib.asynccontextmanager
async def running(sizes: Mapping[str, tuple[int, int]]) -> AsyncIterator[Endpoint | None]:
    """
    Return a cluster with so many pods of each service, each of which has written so many lines.

    None where it cannot be built; why is said by the tests that need it.
    """
    with tempfile.TemporaryDirectory(prefix="posbot-bench-", ignore_cleanup_errors=True) as name:
        folder = pathlib.Path(name)
        async with contextlib.AsyncExitStack() as stack:
            try:
                cluster = await stack.enter_async_context(control_plane.running(folder / "cluster"))
            except pytest.skip.Exception:
                yield None
                return
            await cluster.add_namespace(NAMESPACE)
            yield Endpoint(
                kubectl=cluster.build.program("kubectl"),
                environment=await _environment(cluster, folder),
                pods={service: await _write_logs(cluster, service, *size) for service, size in sizes.items()},
            )


async def _write_logs(cluster: control_plane.ControlPlane, service: str, replicas: int, lines: int) -> tuple[str, ...]:
    await cluster.apply(manifests.deployment(service, namespace=NAMESPACE, replicas=replicas))
    await cluster.kubectl("rollout", "status", f"deployment/{service}", "-n", NAMESPACE, "--timeout=60s")
    pods = await cluster.fetch(f"/api/v1/namespaces/{NAMESPACE}/pods", labelSelector=f"app={service}")
    names = tuple(sorted(pod["metadata"]["name"] for pod in pods["items"]))
    for name in names:
        log: container_logs.ContainerLog = cluster.logs.of(NAMESPACE, name, service)
        if log.fill(lines * LINE_BYTES) != lines:
            raise RuntimeError(f"the lines of the tests' logs have no longer {LINE_BYTES} bytes")
    return names


async def _environment(cluster: control_plane.ControlPlane, folder: pathlib.Path) -> dict[str, str]:
    token = await accounts.sign_up(cluster, NAMESPACE, "posbot", rules=_RULES)
    runbook_folder.write(folder / "runbook_data", {})
    return {
        **processes.plain_environment(folder),
        "POSBOT_RUNBOOK_DATA": str(folder / "runbook_data"),
        "DATABASE_URL": f"sqlite:///{folder}/posbot.db",
        "KUBECONFIG": str(accounts.write_kubeconfig(cluster, token, namespace=NAMESPACE)),
    }
