"""Requests of the sandboxed Slack, recorded in place of the bot, to be sent later by the benchmark itself."""

import contextlib
from collections.abc import AsyncIterator

from aiohttp import web


class RequestRecorder:
    """Acknowledges and records requests."""

    def __init__(self) -> None:
        self._requests: list[dict[str, object]] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        """Record *request*."""
        self._requests.append({"headers": dict(request.headers), "body": await request.text()})
        return web.Response()

    def drain(self) -> list[dict[str, object]]:
        """Return what was recorded since the last call."""
        requests, self._requests = self._requests, []
        return requests


@contextlib.asynccontextmanager
async def recorder() -> AsyncIterator[RequestRecorder]:
    """Return a recorder that listens, until the end of the block."""
    notebook = RequestRecorder()
    application = web.Application()
    application.router.add_post("/", notebook.take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    notebook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        yield notebook
    finally:
        await runner.cleanup()
