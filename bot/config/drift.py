"""
The catalog compared with a checkout of the backend.

What the POMs, settings and compose file say of a module is in `backend`. Whatever cannot be told from them, such as a
port that is a variable, is no difference.
"""

import dataclasses
import pathlib
from collections.abc import Iterator

from bot.config import backend as config_backend
from bot.config import catalog, route_drift
from bot.config.differences import Difference

_PROMETHEUS = "micrometer-registry-prometheus"
_ACTUATORS = ("spring-boot-starter-actuator", "spring-boot-actuator-autoconfigure")


def compare(catalogue: catalog.Catalog, checkout: pathlib.Path) -> tuple[Difference, ...]:
    """
    Return every difference between *catalogue* and the backend at *checkout*.

    Raises:
        errors.UsageError: there is no Maven project with modules at *checkout*.
        errors.BadConfiguration: one of its files cannot be read.
    """
    backend = config_backend.Backend(checkout)
    return (
        *_module_differences(catalogue, backend),
        *(
            difference
            for service in catalogue.services
            for difference in _Comparison(service, backend, backend.modules.get(service.module)).differences()
        ),
        *route_drift.compare(catalogue, backend),
    )


def _module_differences(catalogue: catalog.Catalog, backend: config_backend.Backend) -> Iterator[Difference]:
    known = {service.module: service for service in catalogue.services}
    modules = backend.module_names
    for module in modules:
        service = known.get(module)
        listed, name = (service.module, service.name) if service is not None else ("not listed", module)
        if not backend.has_folder(module):
            absent = "listed in pom.xml, no folder"
            yield Difference(service=name, about="module", catalogue=listed, backend=absent, where="pom.xml")
        elif service is None:
            yield Difference(service=name, about="module", catalogue=listed, backend="built", where="pom.xml")
    for module, service in known.items():
        if module not in modules:
            yield Difference(
                service=service.name, about="module", catalogue=module, backend="not built", where="pom.xml"
            )


@dataclasses.dataclass(frozen=True, slots=True)
class _Comparison:
    """One service compared with its module; *module* is None where it has no POM."""

    service: catalog.Service
    backend: config_backend.Backend
    module: config_backend.Module | None

    def differences(self) -> Iterator[Difference]:
        """Yield what differs; of a library only whether it is one."""
        module = self.module
        if module is not None:
            yield from (self._differs("settings", "–", "not YAML", file) for file in module.settings.unreadable)
            yield from self._runnable(module)
        if self.service.library:
            return
        yield from self._web_server_and_ports()
        yield from self._compose()
        if module is not None:
            yield from self._registration(module)
            if module.has_web_server and self.service.port is not None:
                yield from self._scheme(module)
                yield from self._actuator(module)

    def _differs(self, about: str, catalogue: object, backend: object, where: str) -> Difference:
        return Difference(
            service=self.service.name, about=about, catalogue=str(catalogue), backend=str(backend), where=where
        )

    def _runnable(self, module: config_backend.Module) -> Iterator[Difference]:
        if self.service.library and module.maven.is_runnable:
            yield self._differs("jar", "library", "runnable jar", module.pom)
        elif not self.service.library and module.maven.is_runnable is False:
            yield self._differs("jar", "service", "no runnable jar, spring-boot:repackage is not used", module.pom)

    def _web_server_and_ports(self) -> Iterator[Difference]:
        port, module = self.service.port, self.module
        has_web_server = module.has_web_server if module is not None else None
        if has_web_server is False:
            if port is not None and module is not None:
                yield self._differs("web server", f"port {port}", "none", module.pom)
            return
        said = module.settings.find("server.port") if module is not None else None
        if said is not None and (said.text or "").isdecimal() and int(said.text or 0) not in {0, port}:
            yield self._differs("port", port or "none", said.text, said.where)
        if said is None and has_web_server and module is not None and module.port.text != str(port):
            yield self._differs("port", port or "none", f"{module.port.text} (Spring Boot’s default)", module.pom)
        entry, name = self.backend.entry_of(self.service), self.backend.compose.name
        ports = {name: entry.port, f"{name}, health check": entry.health_port} if entry is not None else {}
        for where, one in ports.items():
            if one is not None and one not in {port, self.service.management_port}:
                yield self._differs("port", port or "none", one, where)

    def _compose(self) -> Iterator[Difference]:
        name, entry = self.backend.compose.name, self.backend.entry_of(self.service)
        if self.service.port is None or not name:
            return
        if entry is None:
            yield self._differs("compose entry", self.service.name, "none", name)
            return
        published, expected = entry.published_port, self.service.published_port or self.service.port
        # One that is published as it is has been compared as the port already.
        is_own = entry.port != published or self.service.published_port is not None
        if published is not None and entry.port is not None and is_own and published != expected:
            yield self._differs("published port", expected, published, name)
        for variable, value in entry.environment.items():
            is_address = variable.upper().startswith("EUREKA_CLIENT_SERVICE")
            if is_address and "//localhost" in value and (self.module is None or self.module.registers is not False):
                yield self._differs("Eureka address", "another container", f"{value}, its own container", name)

    def _registration(self, module: config_backend.Module) -> Iterator[Difference]:
        if not self.service.registers:
            if module.registers:
                yield self._differs("registration", "does not register", "registers", module.pom)
            return
        if module.registers is False:
            reason = "switched off in its settings" if module.has_eureka_client else "no Eureka client"
            yield self._differs("registration", self.service.registry_id, reason, module.pom)
            return
        name = module.settings.find("spring.application.name")
        if name is None and module.registers:
            yield self._differs("application name", self.service.registry_id, "not set: UNKNOWN", module.pom)
        elif name is not None and name.text is not None and name.text.upper() != self.service.registry_id:
            yield self._differs("application name", self.service.registry_id, name.text, name.where)

    def _scheme(self, module: config_backend.Module) -> Iterator[Difference]:
        is_https = self.service.scheme is catalog.Scheme.HTTPS
        if module.tls is not None and not is_https:
            yield self._differs("scheme", self.service.scheme or "http", "https", module.tls.where)
        elif module.tls is None and is_https:
            yield self._differs("scheme", "https", "http", module.port.where)

    def _actuator(self, module: config_backend.Module) -> Iterator[Difference]:
        service = self.service
        if not module.maven.has(*_ACTUATORS):
            if module.maven.has_web_server is not None:
                yield self._differs("actuator", service.health_path, f"no {_ACTUATORS[0]}", module.pom)
            return
        management = module.settings.find("management.server.port")
        if module.exposes("health") is False or (management is not None and management.text == "-1"):
            yield self._differs("actuator", service.health_path, "health is not exposed", module.pom)
            return
        port = management.text if management is not None else module.port.text
        expected = str(service.management_port or service.port)
        if management is not None and port is not None and port != expected:
            yield self._differs("management port", expected, port, management.where)
        elif management is None and service.management_port not in {None, service.port}:
            yield self._differs("management port", expected, "none", module.pom)
        if module.health_path is not None and module.health_path != service.health_path:
            where = module.health_path_source or module.port
            yield self._differs("health path", service.health_path, module.health_path, where.where)
        if not module.maven.has(_PROMETHEUS):
            yield self._differs("Prometheus", "/actuator/prometheus", f"no {_PROMETHEUS}", module.pom)
        elif module.exposes("prometheus") is False:
            exposed = module.settings.get("management.endpoints.web.exposure.include", "health")
            yield self._differs("Prometheus", "/actuator/prometheus", f"exposed: {exposed}", module.pom)
