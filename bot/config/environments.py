"""The environments: where the services run, and which of them is the default."""

import re
import string
from typing import Annotated

import pydantic

from bot import errors
from bot.config import catalog, strict

HttpUrl = Annotated[str, pydantic.StringConstraints(pattern=r"^https?://[^\s/]+(/\S*)?$")]

_TEMPLATE_FIELDS = frozenset({"service", "deployment", "namespace", "port", "health_path", "gateway_path"})


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
        if not re.match(r"^https?://", template):
            raise ValueError("expected a URL that begins with http:// or https://")
        if not names & {"service", "deployment", "port", "gateway_path"}:
            raise ValueError("every service would get the same URL; expected {service} or {port} in it")
        return template

    def health_url_of(self, service: catalog.Service) -> str | None:
        """Return the health URL of *service* here, or None where it serves no HTTP."""
        if service.port is None:
            return None
        return self.health_url.format(
            service=service.name,
            deployment=service.deployment,
            namespace=self.namespace,
            port=service.port,
            health_path=service.health_path,
            gateway_path=service.gateway_path or f"/{service.name}",
        )


class Environments(strict.StrictModel):
    """All environments, and the default one."""

    default: catalog.Name
    runbook_url: HttpUrl | None = None
    """The runbook in a browser; sections are linked by their anchors."""
    environments: dict[catalog.Name, Environment] = pydantic.Field(min_length=1)

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
