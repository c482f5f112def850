"""Findings of a health check, their verdicts and thresholds, and the HTTP exchange behind them."""

import dataclasses
import datetime
import enum
from collections.abc import Sequence

import re2

from bot import errors
from bot.model import reports

TARGET_SECONDS = 0.5
"""Response time target of a core API at normal load (runbook, overview). A slower response is a warning."""
MAX_LISTED_COMPONENTS = 5
MAX_STATUS_LENGTH = 40
MAX_TEXT_LENGTH = 2_000
"""Of a description or detail; what a service echoes into one has no bound of its own."""
_MAX_DETAIL_LENGTH = 300
_MAX_SUMMARY_LENGTH = 120
_SHORT_COMMIT_LENGTH = 7
_PACKAGE = re2.compile(r"\b(?:[a-z_][a-z0-9_]*\.)+([A-Z]\w*)")


class Finding(enum.StrEnum):
    """Result of a health check."""

    UP = "up"
    SLOW = "slow"
    DOWN = "down"
    OUT_OF_SERVICE = "out of service"
    UNKNOWN = "unknown"
    CUSTOM = "custom status"
    DNS_FAILED = "DNS lookup failed"
    REFUSED = "connection refused"
    UNREACHABLE = "unreachable"
    CONNECT_TIMEOUT = "connect timeout"
    READ_TIMEOUT = "read timeout"
    TLS_EXPIRED = "certificate expired"
    TLS_WRONG_HOST = "certificate hostname mismatch"
    TLS_UNTRUSTED = "certificate not trusted"
    TLS_FAILED = "TLS handshake failed"
    DROPPED = "connection closed"
    NOT_HTTP = "not HTTP"
    UNAUTHORIZED = "401 unauthorized"
    FORBIDDEN = "403 forbidden"
    LOGIN_PAGE = "login page"
    REDIRECTED = "redirected"
    NOT_FOUND = "404 not found"
    NOT_JSON = "not JSON"
    NOT_HEALTH = "not a health document"
    TOO_LARGE = "response too large"
    HTTP_ERROR = "HTTP error"
    NO_ENDPOINT = "no endpoint"
    TIMED_OUT = "timed out"

    @property
    def verdict(self) -> reports.Verdict:
        """Return the verdict: failed unless the service is up, slow or cannot be judged."""
        return _VERDICTS.get(self, reports.Verdict.FAILED)

    @property
    def is_healthy(self) -> bool:
        """Return whether the service works, degraded (slow) included."""
        return self in {Finding.UP, Finding.SLOW}

    @property
    def is_unreachable(self) -> bool:
        """Return whether there was no HTTP response."""
        return self in _UNREACHABLE


_VERDICTS = {
    Finding.UP: reports.Verdict.OK,
    Finding.SLOW: reports.Verdict.WARNING,
    Finding.CUSTOM: reports.Verdict.WARNING,
    Finding.UNKNOWN: reports.Verdict.UNKNOWN,
    # Nothing was learned of the service: its address is wrong, or meant for another network.
    Finding.DNS_FAILED: reports.Verdict.UNKNOWN,
    Finding.NO_ENDPOINT: reports.Verdict.UNKNOWN,
    Finding.TIMED_OUT: reports.Verdict.UNKNOWN,
}
_UNREACHABLE = frozenset(
    {
        Finding.DNS_FAILED,
        Finding.REFUSED,
        Finding.UNREACHABLE,
        Finding.CONNECT_TIMEOUT,
        Finding.READ_TIMEOUT,
        Finding.TLS_EXPIRED,
        Finding.TLS_WRONG_HOST,
        Finding.TLS_UNTRUSTED,
        Finding.TLS_FAILED,
        Finding.DROPPED,
        Finding.NOT_HTTP,
    }
)
SPRING_STATUSES = {
    "UP": Finding.UP,
    "DOWN": Finding.DOWN,
    "OUT_OF_SERVICE": Finding.OUT_OF_SERVICE,
    "UNKNOWN": Finding.UNKNOWN,
}
"""Spring Boot's own statuses."""
_WITHOUT_DETAILS = frozenset({"livenessState", "readinessState", "ping"})
_WITHOUT_STATEMENT = frozenset(
    {Finding.UNAUTHORIZED, Finding.FORBIDDEN, Finding.LOGIN_PAGE, Finding.REDIRECTED, Finding.NOT_FOUND}
)
"""Responses that say nothing of the health of a group: access to it is restricted, or it does not exist."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A health contributor of a service, such as `db`."""

    path: str
    """Nested components are joined by dots, such as `discoveryComposite.eureka`."""
    status: str
    description: str = ""
    details: tuple[tuple[str, str], ...] = ()

    @property
    def brief_details(self) -> tuple[tuple[str, str], ...]:
        """Return status, reason and details by component name, without Java packages."""
        details = dict(self.details)
        reason = " · ".join(filter(None, (self.description, details.pop("error", ""))))
        if self.status != "DOWN" or not reason:
            reason = f"{self.status}: {reason}" if reason else self.status
        pairs = ((self.path, reason), *((f"{self.path} {name}", value) for name, value in details.items()))
        return tuple((name, errors.shorten(_PACKAGE.sub(r"\1", value), _MAX_DETAIL_LENGTH)) for name, value in pairs)

    @property
    def summary(self) -> str:
        """Return description and details on one line, shortened."""
        stated = (self.description, *(f"{name}={value}" for name, value in self.details))
        return errors.shorten(", ".join(filter(None, stated)), _MAX_SUMMARY_LENGTH)

    @property
    def is_failing(self) -> bool:
        """Return whether the status is neither UP nor UNKNOWN."""
        return self.status.upper() not in {"UP", "UNKNOWN"}


