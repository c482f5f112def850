"""
The checks of a service's connectivity: section 4.3 of the runbook.

They follow the route to a service backwards: its DNS name, port and health endpoint, its registration in Eureka, its
route in the gateway, then one request without a token and one with posbot's own.
"""

import asyncio
import dataclasses
import datetime
import urllib.parse

from bot.config import catalog
from bot.config import environments as config_environments
from bot.connectivity import eureka as connectivity_eureka
from bot.connectivity import gateway as connectivity_gateway
from bot.connectivity.gateway import AccessProbe, ResponseClass, Routes, TokenInfo
from bot.health import actuator as health_actuator
from bot.health import reports, status
from bot.health.status import Finding
from bot.model.reports import Verdict

DNS = "DNS"
PORT = "port"
ENDPOINT = "endpoint"
REGISTRATION = "registration"
ROUTE = "route"
UNAUTHENTICATED = "unauthenticated request"
AUTHENTICATED = "authenticated request"
_CONNECTED = frozenset({Finding.READ_TIMEOUT, Finding.DROPPED})
_MAX_INSTANCES_SHOWN = 3


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check and its result."""

    name: str
    verdict: Verdict | None
    """None if skipped, which counts neither for nor against the service."""
    result: str
    advice: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Connectivity:
    """The checks of one service."""

    checks: tuple[Check, ...]
    is_healthy: bool | None
    """None if its health endpoint returned no health document."""
    is_open: bool
    """A request without a token succeeded."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Checker:
    """Runs the checks with the clients they need."""

    actuator: "health_actuator.Actuator"
    gateway: connectivity_gateway.Gateway
    eureka: connectivity_eureka.Eureka
    now: datetime.datetime

    async def check(
        self, service: catalog.Service, environment: config_environments.Environment, name: str, health_url: str
    ) -> Connectivity:
        """Return the connectivity of *service* in *environment*, called *name*, with its health at *health_url*."""
        health, routes, registration = await asyncio.gather(
            self.actuator.read(service.name, health_url, with_groups=False),
            self._routes(environment),
            self._registration(environment, service),
        )
        url = _guarded_url(service, environment, routes, health_url)
        token = self.gateway.token(name)
        unauthenticated, authenticated = await asyncio.gather(
            self.gateway.probe(url), self._authenticated(url, name, token)
        )
        return Connectivity(
            checks=(
                *check_endpoint(health.root),
                check_registration(registration, service),
                check_route(routes, service),
                check_unauthenticated(unauthenticated),
                check_authenticated(authenticated, unauthenticated, token, self.now),
            ),
            is_healthy=health.is_healthy if health.root.is_document else None,
            is_open=unauthenticated.response is ResponseClass.SUCCESS,
        )

    async def _routes(self, environment: config_environments.Environment) -> Routes | None:
        return await self.gateway.routes(environment.gateway_url) if environment.gateway_url else None

    async def _registration(
        self, environment: config_environments.Environment, service: catalog.Service
    ) -> connectivity_eureka.Registration | None:
        return await self.eureka.find(environment.eureka_url, service.name) if environment.eureka_url else None

    async def _authenticated(self, url: str, environment: str, token: TokenInfo | None) -> AccessProbe | None:
        return await self.gateway.probe(url, token_of=environment) if token is not None else None


def _guarded_url(
    service: catalog.Service, environment: config_environments.Environment, routes: Routes | None, health_url: str
) -> str:
    """Return the service's guarded path through the gateway, or directly if the gateway has no route to it."""
    is_routed = service.gateway_path is not None or (routes is not None and routes.to(service.name))
    if environment.gateway_url and is_routed:
        prefix = service.gateway_path or f"/{service.name}"
        return environment.gateway_url.rstrip("/") + prefix.rstrip("/") + service.guarded_path
    parts = urllib.parse.urlsplit(health_url)
    return f"{parts.scheme}://{parts.netloc}{service.guarded_path}"


