"""Health checks of many services at once, repeated until they are healthy."""

import asyncio
import dataclasses
import datetime
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from bot.config import catalog
from bot.health import status

if TYPE_CHECKING:
    from bot.health import actuator as health_actuator

ROUND_TIMEOUT_SECONDS = 12.0
"""For one check of all services. A response takes 8 s at most; two in sequence follow only a failed first one."""
POLL_SECONDS = 2.0
_BATCH_SIZE = 8
_LOOP_TURNS_TO_SEND = 10
"""Turns of the event loop in which an unblocked request connects and is sent."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """One round of health checks."""

    services: tuple[status.ServiceHealth, ...]
    waited_seconds: float
    is_last: bool
    """All services are healthy, or the time is up."""

    @property
    def is_healthy(self) -> bool:
        """Return whether every service with an endpoint is healthy, degraded (slow) included."""
        return all(health.is_healthy or health.finding is status.Finding.NO_ENDPOINT for health in self.services)


class Poller:
    """Checks the same services any number of times, each independently of the others."""

    def __init__(
        self,
        services: Sequence[catalog.Service],
        environment: catalog.Environment,
        actuator: "health_actuator.Actuator",
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

    async def check(self) -> list[status.ServiceHealth]:
        """Return the health of every service, those without a response in time included."""
        # The slowest of the last round start first, so that their time is not added to that of the others.
        in_order = sorted(self._services, key=self._last_duration_seconds, reverse=True)
        tasks: dict[str, asyncio.Task[status.ServiceHealth]] = {}
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

    async def _check_service(self, service: catalog.Service) -> status.ServiceHealth:
        url = self._environment.health_url_of(service)
        if url is None:
            return status.unchecked(service.name, status.Finding.NO_ENDPOINT, "services.yaml sets no port")
        return await self._actuator.read(service.name, url, with_groups=self._with_groups)


def _result(name: str, task: asyncio.Task[status.ServiceHealth]) -> status.ServiceHealth:
    if task.cancelled():
        explanation = f"timed out after {ROUND_TIMEOUT_SECONDS:g} s"
        return status.unchecked(name, status.Finding.TIMED_OUT, explanation)
    if (error := task.exception()) is not None:
        # A failed check of one service must not lose the results of the others.
        return status.unchecked(name, status.Finding.UNREACHABLE, f"check failed ({type(error).__name__})")
    return task.result()
