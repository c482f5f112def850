"""What a checkout of the backend says of its modules: POMs, settings and compose file, read together."""

import dataclasses
import functools
import pathlib

from bot import errors
from bot.config import catalog, compose, maven, spring_settings

_EUREKA_CLIENTS = ("spring-cloud-starter-netflix-eureka-client", "spring-cloud-starter-netflix-eureka-server")
_HEALTH_PATH_SETTINGS = (
    "management.endpoints.web.base-path",
    "management.endpoints.web.path-mapping.health",
    "management.server.base-path",
    "server.servlet.context-path",
    "spring.webflux.base-path",
)
_DEFAULT_PORT = "8080"
"""Of Spring Boot."""
_DISABLED = frozenset({"false", "none"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Module:
    """One module as it is built and configured."""

    maven: maven.Module
    settings: spring_settings.Settings
    entry: compose.Entry | None
    """Its service in the compose file."""

    @property
    def pom(self) -> str:
        """Return its POM, relative to the checkout."""
        return f"{self.maven.path}/pom.xml"

    @functools.cached_property
    def has_web_server(self) -> bool | None:
        """Return whether it listens on a port, or None where that cannot be told."""
        kind = self.settings.get("spring.main.web-application-type")
        return False if kind == "none" else self.maven.has_web_server

    @property
    def has_eureka_client(self) -> bool:
        """Return whether a client of Eureka is packaged with it."""
        return self.maven.has(*_EUREKA_CLIENTS)

    @functools.cached_property
    def registers(self) -> bool | None:
        """Return whether it registers in Eureka, or None where that cannot be told."""
        if not self.has_eureka_client:
            return None if self.maven.has_web_server is None else False
        names = ("eureka.client.register-with-eureka", "eureka.client.enabled", "spring.cloud.discovery.enabled")
        values = [self.settings.get(name, "true") for name in names]
        return False if "false" in values else None if None in values else True

    @functools.cached_property
    def port(self) -> spring_settings.Value:
        """Return the port that it listens on: what its settings say, or Spring Boot's own."""
        return self.settings.find("server.port") or spring_settings.Value(text=_DEFAULT_PORT, where=self.pom)

    @functools.cached_property
    def tls(self) -> spring_settings.Value | None:
        """Return the setting that makes it speak TLS, or None."""
        if self.settings.get("server.ssl.enabled", "true") != "true":
            return None
        return self.settings.find("server.ssl.bundle", "server.ssl.key-store", "server.ssl.certificate") or (
            self.settings.find("server.ssl.enabled")
        )

    @functools.cached_property
    def health_path(self) -> str | None:
        """Return the path of the health endpoint, with every path before it; None where it cannot be told."""
        settings, is_apart = self.settings, self.has_management_port
        paths = (
            ("management.server.base-path",)
            if is_apart
            else ("server.servlet.context-path", "spring.webflux.base-path")
        )
        before = [settings.get_text(name, "") for name in paths]
        base = settings.get_text("management.endpoints.web.base-path", "/actuator")
        mapped = settings.get_text("management.endpoints.web.path-mapping.health", "health")
        if base is None or mapped is None or None in before:
            return None
        return "/" + "/".join(part for one in (*before, base, mapped) if one and (part := one.strip("/")))

    @property
    def health_path_source(self) -> spring_settings.Value | None:
        """Return the setting that moves the health endpoint, or None."""
        return self.settings.find(*_HEALTH_PATH_SETTINGS)

    @property
    def has_management_port(self) -> bool:
        """Return whether the actuator listens on a port of its own."""
        port = self.settings.find("management.server.port")
        return port is not None and port.text != self.port.text

    def exposes(self, endpoint: str) -> bool | None:
        """Return whether *endpoint* of the actuator can be requested over HTTP; None where it cannot be told."""
        included = self.settings.get("management.endpoints.web.exposure.include", "health")
        excluded = self.settings.get("management.endpoints.web.exposure.exclude", "")
        enabled = [self.settings.get(f"management.endpoint.{endpoint}.{key}") for key in ("enabled", "access")]
        if included is None or excluded is None or None in enabled:
            return None
        is_included = {endpoint, "*"} & {one.strip() for one in included.split(",")}
        is_excluded = {endpoint, "*"} & {one.strip() for one in excluded.split(",")}
        return bool(is_included) and not is_excluded and not _DISABLED & {*enabled}


class Backend:
    """A checkout of the backend."""

    def __init__(self, checkout: pathlib.Path) -> None:
        """
        Read the root POM and the compose file.

        Raises:
            errors.UsageError: *checkout* is not the root of a Maven project with modules.
            errors.BadConfiguration: one of its files cannot be read.
        """
        if not (checkout / "pom.xml").is_file():
            raise errors.UsageError(
                f"There is no pom.xml in {checkout}.", hint="Give the root of a checkout of durion-positivity-backend."
            )
        self.checkout = checkout
        self._reactor = maven.Reactor(checkout)
        if not self._reactor.names:
            raise errors.UsageError(
                f"{checkout}/pom.xml has no modules: it is a single module.",
                hint=f"Give the root of the checkout, such as {checkout.resolve().parent}.",
            )
        self.compose = compose.load(checkout)

    @property
    def module_names(self) -> tuple[str, ...]:
        """Return the names of all modules."""
        return self._reactor.names

    def has_folder(self, module: str) -> bool:
        """Return whether a module that a POM lists is in the checkout."""
        return self._reactor.has_folder(module)

    @functools.cached_property
    def modules(self) -> dict[str, Module]:
        """Return the modules by name."""
        return {name: self._module(self._reactor.find(name)) for name in self._reactor.names}

    def entry_of(self, service: catalog.Service) -> compose.Entry | None:
        """Return the compose file's entry of *service*."""
        return self.compose.find(service.name, service.module)

    def _module(self, module: maven.Module) -> Module:
        entry = self.compose.find(module.name)
        filtered = {"artifactId": module.artifact, "version": module.version}
        return Module(
            maven=module,
            settings=spring_settings.load(
                self.checkout,
                module.path,
                filtered=filtered | {f"project.{name}": value for name, value in filtered.items()},
                environment=entry.environment if entry is not None else {},
                environment_file=self.compose.name,
            ),
            entry=entry,
        )
