"""
A sandboxed API gateway: Spring Cloud Gateway's list of routes, authentication, and the way to the services.

What it answers was held against a real one (Spring Cloud 2025.0 with a resource server), which `tests/real/spring/`
starts: 401 without a body and with a challenge, before any route is looked for; 404 where no route fits; 503 where the
registry has no instance; 500 where the instance does not listen, or the id in the route is no host name.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import http
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
from aiohttp import web

from sandbox.services import fleets, ports, registries

ROUTES = "/actuator/gateway/routes"
TIMEOUT_SECONDS = 5.0
_NOT_KNOWN = (
    'Bearer error="invalid_token", error_description="An error occurred while attempting to decode the Jwt", '
    'error_uri="https://tools.ietf.org/html/rfc6750#section-3.1"'
)


@dataclasses.dataclass(kw_only=True)
class Faults:
    """What is wrong with the gateway; all of it can be switched while it runs."""

    lost_routes: set[str] = dataclasses.field(default_factory=set)
    """Names of services to which no route leads."""
    moved_routes: dict[str, str] = dataclasses.field(default_factory=dict)
    """Another path for the route of a service."""
    targets: dict[str, str] = dataclasses.field(default_factory=dict)
    """Another uri for the configured route of a service."""
    hides_routes: bool = False
    """The endpoint is not exposed."""
    guards_routes: bool = False
    """The endpoint wants a login too."""
    skips_authentication: bool = False
    forbids_all: bool = False
    """A login is known and allows nothing."""
    shows_login_page: bool = False
    hangs: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class _Route:
    prefix: str
    id: str
    filter: str
    uri: str


class Gateway:
    """A server on a port of its own in front of a fleet."""

    def __init__(
        self, fleet: fleets.Fleet, registry: registries.Registry, paths: Mapping[str, str], *, login: str
    ) -> None:
        self.faults = Faults()
        self.login = login
        """The only one that is good."""
        self._fleet = fleet
        self._registry = registry
        self._paths = dict(paths)
        self._reserved_port = ports.ReservedPort(self._answer)
        self._client: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        """Return the address without a path."""
        return f"http://{ports.HOST}:{self._reserved_port.port}"

    async def starts(self) -> None:
        """Start healthy."""
        self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS), trust_env=False)
        await self._reserved_port.open()

    async def stops(self) -> None:
        """Close the port and give it back."""
        await self._reserved_port.release()
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def refuses(self) -> None:
        """Refuse connections; the port stays reserved."""
        await self._reserved_port.close()

    async def recovers(self) -> None:
        """Recover."""
        self.faults = Faults()
        await self._reserved_port.open()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.faults.hangs:
            await asyncio.Event().wait()
        if request.path.startswith("/actuator"):
            return self._answer_actuator(request)
        refusal = self._refusal(request)
        return refusal if refusal is not None else await self._forward(request)

    def _answer_actuator(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.faults.guards_routes:
            return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})
        if request.method != "GET":
            return web.Response(status=403, text="An expected CSRF token cannot be found")
        if request.path == "/actuator/health":
            return web.json_response({"status": "UP"})
        if request.path == ROUTES and not self.faults.hides_routes:
            return web.json_response([route for name in self._fleet for route in self._routes_to(name)])
        return _error(404, request.path)

    def _refusal(self, request: web.BaseRequest) -> web.StreamResponse | None:
        if self.faults.skips_authentication:
            return None
        if self.faults.shows_login_page:
            return web.Response(status=302, headers={"Location": "/login"})
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})
        if token != self.login:
            return web.Response(status=401, headers={"WWW-Authenticate": _NOT_KNOWN})
        return web.Response(status=403) if self.faults.forbids_all else None

    def _routes_to(self, name: str) -> list[dict[str, Any]]:
        return [
            {
                "predicate": _predicate(route.prefix),
                "route_id": route.id,
                "filters": [route.filter],
                "uri": route.uri,
                "order": 0,
            }
            for route in self._offers(name)
        ]

    def _offers(self, name: str) -> list[_Route]:
        """Return the route made of a registration, and the one that is configured."""
        found, registry_id = [], self._registry.id_of(name)
        if name in self._registry.names and name not in self.faults.lost_routes | self.faults.moved_routes.keys():
            path = registry_id.lower()
            rewriting = f"[[RewritePath /{path}/?(?<remaining>.*) = '/${{remaining}}'], order = 1]"
            route_id = f"ReactiveCompositeDiscoveryClient_{registry_id}"
            found.append(_Route(f"/{path}", route_id, rewriting, f"lb://{registry_id}"))
        prefix = self.faults.moved_routes.get(name, self._paths.get(name))
        if prefix and name not in self.faults.lost_routes:
            stripping = f"[[StripPrefix parts = {prefix.count('/')}], order = 1]"
            uri = self.faults.targets.get(name, f"lb://{registry_id}")
            found.append(_Route(prefix, prefix.strip("/").replace("/", "-"), stripping, uri))
        return found

    async def _forward(self, request: web.BaseRequest) -> web.StreamResponse:
        for name in self._fleet:
            for route in self._offers(name):
                if request.path == route.prefix or request.path.startswith(f"{route.prefix}/"):
                    return await self._pass_on(request, route, request.path.removeprefix(route.prefix) or "/")
        return _error(404, request.path)

    async def _pass_on(self, request: web.BaseRequest, route: _Route, path: str) -> web.StreamResponse:
        registry_id = route.uri.removeprefix("lb://")
        if "_" in registry_id:
            # Java finds no host in such a URI.
            return _error(500, request.path)
        name = self._registry.find(registry_id)
        if name is None:
            return _error(503, request.path)
        assert self._client is not None  # noqa: S101 - it serves, so it has started
        try:
            async with self._client.get(self._fleet[name].url + path, allow_redirects=False) as answer:
                return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)
        except (aiohttp.ClientError, TimeoutError):
            return _error(500, request.path)


def _predicate(prefix: str) -> str:
    first = "RouteDefinitionRouteLocator$$Lambda/0x000000001e721e70"
    return f"({first} && Paths: [{prefix}/**], match trailing slash: true)"


def _error(status: int, path: str) -> web.Response:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    phrase = http.HTTPStatus(status).phrase
    document = {"timestamp": now, "path": path, "status": status, "error": phrase, "requestId": "cdd71c45-9"}
    return web.json_response(document, status=status)


@contextlib.asynccontextmanager
async def running(
    fleet: fleets.Fleet, registry: registries.Registry, paths: Mapping[str, str], *, login: str = "posbot-may-come-in"
) -> AsyncIterator[Gateway]:
    """Return a gateway before *fleet*; *paths* are those under which it offers services, by their names."""
    gateway = Gateway(fleet, registry, paths, login=login)
    await gateway.starts()
    try:
        yield gateway
    finally:
        await gateway.stops()
