"""Eureka, the registry in which services are found by name."""

import dataclasses
import json
from collections.abc import Iterator

from bot import text_threads
from bot.config import catalog
from bot.health import actuator, status

APPLICATIONS_PATH = "/eureka/apps"
TIMEOUT_SECONDS = 8.0
MAX_INSTANCES = 1_000
_MAX_NAME_LENGTH = 300
_MAX_PORT_DIGITS = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One registered process of a service."""

    id: str
    host: str
    port: int | None
    """None where both its plain and its secure port are disabled."""
    status: str
    """UP, DOWN, STARTING, OUT_OF_SERVICE or UNKNOWN."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """The instances of a service in a registry."""

    url: str
    id: str = ""
    instances: tuple[Instance, ...] = ()
    """Empty where the service is not registered."""
    unavailable_reason: str = ""
    """A phrase where the registry is unavailable, else empty."""

    @property
    def up(self) -> tuple[Instance, ...]:
        """Return the instances that receive requests."""
        return tuple(instance for instance in self.instances if instance.status == "UP")

    def is_in_pods_of(self, service: catalog.Service) -> bool:
        """Return whether its instances are pods of *service*; by default an instance's id begins with its host."""
        begins = (f"{service.deployment}-", f"{service.name}-")
        return any(instance.id.startswith(begins) or instance.host.startswith(begins) for instance in self.up)

    def on_other_port(self, port: int) -> tuple[Instance, ...]:
        """Return the instances that receive requests on another port than *port*."""
        return tuple(instance for instance in self.up if instance.port not in {None, port})


class Eureka:
    """Reads registries without retries; a failure is part of the result."""

    def __init__(self, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._http = actuator.HttpProbe(max_bytes=actuator.MAX_BODY_BYTES, timeout_seconds=timeout_seconds)

    async def find(self, url: str, registry_id: str) -> Registration:
        """Return what is registered as *registry_id* in the registry at *url*."""
        application_url = f"{url.rstrip('/')}{APPLICATIONS_PATH}/{registry_id}"
        # Without this header the response is XML.
        outcome = await self._http.get(application_url, accept="application/json")
        if isinstance(outcome, status.HttpFailure):
            return Registration(url=application_url, unavailable_reason=outcome.explanation)
        document = await text_threads.run(_parse_json, outcome.body)
        if outcome.exchange.status == 404:
            # Spring's own 404 names the requested path; any other one comes from a server that is no registry.
            path = _text(document.get("path")) if isinstance(document, dict) else ""
            is_registry = not outcome.body or APPLICATIONS_PATH in path
            reason = "" if is_registry else f"no registry at this address ({outcome.exchange.status_line})"
            return Registration(url=application_url, unavailable_reason=reason)
        application = document.get("application") if isinstance(document, dict) else None
        if outcome.exchange.status != 200 or not isinstance(application, dict):
            reason = f"not a registry response ({outcome.exchange.status_line})"
            return Registration(url=application_url, unavailable_reason=reason)
        instances = tuple(_parse_instances(application.get("instance")))
        return Registration(url=application_url, id=registry_id, instances=instances)

    async def find_similar(self, url: str, service: catalog.Service) -> Registration | None:
        """Return the one registration with instances at *service*'s pods or else at its port; None if not just one."""
        applications_url = f"{url.rstrip('/')}{APPLICATIONS_PATH}"
        outcome = await self._http.get(applications_url, accept="application/json")
        body = outcome.body if isinstance(outcome, status.HttpResponse) else b""
        registrations = await text_threads.run(_parse_registrations, applications_url, body)
        in_pods = [one for one in registrations if one.is_in_pods_of(service)]
        at_port = [one for one in registrations if any(instance.port == service.port for instance in one.up)]
        return next((found[0] for found in (in_pods, at_port) if len(found) == 1), None)


def _parse_json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _parse_registrations(url: str, body: bytes) -> list[Registration]:
    document = _parse_json(body)
    content = document.get("applications") if isinstance(document, dict) else None
    listed = content.get("application") if isinstance(content, dict) else None
    return [
        Registration(
            url=url,
            id=_text(one.get("name")),
            instances=tuple(_parse_instances(one.get("instance"))),
        )
        for one in (listed if isinstance(listed, list) else [listed])[:MAX_INSTANCES]
        if isinstance(one, dict)
    ]


def _parse_instances(entries: object) -> Iterator[Instance]:
    # Older registries write a single instance without a list.
    listed = entries if isinstance(entries, list) else [entries]
    for entry in listed[:MAX_INSTANCES]:
        if isinstance(entry, dict):
            yield Instance(
                id=_text(entry.get("instanceId")) or _text(entry.get("hostName")) or "unnamed",
                host=_text(entry.get("hostName")) or _text(entry.get("ipAddr")),
                port=_parse_port(entry.get("port")) or _parse_port(entry.get("securePort")),
                status=_text(entry.get("status"))[: status.MAX_STATUS_LENGTH] or "UNKNOWN",
            )


def _parse_port(entry: object) -> int | None:
    if not isinstance(entry, dict) or str(entry.get("@enabled")).lower() != "true":
        return None
    number = entry.get("$")
    if isinstance(number, str):
        number = int(number) if number.isdecimal() and len(number) <= _MAX_PORT_DIGITS else None
    return number if isinstance(number, int) and not isinstance(number, bool) and number > 0 else None


def _text(value: object) -> str:
    return str(value)[:_MAX_NAME_LENGTH] if isinstance(value, (str, int)) else ""
