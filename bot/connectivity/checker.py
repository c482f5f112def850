"""
Runs the checks of a service's connectivity.

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
from bot.connectivity import requests, routing
from bot.connectivity.checks import DNS, ENDPOINT, PORT, Check, Connectivity
from bot.connectivity.gateway import AccessProbe, ResponseClass, Routes, TokenInfo
from bot.health import actuator as health_actuator
from bot.health import reports, status
from bot.health.status import Finding
from bot.model.reports import Verdict

_CONNECTED = frozenset({Finding.READ_TIMEOUT, Finding.DROPPED})


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
        health, routes, found = await asyncio.gather(
            self.actuator.read(service.name, health_url, with_groups=False),
            self._routes(environment),
            self._registration(environment, service),
        )
        registration, similar = found
        url, is_through_gateway = _guarded_url(service, environment, routes)
        token = self.gateway.token(name)
        unauthenticated, authenticated = await asyncio.gather(
            self.gateway.probe(url), self._authenticated(url, name, token)
        )
        path = requests.Path(
            service=service,
            is_through_gateway=is_through_gateway,
            routes=routes,
            registration=registration,
        )
        return Connectivity(
            checks=(
                *check_endpoint(health.root),
                routing.check_registration(registration, service, similar),
                routing.check_route(routes, service),
                requests.check_unauthenticated(unauthenticated, path),
                requests.check_authenticated(authenticated, unauthenticated, token, path, self.now),
            ),
            is_healthy=health.is_healthy if health.root.is_document else None,
            is_open=unauthenticated.response is ResponseClass.SUCCESS,
        )

    async def _routes(self, environment: config_environments.Environment) -> Routes | None:
        return await self.gateway.routes(environment.gateway_url) if environment.gateway_url else None

    async def _registration(
        self, environment: config_environments.Environment, service: catalog.Service
    ) -> tuple[connectivity_eureka.Registration | None, connectivity_eureka.Registration | None]:
        """Return the service's registration, and a similar one where it has none that it should have."""
        url = environment.eureka_url
        if url is None:
            return None, None
        registration = await self.eureka.find(url, service.registry_id)
        if registration.instances or registration.unavailable_reason or not service.registers:
            return registration, None
        return registration, await self.eureka.find_similar(url, service)

    async def _authenticated(self, url: str, environment: str, token: TokenInfo | None) -> AccessProbe | None:
        if token is None or not self.gateway.may_send_token(url, environment):
            return None
        return await self.gateway.probe(url, token_of=environment)


def _guarded_url(
    service: catalog.Service, environment: config_environments.Environment, routes: Routes | None
) -> tuple[str, bool]:
    """Return the URL of the service's guarded path, and whether it leads through the gateway, which needs a route."""
    path = service.gateway_path
    if path is None and routes is not None:
        path = next((route.literal_path for route in routes.to(service) if route.literal_path), None)
    if environment.gateway_url and path is not None:
        return environment.gateway_url.rstrip("/") + path.rstrip("/") + service.guarded_path, True
    return environment.application_url_of(service, service.guarded_path), False


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
