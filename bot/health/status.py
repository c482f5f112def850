"""
What a health endpoint said, and what that means to the person on call.

What a service says of how it was built.
"""

import dataclasses
import datetime
import enum
import re
from collections.abc import Sequence

from bot.model import reports

TARGET_SECONDS = 0.5
"""Typical response time of a core API under normal load (runbook, overview): slower is a warning."""


class Finding(enum.StrEnum):
    """Everything that asking for health can come to."""

    UP = "up"
    SLOW = "slow"
    DOWN = "down"
    OUT_OF_SERVICE = "out of service"
    UNKNOWN = "unknown"
    NO_SUCH_NAME = "name does not resolve"
    REFUSED = "connection refused"
    UNREACHABLE = "unreachable"
    CONNECT_TIMEOUT = "no connection"
    READ_TIMEOUT = "no answer"
    TLS_EXPIRED = "certificate expired"
    TLS_WRONG_HOST = "certificate of another host"
    TLS_UNTRUSTED = "certificate not trusted"
    TLS_FAILED = "TLS failed"
    DROPPED = "connection dropped"
    NOT_HTTP = "not HTTP"
    UNAUTHORIZED = "401 unauthorized"
    FORBIDDEN = "403 forbidden"
    LOGIN_PAGE = "login page"
    REDIRECTED = "redirected"
    NOT_FOUND = "404 not found"
    NOT_JSON = "not JSON"
    OTHER_SHAPE = "not a health document"
    TOO_LARGE = "answer too large"
    HTTP_ERROR = "HTTP error"
    NO_ENDPOINT = "no endpoint"
    UNFINISHED = "not finished"

    @property
    def verdict(self) -> reports.Verdict:
        """Give how bad this is."""
        return _VERDICTS.get(self, reports.Verdict.FAILED)

    @property
    def advice(self) -> str | None:
        """Give what to try next, or None when there is nothing to do."""
        return _ADVICE.get(self)


_VERDICTS = {
    Finding.UP: reports.Verdict.OK,
    Finding.SLOW: reports.Verdict.WARNING,
    Finding.UNKNOWN: reports.Verdict.UNKNOWN,
    Finding.NO_ENDPOINT: reports.Verdict.UNKNOWN,
    Finding.UNFINISHED: reports.Verdict.UNKNOWN,
}

_ADVICE = {
    Finding.SLOW: "Look at latency and the connection pool. One slow answer alone may be a garbage collection.",
    Finding.DOWN: "Start with what fails, then the service’s logs.",
    Finding.OUT_OF_SERVICE: "It refuses traffic on purpose: starting, stopping, or taken out by its readiness state.",
    Finding.UNKNOWN: "The service answers but does not say how it is; read its components and logs.",
    Finding.NO_SUCH_NAME: "Check the environment and the health_url template; the Service may not be deployed there.",
    Finding.REFUSED: "Nothing listens on that port: not started, crashed, or another port than the catalogue says.",
    Finding.UNREACHABLE: "Check the network policy and that the bot may reach that network.",
    Finding.CONNECT_TIMEOUT: "Packets are lost on the way: a network policy, a node that is gone, or a wrong address.",
    Finding.READ_TIMEOUT: "It accepts connections but does not answer: threads exhausted, or a component check hangs.",
    Finding.TLS_EXPIRED: "Renew the certificate; clients are refused until then.",
    Finding.TLS_WRONG_HOST: "The URL and the certificate name different hosts; check the gateway route and health_url.",
    Finding.TLS_UNTRUSTED: "Give the bot the issuing CA (SSL_CERT_FILE), or renew the certificate from a known one.",
    Finding.TLS_FAILED: "Check that the port speaks TLS and which versions it offers.",
    Finding.DROPPED: "It closed the connection before answering: a crash, a restart, or a proxy in between.",
    Finding.NOT_HTTP: "Something else listens on that port; compare the port with the catalogue.",
    Finding.UNAUTHORIZED: "The actuator wants a login; allow /actuator/health without one or ask through the cluster.",
    Finding.FORBIDDEN: "A gateway or security rule forbids the actuator to the bot.",
    Finding.LOGIN_PAGE: "A login page stands in front of the actuator; ask inside the cluster or exempt the path.",
    Finding.REDIRECTED: "Correct the URL in the catalogue to where it leads, if that is the actuator.",
    Finding.NOT_FOUND: "Wrong path, or the health endpoint is not exposed (management.endpoints.web.exposure).",
    Finding.NOT_JSON: "Something else answers at that URL: a proxy's page or another application.",
    Finding.OTHER_SHAPE: "Another application answers at that URL; compare port and path with the catalogue.",
    Finding.TOO_LARGE: "A health document is small; another application answers at that URL.",
    Finding.HTTP_ERROR: "This comes from a proxy or the gateway, or the service fails before its actuator answers.",
    Finding.NO_ENDPOINT: "The catalogue gives it no port; nothing can be asked.",
    Finding.UNFINISHED: "Ask for this one alone.",
}


