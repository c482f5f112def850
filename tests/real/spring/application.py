"""
A real Spring Boot service and its data source as processes on loopback.

    async with application.running(folder) as order:
        await order.data_source.stop()
        await order.wait_for(503)

The service is in `app/`: pos-order with actuator, Prometheus metrics and a connection pool. Maven builds it when its
sources have changed. Without a JDK or Maven the test is skipped.
"""

import asyncio
import contextlib
import pathlib
from collections.abc import AsyncIterator, Mapping, Sequence

import httpx

from tests.real.spring import processes, toolchain

HEALTH = "/actuator/health"
READINESS = "/actuator/health/readiness"
LIVENESS = "/actuator/health/liveness"
INFO = "/actuator/info"
PROMETHEUS = "/actuator/prometheus"

_TIMEOUT_SECONDS = 5.0
_POLL_SECONDS = 0.6
"""The pool does not validate a connection used within the last half second: polling faster keeps a dead one in use."""


class DataSource(processes.Server):
    """An H2 database over TCP; its files outlive a stop, and with them the tables of the service."""

    def __init__(self, build: toolchain.Build, *, folder: pathlib.Path) -> None:
        super().__init__("h2", folder=folder)
        self._build = build

    @property
    def jdbc_url(self) -> str:
        return f"jdbc:h2:tcp://{processes.HOST}:{self.port}/orders"

    def _command(self) -> Sequence[str]:
        return [
            *self._build.database(),
            *("-tcp", "-tcpPort", str(self.port), "-ifNotExists"),
            *("-baseDir", str(self._folder)),
        ]

    async def _is_ready(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(processes.HOST, self.port)
        except OSError:
            return False
        writer.close()
        return True


class Application(processes.Server):
    """The service pos-order; *properties* are Spring's, set on its command line."""

    def __init__(
        self,
        build: toolchain.Build,
        data_source: DataSource,
        *,
        folder: pathlib.Path,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__("pos-order", folder=folder)
        self.data_source = data_source
        self._build = build
        self._properties = dict(properties or {})

    @property
    def url(self) -> str:
        return f"http://{processes.HOST}:{self.port}"

    async def fetch(self, path: str) -> httpx.Response:
        """Return the response to a GET request, whatever its status."""
        async with _client(self.url) as client:
            return await client.get(path)

    async def post(self, path: str) -> httpx.Response:
        """
        Return the response to an empty POST.

        `/traffic/refuse|accept|break|mend` change availability, `/till/STATUS` the status of the component till.
        """
        async with _client(self.url) as client:
            return await client.post(path)

    async def wait_for(
        self, http_status: int, *, containing: str = "", path: str = HEALTH, within_seconds: float = 20.0
    ) -> httpx.Response:
        """
        Return the first response at *path* with this status and text.

        Raises:
            TimeoutError: if there is none in time.
        """
        async with asyncio.timeout(within_seconds), _client(self.url) as client:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    response = await client.get(path)
                    if response.status_code == http_status and containing in response.text:
                        return response
                await asyncio.sleep(_POLL_SECONDS)

    def _command(self) -> Sequence[str]:
        properties = {
            "server.port": str(self.port),
            "spring.datasource.url": self.data_source.jdbc_url,
        } | self._properties
        arguments = [f"--{name}={value}" for name, value in properties.items()]
        return [*self._build.application(scratch=self._folder), *arguments]

    async def _is_ready(self) -> bool:
        try:
            response = await self.fetch(READINESS)
        except httpx.TransportError:
            return False
        return response.status_code == httpx.codes.OK


@contextlib.asynccontextmanager
async def running(folder: pathlib.Path, *, properties: Mapping[str, str] | None = None) -> AsyncIterator[Application]:
    """Run the service and its data source, ready for requests; *folder* takes their logs and files."""
    build = await asyncio.to_thread(toolchain.built)
    async with (
        DataSource(build, folder=folder) as data_source,
        Application(build, data_source, folder=folder, properties=properties) as application,
    ):
        yield application


def _client(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, timeout=_TIMEOUT_SECONDS, trust_env=False)
