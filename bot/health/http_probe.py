"""GET requests to services. The HTTP library behind them is loaded with the first request."""

import functools
from typing import TYPE_CHECKING

from bot.health import status

if TYPE_CHECKING:
    from bot.health import http_transport


class HttpProbe:
    """Sends GET requests without retries, each limited to *timeout_seconds* and *max_bytes*."""

    def __init__(self, *, max_bytes: int, timeout_seconds: float) -> None:
        self._max_bytes = max_bytes
        self._timeout_seconds = timeout_seconds

    async def get(self, url: str, *, accept: str, token: str | None = None) -> status.HttpResponse | status.HttpFailure:
        """Return the response of *url*, or the failure; *token* is sent as bearer token."""
        return await self._transport.get(url, accept=accept, token=token)

    @functools.cached_property
    def _transport(self) -> "http_transport.HttpTransport":
        # httpx is a tenth of what a terminal command loads, and most commands send no request to a service.
        from bot.health import http_transport  # noqa: PLC0415

        return http_transport.HttpTransport(max_bytes=self._max_bytes, timeout_seconds=self._timeout_seconds)
