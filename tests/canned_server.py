"""A server that answers everything with the same few bytes, for what no well-behaved server would say."""

import contextlib
from collections.abc import AsyncIterator, Mapping

from aiohttp import web


@contextlib.asynccontextmanager
async def answering(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> AsyncIterator[str]:
    """Yield the URL of a server that responds to every request with *body*."""

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(status=status, body=body, headers=headers)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
