"""
What a service says of its own health: components, and how Spring adds them up.

The components, their order and their wording are those of Spring Boot 3.5 with a data source, Redis and a
Eureka client. Spring leaves `error` out of some components: a full disk shows in its numbers only.
"""

import dataclasses
import enum
from collections.abc import Iterable, Mapping
from typing import Any

GROUPS = {"liveness": "livenessState", "readiness": "readinessState"}
"""Spring's two groups look at one component each by default, so a lost data source leaves readiness UP."""


class Status(enum.StrEnum):
    """A health status, the most severe first: the root shows the first one that any component has."""

    DOWN = "DOWN"
    OUT_OF_SERVICE = "OUT_OF_SERVICE"
    UP = "UP"
    UNKNOWN = "UNKNOWN"

    @property
    def http_status(self) -> int:
        """Return the status of the HTTP answer that Spring sends with it."""
        return 503 if self in (Status.DOWN, Status.OUT_OF_SERVICE) else 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class Component:
    """One entry of a health document; a composite has components of its own and no details."""

    status: Status = Status.UP
    description: str | None = None
    details: Mapping[str, Any] | None = None
    components: "Components | None" = None

    def document(self) -> dict[str, Any]:
        """Return the entry as Spring writes it, keys in Spring's order."""
        document: dict[str, Any] = {} if self.description is None else {"description": self.description}
        document["status"] = self.status.value
        if self.details is not None:
            document["details"] = dict(self.details)
        if self.components is not None:
            document["components"] = documents(self.components)
        return document


Components = Mapping[str, Component]
Failure = str | Component
"""What is wrong with a component: the text of its `error`, or the whole entry where the real one has no error."""

ERRORS = {
    "db": "org.springframework.jdbc.CannotGetJdbcConnectionException: Failed to obtain JDBC Connection",
    "redis": "org.springframework.data.redis.RedisConnectionFailureException: Unable to connect to Redis",
    "rabbit": "org.springframework.amqp.AmqpConnectException: java.net.ConnectException: Connection refused",
}

PASSWORD = "t1ger-Lily-4711"  # noqa: S105 - nobody's: it is there to be kept out of every channel
PASSWORD_ERROR = (
    "org.springframework.jdbc.CannotGetJdbcConnectionException: Failed to obtain JDBC Connection; nested: "
    "No suitable driver found for jdbc:postgresql://pos_order:" + PASSWORD + "@pos-db:5432/orders"
    "?user=pos_order&password=" + PASSWORD + "&sslmode=require"
)
"""A JDBC address carries its password in two ways, and this one in both."""

_CONNECTION = {"database": "PostgreSQL", "validationQuery": "isValid()"}
CONNECTION_DEAD = Component(status=Status.DOWN, details=_CONNECTION)
"""What `db` says just after the loss, before the pool has noticed that its connection is dead: no error at all."""

_DISK = {
    "total": 270_553_174_016,
    "free": 85_134_209_024,
    "threshold": 10_485_760,
    "path": "/app/.",
    "exists": True,
}
DISK_FULL = Component(status=Status.DOWN, details=_DISK | {"free": 4_194_304})


def healthy(name: str) -> dict[str, Component]:
    """Return the components of a service called `name` that has nothing to complain of."""
    return {
        "db": Component(details=_CONNECTION),
        "discoveryComposite": discovery(
            name,
            Component(description="Remote status from Eureka server", details={"applications": {name.upper(): 1}}),
        ),
        "diskSpace": Component(details=_DISK),
        "livenessState": Component(),
        "ping": Component(),
        "readinessState": Component(),
        "redis": Component(details={"version": "7.0.15"}),
        "refreshScope": Component(),
        "ssl": Component(details={"validChains": [], "invalidChains": []}),
    }


def discovery(name: str, eureka: Component) -> Component:
    """Return the composite of service discovery around what the Eureka client says."""
    nested = {"discoveryClient": Component(details={"services": [name]}), "eureka": eureka}
    return Component(status=worst(nested.values()), components=nested)


def broken(component: str, trouble: Failure, *, service: str) -> Component:
    """Return `component` as it looks when it is DOWN of `trouble`."""
    if isinstance(trouble, Component):
        return trouble
    failed = Component(status=Status.DOWN, details={"error": trouble})
    return discovery(service, failed) if component == "discoveryComposite" else failed


def worst(components: Iterable[Component]) -> Status:
    """Return the status that Spring shows above these components."""
    shown = {component.status for component in components}
    return next((status for status in Status if status in shown), Status.UNKNOWN)


def find(components: Components, path: Iterable[str]) -> Component | None:
    """Return the component at a path such as `discoveryComposite`, `eureka`; None where there is none."""
    found = None
    for step in path:
        found = components.get(step)
        components = (found.components if found else None) or {}
    return found


def documents(components: Components) -> dict[str, Any]:
    """Return every component as Spring writes it, in the order of their names."""
    return {name: components[name].document() for name in sorted(components)}
