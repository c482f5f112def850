"""Eureka, the registry in which services are found by their names."""

import json
from collections.abc import Iterator

from bot.connectivity import model as connectivity
from bot.health import http_probe, status

APPLICATIONS = "/eureka/apps"
LIMIT_BYTES = 5_000_000
ANSWER_SECONDS = 8.0
MOST_INSTANCES = 1_000


class Eureka:
    """Asks registries; what kept one from an answer is part of what is given, and nothing is retried."""

    def __init__(self, *, seconds: float = ANSWER_SECONDS) -> None:
        self._http = http_probe.HttpProbe(limit_bytes=LIMIT_BYTES, seconds=seconds)

    async def find(self, url: str, name: str) -> connectivity.Registration:
        """Give what the registry at *url* says of the service called *name*."""
        asked = f"{url.rstrip('/')}{APPLICATIONS}/{name.upper()}"
        # Without this header the answer is XML.
        outcome = await self._http.get(asked, accept="application/json")
        if isinstance(outcome, status.Failure):
            return connectivity.Registration(url=asked, unavailable_reason=outcome.explanation)
        if outcome.exchange.status == 404:
            return _unregistered(asked, outcome)
        document = _document(outcome)
        application = document.get("application") if isinstance(document, dict) else None
        if outcome.exchange.status != 200 or not isinstance(application, dict):
            missing = f"the answer is none of a registry ({_status(outcome)})"
            return connectivity.Registration(url=asked, unavailable_reason=missing)
        return connectivity.Registration(url=asked, instances=tuple(_instances(application.get("instance"))))


def _unregistered(url: str, response: status.Response) -> connectivity.Registration:
    """Tell a registry that does not know the name from a server that is none; Spring writes the path it was asked."""
    document = _document(response)
    is_registry = not response.body or (isinstance(document, dict) and APPLICATIONS in str(document.get("path", "")))
    missing = "" if is_registry else f"there is no registry at that address ({_status(response)})"
    return connectivity.Registration(url=url, unavailable_reason=missing)


def _document(response: status.Response) -> object:
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        return None


def _instances(entries: object) -> Iterator[connectivity.Instance]:
    # Older registries write a list of one as the one.
    listed = entries if isinstance(entries, list) else [entries]
    for entry in listed[:MOST_INSTANCES]:
        if isinstance(entry, dict):
            yield connectivity.Instance(
                id=str(entry.get("instanceId") or entry.get("hostName") or "unnamed"),
                host=str(entry.get("hostName") or entry.get("ipAddr") or ""),
                port=_port(entry.get("port")) or _port(entry.get("securePort")),
                status=str(entry.get("status", "UNKNOWN")),
            )


def _port(entry: object) -> int | None:
    if not isinstance(entry, dict) or str(entry.get("@enabled")).lower() != "true":
        return None
    number = entry.get("$")
    return int(number) if isinstance(number, (int, str)) and str(number).isdecimal() else None


def _status(response: status.Response) -> str:
    return f"HTTP {response.exchange.status} {response.exchange.reason}".strip()
