"""
Signed requests, each on a connection of its own that was open already, as Slack keeps them.

Written on bare streams: an HTTP client's own work for fifty requests would be a good part of what is measured.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

PATH = "/slack/events"
_HOST = "127.0.0.1"
_TIMEOUT_SECONDS = 10.0
_OWN_HEADERS = {"host", "content-length", "connection"}


class Client:
    """Connections to one server."""

    def __init__(self, port: int, streams: Sequence[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> None:
        self._port = port
        self._streams = streams

    async def burst(self, written: Sequence[Mapping[str, Any]]) -> list[float]:
        """Send all requests at once, one on each connection, and give the seconds until each was acknowledged."""
        packed = [_pack(request, self._port) for request in written]
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            return await asyncio.gather(
                *(_exchange(*stream, request) for stream, request in zip(self._streams, packed, strict=True))
            )

    async def pace(
        self, written: Sequence[Mapping[str, Any]], interval_seconds: float, *, until: "asyncio.Task[Any] | None" = None
    ) -> list[float]:
        """
        Send a request every so often, whatever became of those before; return the seconds as `burst` does.

        It ends with the task *until*, if there is one.
        """
        started, tasks = time.monotonic(), []
        for number, request in enumerate(written):
            if until is not None and until.done():
                break
            await asyncio.sleep(started + number * interval_seconds - time.monotonic())
            stream = self._streams[number % len(self._streams)]
            tasks.append(asyncio.create_task(_exchange(*stream, _pack(request, self._port))))
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            return await asyncio.gather(*tasks)


@contextlib.asynccontextmanager
async def connected(port: int, count: int) -> AsyncIterator[Client]:
    """Open so many connections to *port*, and close them with the block."""
    streams = [await asyncio.open_connection(_HOST, port) for _ in range(count)]
    try:
        yield Client(port, streams)
    finally:
        for _, writer in streams:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for _, writer in streams), return_exceptions=True)


def _pack(request: Mapping[str, Any], port: int) -> bytes:
    body = str(request["body"]).encode()
    kept = {name: value for name, value in request["headers"].items() if name.lower() not in _OWN_HEADERS}
    headers = {"Host": f"{_HOST}:{port}", "Content-Length": str(len(body)), **kept}
    lines = [f"POST {PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> float:
    started = time.perf_counter()
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    await reader.readexactly(_content_length(head))
    seconds = time.perf_counter() - started
    if not head.startswith("HTTP/1.1 200"):
        raise RuntimeError(f"a command was not acknowledged: {head.partition(chr(13))[0]}")
    return seconds


def _content_length(head: str) -> int:
    lengths = (line.partition(":")[2] for line in head.splitlines() if line.lower().startswith("content-length:"))
    return int(next(lengths, "0"))
