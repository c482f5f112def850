"""
The port of one sandboxed service: opened, closed and opened again without another process getting it.

A free port that is merely closed can be handed to the next program that asks the system for one. So the port
is always held by a socket: by the server while it is open, by a silent one, to which connecting is
refused, while it is closed. Both carry SO_REUSEPORT, which lets one be bound before the other is let go.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web

HOST = "127.0.0.1"

_BACKLOG = 128
_DRAIN_SECONDS = 0.2
"""Connections are cut, not waited for; this only bounds what aiohttp does after the cut."""

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class ReservedPort:
    """A reserved port on loopback that serves requests while it is open."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._holder: socket.socket | None = _bound_socket(0)
        self.port: int = self._holder.getsockname()[1]
        self._listener: asyncio.Server | None = None
        self._visits: web.Server | None = None

    async def open(self, tls: ssl.SSLContext | None = None) -> None:
        """Serve on the port, over TLS where a context is given; what was open before is closed first."""
        await self.close()
        visits = web.Server(self._handler, handler_cancellation=True, access_log=None)
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(visits, sock=_bound_socket(self.port), ssl=tls, backlog=_BACKLOG)
        self._visits = visits
        self._let_go()

    async def close(self) -> None:
        """Refuse connections, cut those that exist, and keep the port."""
        if self._listener is None or self._visits is None:
            return
        self._holder = _bound_socket(self.port)
        self._listener.close()
        await _cut(self._visits)
        self._listener = self._visits = None

    async def release(self) -> None:
        """Close for good and give the port back."""
        await self.close()
        self._let_go()

    def _let_go(self) -> None:
        if self._holder is not None:
            self._holder.close()
            self._holder = None


async def _cut(visits: web.Server) -> None:
    visits.pre_shutdown()
    for connection in visits.connections:
        if isinstance(connection.transport, asyncio.Transport):
            connection.transport.abort()
    await visits.shutdown(_DRAIN_SECONDS)


def _bound_socket(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.setblocking(False)
    bound.bind((HOST, port))
    return bound