def check_endpoint(health: status.EndpointHealth) -> tuple[Check, Check, Check]:
    """Return the checks of DNS, port and endpoint, all from one health request."""
    finding, url = health.finding, urllib.parse.urlsplit(health.exchange.url)
    hint = reports.advice_for(finding)
    if finding is Finding.DNS_FAILED:
        return (
            Check(name=DNS, verdict=Verdict.FAILED, result=health.explanation, advice=hint),
            Check(name=PORT, verdict=None, result="skipped: DNS failed"),
            Check(name=ENDPOINT, verdict=None, result="skipped: DNS failed"),
        )
    dns = Check(name=DNS, verdict=Verdict.OK, result=f"{url.hostname} resolves")
    if finding.is_unreachable and finding not in _CONNECTED:
        return (
            dns,
            Check(name=PORT, verdict=Verdict.FAILED, result=f"{url.netloc}: {health.explanation}", advice=hint),
            Check(name=ENDPOINT, verdict=None, result="skipped: port failed"),
        )
    port = Check(name=PORT, verdict=Verdict.OK, result=f"{health.exchange.address or url.netloc} accepts connections")
    is_unhealthy = health.is_document and not health.is_healthy
    result = f"{url.path}: responds, but the service is {health.explanation}" if is_unhealthy else ""
    return (
        dns,
        port,
        Check(
            name=ENDPOINT,
            verdict=finding.verdict,
            result=result or f"{url.path}: {health.explanation}",
            advice=hint,
        ),
    )


def check_registration(registration: connectivity_eureka.Registration | None, service: catalog.Service) -> Check:
    """Return the check of the service's instances in Eureka."""

    def check(verdict: Verdict | None, result: str, hint: str = "") -> Check:
        return Check(name=REGISTRATION, verdict=verdict, result=result, advice=hint)

    if registration is None:
        return check(None, "skipped: the environment has no eureka_url")
    if registration.unavailable_reason:
        return check(Verdict.UNKNOWN, f"Eureka unavailable: {registration.unavailable_reason}")
    if not registration.instances:
        hint = "Check that the service is up and has eureka.client.service-url. Registration takes about 30 s."
        return check(Verdict.FAILED, f"{service.name.upper()} is not registered in Eureka", hint)
    statuses = [instance.status for instance in registration.instances]
    counts = ", ".join(f"{statuses.count(one)} {one}" for one in dict.fromkeys(statuses))
    if not registration.up:
        return check(Verdict.FAILED, f"no instance receives requests: {counts}", "Check the health of its pods.")
    if misplaced := registration.on_other_port(service.port or 0):
        addresses = ", ".join(f"{instance.host}:{instance.port}" for instance in misplaced[:_MAX_INSTANCES_SHOWN])
        hint = f"services.yaml has port {service.port}. Correct whichever is wrong."
        return check(Verdict.WARNING, f"registered with another port: {addresses} ({counts})", hint)
    verdict = Verdict.OK if len(registration.up) == len(statuses) else Verdict.WARNING
    addresses = ", ".join(f"{instance.host}:{instance.port}" for instance in registration.up[:_MAX_INSTANCES_SHOWN])
    more = " …" if len(registration.up) > _MAX_INSTANCES_SHOWN else ""
    return check(verdict, f"{counts}: {addresses}{more}")


