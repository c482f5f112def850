"""
A real registry and a real gateway in front of the real service, as processes on loopback.

    async with cloud.running(folder, order) as (discovery, gateway):
        ...
"""

import asyncio
import contextlib
import pathlib
from collections.abc import AsyncIterator, Mapping, Sequence

import httpx

from tests.real.spring import processes, toolchain
from tests.real.spring.application import Application

TOKEN = "posbot-service-token"
_POLL_SECONDS = 0.2
_ROUTE_TIMEOUT_SECONDS = 30.0


class Discovery(processes.Server):
    """Netflix's Eureka."""

    def __init__(self, build: toolchain.CloudBuild, *, folder: pathlib.Path) -> None:
        super().__init__("discovery", folder=folder)
        self._build = build

    @property
    def url(self) -> str:
        return f"http://{processes.HOST}:{self.port}"

    async def register(self, name: str, port: int) -> None:
        """Register an instance, as a service does."""
        instance = {
            "instanceId": f"localhost:{name}:{port}",
            "hostName": processes.HOST,
            "app": name.upper(),
            "ipAddr": processes.HOST,
            "status": "UP",
            "port": {"$": port, "@enabled": "true"},
            "vipAddress": name,
            "dataCenterInfo": {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"},
        }
        async with _client(self.url) as client:
            response = await client.post(f"/eureka/apps/{name.upper()}", json={"instance": instance})
        assert response.status_code == 204

    def _command(self) -> Sequence[str]:
        return [*self._build.command("discovery", scratch=self._folder), f"--server.port={self.port}"]

    async def _is_ready(self) -> bool:
        return await _responds(self.url, "/eureka/apps")


class Gateway(processes.Server):
    """Spring Cloud Gateway as a resource server that accepts one token."""

    def __init__(
        self,
        build: toolchain.CloudBuild,
        registry_url: str,
        *,
        folder: pathlib.Path,
        has_routes_endpoint: bool = True,
    ) -> None:
        super().__init__("gateway", folder=folder)
        self._build = build
        self._registry_url = registry_url
        self._has_routes_endpoint = has_routes_endpoint

    @property
    def url(self) -> str:
        return f"http://{processes.HOST}:{self.port}"

    async def wait_for_route_to(self, name: str) -> None:
        """Wait until the gateway forwards requests to an instance of *name*."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with asyncio.timeout(_ROUTE_TIMEOUT_SECONDS), _client(self.url) as client:
            while True:
                response = await client.get(f"/{name}/actuator/info", headers=headers)
                if response.status_code == httpx.codes.OK:
                    return
                await asyncio.sleep(_POLL_SECONDS)

    def _command(self) -> Sequence[str]:
        properties = {
            "server.port": str(self.port),
            "posbot.token": TOKEN,
            "eureka.client.service-url.defaultZone": f"{self._registry_url}/eureka/",
        }
        if self._has_routes_endpoint:
            properties["management.endpoint.gateway.access"] = "read_only"
        return [
            *self._build.command("gateway", scratch=self._folder),
            *(f"--{name}={value}" for name, value in properties.items()),
        ]

    async def _is_ready(self) -> bool:
        return await _responds(self.url, "/actuator/info")


@contextlib.asynccontextmanager
async def running(
    folder: pathlib.Path, order: Application, ids: Mapping[str, int]
) -> AsyncIterator[tuple[Discovery, Gateway]]:
    """Run registry and gateway until the block ends, with *order* registered and routed, and *ids* at these ports."""
    build = await asyncio.to_thread(toolchain.built_cloud)
    async with (
        Discovery(build, folder=folder) as discovery,
        Gateway(build, discovery.url, folder=folder) as gateway,
    ):
        for registry_id, port in {**ids, "pos-order": order.port}.items():
            await discovery.register(registry_id, port)
        await gateway.wait_for_route_to("pos-order")
        yield discovery, gateway


@contextlib.asynccontextmanager
async def without_routes_endpoint(folder: pathlib.Path, registry_url: str) -> AsyncIterator[Gateway]:
    """Run a further gateway, which does not switch on its actuator endpoint."""
    build = await asyncio.to_thread(toolchain.built_cloud)
    async with Gateway(build, registry_url, folder=folder, has_routes_endpoint=False) as gateway:
        yield gateway


def _client(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, timeout=5.0, trust_env=False)


async def _responds(url: str, path: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        async with _client(url) as client:
            return (await client.get(path)).status_code == httpx.codes.OK
    return False