def list_components(components: Sequence[Component]) -> str:
    """Return the paths of *components*, at most `MAX_LISTED_COMPONENTS` and a count of the rest."""
    more = f" and {len(components) - MAX_LISTED_COMPONENTS} more" if len(components) > MAX_LISTED_COMPONENTS else ""
    return ", ".join(component.path for component in components[:MAX_LISTED_COMPONENTS]) + more


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One HTTP request and its response as `curl -v` shows them; seconds count from the start of the request."""

    url: str
    address: str | None = None
    connected_after_seconds: float | None = None
    tls_after_seconds: float | None = None
    tls_version: str | None = None
    first_byte_after_seconds: float | None = None
    total_seconds: float
    http_version: str | None = None
    status: int | None = None
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body_bytes: int = 0

    @property
    def is_success(self) -> bool:
        """Return whether the status is one of 200 to 299."""
        return 200 <= (self.status or 0) < 300

    @property
    def status_line(self) -> str:
        """Return the status with its reason phrase, such as `HTTP 404 Not Found`."""
        return f"HTTP {self.status} {self.reason}".strip()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """A complete HTTP response."""

    exchange: Exchange
    body: bytes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HttpFailure:
    """A request without a complete response."""

    finding: Finding
    explanation: str
    exchange: Exchange


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EndpointHealth:
    """Health at one URL: the service's own, or that of one of its groups."""

    finding: Finding
    explanation: str
    """A phrase for a headline, without the name of the service."""
    components: tuple[Component, ...] = ()
    groups: tuple[str, ...] = ()
    exchange: Exchange

    @property
    def is_healthy(self) -> bool:
        """Return whether the endpoint reports UP, slow responses included."""
        return self.finding.is_healthy

    @property
    def is_document(self) -> bool:
        """Return whether the response was a health document, whatever its status."""
        return self.finding in {Finding.SLOW, Finding.CUSTOM, *SPRING_STATUSES.values()}

    @property
    def is_silent(self) -> bool:
        """Return whether the response says nothing of the health, because access to it is restricted."""
        return self.finding in _WITHOUT_STATEMENT

    @property
    def hides_components(self) -> bool:
        """Return whether the document names no component."""
        return self.is_document and not self.components

    @property
    def hides_details(self) -> bool:
        """Return whether the document names failing components without any detail, which those usually have."""
        has_details = any(one.details or one.description for one in self.components)
        return not has_details and any(one.path not in _WITHOUT_DETAILS for one in self.failing_components)

    @property
    def failing_components(self) -> tuple[Component, ...]:
        """Return the innermost failing components."""
        failing = [component for component in self.components if component.is_failing]
        parents = {
            component.path[:index]
            for component in failing
            for index, character in enumerate(component.path)
            if character == "."
        }
        return tuple(component for component in failing if component.path not in parents)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServiceHealth:
    """Health of one service at one time."""

    service: str
    root: EndpointHealth
    groups: tuple[tuple[str, EndpointHealth], ...] = ()
    """Readiness and liveness, where the service has them."""

    @property
    def _worst(self) -> tuple[str, EndpointHealth]:
        """
        Return the worst endpoint and its name; the root, whose name is empty, wins a tie.

        A group that posbot may not read does not count: the root includes it.
        """
        endpoints = (("", self.root), *((name, group) for name, group in self.groups if not group.is_silent))
        return max(endpoints, key=lambda named: reports.SEVERITY[named[1].finding.verdict])

    @property
    def finding(self) -> Finding:
        """Return the worst finding."""
        return self._worst[1].finding

    @property
    def verdict(self) -> reports.Verdict:
        """Return the verdict of the worst finding."""
        return self.finding.verdict

    @property
    def is_healthy(self) -> bool:
        """Return whether the service works, degraded (slow) included."""
        return self.finding.is_healthy

    @property
    def failing_components(self) -> tuple[Component, ...]:
        """Return the failing components of the worst endpoint."""
        return self._worst[1].failing_components

    @property
    def summary(self) -> str:
        """Return state and reason as one phrase."""
        name, endpoint = self._worst
        return f"{name} {endpoint.explanation}" if name else endpoint.explanation

    @property
    def reason(self) -> str:
        """Return the reason alone, for use beside the finding; empty where the finding says all."""
        failing = list_components(self.failing_components)
        if self.finding is Finding.UP:
            return f"not UP: {failing}" if failing else ""
        if self.finding is Finding.REFUSED:
            return ""
        if self.finding is Finding.SLOW:
            return f"target {TARGET_SECONDS * 1000:.0f} ms"
        if self.finding is Finding.CUSTOM:
            return self.summary
        return failing or self.summary


def unchecked(service: str, finding: Finding, explanation: str) -> ServiceHealth:
    """Return the health of a *service* to which no request was completed."""
    exchange = Exchange(url="none", total_seconds=0.0)
    return ServiceHealth(
        service=service, root=EndpointHealth(finding=finding, explanation=explanation, exchange=exchange)
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """Build information from the info endpoint; a part the service does not publish is empty."""

    version: str = ""
    commit: str = ""
    built_at: datetime.datetime | None = None
    unavailable_reason: str = ""
    """A phrase where nothing is known, else empty."""

    @property
    def name(self) -> str:
        """Return version and short commit, as far as they are known."""
        commit = self.commit[:_SHORT_COMMIT_LENGTH]
        return f"{self.version} ({commit})" if self.version and commit else self.version or commit
