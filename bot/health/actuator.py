"""
Spring Boot's health and info endpoints, of one service or of many at once, repeated until they are healthy.

A request never raises: a failure is a finding like any other. Nothing is retried, so that a service which fails every
second request does not look healthy. The HTTP library is loaded with the first request.
"""

import asyncio
import dataclasses
import datetime
import functools
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from bot import text_threads
from bot.config import catalog
from bot.config import environments as config_environments
from bot.health import documents
from bot.health import status as health_status

if TYPE_CHECKING:
    from bot.health import http_transport

GROUPS = ("readiness", "liveness")
MAX_BODY_BYTES = 1_000_000
"""A health document has a few kilobytes; a wrong URL must not fill the memory."""
TIMEOUT_SECONDS = 8.0
"""For a whole response. Kubernetes and most gateways give up long before."""
ROUND_TIMEOUT_SECONDS = 12.0
"""For one check of all services. A response takes 8 s at most; two in sequence follow only a failed first one."""
POLL_SECONDS = 2.0
_BATCH_SIZE = 8
_LOOP_TURNS_TO_SEND = 10
"""Turns of the event loop in which an unblocked request connects and is sent."""


class HttpProbe:
    """Sends GET requests without retries, each limited to *timeout_seconds* and *max_bytes*."""

    def __init__(self, *, max_bytes: int, timeout_seconds: float) -> None:
        self._max_bytes = max_bytes
        self._timeout_seconds = timeout_seconds

    async def get(
        self, url: str, *, accept: str, token: str | None = None
    ) -> health_status.HttpResponse | health_status.HttpFailure:
        """Return the response of *url*, or the failure; *token* is sent as bearer token."""
        return await self._transport.get(url, accept=accept, token=token)

    @functools.cached_property
    def _transport(self) -> "http_transport.HttpTransport":
        # httpx is a tenth of what a terminal command loads, and most commands send no request to a service.
        from bot.health import http_transport  # noqa: PLC0415

        return http_transport.HttpTransport(max_bytes=self._max_bytes, timeout_seconds=self._timeout_seconds)


