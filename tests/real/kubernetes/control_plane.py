"""
A real Kubernetes control plane on loopback, with nodes that are pretended and logs that are read from files.

    async with control_plane.running(folder) as cluster:
        await cluster.apply(manifests.deployment("pos-order", namespace="default"))
        finished = await cluster.kubectl("rollout", "status", "deployment/pos-order")

API server, etcd, controller manager, scheduler and kubectl are the real ones. Containers do not exist: kwok writes into
the pods' status that they run, and tests write there what else has become of them.
"""

import asyncio
import contextlib
import dataclasses
import json
import pathlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Self

import httpx

from tests.real.kubernetes import certificates, components, container_logs, kubeconfigs, manifests, toolchain
from tests.real.spring import processes

_ANSWER_SECONDS = 10.0
_POLL_SECONDS = 0.05
_KUBECTL_SECONDS = 60.0
_MERGE = {"content-type": "application/merge-patch+json"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finished:
    """
    How a command ended.
    """

    code: int
    out: str
    err: str


class ControlPlane:
    """
    One cluster; as a context it runs inside. Whoever speaks to it without saying who they are is its administrator.
    """

    def __init__(self, build: toolchain.Build, *, folder: pathlib.Path) -> None:
        self.folder = folder
        self.start_seconds = 0.0
        """How long the start took, from nothing to a cluster with two ready nodes."""
        self.logs = container_logs.ContainerLogs(folder / "logs")
        self.authority = certificates.Authority(folder / "certificates")
        self.build = build
        self._stack = contextlib.AsyncExitStack()
        self._administrator = self.authority.issue("administrator", group=certificates.ADMINISTRATORS)
        self.etcd = components.Etcd(build, folder=folder)
        self.api_server = components.ApiServer(build, self.authority, self.etcd, folder=folder)
        self._api = self.client()
        self.kubeconfig = kubeconfigs.write_for_certificate(
            folder / "administrator.kubeconfig",
            server=self.url,
            authority=self.authority.path,
            user=self._administrator,
        )
        self.kubelet = components.Kubelet(
            build, self.authority, kubeconfig=self.kubeconfig, logs=self.logs.folder, folder=folder
        )
        self.kwok = components.Kwok(build, kubeconfig=self.kubeconfig, kubelet_port=self.kubelet.port, folder=folder)
        self.controllers, self.scheduler = [
            components.Controllers(name, build, self.authority, kubeconfig=self.kubeconfig, folder=folder)
            for name in ("kube-controller-manager", "kube-scheduler")
        ]

    @property
    def url(self) -> str:
        return self.api_server.url

    async def __aenter__(self) -> Self:
        started = time.monotonic()
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self.etcd)
            await stack.enter_async_context(self.api_server)
            await stack.enter_async_context(self._api)
            await _start_together(stack, [self.kubelet, self.kwok, self.controllers, self.scheduler])
            await self._join_nodes()
            self._stack = stack.pop_all()
        self.start_seconds = time.monotonic() - started
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def client(self, token: str | None = None) -> httpx.AsyncClient:
        """
        Return a client of the API: the administrator's, or that of the token's owner.
        """
        return httpx.AsyncClient(
            base_url=self.url,
            verify=self.authority.trusting(None if token else self._administrator),
            headers={"authorization": f"Bearer {token}"} if token else {},
            timeout=_ANSWER_SECONDS,
            trust_env=False,
        )

    async def kubectl(
        self, *arguments: str, kubeconfig: pathlib.Path | None = None, standard_input: str = ""
    ) -> Finished:
        """
        Run kubectl to its end, as the administrator or as whoever `kubeconfig` speaks for.
        """
        command = self.kubectl_command(*arguments, kubeconfig=kubeconfig)
        process = await asyncio.create_subprocess_exec(
            *command,
            env={"HOME": str(self.folder)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_KUBECTL_SECONDS):
                out, err = await process.communicate(standard_input.encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Finished(code=process.returncode or 0, out=out.decode(), err=err.decode())

    def kubectl_command(self, *arguments: str, kubeconfig: pathlib.Path | None = None) -> list[str]:
        """
        Return the command line of kubectl, for tests that watch it while it runs.
        """
        return [self.build.program("kubectl"), f"--kubeconfig={kubeconfig or self.kubeconfig}", *arguments]

    async def apply(self, *objects: Mapping[str, Any]) -> None:
        """
        Create or change objects of any kind; raise when the API server does not take one.
        """
        listed = {"apiVersion": "v1", "kind": "List", "items": objects}
        finished = await self.kubectl("apply", "-f", "-", standard_input=json.dumps(listed))
        if finished.code:
            raise RuntimeError(f"kubectl apply: {finished.err}")

    async def fetch(self, path: str, **query: str) -> dict[str, Any]:
        """
        Return the object or the list at a path such as `/api/v1/namespaces/default/pods`.
        """
        response = await self._api.get(path, params=query)
        response.raise_for_status()
        return dict(response.json())

    async def set_status(self, path: str, status: Mapping[str, Any]) -> None:
        """
        Write the status of the object at a path, over what stands there.
        """
        response = await self._api.patch(f"{path}/status", json={"status": status}, headers=_MERGE)
        response.raise_for_status()

    async def wait_for(
        self, path: str, is_so: Callable[[dict[str, Any]], bool], *, within_seconds: float = 30.0
    ) -> dict[str, Any]:
        """
        Return the object or the list at a path once the condition holds, or raise TimeoutError.
        """
        async with asyncio.timeout(within_seconds):
            while True:
                response = await self._api.get(path)
                if response.status_code == httpx.codes.OK and is_so(response.json()):
                    return dict(response.json())
                await asyncio.sleep(_POLL_SECONDS)

    async def add_namespace(self, name: str) -> None:
        """
        Make a namespace in which pods can be made: one whose default service account exists already.
        """
        await self.apply(manifests.namespace(name))
        await self.wait_for(f"/api/v1/namespaces/{name}/serviceaccounts/default", lambda _: True)

    async def _join_nodes(self) -> None:
        await self.apply(*[manifests.node(name) for name in manifests.NODES])
        for name in manifests.NODES:
            await self.wait_for(f"/api/v1/nodes/{name}", _takes_pods)


@contextlib.asynccontextmanager
async def running(folder: pathlib.Path) -> AsyncIterator[ControlPlane]:
    """
    Run a cluster with two ready nodes; `folder` takes its data, certificates, logs and what its programs say.
    """
    build = await asyncio.to_thread(toolchain.built)
    async with ControlPlane(build, folder=folder) as cluster:
        yield cluster


async def _start_together(stack: contextlib.AsyncExitStack, servers: Sequence[processes.Server]) -> None:
    for server in servers:
        stack.push_async_callback(server.stop)
    async with asyncio.TaskGroup() as starting:
        for server in servers:
            starting.create_task(server.start())


def _takes_pods(node: dict[str, Any]) -> bool:
    conditions = {each["type"]: each["status"] for each in node["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and not node["spec"].get("taints")
