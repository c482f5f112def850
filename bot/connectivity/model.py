"""The way to a service from outside: routes of the gateway, instances in the registry, and who is let in."""

import dataclasses
import datetime
import enum
import re
from collections.abc import Sequence

_PATHS = re.compile(r"Paths: \[([^\]]*)\]")
_BALANCED = "lb://"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route of the gateway."""

    id: str
    uri: str
    predicate: str
    """Which requests it takes, in the words of Spring Cloud Gateway."""
    filters: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Give the patterns of the paths that it takes, such as `/order/**`."""
        return tuple(path.strip() for found in _PATHS.findall(self.predicate) for path in found.split(","))

    def leads_to(self, name: str) -> bool:
        """Tell whether it leads to the service called *name*, by way of the registry or straight to its host."""
        target = self.uri.lower()
        if target.startswith(_BALANCED):
            return target.removeprefix(_BALANCED).strip("/") == name
        host = target.partition("://")[2].partition("/")[0].partition(":")[0]
        return name in {host, host.partition(".")[0]}

    def takes(self, prefix: str) -> bool:
        """Tell whether it takes what is below *prefix*."""
        return any(path.removesuffix("/**").rstrip("/") == prefix.rstrip("/") for path in self.paths)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """What a gateway says of its routes."""

    url: str
    routes: tuple[Route, ...] = ()
    unavailable_reason: str = ""
    """Why they are not known; empty where they are."""

    def to(self, name: str) -> tuple[Route, ...]:
        """Give the routes to the service called *name*."""
        return tuple(route for route in self.routes if route.leads_to(name))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One process of a service, as it has registered itself."""

    id: str
    host: str
    port: int | None
    """None where it has turned its plain and its secure port off."""
    status: str
    """UP, DOWN, STARTING, OUT_OF_SERVICE or UNKNOWN."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What the registry says of a service."""

    url: str
    instances: tuple[Instance, ...] = ()
    """None of them where the registry does not know the service."""
    unavailable_reason: str = ""
    """Why nothing is known; empty where something is."""

    @property
    def up(self) -> tuple[Instance, ...]:
        """Give the instances that get requests."""
        return tuple(instance for instance in self.instances if instance.status == "UP")

    def elsewhere(self, port: int) -> Sequence[Instance]:
        """Give the instances that get requests at another port than *port*."""
        return [instance for instance in self.up if instance.port not in {None, port}]


class AccessResult(enum.Enum):
    """How a request was received."""

    # There was no answer.
    SILENCE = enum.auto()
    # 401: who is that?
    UNAUTHORIZED = enum.auto()
    # 403: not that one.
    FORBIDDEN = enum.auto()
    LET_IN = enum.auto()
    SENT_ON = enum.auto()
    # Any other 4xx: the request is wrong, whoever makes it.
    REJECTED = enum.auto()
    # 503: nobody is there who could answer.
    UNAVAILABLE = enum.auto()
    BROKEN = enum.auto()

    @classmethod
    def of(cls, status: int) -> "AccessResult":
        """Give what an HTTP status says."""
        special = {401: cls.UNAUTHORIZED, 403: cls.FORBIDDEN, 503: cls.UNAVAILABLE}
        families = {2: cls.LET_IN, 3: cls.SENT_ON, 4: cls.REJECTED}
        return special.get(status) or families.get(status // 100, cls.BROKEN)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AccessProbe:
    """What came of one request, with or without a login."""

    url: str
    reception: AccessResult
    explanation: str
    """The status with its words, or why there was no answer."""
    location: str = ""
    """Where a redirect leads."""
    challenge: str = ""
    """What the answer says of the login that it wants (WWW-Authenticate)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What can be told of a token without showing it."""

    ends_at: datetime.datetime | None = None
    """When it stops being good, where it says so (`exp` of a JWT)."""
