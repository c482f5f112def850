"""Strangers can neither keep connections and memory, nor fill the log; proper requests are answered meanwhile."""

import asyncio
import collections
import contextlib
import gzip
import logging
from collections.abc import AsyncIterator

import prometheus_client
import pytest
from aiohttp import web

from bot.http import connections, server

pytestmark = pytest.mark.anyio

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def fine() -> str | None:
    return None


async def receive(request: web.Request) -> web.Response:
    body = await request.read()
    return web.Response(text=f"{len(body)} bytes", status=200 if b"signed" in body else 401)


@contextlib.asynccontextmanager
async def serving(**bounds: float) -> AsyncIterator[tuple[int, collections.Counter[str]]]:
    refused: collections.Counter[str] = collections.Counter()
    endpoints = server.application(is_alive=fine, is_ready=fine, routes=[web.post("/in", receive)])
    own = connections.Bounds(**bounds)  # type: ignore[arg-type]
    async with server.listening(
        endpoints, "127.0.0.1", 0, refused=lambda reason: refused.update([reason]), bounds=own
    ) as listening:
        yield listening.port, refused


async def opened(port: int, sent: bytes = b"") -> Stream:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    return reader, writer


async def head_of(stream: Stream) -> str:
    async with asyncio.timeout(5):
        return (await stream[0].readuntil(b"\r\n\r\n")).decode()


async def is_closed(stream: Stream) -> bool:
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(5):
            return await stream[0].read() == b""
    return True


def close(*streams: Stream) -> None:
    for _, writer in streams:
        writer.close()


def post(body: bytes) -> bytes:
    return b"POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def test_oldest_unknown_connection_makes_way_and_a_known_one_stays() -> None:
    async with serving(connections=3) as (port, refused):
        known = await opened(port, post(b"signed"))
        assert "200 OK" in await head_of(known)
        oldest, *others = [await opened(port) for _ in range(3)]
        newest = await opened(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")

        assert await is_closed(oldest)
        assert "200 OK" in await head_of(newest)
        await known[0].readexactly(len("6 bytes"))
        known[1].write(post(b"signed"))
        assert "200 OK" in await head_of(known)
        assert refused == {connections.OVERLOAD: 1}
        close(known, newest, oldest, *others)


async def test_whoever_has_sent_the_most_makes_way() -> None:
    async with serving(pending_bytes=100_000) as (port, refused):
        head = b"POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n"
        small, large = await opened(port, head + b"x" * 30_000), await opened(port, head + b"x" * 65_000)
        await asyncio.gather(large[1].drain(), small[1].drain())
        next_one = await opened(port, head + b"x" * 20_000)

        assert await is_closed(large)
        small[1].write(b"signed".ljust(40_000, b"x"))
        assert "200 OK" in await head_of(small)
        assert refused[connections.OVERLOAD] == 1
        close(large, small, next_one)


async def test_answered_requests_of_a_stranger_do_not_add_up() -> None:
    async with serving(pending_bytes=1_000) as (port, refused):
        stream = await opened(port)
        for _ in range(10):
            stream[1].write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 300 + b"\r\n\r\n")
            assert "200 OK" in await head_of(stream)
            assert await stream[0].readline() == b"ok\n"
        close(stream)

    assert refused == {}


async def test_compressed_body_does_not_grow() -> None:
    body = gzip.compress(b"signed" * 10_000)
    async with serving() as (port, _):
        stream = await opened(port, post(body).replace(b"Host: x", b"Host: x\r\nContent-Encoding: gzip", 1))
        head = await head_of(stream)
        text = await stream[0].readuntil(b"bytes")
        close(stream)

    assert "HTTP/1.1" in head
    assert text == b"%d bytes" % len(body)


async def test_connection_without_a_request_is_closed() -> None:
    async with serving(first_request_seconds=0.05) as (port, refused):
        silent, half = await opened(port), await opened(port, b"POST /in HTTP/1.1\r\nHost:")

        assert await is_closed(silent)
        assert await is_closed(half)
        assert refused == {"no request": 2}
        close(silent, half)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nbroken header\r\n\r\n", id="header"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", id="TLS"),
        pytest.param(b"GET /" + b"x" * 5_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", id="long path"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 5_000 + b"\r\n\r\n", id="long header"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 100 + b"\r\n", id="many headers"),
        pytest.param(
            b"POST /in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="chunk without a size"
        ),
        pytest.param(
            b"POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="chunk nobody reads"
        ),
        pytest.param(b"POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", id="lengths"),
    ],
)
async def test_malformed_request_is_refused_without_a_trace(sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving() as (port, refused):
        stream = await opened(port, sent)
        head = await head_of(stream)
        close(stream)

    assert head.split()[1][0] == "4"
    assert refused == {connections.MALFORMED: 1}
    assert [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR] == []


async def test_route_that_comes_later_asks_for_patience_until_then() -> None:
    late = server.LateRoute("/in")
    endpoints = server.application(
        is_alive=fine, is_ready=fine, notice=lambda: "Runs are refused.", routes=[late.definition]
    )
    async with server.listening(endpoints, "127.0.0.1", 0) as listening:
        heads = []
        for handler in (None, receive):
            late.handler = handler
            stream = await opened(listening.port, post(b"signed"))
            heads.append(await head_of(stream))
            close(stream)
        stream = await opened(listening.port, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        healthy = await stream[0].read()
        close(stream)

    assert [head.split()[1] for head in heads] == ["503", "200"]
    assert healthy.endswith(b"ok\nRuns are refused.\n")


async def test_no_response_names_versions() -> None:
    requests = {
        "200": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        "404": b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n",
        "400": b"GET / HTTP/1.1\r\nbroken\r\n\r\n",
    }
    async with serving() as (port, _):
        heads = {}
        for status, sent in requests.items():
            stream = await opened(port, sent)
            heads[status] = await head_of(stream)
            close(stream)

    for status, head in heads.items():
        assert head.split()[1] == status
        assert "Server: posbot\r\n" in head
        assert "aiohttp" not in head


async def test_sender_who_leaves_in_the_middle_of_a_body_leaves_no_trace(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as (port, refused):
        gone = await opened(port, b"POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nsome")
        await gone[1].drain()
        close(gone)
        for _ in range(200):
            if refused:
                break
            await asyncio.sleep(0.01)

    assert refused == {connections.LOST: 1}
    assert [record for record in caplog.records if record.exc_info] == []


async def test_metrics_that_strangers_pipeline_are_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []

    def generate() -> bytes:
        written.append(1)
        return b"posbot_up 1\n"

    monkeypatch.setattr(prometheus_client, "generate_latest", generate)
    async with serving() as (port, _):
        stream = await opened(port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
        heads = [await head_of(stream) for _ in range(50)]
        close(stream)

    assert {"200 OK" in head for head in heads} == {True}
    assert len(written) == 1
