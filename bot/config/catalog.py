"""The catalogue: which services exist, and where they run."""

import enum
import functools
import re
import string
from collections.abc import Iterable
from typing import Annotated

import pydantic

from bot import errors
from bot.config import strict

Name = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Port = Annotated[int, pydantic.Field(ge=1, le=65535, strict=True)]
UrlPath = Annotated[str, pydantic.StringConstraints(pattern=r"^/[!-~]*$")]
HttpUrl = Annotated[str, pydantic.StringConstraints(pattern=r"^https?://[^\s/]+(/\S*)?$")]

ALL = "all"


class Tier(enum.StrEnum):
    """What it means for the shops when the service is down."""

    # Nothing can be sold.
    CRITICAL = "critical"
    # Part of the day's work stops.
    IMPORTANT = "important"
    # Can wait until business hours.
    SUPPORTING = "supporting"


class Service(strict.StrictModel):
    """One module of the backend as it is deployed."""

    name: Name
    aliases: tuple[Name, ...] = ()
    module: Name
    deployment: Name
    container: Name
    port: Port | None = None
    """None where the module serves no HTTP of its own; such a service has no health endpoint to ask."""
    health_path: UrlPath = "/actuator/health"
    gateway_path: UrlPath | None = None
    """The path under which the API gateway offers the service; None where it offers it not."""
    guarded_path: UrlPath = "/"
    """A path of the service that nobody gets without a login."""
    owner: str
    group: Name
    tier: Tier

    def named_places(self) -> tuple[tuple[tuple[int | str, ...], str], ...]:
        """Give every word that means this service, with the key it stands under."""
        return ((("name",), self.name), *((("aliases", index), alias) for index, alias in enumerate(self.aliases)))


class Catalog(strict.StrictModel):
    """All services; every name and alias in it means exactly one service."""

    services: tuple[Service, ...] = pydantic.Field(min_length=1)

    @pydantic.model_validator(mode="after")
    def _names_mean_one_thing(self) -> "Catalog":
        holders = {service.group: f"the group {service.group}" for service in self.services}
        holders[ALL] = "the word for all services"
        for index, service in enumerate(self.services):
            if service.group == ALL:
                message = f"“{ALL}” is already taken by the word for all services; expected a name of its own"
                raise errors.ValidationError(message, "services", index, "group")
            for place, name in service.named_places():
                if name in holders:
                    message = f"“{name}” is already taken by {holders[name]}; expected a name of its own"
                    raise errors.ValidationError(message, "services", index, *place)
                holders[name] = service.name
        return self

    @functools.cached_property
    def _by_name(self) -> dict[str, Service]:
        return {name: service for service in self.services for name in (service.name, *service.aliases)}

    @functools.cached_property
    def groups(self) -> tuple[str, ...]:
        """Give the names of all groups, sorted."""
        return tuple(sorted({service.group for service in self.services}))

    def find(self, name: str) -> Service:
        """
        Give the service called *name*, by its name or an alias.

        Raises:
            errors.NotFound: with the nearest names.
        """
        service = self._by_name.get(name.lower())
        if service is None:
            raise errors.NotFound("service", name, self._by_name)
        return service

    def select(self, selection: str) -> tuple[Service, ...]:
        """
        Give the services that *selection* means: one by name or alias, a group, or `all`.

        Raises:
            errors.NotFound: with the nearest names of services and groups.
        """
        wanted = selection.lower()
        if wanted == ALL:
            return self.services
        if wanted in self.groups:
            return tuple(service for service in self.services if service.group == wanted)
        if wanted in self._by_name:
            return (self._by_name[wanted],)
        known = (*self._by_name, *self.groups, ALL)
        raise errors.NotFound("service or group", selection, known)


_TEMPLATE_FIELDS = frozenset({"service", "deployment", "namespace", "port", "health_path", "gateway_path"})


class Environment(strict.StrictModel):
    """One place where the services run."""

    namespace: Name
    kube_context: str | None = None
    """None means the account the bot runs under."""
    health_url: str
    """Template of a service's health URL over the names in `_TEMPLATE_FIELDS`."""
    gateway_url: HttpUrl | None = None
    eureka_url: HttpUrl | None = None
    """Where the registry is, without `/eureka`."""
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

    def health_url_of(self, service: Service) -> str | None:
        """Give where *service* answers for its health here, or None where it serves no HTTP."""
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
    """All environments and the one that is meant when none is named."""

    default: Name
    runbook_url: HttpUrl | None = None
    """Where people read the runbook in a browser; sections are linked by their anchors."""
    environments: dict[Name, Environment] = pydantic.Field(min_length=1)

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
        Give the environment called *name*.

        Raises:
            errors.NotFound: with the nearest names.
        """
        environment = self.environments.get(name.lower())
        if environment is None:
            hint = f"Known environments: {', '.join(self.environments)}."
            raise errors.NotFound("environment", name, self.environments, hint=hint)
        return environment


def find_named(services: Iterable[Service]) -> str:
    """Give the names of *services* as one enumeration."""
    return ", ".join(service.name for service in services)
