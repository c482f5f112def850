"""
The checks of a request without a token and of one with posbot's own, and the advice for a failed one.

A gateway and the service behind it respond with the same statuses. Spring's error document names the path that the
responding application received: behind a route that changes the path this tells the two apart.
"""

import dataclasses
import datetime
import enum
import http
import urllib.parse

from bot.config import catalog
from bot.connectivity import routing
from bot.connectivity.checks import AUTHENTICATED, UNAUTHENTICATED, Check
from bot.connectivity.eureka import Registration
from bot.connectivity.gateway import AccessProbe, ResponseClass, Route, Routes, TokenInfo
from bot.model.reports import Verdict


class Responder(enum.Enum):
    """Who responded to a request through the gateway."""

    GATEWAY = enum.auto()
    SERVICE = enum.auto()
    UNKNOWN = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """The path of a request to a service, and what is known of it."""

    service: catalog.Service
    is_through_gateway: bool
    routes: Routes | None
    registration: Registration | None

    @property
    def knows_routes(self) -> bool:
        """Return whether the gateway's routes are known."""
        return self.routes is not None and not self.routes.unavailable_reason

    def route_of(self, probe: AccessProbe) -> Route | None:
        """Return the route that takes the request, or None."""
        return self.routes.taking(_path(probe)) if self.routes is not None else None

    def responder(self, probe: AccessProbe) -> Responder:
        """Return who responded, by the path in the error document."""
        if not self.is_through_gateway or (probe.error_path and probe.error_path != _path(probe)):
            return Responder.SERVICE
        if not probe.error_path or not self.knows_routes:
            return Responder.UNKNOWN
        route = self.route_of(probe)
        return Responder.GATEWAY if route is None or route.changes_path else Responder.UNKNOWN

    def advice(self, probe: AccessProbe) -> str:
        """Return what to do about the failed request *probe*, or an empty text."""
        route, responder = self.route_of(probe), self.responder(probe)
        match probe.status:
            case http.HTTPStatus.NOT_FOUND:
                return self._not_found(route, responder)
            case http.HTTPStatus.SERVICE_UNAVAILABLE:
                return self._unavailable(route, responder)
            case http.HTTPStatus.GATEWAY_TIMEOUT:
                return "The service did not respond within the response timeout of the gateway. Check its health."
            case http.HTTPStatus.BAD_GATEWAY:
                return "A proxy on the way got no valid response. Compare its target with the address of the gateway."
        if probe.response is not ResponseClass.SERVER_ERROR:
            return ""
        if responder is Responder.SERVICE:
            return "The service itself fails: see its log."
        if route is not None and not route.target.has_valid_host:
            return routing.invalid_host_advice(route)
        if responder is Responder.UNKNOWN:
            return "The gateway or the service fails: see the logs of both."
        return (
            "The gateway fails before the service responds. Most often the registered address accepts no connections:"
            " check the service’s port. The log of the gateway names the cause."
        )

    def _not_found(self, route: Route | None, responder: Responder) -> str:
        if self.is_through_gateway and self.knows_routes and route is None:
            return f"The gateway has no route for {self.service.gateway_path or 'this path'}: see the check “route”."
        if responder is Responder.SERVICE:
            return "The service has no such path. Set guarded_path in services.yaml to a path that exists."
        if responder is Responder.GATEWAY:
            return (
                "The gateway responds itself, although a route takes the path: another predicate of the route does not"
                " match, or no instance is UP and spring.cloud.gateway.loadbalancer.use404 is set."
            )
        return (
            "Either the gateway has no route for this path, or the service has no such path. Compare gateway_path and"
            " guarded_path in services.yaml with both."
        )

    def _unavailable(self, route: Route | None, responder: Responder) -> str:
        if responder is Responder.SERVICE or (route is not None and not route.target.is_load_balanced):
            return "The service itself responds with 503: check its health."
        is_known = self.registration is not None and not self.registration.unavailable_reason
        if self.registration is not None and is_known and not self.registration.up:
            return f"The gateway finds no instance: {self.service.registry_id} has none in Eureka that is UP."
        if responder is Responder.UNKNOWN or not is_known:
            return "Either the gateway finds no instance in Eureka, or the service responds with 503: check its health."
        return (
            f"{self.service.registry_id} is UP in Eureka, but the gateway has no instance of the id in its route. It"
            " reads the registry every 30 s: run this again, then compare its eureka.client.service-url."
        )


def check_unauthenticated(probe: AccessProbe, path: Path) -> Check:
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
            return check(Verdict.WARNING, probe.explanation, path.advice(probe) or hint)
    return check(Verdict.FAILED, probe.explanation, path.advice(probe))


def check_authenticated(
    probe: AccessProbe | None,
    unauthenticated: AccessProbe,
    token: TokenInfo | None,
    path: Path,
    now: datetime.datetime,
) -> Check:
    """Return the check that a request with posbot's token is accepted."""
    if token is None:
        result = "skipped: POSBOT_SERVICE_TOKENS has no token for this environment"
        return Check(name=AUTHENTICATED, verdict=None, result=result)
    if probe is None:
        result = "skipped: posbot’s token is not sent over http (environments.yaml: token_over_http)"
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
        case ResponseClass.CLIENT_ERROR if path.responder(probe) is Responder.GATEWAY:
            return check(Verdict.FAILED, f"not forwarded, {probe.explanation}", path.advice(probe))
        case ResponseClass.SUCCESS | ResponseClass.CLIENT_ERROR:
            return check(Verdict.OK, f"accepted, {probe.explanation}")
    return check(Verdict.FAILED, probe.explanation, path.advice(probe))


def _path(probe: AccessProbe) -> str:
    return urllib.parse.urlsplit(probe.url).path


def _address(probe: AccessProbe) -> str:
    parts = urllib.parse.urlsplit(probe.url)
    return f"{parts.netloc}{parts.path}"
