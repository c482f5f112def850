"""
Spring Cloud Gateway: its routes, and whom it lets in.

Asking never fails, as with the actuator: what kept it from an answer is part of what is given. Nothing is retried and
no redirect followed, because the answer to this one request is what is wanted.
"""

import base64
import binascii
import datetime
import json
from collections.abc import Mapping

from bot.connectivity import model as connectivity
from bot.health import http_probe, status

ROUTES = "/actuator/gateway/routes"
LIMIT_BYTES = 5_000_000
"""The routes of some hundred services are a few hundred kilobytes."""
ANSWER_SECONDS = 8.0
MOST_ROUTES = 5_000


class Gateway:
    """Asks gateways, and what lies behind them; *tokens* are the bot's own, by environment."""

    def __init__(self, tokens: Mapping[str, str], *, seconds: float = ANSWER_SECONDS) -> None:
        self._tokens = tokens
        self._http = http_probe.HttpProbe(limit_bytes=LIMIT_BYTES, seconds=seconds)

    async def routes(self, url: str) -> connectivity.Routes:
        """Give the routes of the gateway at *url*, or why they are not known."""
        asked = url.rstrip("/") + ROUTES
        outcome = await self._http.get(asked, accept="application/json")
        if isinstance(outcome, status.Failure):
            return connectivity.Routes(url=asked, unavailable_reason=outcome.explanation)
        if outcome.exchange.status == 404:
            missing = "the gateway does not show them (HTTP 404): expose the endpoint “gateway” to the bot"
            return connectivity.Routes(url=asked, unavailable_reason=missing)
        if outcome.exchange.status in {401, 403}:
            missing = f"the gateway shows them to nobody without a login (HTTP {outcome.exchange.status})"
            return connectivity.Routes(url=asked, unavailable_reason=missing)
        return _read_routes(asked, outcome)

    async def probe(self, url: str, *, as_bot_in: str | None = None) -> connectivity.AccessProbe:
        """Give what *url* answers to a request without a login, or with the bot's token of that environment."""
        token = self._tokens[as_bot_in] if as_bot_in is not None else None
        outcome = await self._http.get(url, accept="application/json", token=token)
        if isinstance(outcome, status.Failure):
            return connectivity.AccessProbe(
                url=url, reception=connectivity.AccessResult.SILENCE, explanation=outcome.explanation
            )
        exchange, headers = outcome.exchange, dict(outcome.exchange.headers)
        return connectivity.AccessProbe(
            url=url,
            reception=connectivity.AccessResult.of(exchange.status or 0),
            explanation=f"HTTP {exchange.status} {exchange.reason}".strip(),
            location=headers.get("location", ""),
            challenge=headers.get("www-authenticate", ""),
        )

    def token(self, environment: str) -> connectivity.Token | None:
        """Give what can be told of the bot's token of *environment*; None where it has none."""
        token = self._tokens.get(environment)
        return connectivity.Token(ends_at=_end(token)) if token else None


def _read_routes(url: str, response: status.Response) -> connectivity.Routes:
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):
        document = None
    if response.exchange.status != 200 or not isinstance(document, list):
        status = f"HTTP {response.exchange.status} {response.exchange.reason}".strip()
        return connectivity.Routes(url=url, unavailable_reason=f"the answer is no list of routes ({status})")
    entries = [entry for entry in document[:MOST_ROUTES] if isinstance(entry, dict)]
    return connectivity.Routes(
        url=url,
        routes=tuple(
            connectivity.Route(
                id=str(entry.get("route_id", "")),
                uri=str(entry.get("uri", "")),
                predicate=str(entry.get("predicate", "")),
                filters=tuple(map(str, filters)) if isinstance(filters := entry.get("filters"), list) else (),
            )
            for entry in entries
        ),
    )


def _end(token: str) -> datetime.datetime | None:
    """Give the `exp` of a JWT (RFC 7519); its signature is nobody's business here."""
    body = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return datetime.datetime.fromtimestamp(float(claims["exp"]), datetime.UTC)
    except (binascii.Error, ValueError, TypeError, LookupError, OverflowError, OSError, RecursionError):
        return None
