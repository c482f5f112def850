"""
Connections to posbot's endpoints, bounded until a request on them has proved to be Slack's.

Anybody who reaches the port can open connections and leave them half used. Those whose sender is unknown are limited
in number, in what they have sent, and in the time for the first request; beyond that the oldest, or the one that has
sent the most, makes way, and never a new one. A known sender has no such limits.
"""

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

from aiohttp import http_exceptions, web

SERVER = "posbot"
"""In place of the names and versions of Python and its server."""
MALFORMED = "malformed"
LOST = "connection lost"
OVERLOAD = "too many connections"
_MAX_HEADERS, _MAX_HEADER_BYTES = 64, 4_094
"""Slack sends some twenty headers of at most a hundred bytes; a proxy adds a few."""
_KEEP_ALIVE_SECONDS = 75.0
"""Longer than the proxies in front keep theirs, which would otherwise send on a connection that is closing."""
_LINGER_SECONDS = 1.0
"""For the rest of a refused body, without which the sender would not read why."""
_MALFORMED_ERRORS = (http_exceptions.HttpProcessingError, web.RequestPayloadError)
_SENDERS_ERRORS = (*_MALFORMED_ERRORS, ConnectionError)
"""What the sender of a request is to blame for."""

Refused = Callable[[str], None]
"""Counts a request that was refused, by its reason."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The bounds of connections whose sender is unknown."""

    connections: int = 1_000
    """More than Slack ever opens at once."""
    pending_bytes: int = 32_000_000
    """Sent over all of them, and not answered yet."""
    first_request_seconds: float = 10.0
    """For the headers of the first request."""


class Connection(web.RequestHandler):
    """One connection, which tells `Connections` what arrives."""

    __slots__ = ("_connections", "has_request", "pending_bytes")

    def __init__(self, connections: "Connections", **options: Any) -> None:
        super().__init__(**options)
        self._connections = connections
        self.has_request = False
        """Its first headers are complete."""
        self.pending_bytes = 0
        """Sent since the last response."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection."""
        super().connection_made(transport)
        self._connections.opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        self._connections.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what arrives before it is parsed."""
        self._connections.received(self, len(data))
        super().data_received(data)

    def answered(self, *, is_known: bool) -> None:
        """Take in that a request was answered, and whether its sender is known."""
        self._connections.answered(self, is_known=is_known)

    def log_exception(self, *arguments: Any, **details: Any) -> None:
        """Count what a stranger sent wrongly; only an error of our own is logged with its trace."""
        error = details.get("exc_info")
        if isinstance(error, _SENDERS_ERRORS):
            self._connections.refused(MALFORMED if isinstance(error, _MALFORMED_ERRORS) else LOST)
        else:
            super().log_exception(*arguments, **details)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the response to a request that failed, without the versions of the server."""
        if isinstance(exc, _SENDERS_ERRORS):
            self._connections.refused(MALFORMED if isinstance(exc, _MALFORMED_ERRORS) else LOST)
            response: web.StreamResponse = web.Response(status=400, text="The request is malformed.\n")
            response.force_close()
        else:
            response = super().handle_error(request, status, exc, message)
        response.headers["Server"] = SERVER
        return response


class Connections:
    """The connections of one server."""

    def __init__(self, server: web.Server, refused: Refused, bounds: Bounds) -> None:
        self._server = server
        self._bounds = bounds
        self._unknown: dict[Connection, None] = {}
        """The oldest first."""
        self._unknown_bytes = 0
        self.refused = refused

    def __call__(self) -> Connection:
        """Return the protocol of a new connection."""
        return Connection(
            self,
            manager=self._server,
            loop=asyncio.get_running_loop(),
            access_log=None,
            # Slack compresses nothing, and what strangers compress may become large.
            auto_decompress=False,
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
            lingering_time=_LINGER_SECONDS,
            max_headers=_MAX_HEADERS,
            max_field_size=_MAX_HEADER_BYTES,
            max_line_size=_MAX_HEADER_BYTES,
        )

    def opened(self, connection: Connection) -> None:
        """Count a new connection; the oldest one of a stranger makes way for it."""
        self._unknown[connection] = None
        asyncio.get_running_loop().call_later(self._bounds.first_request_seconds, self._check_first_request, connection)
        if len(self._unknown) > self._bounds.connections:
            self._close(next(iter(self._unknown)))

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        if connection in self._unknown:
            del self._unknown[connection]
            self._unknown_bytes -= connection.pending_bytes
        connection.pending_bytes = 0

    def received(self, connection: Connection, size: int) -> None:
        """Count what a stranger has sent; who has sent the most makes way when it becomes too much."""
        if connection not in self._unknown:
            return
        connection.pending_bytes += size
        self._unknown_bytes += size
        if self._unknown_bytes > self._bounds.pending_bytes:
            self._close(max(self._unknown, key=lambda one: one.pending_bytes))

    def answered(self, connection: Connection, *, is_known: bool) -> None:
        """Take in that a request was answered, and whether its sender is known."""
        if connection in self._unknown:
            self._unknown_bytes -= connection.pending_bytes
            if is_known:
                del self._unknown[connection]
        connection.pending_bytes = 0

    def _check_first_request(self, connection: Connection) -> None:
        if connection in self._unknown and not connection.has_request:
            self._close(connection, "no request")

    def _close(self, connection: Connection, reason: str = OVERLOAD) -> None:
        self.refused(reason)
        self.closed(connection)
        connection.force_close()
