"""The checks of a service's connectivity and their results: section 4.3 of the runbook."""

import dataclasses

from bot.model.reports import Verdict

DNS = "DNS"
PORT = "port"
ENDPOINT = "endpoint"
REGISTRATION = "registration"
ROUTE = "route"
UNAUTHENTICATED = "unauthenticated request"
AUTHENTICATED = "authenticated request"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check and its result."""

    name: str
    verdict: Verdict | None
    """None if skipped, which counts neither for nor against the service."""
    result: str
    advice: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Connectivity:
    """The checks of one service."""

    checks: tuple[Check, ...]
    is_healthy: bool | None
    """None if its health endpoint returned no health document."""
    is_open: bool
    """A request without a token succeeded."""
