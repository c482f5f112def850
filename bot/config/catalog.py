"""The catalogue: which services there are."""

import enum
import functools
from collections.abc import Collection
from typing import Annotated

import pydantic

from bot import errors
from bot.config import strict

Name = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Port = Annotated[int, pydantic.Field(ge=1, le=65535, strict=True)]
UrlPath = Annotated[str, pydantic.StringConstraints(pattern=r"^/[!-~]*$")]
EurekaId = Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]

ALL = "all"


class Scheme(enum.StrEnum):
    """How a service's own port is requested."""

    HTTP = "http"
    HTTPS = "https"


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
    library: bool = False
    """The build makes no runnable jar of the module, so nothing serves HTTP."""
    port: Port | None = None
    """Where the application listens; None where it has no web server, and so no health endpoint."""
    published_port: Port | None = None
    """The port of the host where it is another one, as in `8093:8080` of a compose file."""
    scheme: Scheme | None = None
    """Of its own port; None where it is that of the environment's `health_url`."""
    management_port: Port | None = None
    """Where the actuator listens, if not at `port`: `management.server.port`."""
    management_base_path: UrlPath = "/actuator"
    """Path of the actuator, with a context path before it."""
    health_path: UrlPath = "/actuator/health"
    """`health` below `management_base_path`, if omitted."""
    registers: bool = True
    """It registers in Eureka."""
    eureka_id: EurekaId | None = None
    """Its id in Eureka, which is its `spring.application.name`; None where that is `name`."""
    gateway_path: UrlPath | None = None
    """Its path behind the API gateway; None where it has no route there."""
    guarded_path: UrlPath = "/"
    """A path that requires authentication."""
    owner: str
    group: Name
    tier: Tier

    @property
    def registry_id(self) -> str:
        """Return its id as Eureka writes it."""
        return (self.eureka_id or self.name).upper()

    @property
    def no_endpoint_reason(self) -> str:
        """Return why it has no health endpoint, or an empty text where it has one."""
        if self.library:
            return "a library, not a service (services.yaml)"
        return "no web server (services.yaml sets no port)" if self.port is None else ""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _health_is_below_the_base_path(cls, values: object) -> object:
        base = values.get("management_base_path") if isinstance(values, dict) else None
        if not isinstance(values, dict) or not isinstance(base, str):
            return values
        return {"health_path": f"{base.rstrip('/')}/health", **values}

    @pydantic.model_validator(mode="after")
    def _keys_agree(self) -> "Service":
        if self.library and self.port is not None:
            raise errors.ValidationError("a library has no port; expected one of the two keys", "library")
        for key in ("published_port", "scheme", "management_port"):
            if self.port is None and getattr(self, key) is not None:
                raise errors.ValidationError("expected a port too; without one nothing listens", key)
        if self.eureka_id is not None and not self.registers:
            raise errors.ValidationError("expected registers: true, or no eureka_id", "eureka_id")
        return self

    def located_names(self) -> tuple[tuple[tuple[int | str, ...], str], ...]:
        """Return each name of this service, with its key in the file."""
        return ((("name",), self.name), *((("aliases", index), alias) for index, alias in enumerate(self.aliases)))


class Catalog(strict.StrictModel):
    """All services; every name and alias in it means exactly one service."""

    services: tuple[Service, ...] = pydantic.Field(min_length=1)

    @pydantic.model_validator(mode="after")
    def _names_are_unique(self) -> "Catalog":
        owners = {service.group: f"the group {service.group}" for service in self.services}
        owners[ALL] = "the word for all services"
        for index, service in enumerate(self.services):
            if service.group == ALL:
                message = f"“{ALL}” is already taken by the word for all services; expected a name of its own"
                raise errors.ValidationError(message, "services", index, "group")
            for location, name in service.located_names():
                if name in owners:
                    message = f"“{name}” is already taken by {owners[name]}; expected a name of its own"
                    raise errors.ValidationError(message, "services", index, *location)
                owners[name] = service.name
        return self

    @functools.cached_property
    def _by_name(self) -> dict[str, Service]:
        return {name: service for service in self.services for name in (service.name, *service.aliases)}

    @functools.cached_property
    def groups(self) -> tuple[str, ...]:
        """Return the names of all groups, sorted."""
        return tuple(sorted({service.group for service in self.services}))

    @property
    def names(self) -> Collection[str]:
        """Return the names and aliases of all services."""
        return self._by_name.keys()

    def find(self, name: str) -> Service:
        """
        Return the service called *name*, by its name or an alias.

        Raises:
            errors.NotFound: with the nearest names.
        """
        service = self._by_name.get(name.lower())
        if service is None:
            raise errors.NotFound("service", name, self._by_name)
        return service

    def select(self, selection: str) -> tuple[Service, ...]:
        """
        Return the services that *selection* means: one by name or alias, a group, `all`, or several with commas.

        Raises:
            errors.NotFound: with the nearest names of services and groups.
        """
        name = selection.lower()
        if "," in name:
            parts = [part for part in name.split(",") if part]
            return tuple(dict.fromkeys(service for part in parts for service in self.select(part)))
        if name == ALL:
            return self.services
        if name in self.groups:
            return tuple(service for service in self.services if service.group == name)
        if name in self._by_name:
            return (self._by_name[name],)
        known = (*self._by_name, *self.groups, ALL)
        raise errors.NotFound("service or group", selection, known)
