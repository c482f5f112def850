"""
A sandboxed Eureka: the registry in which each service of a fleet has an instance.

Held against a real one (Netflix's server in Spring Cloud 2025.0), which `tests/real/spring/` starts: XML unless JSON is
asked for, names in any case, and Spring's own 404 for an application that it does not know.
"""

import contextlib
import datetime
import http
from collections.abc import AsyncIterator
from typing import Any
from xml.etree import ElementTree

from aiohttp import web

from sandbox.services import fleets, ports

APPLICATIONS = "/eureka/apps"
_DATA_CENTER = "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"


class Registry:
    """A server on a port of its own; the services of *fleet* are registered until told otherwise."""

    def __init__(self, fleet: fleets.Fleet) -> None:
        self._fleet = fleet
        self._reserved_port = ports.ReservedPort(self._answer)
        self._instances: dict[str, list[dict[str, Any]]] = {}
        self._ids: dict[str, str] = {}
        self._renew()

    @property
    def url(self) -> str:
        """Return the address without a path."""
        return f"http://{ports.HOST}:{self._reserved_port.port}"

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the services that are registered."""
        return tuple(name for name, instances in self._instances.items() if instances)

    def id_of(self, name: str) -> str:
        """Return the id under which *name* registers: its own name unless told otherwise."""
        return self._ids.get(name, name).upper()

    def find(self, registry_id: str) -> str | None:
        """Return the service with an instance of *registry_id* that gets requests, or None."""
        named = (name for name in self._instances if self.id_of(name) == registry_id.upper())
        return next((name for name in named if any(one["status"] == "UP" for one in self._instances[name])), None)

    def registers_as(self, name: str, registry_id: str) -> None:
        """Let *name* register under another id, as its `spring.application.name` may be."""
        self._ids[name] = registry_id
        self.reports(name, "UP")

    def forgets(self, name: str) -> None:
        """Know nothing of *name*, as after its leases have run out."""
        self._instances[name] = []

    def reports(self, name: str, *statuses: str, port: int | None = None) -> None:
        """Have an instance of *name* with each of *statuses*, at *port* instead of its own where one is given."""
        number = port or self._fleet[name].port
        registry_id = self._ids.get(name, name)
        self._instances[name] = [
            _instance(name, registry_id, number, status, index) for index, status in enumerate(statuses)
        ]

    async def starts(self) -> None:
        """Start healthy."""
        await self._reserved_port.open()

    async def stops(self) -> None:
        """Close the port and give it back."""
        await self._reserved_port.release()

    async def refuses(self) -> None:
        """Refuse connections; the port stays reserved."""
        await self._reserved_port.close()

    async def recovers(self) -> None:
        """Be healthy, with one instance of each service, under its own name."""
        self._ids.clear()
        self._renew()
        await self._reserved_port.open()

    def _renew(self) -> None:
        for name in self._fleet:
            self.reports(name, "UP")

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path.rstrip("/")
        if path == APPLICATIONS:
            applications = [_application(self.id_of(name), self._instances[name]) for name in self.names]
            content: dict[str, Any] = {"versions__delta": "1", "application": applications}
            return _written(request, "applications", content)
        registry_id = path.removeprefix(f"{APPLICATIONS}/").upper()
        name = next((name for name in self.names if self.id_of(name) == registry_id), None)
        if not path.startswith(f"{APPLICATIONS}/") or name is None:
            return _error(404, request.path)
        return _written(request, "application", _application(registry_id, self._instances[name]))


def _instance(name: str, registry_id: str, port: int, status: str, index: int) -> dict[str, Any]:
    return {
        "instanceId": f"{name}-{index}:{registry_id}:{port}",
        "hostName": ports.HOST,
        "app": registry_id.upper(),
        "ipAddr": ports.HOST,
        "status": status,
        "overriddenStatus": "UNKNOWN",
        "port": {"$": port, "@enabled": "true"},
        "securePort": {"$": 443, "@enabled": "false"},
        "countryId": 1,
        "dataCenterInfo": {"@class": _DATA_CENTER, "name": "MyOwn"},
        "vipAddress": registry_id,
        "actionType": "ADDED",
    }


def _application(registry_id: str, instances: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": registry_id, "instance": instances}


def _written(request: web.BaseRequest, root: str, content: dict[str, Any]) -> web.Response:
    if "application/json" in request.headers.get("Accept", ""):
        return web.json_response({root: content})
    text = ElementTree.tostring(_element(root, content))
    return web.Response(body=text, content_type="application/xml")


def _element(name: str, content: object) -> ElementTree.Element:
    """Return *content* as XML the way Eureka writes it: `@` marks attributes, `$` the text, lists repeat their name."""
    element = ElementTree.Element(name)
    if not isinstance(content, dict):
        element.text = str(content)
        return element
    for key, value in content.items():
        if key.startswith("@"):
            element.set(key.removeprefix("@"), str(value))
        elif key == "$":
            element.text = str(value)
        else:
            element.extend(_element(key, one) for one in (value if isinstance(value, list) else [value]))
    return element


def _error(status: int, path: str) -> web.Response:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    document = {"timestamp": now, "status": status, "error": http.HTTPStatus(status).phrase, "path": path}
    return web.json_response(document, status=status)


@contextlib.asynccontextmanager
async def running(fleet: fleets.Fleet) -> AsyncIterator[Registry]:
    """Return a registry of *fleet*."""
    registry = Registry(fleet)
    await registry.starts()
    try:
        yield registry
    finally:
        await registry.stops()
