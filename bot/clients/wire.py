"""GET requests and what came of them; what makes them is loaded with the first of them."""

import dataclasses
import functools
import importlib
from typing import Any

from bot.model import health


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An HTTP response, read to its end."""

    exchange: health.Exchange
    body: bytes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why there is no response."""

    finding: health.Finding
    explanation: str
    exchange: health.Exchange


class Wire:
    """Makes GET requests; each takes at most *seconds* and reads at most *limit_bytes*."""

    def __init__(self, *, limit_bytes: int, seconds: float) -> None:
        self._limit_bytes = limit_bytes
        self._seconds = seconds

    async def get(self, url: str, *, accept: str, token: str | None = None) -> Response | Failure:
        """Give what *url* answers, with *token* as the login where there is one, or what kept it from answering."""
        came: Response | Failure = await self._requester.get(url, accept=accept, token=token)
        return came

    @functools.cached_property
    def _requester(self) -> Any:
        # httpx is a tenth of what a line in a terminal loads, and most lines ask the cluster and no service.
        module = importlib.import_module("bot.clients.requesting")
        return module.Requester(limit_bytes=self._limit_bytes, seconds=self._seconds)
