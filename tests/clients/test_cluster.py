"""The sessions with an API server: tokens that end while several calls are under way."""

import asyncio
import contextlib
import json
import pathlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from bot import errors
from bot.clients import cluster

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 10.0

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def write_kubeconfig(path: pathlib.Path, server: str, token: str) -> pathlib.Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "one", "cluster": {"server": server}}],
        "users": [{"name": "one", "user": {"token": token}}],
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
        "current-context": "one",
    }
    path.write_text(json.dumps(content))
    return path


@contextlib.asynccontextmanager
async def opened(kubeconfig: pathlib.Path) -> AsyncIterator[cluster.Cluster]:
    api = cluster.Cluster(None, str(kubeconfig))
    try:
        yield api
    finally:
        await api.close()


class ServerWithTurns:
    """
    Refuses the old token, the second refusal only once a call with the new one is there, which waits for a third call.

    So one call learns of the turn while another, that has learned of it already, is under way.
    """

    def __init__(self) -> None:
        self.stream_opened = asyncio.Event()
        self.released = asyncio.Event()
        self._first_new = asyncio.Event()
        self._second_new = asyncio.Event()
        self._refused = 0

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        async with asyncio.timeout(PATIENCE_SECONDS):
            if request.path == "/log":
                return await self._stream(request)
            if request.headers["authorization"] == "Bearer old":
                self._refused += 1
                if self._refused > 1:
                    await self._first_new.wait()
                return web.json_response({"message": "Unauthorized"}, status=401)
            (self._second_new if self._first_new.is_set() else self._first_new).set()
            await self._second_new.wait()
            return web.json_response({"path": request.path})

    async def _stream(self, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"begun ")
        self.stream_opened.set()
        await self.released.wait()
        await response.write(b"ended")
        return response


async def test_a_token_that_ends_under_several_calls_costs_none_of_them(tmp_path: pathlib.Path) -> None:
    server = ServerWithTurns()
    async with serving(server.answer) as url:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", url, "old")
        async with opened(kubeconfig) as api, api.stream("/log") as pieces:
            await server.stream_opened.wait()
            write_kubeconfig(kubeconfig, url, "new")
            answers = await asyncio.gather(api.get("/one"), api.get("/two"))
            server.released.set()
            streamed = b"".join([piece async for piece in pieces])

    assert answers == [{"path": "/one"}, {"path": "/two"}]
    assert streamed == b"begun ended"


async def test_a_token_that_stays_refused_is_asked_with_twice_and_no_more(tmp_path: pathlib.Path) -> None:
    asked: list[str] = []

    async def refuse(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request.headers["authorization"])
        return web.json_response({"message": "Unauthorized"}, status=401)

    async with serving(refuse) as url, opened(write_kubeconfig(tmp_path / "kubeconfig", url, "old")) as api:
        with pytest.raises(errors.Refused, match="does not accept the bot's account"):
            await api.get("/one")

    assert asked == ["Bearer old"] * 2
