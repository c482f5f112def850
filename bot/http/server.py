"""
The HTTP endpoints that belong to no other system.

    GET  /healthz        200 unless a new process would mend what is wrong; the text says what works only in part
    GET  /readyz         200 while posbot can serve requests, from the moment it has started
    GET  /metrics        Prometheus
"""

import asyncio
import contextlib
import dataclasses
import math
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

import prometheus_client
from aiohttp import typedefs, web

from bot import errors
from bot.http import connections

STARTING = "posbot is starting."
STOPPING = "posbot is stopping."
MAX_BODY_BYTES = 300_000
"""Of any request: Slack's largest is a click on a message of a hundred kilobytes."""
_BACKLOG = 512
"""Connections that may wait to be accepted: further ones of a burst would try again only after a second."""
_METRICS_SECONDS = 1.0

_BOUNDS = connections.Bounds()

Check = Callable[[], Awaitable[str | None]]
"""Returns what is wrong, or None."""
Notice = Callable[[], str | None]
"""Returns what works only in part, or None."""


class LateRoute:
    """A route that answers 503 until its handler is set: the port is open before there is anything to serve."""

    def __init__(self, path: str) -> None:
        self.definition = web.post(path, self._respond)
        self.handler: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        if self.handler is None:
            return web.Response(status=503, text=f"{STARTING}\n")
        return await self.handler(request)


def application(
    *, is_alive: Check, is_ready: Check, notice: Notice = lambda: None, routes: Iterable[web.AbstractRouteDef] = ()
) -> web.Application:
    """
    Return the endpoints, with *routes* of others beside posbot's own; *notice* is for the text of /healthz.

    A route that receives something (POST) responds below 400 only to a sender that it knows.
    """
    endpoints = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[_count_request])
    endpoints.on_response_prepare.append(_hide_versions)
    own = (
        web.get("/healthz", _probe(is_alive, notice)),
        web.get("/readyz", _probe(is_ready)),
        web.get("/metrics", _metrics()),
    )
    endpoints.add_routes([*own, *routes])
    return endpoints


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that listens."""

    listener: asyncio.Server
    url: str
    """Its address on this machine, without a path."""
    port: int

    def stop_accepting(self) -> None:
        """Accept no further connection."""
        self.listener.close()


def check_address(host: str, port: int) -> None:
    """
    Do nothing if a server could listen there now.

    Raises:
        errors.BadConfiguration: the address cannot be opened.
    """
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            try:
                probe = socket.socket(family, kind, protocol)
            except OSError:
                # The system has no such family; asyncio skips it likewise.
                continue
            with probe:
                # As asyncio does, so that a port in TIME_WAIT counts as free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
    except OSError as error:
        raise _unusable(host, port, error) from error


def _unusable(host: str, port: int, error: OSError) -> errors.BadConfiguration:
    return errors.BadConfiguration(
        f"{host}:{port} cannot be opened ({error.strerror}): set PORT to a free one, and POSBOT_HOST to an address of"
        " this machine."
    )


@contextlib.asynccontextmanager
async def listening(
    endpoints: web.Application,
    host: str,
    port: int,
    *,
    refused: connections.Refused = lambda _: None,
    bounds: connections.Bounds = _BOUNDS,
) -> AsyncIterator[Server]:
    """
    Serve *endpoints* for the length of the block; *refused* counts what strangers sent wrongly or too much.

    Raises:
        errors.BadConfiguration: the address cannot be opened.
    """
    runner = web.AppRunner(endpoints, shutdown_timeout=2.0)
    await runner.setup()
    try:
        assert runner.server is not None  # noqa: S101 - `setup` makes it
        protocols = connections.Connections(runner.server, refused, bounds)
        try:
            listener = await asyncio.get_running_loop().create_server(protocols, host or None, port, backlog=_BACKLOG)
        except OSError as error:
            raise _unusable(host, port, error) from error
        own_host = "127.0.0.1" if host in {"0.0.0.0", ""} else host  # noqa: S104
        bound_port = listener.sockets[0].getsockname()[1]
        try:
            yield Server(listener=listener, url=f"http://{own_host}:{bound_port}", port=bound_port)
        finally:
            listener.close()
    finally:
        await runner.cleanup()


@web.middleware
async def _count_request(request: web.Request, handler: typedefs.Handler) -> web.StreamResponse:
    """Note for the connections when a request begins, when it is answered, and whether its sender is known."""
    connection, is_known = request.protocol, False
    if isinstance(connection, connections.Connection):
        connection.has_request = True
    try:
        response = await handler(request)
        is_known = request.method == "POST" and response.status < 400  # noqa: PLR2004 - a client's error
        return response
    finally:
        if isinstance(connection, connections.Connection):
            connection.answered(is_known=is_known)


async def _hide_versions(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = connections.SERVER


def _probe(check: Check, notice: Notice = lambda: None) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def respond(_: web.Request) -> web.Response:
        problem = await check()
        lines = filter(None, (problem or "ok", notice()))
        return web.Response(status=503 if problem else 200, text="\n".join(lines) + "\n")

    return respond


def _metrics() -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return the handler of /metrics; however often strangers ask, the samples are written once a second."""
    written_at, body = -math.inf, b""

    async def respond(_: web.Request) -> web.Response:
        nonlocal written_at, body
        if time.monotonic() - written_at > _METRICS_SECONDS:
            body, written_at = prometheus_client.generate_latest(), time.monotonic()
        return web.Response(body=body, headers={"content-type": prometheus_client.CONTENT_TYPE_LATEST})

    return respond
