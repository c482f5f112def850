"""Logs on their way out: chosen lines, in blocks, for as long as they are followed."""

import datetime
from collections.abc import Iterable, Iterator

from aiohttp import web

from sandbox.cluster.server import log_requests, responses
from sandbox.cluster.state import clocks, cluster_state, container_logs


class LogStream:
    """One reading of one log."""

    def __init__(
        self, log: container_logs.Log, wanted: log_requests.Options, world: cluster_state.ClusterState
    ) -> None:
        self._log = log
        self._wanted = wanted
        self._block_bytes = world.settings.block_bytes
        self._left_bytes = wanted.limit_bytes
        self._position = self._start(world.clock.now())

    async def answer(self, request: web.BaseRequest, cut_after_bytes: int | None) -> web.StreamResponse:
        """Send the log, and what is added to it where it is followed."""
        response = responses.Stream("text/plain", cut_after_bytes)
        await response.begin(request)
        await self._send_what_is_there(response)
        while self._wanted.is_followed and not (self._is_full or self._is_at_the_end):
            await self._log.wait(self._position)
            await self._send_what_is_there(response)
        await response.write_eof()
        return response

    @property
    def _is_at_the_end(self) -> bool:
        return self._log.is_over and self._position >= self._log.count

    @property
    def _is_full(self) -> bool:
        return self._left_bytes == 0

    def _start(self, now: datetime.datetime) -> int:
        """Choose the first line: the tail is counted before what is too old is left out, as the kubelet does it."""
        start, wanted = self._log.first, self._wanted
        if wanted.tail_lines is not None:
            start = max(start, self._log.count - wanted.tail_lines)
        since = wanted.since_time
        if wanted.since_seconds is not None:
            since = now - datetime.timedelta(seconds=wanted.since_seconds)
        return start if since is None else self._log.index_since(since, start)

    async def _send_what_is_there(self, response: responses.Stream) -> None:
        start, self._position = self._position, self._log.count
        for block in in_blocks(self._bytes(start, self._position), self._block_bytes):
            await response.send(self._within_limit(block))
            if self._is_full:
                return

    def _bytes(self, start: int, stop: int) -> Iterable[bytes]:
        if not self._wanted.has_timestamps:
            return self._log.raw(start, stop)
        lines = self._log.lines(start, stop)
        return (f"{clocks.nano_stamp(line.at)} ".encode() + line.content + b"\n" for line in lines)

    def _within_limit(self, block: bytes) -> bytes:
        if self._left_bytes is None:
            return block
        sent = block[: self._left_bytes]
        self._left_bytes -= len(sent)
        return sent


async def removed(run: str, request: web.BaseRequest) -> web.StreamResponse:
    """Answer that the node no longer has the log: with status 200, as if it were one."""
    response = responses.Stream("text/plain", None)
    await response.begin(request)
    await response.send(f"unable to retrieve container logs for {run}".encode())
    await response.write_eof()
    return response


def in_blocks(pieces: Iterable[bytes], block_bytes: int) -> Iterator[bytes]:
    """Return the same bytes in blocks up to that size; 0 leaves the pieces as they are."""
    if block_bytes == 0:
        yield from pieces
        return
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        while len(waiting) >= block_bytes:
            yield bytes(waiting[:block_bytes])
            del waiting[:block_bytes]
    if waiting:
        yield bytes(waiting)
