"""The gateway's configured routes compared with the catalog: path, id, and a host that the gateway can use."""

import dataclasses
import itertools
import pathlib
import re
from collections.abc import Iterator

from bot.config import backend as config_backend
from bot.config import catalog
from bot.config import routes as config_routes
from bot.config.differences import Difference

_GATEWAYS = (
    "spring-cloud-starter-gateway",
    "spring-cloud-starter-gateway-mvc",
    "spring-cloud-starter-gateway-server-webflux",
    "spring-cloud-starter-gateway-server-webmvc",
)
_PREFIXES = tuple(f"spring.cloud.gateway{kind}" for kind in ("", ".server.webflux", ".mvc", ".server.webmvc"))
"""Of the properties, in the order in which Spring Cloud introduced them."""
_URI = re.compile(r"\.?routes\[(\d{1,4})\]\.uri$")
_MAX_PREDICATES = 20
_MAX_ROUTES = 500
_MAX_JAVA_FILES = 500
_MAX_JAVA_BYTES = 1_000_000
_ROUTES_IN_JAVA = re.compile(r"\bRouteLocatorBuilder\b|\bRouterFunction<")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Route:
    paths: tuple[str, ...]
    target: config_routes.Target
    where: str

    def takes(self, path: str) -> bool:
        return any(config_routes.takes(pattern, path) for pattern in self.paths)

    def __str__(self) -> str:
        return f"{', '.join(self.paths) or 'any path'} → {self.target.uri}"


def compare(catalogue: catalog.Catalog, backend: config_backend.Backend) -> Iterator[Difference]:
    """Yield the differences between *catalogue* and the routes of the gateways in *backend*."""
    for module in backend.modules.values():
        if module.maven.has(*_GATEWAYS):
            yield from _of_gateway(catalogue, backend, module)


def _of_gateway(
    catalogue: catalog.Catalog, backend: config_backend.Backend, gateway: config_backend.Module
) -> Iterator[Difference]:
    routes = list(itertools.islice(_routes(gateway), _MAX_ROUTES))
    names = (module.settings.get("spring.application.name") for module in backend.modules.values() if module.registers)
    registered = {name.upper() for name in names if name}
    discovered = _discovered_paths(gateway, registered)
    has_all = discovered is not None and not _has_routes_in_java(backend.checkout / gateway.maven.path)
    for service in catalogue.services:
        if service.gateway_path not in (discovered or {}):
            yield from _of_service(service, routes, registered, has_all=has_all, where=gateway.pom)
    for route in routes:
        name = next((service.name for service in catalogue.services if _is_for(route, service)), None)
        if name is None:
            yield Difference(
                service=gateway.maven.name, about="route", catalogue="none", backend=str(route), where=route.where
            )
        if not route.target.has_valid_host:
            # Of an http route Spring Cloud Gateway builds the URI at its start, of a balanced one at each request.
            effect = "HTTP 500 on each request" if route.target.is_load_balanced else "the gateway does not start"
            yield Difference(
                service=name or gateway.maven.name,
                about="route host",
                catalogue="a host name",
                backend=f"{route.target.uri} is not one: {effect}",
                where=route.where,
            )


def _of_service(
    service: catalog.Service, routes: list[_Route], registered: set[str], *, has_all: bool, where: str
) -> Iterator[Difference]:
    def differs(expected: str, found: str, file: str) -> Difference:
        return Difference(service=service.name, about="route", catalogue=expected, backend=found, where=file)

    own = [route for route in routes if _leads_to(route, service)]
    if service.gateway_path is None:
        yield from (differs("none", str(route), route.where) for route in own)
        return
    taking = [route for route in routes if route.takes(service.gateway_path)]
    if not taking:
        if own:
            yield differs(service.gateway_path, f"only {'; '.join(map(str, own))}", own[0].where)
        elif has_all:
            yield differs(service.gateway_path, "none", routes[0].where if routes else where)
        return
    target = taking[0].target
    if target.is_load_balanced and not _leads_to(taking[0], service):
        is_known = target.host.upper() in registered
        nobody = "" if is_known else f", and nothing registers as {target.host}"
        yield differs(f"{service.gateway_path} → {service.registry_id}", f"{taking[0]}{nobody}", taking[0].where)


def _is_for(route: _Route, service: catalog.Service) -> bool:
    return _leads_to(route, service) or (service.gateway_path is not None and route.takes(service.gateway_path))


def _leads_to(route: _Route, service: catalog.Service) -> bool:
    return route.target.leads_to(service.registry_id, service.name, service.deployment)


def _routes(gateway: config_backend.Module) -> Iterator[_Route]:
    settings = gateway.settings
    for prefix in _PREFIXES:
        for name in settings.names_below(f"{prefix}.routes["):
            if _URI.search(name) is None or (uri := settings.find(name)) is None or uri.text is None:
                continue
            base = name.removesuffix(".uri")
            yield _Route(paths=tuple(_paths(gateway, base)), target=config_routes.target_of(uri.text), where=uri.where)


def _paths(gateway: config_backend.Module, route: str) -> Iterator[str]:
    """Yield the patterns of the Path predicates of *route*, in the short or the long form."""
    settings = gateway.settings
    for index in range(_MAX_PREDICATES):
        predicate = f"{route}.predicates[{index}]"
        short = settings.find(predicate)
        if short is not None and (short.text or "").startswith("Path="):
            yield from (one.strip() for one in (short.text or "").removeprefix("Path=").split(","))
        elif settings.get(f"{predicate}.name") == "path":
            names = settings.names_below(f"{predicate}.args")
            values = (settings.find(name) for name in names)
            yield from (
                value.text for value in values if value is not None and value.text and value.text.startswith("/")
            )


def _discovered_paths(gateway: config_backend.Module, registered: set[str]) -> set[str] | None:
    """Return the paths of the routes that the gateway makes of registrations; None where an expression decides."""
    for prefix in _PREFIXES:
        locator = f"{prefix}.discovery.locator"
        if gateway.settings.get(f"{locator}.enabled", "false") == "false":
            continue
        if gateway.settings.names_below(f"{locator}.url") or gateway.settings.names_below(f"{locator}.predicates"):
            return None
        is_lower = gateway.settings.get(f"{locator}.lower-case-service-id", "false") == "true"
        return {f"/{name.lower() if is_lower else name}" for name in registered}
    return set()


def _has_routes_in_java(folder: pathlib.Path) -> bool:
    """Return whether sources of the gateway make routes, which cannot be read here."""
    files = sorted((folder / "src" / "main").rglob("*.java"))[:_MAX_JAVA_FILES]
    return any(
        _ROUTES_IN_JAVA.search(file.read_bytes()[:_MAX_JAVA_BYTES].decode(errors="replace"))
        for file in files
        if file.is_file() and file.stat().st_size <= _MAX_JAVA_BYTES
    )