class Actuator:
    """
    Reads actuator endpoints, with at most *concurrency* requests at once.

    The limit exceeds the number of services, so that services which hang do not delay the requests to others.
    """

    def __init__(self, *, concurrency: int = 512, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._http = HttpProbe(max_bytes=MAX_BODY_BYTES, timeout_seconds=timeout_seconds)
        self._slots = asyncio.Semaphore(concurrency)
        self._durations: dict[str, float] = {}

    def last_duration_seconds(self, url: str) -> float:
        """Return how long the last request to *url* took, or 0 if there was none."""
        return self._durations.get(url, 0.0)

    async def read(self, service: str, url: str, *, with_groups: bool) -> health_status.ServiceHealth:
        """
        Return the health of *service* at *url*, with its readiness and liveness groups where they exist.

        Without *with_groups*, the groups are read only if the root responds and is not healthy: Spring Boot aggregates
        the contributors of all groups into the root, so a root that is UP includes them.
        """
        if with_groups:
            root, groups = await asyncio.gather(self._probe(url), self._probe_groups(url))
        else:
            root = await self._probe(url)
            groups = await self._probe_groups(url) if root.is_document and not root.is_healthy else []
        # A group that the root does not list and that returns no health document does not exist.
        existing = (named for named in groups if named[0] in root.groups or named[1].is_document)
        return health_status.ServiceHealth(service=service, root=root, groups=tuple(existing))

    async def build(self, url: str) -> health_status.Build:
        """Return the build information at the info endpoint *url*, or why there is none."""
        async with self._slots:
            outcome = await self._http.get(url, accept="application/json")
        if isinstance(outcome, health_status.HttpFailure):
            return health_status.Build(unavailable_reason=outcome.explanation)
        return await text_threads.run(documents.parse_build, outcome)

    async def _probe_groups(self, url: str) -> list[tuple[str, health_status.EndpointHealth]]:
        endpoints = await asyncio.gather(*(self._probe(f"{url}/{name}") for name in GROUPS))
        return list(zip(GROUPS, endpoints, strict=True))

    async def _probe(self, url: str) -> health_status.EndpointHealth:
        async with self._slots:
            outcome = await self._http.get(url, accept="application/json")
        self._durations[url] = outcome.exchange.total_seconds
        if isinstance(outcome, health_status.HttpFailure):
            return health_status.EndpointHealth(
                finding=outcome.finding, explanation=outcome.explanation, exchange=outcome.exchange
            )
        if len(outcome.body) <= text_threads.PIECE_BYTES:
            return documents.parse_health(outcome)
        return await text_threads.run(documents.parse_health, outcome)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """One round of health checks."""

    services: tuple[health_status.ServiceHealth, ...]
    waited_seconds: float
    is_last: bool
    """All services are healthy, or the time is up."""

    @property
    def is_healthy(self) -> bool:
        """Return whether every service with an endpoint is healthy, degraded (slow) included."""
        return all(health.is_healthy or health.finding is health_status.Finding.NO_ENDPOINT for health in self.services)


class Poller:
    """Checks the same services any number of times, each independently of the others."""

    def __init__(
        self,
        services: Sequence[catalog.Service],
        environment: config_environments.Environment,
        actuator: "Actuator",
        *,
        with_groups: bool,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._services = services
        self._environment = environment
        self._actuator = actuator
        self._with_groups = with_groups
        self._poll_seconds = poll_seconds

    async def poll(self, max_wait: datetime.timedelta | None) -> AsyncIterator[Poll]:
        """Yield rounds of checks until all services are healthy or *max_wait* is over; only one without *max_wait*."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        while True:
            services = tuple(await self.check())
            waited = loop.time() - started
            remaining = max_wait.total_seconds() - waited if max_wait is not None else 0.0
            poll = Poll(services=services, waited_seconds=waited, is_last=remaining <= 0)
            if poll.is_healthy or poll.is_last:
                yield dataclasses.replace(poll, is_last=True)
                return
            yield poll
            await asyncio.sleep(min(self._poll_seconds, remaining))

    async def check(self) -> list[health_status.ServiceHealth]:
        """Return the health of every service, those without a response in time included."""
        # The slowest of the last round start first, so that their time is not added to that of the others.
        in_order = sorted(self._services, key=self._last_duration_seconds, reverse=True)
        tasks: dict[str, asyncio.Task[health_status.ServiceHealth]] = {}
        for index, service in enumerate(in_order, start=1):
            tasks[service.name] = asyncio.create_task(self._check_service(service))
            if index % _BATCH_SIZE == 0:
                # Send these requests before more are created: all at once, each would wait for all others.
                for _ in range(_LOOP_TURNS_TO_SEND):
                    await asyncio.sleep(0)
        try:
            await asyncio.wait(tasks.values(), timeout=ROUND_TIMEOUT_SECONDS)
        finally:
            for task in tasks.values():
                task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        return [_result(name, task) for name, task in tasks.items()]

    def _last_duration_seconds(self, service: catalog.Service) -> float:
        return self._actuator.last_duration_seconds(self._environment.health_url_of(service) or "")

    async def _check_service(self, service: catalog.Service) -> health_status.ServiceHealth:
        url = self._environment.health_url_of(service)
        if url is None:
            return health_status.unchecked(service.name, health_status.Finding.NO_ENDPOINT, service.no_endpoint_reason)
        return await self._actuator.read(service.name, url, with_groups=self._with_groups)


def _result(name: str, task: asyncio.Task[health_status.ServiceHealth]) -> health_status.ServiceHealth:
    if task.cancelled():
        explanation = f"timed out after {ROUND_TIMEOUT_SECONDS:g} s"
        return health_status.unchecked(name, health_status.Finding.TIMED_OUT, explanation)
    if (error := task.exception()) is not None:
        # A failed check of one service must not lose the results of the others.
        return health_status.unchecked(
            name, health_status.Finding.UNREACHABLE, f"check failed ({type(error).__name__})"
        )
    return task.result()
