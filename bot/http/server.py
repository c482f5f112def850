"""
The HTTP endpoints that belong to no other system.

    GET  /healthz        200 while the process should keep running
    GET  /readyz         200 while posbot can serve requests
    GET  /metrics        Prometheus
"""

from collections.abc import Awaitable, Callable, Iterable

import prometheus_client
from aiohttp import web

STOPPING = "posbot is stopping."
MAX_BODY_BYTES = 1_000_000
"""Of any request; a route that takes more or less has to say so itself."""

Check = Callable[[], Awaitable[str | None]]
"""Returns what is wrong, or None."""


def application(*, is_alive: Check, is_ready: Check, routes: Iterable[web.AbstractRouteDef] = ()) -> web.Application:
    """Return the endpoints, with *routes* of others beside posbot's own."""
    endpoints = web.Application(client_max_size=MAX_BODY_BYTES)
    own = (
        web.get("/healthz", _probe(is_alive)),
        web.get("/readyz", _probe(is_ready)),
        web.get("/metrics", _metrics),
    )
    endpoints.add_routes([*own, *routes])
    return endpoints


def _probe(check: Check) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def respond(_: web.Request) -> web.Response:
        problem = await check()
        return web.Response(status=503 if problem else 200, text=f"{problem or 'ok'}\n")

    return respond


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(
        body=prometheus_client.generate_latest(), headers={"content-type": prometheus_client.CONTENT_TYPE_LATEST}
    )
