"""
Spring Boot's health and info endpoints, of one service or of many at once, repeated until they are healthy.

A request never raises: a failure is a finding like any other. Nothing is retried, so that a service which fails every
second request does not look healthy. The HTTP library is loaded with the first request.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import functools
import http
import itertools
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING

from bot.config import catalog
from bot.config import environments as config_environments
from bot.health import status as health_status

if TYPE_CHECKING:
    from bot.health import http_transport

GROUPS = ("readiness", "liveness")
MAX_BODY_BYTES = 1_000_000
"""A health document has a few kilobytes; a wrong URL must not fill the memory."""
MAX_COMPONENTS = 500
MAX_COMPONENT_DEPTH = 8
"""Spring's own documents are two levels deep and have about a dozen components."""
TIMEOUT_SECONDS = 8.0
"""For a whole response. Kubernetes and most gateways give up long before."""
ROUND_TIMEOUT_SECONDS = 12.0
"""For one check of all services. A response takes 8 s at most; two in sequence follow only a failed first one."""
POLL_SECONDS = 2.0
_BATCH_SIZE = 8
_LOOP_TURNS_TO_SEND = 10
"""Turns of the event loop in which an unblocked request connects and is sent."""
_MAX_NAME_LENGTH = 80
"""Of a version or a commit."""
_LOGIN = re.compile(r"login|log-in|signin|sign-in|oauth|openid|saml|sso|/auth\b", re.IGNORECASE)
_INVALID_JSON = object()


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
        return _parse_build(outcome)

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
        return _parse_health(outcome)


def _parse_health(response: health_status.HttpResponse) -> health_status.EndpointHealth:
    exchange = response.exchange
    is_success = 200 <= (exchange.status or 0) < 300
    found = _status_finding(exchange)
    if found is None:
        document = _parse_json(response.body)
        if isinstance(document, dict) and isinstance(document.get("status"), str):
            health = _evaluate(document, exchange)
            if is_success or not health.is_healthy:
                return health
            found = health_status.Finding.HTTP_ERROR, f"{exchange.status_line}, although the body has status UP"
        elif exchange.status != http.HTTPStatus.OK:
            found = health_status.Finding.HTTP_ERROR, f"{exchange.status_line} without a health document"
        elif document is not _INVALID_JSON:
            found = health_status.Finding.NOT_HEALTH, "not a health document: JSON without “status”"
        elif not response.body:
            found = health_status.Finding.NOT_JSON, "empty response body"
        else:
            content_type = dict(exchange.headers).get("content-type", "no content type")
            found = health_status.Finding.NOT_JSON, f"not JSON but {content_type.partition(';')[0]}"
    finding, explanation = found
    return health_status.EndpointHealth(finding=finding, explanation=explanation, exchange=exchange)


def _status_finding(exchange: health_status.Exchange) -> tuple[health_status.Finding, str] | None:
    """Return the finding where the HTTP status alone decides, whatever the body."""
    code = exchange.status or 0
    if 300 <= code < 400:
        target = dict(exchange.headers).get("location", "no location")
        is_login = _LOGIN.search(target) is not None
        kind = "login page" if is_login else "redirect"
        return (
            health_status.Finding.LOGIN_PAGE if is_login else health_status.Finding.REDIRECTED,
            f"{exchange.status_line}, {kind}: {target}",
        )
    by_code = {
        401: (health_status.Finding.UNAUTHORIZED, f"{exchange.status_line}, authentication required"),
        403: (health_status.Finding.FORBIDDEN, exchange.status_line),
        404: (health_status.Finding.NOT_FOUND, f"{exchange.status_line}, no health endpoint at this path"),
    }
    return by_code.get(code)


def _evaluate(document: dict[str, object], exchange: health_status.Exchange) -> health_status.EndpointHealth:
    reported = str(document["status"]).upper()
    finding = health_status.SPRING_STATUSES.get(reported, health_status.Finding.UNKNOWN)
    if finding is health_status.Finding.UP and exchange.total_seconds > health_status.TARGET_SECONDS:
        finding = health_status.Finding.SLOW
    groups = document.get("groups")
    components = itertools.islice(_parse_components(document.get("components"), prefix=""), MAX_COMPONENTS)
    health = health_status.EndpointHealth(
        finding=finding,
        explanation="",
        components=tuple(components),
        groups=tuple(str(group) for group in groups) if isinstance(groups, list) else (),
        exchange=exchange,
    )
    return dataclasses.replace(health, explanation=_explanation(health, str(document["status"])))


def _explanation(health: health_status.EndpointHealth, status: str) -> str:
    milliseconds = f"{health.exchange.total_seconds * 1000:.0f} ms"
    if health.finding is health_status.Finding.SLOW:
        return f"degraded (slow), {milliseconds} (target {health_status.TARGET_SECONDS * 1000:.0f} ms)"
    if health.finding is health_status.Finding.UP:
        return f"UP, {milliseconds}"
    if status.upper() not in health_status.SPRING_STATUSES:
        return f"unknown status “{status[:40]}”"
    failing = health_status.list_components(health.failing_components)
    return f"{status.upper()} ({failing})" if failing else status.upper()


def _parse_components(tree: object, prefix: str, depth: int = 0) -> Iterator[health_status.Component]:
    if not isinstance(tree, dict) or depth > MAX_COMPONENT_DEPTH:
        return
    for name, content in tree.items():
        if not isinstance(content, dict):
            continue
        path = f"{prefix}{name}"
        details = content.get("details")
        pairs = details.items() if isinstance(details, dict) else ()
        yield health_status.Component(
            path=path,
            status=str(content.get("status", "UNKNOWN")),
            details=tuple((str(key), value if isinstance(value, str) else json.dumps(value)) for key, value in pairs),
        )
        yield from _parse_components(content.get("components"), prefix=f"{path}.", depth=depth + 1)


def _parse_json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _INVALID_JSON


def _parse_build(response: health_status.HttpResponse) -> health_status.Build:
    """Return the build information; publishing none is no fault of the service."""
    exchange = response.exchange
    if exchange.status == 404:
        return health_status.Build(unavailable_reason="info endpoint not exposed")
    if (found := _status_finding(exchange)) is not None:
        return health_status.Build(unavailable_reason=found[1])
    document = _parse_json(response.body)
    if exchange.status != http.HTTPStatus.OK or not isinstance(document, dict):
        return health_status.Build(unavailable_reason=f"{exchange.status_line} without an info document")
    commit = _lookup(document, "git", "commit", "id")
    if isinstance(commit, dict):
        # With management.info.git.mode=full the id is an object.
        commit = commit.get("full") or commit.get("abbrev")
    build = health_status.Build(
        version=_shorten(_lookup(document, "build", "version")),
        commit=_shorten(commit),
        built_at=_parse_time(_lookup(document, "build", "time")),
    )
    is_known = bool(build.name or build.built_at)
    return build if is_known else health_status.Build(unavailable_reason="info endpoint has no build information")


def _lookup(document: object, *path: str) -> object:
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _shorten(value: object) -> str:
    return value[:_MAX_NAME_LENGTH] if isinstance(value, str) else ""


def _parse_time(value: object) -> datetime.datetime | None:
    with contextlib.suppress(ValueError):
        return datetime.datetime.fromisoformat(value) if isinstance(value, str) else None
    return None


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
            return health_status.unchecked(
                service.name, health_status.Finding.NO_ENDPOINT, "services.yaml sets no port"
            )
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
