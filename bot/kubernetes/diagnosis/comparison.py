"""What a jar and its output say, compared with the catalog: its port, its module."""

import dataclasses
from collections.abc import Iterable

import re2

from bot.config import catalog
from bot.kubernetes.diagnosis import archive
from bot.model import reports

_WEB_SERVER = re2.compile(
    r"\b(?:Tomcat|Netty|Jetty|Undertow) (?P<state>initialized with|started on) ports?(?:\(s\))?:? (?P<port>\d{1,5})\b"
    r"(?: \((?P<protocol>[a-z]+))?"
)
"""As Spring Boot 2 and 3 log it (TomcatWebServer and its siblings)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WebServer:
    """A port on which the application will listen, or does."""

    port: int
    is_started: bool
    is_tls: bool


def web_servers(lines: Iterable[str]) -> list[WebServer]:
    """Return the web servers that the output of a jar names; the actuator's comes last if it has its own port."""
    found = (_WEB_SERVER.search(line) for line in lines)
    return [
        WebServer(
            port=int(match["port"]), is_started=match["state"] == "started on", is_tls=match["protocol"] == "https"
        )
        for match in found
        if match is not None
    ]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A jar beside the service as which it was started."""

    service: catalog.Service
    jar: archive.Archive
    owner: catalog.Service | None
    """The service of the catalog whose jar it is, if that is known."""
    servers: tuple[WebServer, ...]
    java: str
    """Version and program."""

    @property
    def port(self) -> int | None:
        """The application's own port; None if its output names none."""
        return self.servers[0].port if self.servers else None

    @property
    def differences(self) -> list[str]:
        """What disagrees with the catalog, the jar of another service first."""
        found = []
        if self.owner is not None and self.owner != self.service:
            found.append(f"this is the jar of {self.owner.name}")
        if self.port is not None and self.port != self.service.port:
            found.append(f"port {self.port} in the jar, {self.service.port or 'none'} in the catalog")
        return found

    def section(self) -> reports.Fields:
        """Return jar, Java and port."""
        own = "unknown, the output names none" if self.port is None else str(self.port)
        pairs = [("jar", self.jar.describe()), ("Java", self.java)]
        if self.port is not None or self.service.port is not None:
            pairs.append(("port", f"{own} (catalog: {self.service.port or 'none'})"))
        return reports.Fields(title="Jar", pairs=tuple(pairs))
