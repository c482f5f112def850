"""
The HTTP endpoints that belong to no other system.

    GET  /healthz        200 unless a new process would mend what is wrong; the text says what works only in part
    GET  /readyz         200 while posbot can serve requests, from the moment it has started
    GET  /metrics        Prometheus
"""

import contextlib
import dataclasses
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

import prometheus_client
from aiohttp import web

from bot import errors

STARTING = "posbot is starting."
STOPPING = "posbot is stopping."
MAX_BODY_BYTES = 1_000_000
"""Of any request; a route that takes more or less has to say so itself."""

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
    """Return the endpoints, with *routes* of others beside posbot's own; *notice* is for the text of /healthz."""
    endpoints = web.Application(client_max_size=MAX_BODY_BYTES)
    own = (
        web.get("/healthz", _probe(is_alive, notice)),
        web.get("/readyz", _probe(is_ready)),
        web.get("/metrics", _metrics),
    )
    endpoints.add_routes([*own, *routes])
    return endpoints


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that listens."""

    runner: web.AppRunner
    url: str
    """Its address on this machine, without a path."""
    port: int

    async def stop_accepting(self) -> None:
        """Accept no further connection."""
        for site in list(self.runner.sites):
            await site.stop()


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
async def listening(endpoints: web.Application, host: str, port: int) -> AsyncIterator[Server]:
    """
    Serve *endpoints* for the length of the block.

    Raises:
        errors.BadConfiguration: the address cannot be opened.
    """
    runner = web.AppRunner(endpoints, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise _unusable(host, port, error) from error
        own_host = "127.0.0.1" if host in {"0.0.0.0", ""} else host  # noqa: S104
        bound_port = runner.addresses[0][1]
        yield Server(runner=runner, url=f"http://{own_host}:{bound_port}", port=bound_port)
    finally:
        await runner.cleanup()


def _probe(check: Check, notice: Notice = lambda: None) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def respond(_: web.Request) -> web.Response:
        problem = await check()
        lines = filter(None, (problem or "ok", notice()))
        return web.Response(status=503 if problem else 200, text="\n".join(lines) + "\n")

    return respond


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(
        body=prometheus_client.generate_latest(), headers={"content-type": prometheus_client.CONTENT_TYPE_LATEST}
    )
