"""
Spring Cloud Gateway: its routes, and requests through it with and without a token.

A request never raises: a failure is part of the result. Nothing is retried and no redirect is followed, because the
response to exactly this request is the result.
"""

import base64
import binascii
import dataclasses
import datetime
import enum
import itertools
import json
from collections.abc import Collection, Iterator, Mapping

from bot import text_threads
from bot.config import catalog, security_warnings
from bot.config import routes as config_routes
from bot.health import actuator, status

ROUTES_PATH = "/actuator/gateway/routes"
TIMEOUT_SECONDS = 8.0
MAX_ROUTES = 1_000
MAX_PATHS = 50
"""Of one route."""
_MAX_TEXT_LENGTH = 2_000
"""Of a predicate, a URI or a filter."""
_PATHS = "Paths: ["
_END_OF_PATHS = ("], match trailing slash", "]")
_PATH_FILTERS = ("StripPrefix", "RewritePath", "PrefixPath", "SetPath")
_ENDPOINT_OFF = (
    "the actuator endpoint “gateway” is off: set management.endpoint.gateway.access=read_only (before Spring Cloud"
    " Gateway 4.2 management.endpoint.gateway.enabled=true), and name it in management.endpoints.web.exposure.include"
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route of the gateway."""

    id: str
    uri: str
    predicate: str
    """Which requests match, as Spring Cloud Gateway prints it."""
    filters: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the path patterns, such as `/order/**`."""
        return tuple(itertools.islice(_parse_paths(self.predicate), MAX_PATHS))

    @property
    def target(self) -> config_routes.Target:
        """Return where its requests are sent."""
        return config_routes.target_of(self.uri)

    @property
    def changes_path(self) -> bool:
        """Return whether a service behind it is requested with another path than the gateway."""
        return any(name in one for one in self.filters for name in _PATH_FILTERS)

    @property
    def literal_path(self) -> str:
        """Return the beginning of the first path pattern, such as `/order`; empty where that has variables."""
        path = self.paths[0].removesuffix("/**") if self.paths else ""
        return "" if set(path) & set("*?{") else path

    def leads_to(self, service: catalog.Service) -> bool:
        """Return whether the route leads to *service*, through the registry or directly to its host."""
        return self.target.leads_to(service.registry_id, service.name, service.deployment)

    def takes(self, path: str) -> bool:
        """Return whether requests to *path* match."""
        return any(config_routes.takes(pattern, path) for pattern in self.paths)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """The routes of a gateway."""

    url: str
    routes: tuple[Route, ...] = ()
    unavailable_reason: str = ""
    """A phrase where the routes are unavailable, else empty."""

    def to(self, service: catalog.Service) -> tuple[Route, ...]:
        """Return the routes to *service*."""
        return tuple(route for route in self.routes if route.leads_to(service))

    def taking(self, path: str) -> Route | None:
        """Return the route that requests to *path* take, or None; the gateway lists its routes in their order."""
        return next((route for route in self.routes if route.takes(path)), None)


class ResponseClass(enum.Enum):
    """HTTP's classes of responses, with the statuses that matter for access apart."""

    NO_RESPONSE = enum.auto()
    SUCCESS = enum.auto()
    REDIRECTION = enum.auto()
    # 401: the request lacks valid credentials.
    UNAUTHORIZED = enum.auto()
    # 403: the credentials are valid and do not suffice.
    FORBIDDEN = enum.auto()
    # Any other 4xx: the request itself is wrong.
    CLIENT_ERROR = enum.auto()
    # 503: the gateway has no instance to forward to.
    UNAVAILABLE = enum.auto()
    SERVER_ERROR = enum.auto()

    @classmethod
    def of(cls, status: int) -> "ResponseClass":
        """Return the class of an HTTP status."""
        special = {401: cls.UNAUTHORIZED, 403: cls.FORBIDDEN, 503: cls.UNAVAILABLE}
        classes = {2: cls.SUCCESS, 3: cls.REDIRECTION, 4: cls.CLIENT_ERROR}
        return special.get(status) or classes.get(status // 100, cls.SERVER_ERROR)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AccessProbe:
    """The result of one request, with or without a token."""

    url: str
    response: ResponseClass
    explanation: str
    """The status with its reason phrase, or why there was no response."""
    location: str = ""
    """Target of a redirect."""
    challenge: str = ""
    """The WWW-Authenticate header."""
    status: int | None = None
    error_path: str = ""
    """The path in a Spring error document: as the responding application received it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TokenInfo:
    """Properties of a token that reports may show."""

    expires_at: datetime.datetime | None = None
    """The `exp` claim of a JWT; None for an opaque token."""


class Gateway:
    """
    Sends requests to gateways and services; *tokens* are posbot's own, by environment.

    A token is sent over https, and over http in the environments *over_http*.
    """

    def __init__(
        self,
        tokens: Mapping[str, str],
        *,
        over_http: Collection[str] = (),
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._tokens = tokens
        self._over_http = over_http
        self._http = actuator.HttpProbe(max_bytes=actuator.MAX_BODY_BYTES, timeout_seconds=timeout_seconds)

    async def routes(self, url: str) -> Routes:
        """Return the routes of the gateway at *url*, or why they are unavailable."""
        routes_url = url.rstrip("/") + ROUTES_PATH
        outcome = await self._http.get(routes_url, accept="application/json")
        if isinstance(outcome, status.HttpFailure):
            return Routes(url=routes_url, unavailable_reason=outcome.explanation)
        if outcome.exchange.status == 404:
            reason = f"{outcome.exchange.status_line}: {_ENDPOINT_OFF}"
            return Routes(url=routes_url, unavailable_reason=reason)
        if outcome.exchange.status in {401, 403}:
            reason = f"{outcome.exchange.status_line}: the actuator endpoint “gateway” requires authentication"
            return Routes(url=routes_url, unavailable_reason=reason)
        return await text_threads.run(_parse_routes, routes_url, outcome)

    def may_send_token(self, url: str, environment: str) -> bool:
        """Return whether posbot's token of *environment* may be sent to *url*."""
        return security_warnings.may_carry_token(url, over_http=environment in self._over_http)

    async def probe(self, url: str, *, token_of: str | None = None) -> AccessProbe:
        """
        Return the result of a request to *url*, with posbot's token of the environment *token_of* if given.

        Raises:
            ValueError: the token may not be sent there.
        """
        if token_of is not None and not self.may_send_token(url, token_of):
            raise ValueError(f"the token of {token_of} is not sent over http")
        token = self._tokens[token_of] if token_of is not None else None
        outcome = await self._http.get(url, accept="application/json", token=token)
        if isinstance(outcome, status.HttpFailure):
            return AccessProbe(url=url, response=ResponseClass.NO_RESPONSE, explanation=outcome.explanation)
        exchange, headers = outcome.exchange, dict(outcome.exchange.headers)
        return AccessProbe(
            url=url,
            response=ResponseClass.of(exchange.status or 0),
            explanation=exchange.status_line,
            location=headers.get("location", ""),
            challenge=headers.get("www-authenticate", ""),
            status=exchange.status,
            error_path=await text_threads.run(_error_path, outcome.body),
        )

    def token(self, environment: str) -> TokenInfo | None:
        """Return the properties of posbot's token of *environment*, or None if there is none."""
        token = self._tokens.get(environment)
        return TokenInfo(expires_at=_expiry(token)) if token else None


def _error_path(body: bytes) -> str:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return _text(document.get("path")) if isinstance(document, dict) else ""


def _parse_paths(predicate: str) -> Iterator[str]:
    """Yield the patterns of each `Paths: [/a/**, /b/**], match trailing slash: true` in *predicate*."""
    for part in predicate.split(_PATHS)[1:]:
        ends = (part.find(end) for end in _END_OF_PATHS)
        listed = part[: next((end for end in ends if end >= 0), 0)]
        yield from (path.strip() for path in listed.split(", "))


def _parse_routes(url: str, response: status.HttpResponse) -> Routes:
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):
        document = None
    if response.exchange.status != 200 or not isinstance(document, list):
        return Routes(url=url, unavailable_reason=f"not a list of routes ({response.exchange.status_line})")
    entries = [entry for entry in document[:MAX_ROUTES] if isinstance(entry, dict)]
    return Routes(
        url=url,
        routes=tuple(
            Route(
                id=_text(entry.get("route_id")),
                uri=_text(entry.get("uri")),
                predicate=_text(entry.get("predicate")),
                filters=tuple(map(_text, filters[:MAX_PATHS]))
                if isinstance(filters := entry.get("filters"), list)
                else (),
            )
            for entry in entries
        ),
    )


def _text(value: object) -> str:
    return str(value)[:_MAX_TEXT_LENGTH] if isinstance(value, (str, int)) else ""


def _expiry(token: str) -> datetime.datetime | None:
    """Return the `exp` claim of a JWT (RFC 7519); its signature does not matter here."""
    body = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return datetime.datetime.fromtimestamp(float(claims["exp"]), datetime.UTC)
    except (binascii.Error, ValueError, TypeError, LookupError, OverflowError, OSError, RecursionError):
        return None
