"""The environments: where the services run, and which of them is the default."""

import string
import urllib.parse
from typing import Annotated

import pydantic

from bot import errors
from bot.config import catalog, strict

HttpUrl = Annotated[str, pydantic.StringConstraints(pattern=r"^https?://[^\s/]+(/\S*)?$")]

_TEMPLATE_FIELDS = frozenset(
    {"service", "deployment", "namespace", "port", "published_port", "health_path", "gateway_path"}
)
_PORT_FIELDS = frozenset({"port", "published_port"})


class Environment(strict.StrictModel):
    """One namespace of a cluster that the services run in."""

    namespace: catalog.Name
    kube_context: str | None = None
    """None for the service account that posbot runs under."""
    health_url: str
    """Template of a service's health URL over the names in `_TEMPLATE_FIELDS`."""
    gateway_url: HttpUrl | None = None
    eureka_url: HttpUrl | None = None
    """The registry, without `/eureka`."""
    token_over_http: bool = False
    """posbot's own token may be sent over http: the network is trusted, or encrypts by itself."""
    prometheus_url: HttpUrl | None = None
    alertmanager_url: HttpUrl | None = None

    @pydantic.field_validator("health_url")
    @classmethod
    def _is_a_template(cls, template: str) -> str:
        try:
            parts = [part for part in string.Formatter().parse(template) if part[1] is not None]
        except ValueError as error:
            raise ValueError(f"the braces do not match up ({error})") from error
        names = {str(name) for _, name, _, _ in parts}
        unknown = names - _TEMPLATE_FIELDS
        if unknown:
            listed = ", ".join(f"{{{name}}}" for name in sorted(_TEMPLATE_FIELDS))
            raise ValueError(f"{{{min(unknown)}}} cannot be filled in; known are {listed}")
        if any(specification or conversion for _, _, specification, conversion in parts):
            raise ValueError("a name in braces stands alone; expected {port} and not {port:…} or {port!…}")
        if not template.startswith(("http://", "https://")):
            raise ValueError("expected a URL that begins with http:// or https://")
        if not names & {"service", "deployment", "gateway_path", *_PORT_FIELDS}:
            raise ValueError("every service would get the same URL; expected {service} or {port} in it")
        return template

    def health_url_of(self, service: catalog.Service) -> str | None:
        """Return the health URL of *service* here, or None where it has no web server."""
        return self._url(service, service.management_port or service.port) if service.port is not None else None

    def application_url_of(self, service: catalog.Service, path: str) -> str:
        """Return the URL of *path* at the application's own port, which is not that of a separate actuator."""
        parts = urllib.parse.urlsplit(self._url(service, service.port))
        return f"{parts.scheme}://{parts.netloc}{path}"

    def shared_health_urls(self, catalogue: catalog.Catalog) -> dict[str, tuple[str, ...]]:
        """Return each health URL that several services have here, with the names of these services."""
        names: dict[str, tuple[str, ...]] = {}
        for service in catalogue.services:
            if url := self.health_url_of(service):
                names[url] = (*names.get(url, ()), service.name)
        return {url: services for url, services in names.items() if len(services) > 1}

    def _url(self, service: catalog.Service, port: int | None) -> str:
        url = self.health_url.format(
            service=service.name,
            deployment=service.deployment,
            namespace=self.namespace,
            port=port,
            published_port=service.published_port or port,
            health_path=service.health_path,
            gateway_path=service.gateway_path or f"/{service.name}",
        )
        # A template without the port leads through something else, such as the gateway, with a scheme of its own.
        is_direct = any(name in _PORT_FIELDS for _, name, _, _ in string.Formatter().parse(self.health_url))
        return f"{service.scheme}://{url.partition('://')[2]}" if service.scheme and is_direct else url


class Environments(strict.StrictModel):
    """All environments, and the default one."""

    default: catalog.Name
    runbook_url: HttpUrl | None = None
    """The runbook in a browser; sections are linked by their anchors."""
    environments: dict[catalog.Name, Environment] = pydantic.Field(min_length=1)

    @property
    def with_token_over_http(self) -> frozenset[str]:
        """Return the names of the environments in which posbot's token may be sent over http."""
        return frozenset(name for name, one in self.environments.items() if one.token_over_http)

    @pydantic.model_validator(mode="after")
    def _default_exists(self) -> "Environments":
        if self.default not in self.environments:
            known = ", ".join(self.environments)
            raise errors.ValidationError(
                f"“{self.default}” is not among the environments; expected one of {known}", "default"
            )
        return self

    def find(self, name: str) -> Environment:
        """
        Return the environment called *name*.

        Raises:
            errors.NotFound: with the nearest names.
        """
        environment = self.environments.get(name.lower())
        if environment is None:
            hint = f"Known environments: {', '.join(self.environments)}."
            raise errors.NotFound("environment", name, self.environments, hint=hint)
        return environment