def check_route(routes: Routes | None, service: catalog.Service) -> Check:
    """Return the check of the gateway's route to the service."""

    def check(verdict: Verdict | None, result: str, hint: str = "") -> Check:
        return Check(name=ROUTE, verdict=verdict, result=result, advice=hint)

    if routes is None:
        return check(None, "skipped: the environment has no gateway_url")
    if routes.unavailable_reason:
        return check(Verdict.UNKNOWN, f"routes unavailable: {routes.unavailable_reason}")
    own = routes.to(service.name)
    if not own and service.gateway_path is None:
        return check(None, "skipped: services.yaml has no gateway_path, and there is no route")
    if not own:
        hint = "Check the registration. The gateway creates routes from Eureka and from its own configuration."
        return check(Verdict.FAILED, f"none of {len(routes.routes)} routes leads to {service.name}", hint)
    expected = service.gateway_path or f"/{service.name}"
    matching = [route for route in own if route.matches(expected)]
    if not matching:
        paths = ", ".join(path for route in own for path in route.paths) or own[0].predicate
        hint = f"services.yaml expects {expected}. Correct whichever is wrong."
        return check(Verdict.FAILED, f"no route matches {expected}, only {paths}", hint)
    route = matching[0]
    filters = f", {'; '.join(route.filters)}" if route.filters else ""
    return check(Verdict.OK, f"{', '.join(route.paths)} → {route.uri}{filters}")


def check_unauthenticated(probe: AccessProbe) -> Check:
    """Return the check that a request without a token is rejected."""
    address = _address(probe)

    def check(verdict: Verdict, result: str, hint: str = "") -> Check:
        return Check(name=UNAUTHENTICATED, verdict=verdict, result=f"{address}: {result}", advice=hint)

    match probe.response:
        case ResponseClass.UNAUTHORIZED | ResponseClass.FORBIDDEN:
            return check(Verdict.OK, f"rejected, {probe.explanation}")
        case ResponseClass.SUCCESS:
            hint = "Anyone with this address has access: restrict it, or set another guarded_path in services.yaml."
            return check(Verdict.FAILED, f"no authentication required, {probe.explanation}", hint)
        case ResponseClass.REDIRECTION:
            return check(Verdict.WARNING, f"{probe.explanation}, redirect to {probe.location or 'no location'}")
        case ResponseClass.CLIENT_ERROR:
            hint = "The path was not guarded. Set guarded_path in services.yaml to a path that exists."
            return check(Verdict.WARNING, probe.explanation, hint)
        case ResponseClass.UNAVAILABLE:
            return check(Verdict.FAILED, probe.explanation, "A gateway responds with 503 if it finds no instance.")
    return check(Verdict.FAILED, probe.explanation)


def check_authenticated(
    probe: AccessProbe | None, unauthenticated: AccessProbe, token: TokenInfo | None, now: datetime.datetime
) -> Check:
    """Return the check that a request with posbot's token is accepted."""
    if probe is None or token is None:
        result = "skipped: POSBOT_SERVICE_TOKENS has no token for this environment"
        return Check(name=AUTHENTICATED, verdict=None, result=result)
    address = _address(probe)

    def check(verdict: Verdict, result: str, hint: str = "") -> Check:
        return Check(name=AUTHENTICATED, verdict=verdict, result=f"{address}: {result}", advice=hint)

    match probe.response:
        case ResponseClass.UNAUTHORIZED if token.expires_at is not None and token.expires_at < now:
            result = f"rejected, posbot’s token expired at {token.expires_at:%Y-%m-%d %H:%M} UTC"
            return check(Verdict.UNKNOWN, result, "Renew the token. This result says nothing about the service.")
        case ResponseClass.UNAUTHORIZED:
            detail = f" ({probe.challenge})" if "error" in probe.challenge else ""
            return check(Verdict.FAILED, f"rejected, {probe.explanation}{detail}")
        case ResponseClass.FORBIDDEN:
            return check(Verdict.FAILED, f"token valid but not authorized, {probe.explanation}")
        case ResponseClass.CLIENT_ERROR if unauthenticated.response is ResponseClass.CLIENT_ERROR:
            return check(Verdict.UNKNOWN, f"{probe.explanation} with and without a token")
        case ResponseClass.SUCCESS | ResponseClass.CLIENT_ERROR:
            return check(Verdict.OK, f"accepted, {probe.explanation}")
    return check(Verdict.FAILED, probe.explanation)


def _address(probe: AccessProbe) -> str:
    parts = urllib.parse.urlsplit(probe.url)
    return f"{parts.netloc}{parts.path}"
