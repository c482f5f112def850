"""GET requests to services. The HTTP library behind them is loaded with the first request."""

import functools
from typing import TYPE_CHECKING

from bot.health import status

if TYPE_CHECKING:
    from bot.health import http_transport


class HttpProbe:
    """Makes GET requests; each takes at most *seconds* and reads at most *limit_bytes*."""

    def __init__(self, *, limit_bytes: int, seconds: float) -> None:
        self._limit_bytes = limit_bytes
        self._seconds = seconds

    async def get(self, url: str, *, accept: str, token: str | None = None) -> status.Response | status.Failure:
        """Return the response of *url*, or why there is none; *token* is sent as bearer token."""
        return await self._requester.get(url, accept=accept, token=token)

    @functools.cached_property
    def _requester(self) -> "http_transport.Requester":
        # httpx is a tenth of what a terminal command loads, and most commands ask the cluster and no service.
        from bot.health import http_transport  # noqa: PLC0415

        return http_transport.Requester(limit_bytes=self._limit_bytes, seconds=self._seconds)