_NAMED = 5
_PACKAGE = re.compile(r"\b(?:[a-z_][a-z0-9_]*\.)+([A-Z]\w*)")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One part of a service that has a health of its own."""

    path: str
    """Nested components are joined by dots, such as `discoveryComposite.eureka`."""
    status: str
    details: tuple[tuple[str, str], ...] = ()

    @property
    def brief_details(self) -> tuple[tuple[str, str], ...]:
        """Give what a person wants of the details: the error first and without packages, under the component's name."""
        in_order = sorted(self.details, key=lambda detail: detail[0] != "error") or [("error", self.status)]
        return tuple(
            (self.path if name == "error" else f"{self.path} {name}", _PACKAGE.sub(r"\1", value))
            for name, value in in_order
        )

    @property
    def is_failing(self) -> bool:
        """Tell whether the component says that it does not work."""
        return self.status not in {"UP", "UNKNOWN"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What happened on the wire, as `curl -v` would tell it; seconds since the request began."""

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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An HTTP response, read to its end."""

    exchange: Exchange
    body: bytes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why there is no response."""

    finding: Finding
    explanation: str
    exchange: Exchange


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """The answer of one health URL."""

    finding: Finding
    explanation: str
    """What exactly happened, as a half sentence without the service's name."""
    components: tuple[Component, ...] = ()
    groups: tuple[str, ...] = ()
    exchange: Exchange

    @property
    def is_healthy(self) -> bool:
        """Tell whether it says that all works, be it slowly."""
        return self.finding in {Finding.UP, Finding.SLOW}

    @property
    def is_document(self) -> bool:
        """Tell whether a health document came back, be it a bad one."""
        return self.finding in {Finding.SLOW, *_STATUSES.values()}

    @property
    def failing_components(self) -> tuple[Component, ...]:
        """Give the innermost components that say they do not work."""
        failing = [component for component in self.components if component.is_failing]
        outer = {component.path[:dot] for component in failing for dot in _dots(component.path)}
        return tuple(component for component in failing if component.path not in outer)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All that one service said about its health at one moment."""

    service: str
    root: Probe
    groups: tuple[tuple[str, Probe], ...] = ()
    """Readiness and liveness, where the service has them."""

    @property
    def _decisive(self) -> tuple[str, Probe]:
        """Give the probe that decides, with its name: the root's, unless a group contradicts a good root."""
        probes = (("", self.root), *self.groups)
        return max(probes, key=lambda named: named[1].finding.verdict.severity)

    @property
    def finding(self) -> Finding:
        """Give the worst that was found; the root's where others are as bad."""
        return self._decisive[1].finding

    @property
    def verdict(self) -> reports.Verdict:
        """Give how bad the service's health is."""
        return self.finding.verdict

    @property
    def is_healthy(self) -> bool:
        """Tell whether the service works, be it slowly."""
        return self.finding in {Finding.UP, Finding.SLOW}

    @property
    def failing_components(self) -> tuple[Component, ...]:
        """Give what fails according to the probe that decides."""
        return self._decisive[1].failing_components

    @property
    def summary(self) -> str:
        """Give one half sentence: the state and its reason."""
        name, probe = self._decisive
        return f"{name} is {probe.explanation}" if name else probe.explanation

    @property
    def cause(self) -> str:
        """Give the reason alone, for where the finding stands beside it; nothing where all is well."""
        if self.finding in {Finding.UP, Finding.REFUSED}:
            return ""
        if self.finding is Finding.SLOW:
            return f"target {TARGET_SECONDS * 1000:.0f} ms"
        return enumeration(self.failing_components) or self.summary


def unasked(service: str, finding: Finding, explanation: str) -> Reading:
    """Give the reading of a service that no answer was had of."""
    exchange = Exchange(url="none", total_seconds=0.0)
    return Reading(service=service, root=Probe(finding=finding, explanation=explanation, exchange=exchange))


_STATUSES = {
    "UP": Finding.UP,
    "DOWN": Finding.DOWN,
    "OUT_OF_SERVICE": Finding.OUT_OF_SERVICE,
    "UNKNOWN": Finding.UNKNOWN,
}


def _dots(path: str) -> list[int]:
    return [index for index, character in enumerate(path) if character == "."]


def enumeration(components: Sequence[Component]) -> str:
    """Give the names of *components*, the first few and how many more there are."""
    more = f" and {len(components) - _NAMED} more" if len(components) > _NAMED else ""
    return ", ".join(component.path for component in components[:_NAMED]) + more


def judge(status: str, *, components: tuple[Component, ...], groups: tuple[str, ...], exchange: Exchange) -> Probe:
    """Give what a health document means that says *status* and took as long as *exchange*."""
    finding = _STATUSES.get(status.upper(), Finding.UNKNOWN)
    if finding is Finding.UP and exchange.total_seconds > TARGET_SECONDS:
        finding = Finding.SLOW
    probe = Probe(finding=finding, explanation="", components=components, groups=groups, exchange=exchange)
    return dataclasses.replace(probe, explanation=_explanation(probe, status))


def _explanation(probe: Probe, status: str) -> str:
    milliseconds = f"{probe.exchange.total_seconds * 1000:.0f} ms"
    if probe.finding is Finding.SLOW:
        return f"UP but slow, {milliseconds} (target {TARGET_SECONDS * 1000:.0f} ms)"
    if probe.finding is Finding.UP:
        return f"UP, {milliseconds}"
    if status.upper() not in _STATUSES:
        return f"“{status[:40]}”, a state that posbot does not know"
    failing = enumeration(probe.failing_components)
    return f"{status.upper()} because of {failing}" if failing else status.upper()


_SHORT_COMMIT = 7


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What runs behind an address; each part is empty where the service does not tell it."""

    version: str = ""
    commit: str = ""
    built_at: datetime.datetime | None = None
    unavailable_reason: str = ""
    """Why nothing is known, as a half sentence; empty where something is."""

    @property
    def name(self) -> str:
        """Give version and commit, as far as they are known."""
        commit = self.commit[:_SHORT_COMMIT]
        return f"{self.version} ({commit})" if self.version and commit else self.version or commit
