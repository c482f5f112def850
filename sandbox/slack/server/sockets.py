"""Socket Mode: the open connections, and handing payloads over through them."""

import asyncio
import collections
import json
import typing

import aiohttp
from aiohttp import web

from sandbox.slack.blocks import shapes
from sandbox.slack.state import records, tasks, workspace_state

MAX_SOCKETS = 10
# How long the other side may take to answer when a socket is closed.
_CLOSE_SECONDS = 0.5


class Socket:
    """One open connection."""

    def __init__(self, number: int, connection: web.WebSocketResponse, request: web.Request) -> None:
        self.number = number
        self.is_silent = False
        self.is_leaving = False
        """It was told to go and gets nothing more."""
        self.waiting: dict[str, collections.deque[asyncio.Future[typing.Any]]] = {}
        """Who waits for the acknowledgement of which envelope."""
        self._connection = connection
        self._request = request

    async def send(self, frame: shapes.Json) -> None:
        """Send one frame, which a silent socket swallows."""
        if not self.is_silent:
            await self._connection.send_str(json.dumps(frame))

    async def listen(self) -> None:
        """Take acknowledgements and answer pings until the connection ends."""
        async for message in self._connection:
            if self.is_silent:
                continue
            if message.type is aiohttp.WSMsgType.PING:
                await self._connection.pong(message.data)
            elif message.type is aiohttp.WSMsgType.TEXT:
                self._acknowledge(message.data)

    def cut(self) -> None:
        """Cut the connection without a farewell."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def close(self) -> None:
        """Close the connection properly."""
        await self._connection.close()

    def fail_all(self) -> None:
        """Tell everyone who waits that no acknowledgement will come."""
        for futures in self.waiting.values():
            for future in futures:
                if not future.done():
                    future.set_exception(ConnectionError("the socket was closed"))

    def _acknowledge(self, text: str) -> None:
        try:
            frame = json.loads(text)
        except ValueError:
            return
        futures = self.waiting.get(frame.get("envelope_id", "")) if isinstance(frame, dict) else None
        while futures:
            future = futures.popleft()
            if not future.done():
                future.set_result(frame.get("payload"))
                return


class Sockets:
    """Opens sockets for tickets and hands each payload to exactly one of them."""

    def __init__(self, state: workspace_state.State, background: tasks.BackgroundTasks) -> None:
        self._state = state
        self._background = background
        self._open: collections.deque[Socket] = collections.deque()
        self._number = 0
        self._refusals: list[int] = []

    @property
    def open(self) -> tuple[Socket, ...]:
        """List the sockets that are connected, in the order of their opening."""
        return tuple(sorted(self._open, key=lambda socket: socket.number))

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Open a socket for a ticket and serve it until it ends."""
        ticket = request.query.get("ticket", "")
        refusal = self._refusal(ticket)
        self._state.socket_tickets.discard(ticket)
        reason, status = refusal or ("", 101)
        self._note(ticket, is_accepted=refusal is None, reason=reason)
        if refusal:
            return web.Response(status=status, text=reason)
        connection = web.WebSocketResponse(autoping=False, timeout=_CLOSE_SECONDS)
        await connection.prepare(request)
        self._number += 1
        await self._serve(Socket(self._number, connection, request))
        return connection

    def refuse_next(self, times: int, status: int) -> None:
        """Refuse the next *times* handshakes with *status*."""
        self._refusals += [status] * times

    def silence(self) -> None:
        """Let every open socket go silent."""
        for socket in self._open:
            socket.is_silent = True

    def cut(self) -> None:
        """Cut every open socket."""
        for socket in self._open:
            socket.cut()

    async def refresh(self, reason: str) -> None:
        """Tell every open socket to go; those that are refreshed get nothing more."""
        for socket in tuple(self._open):
            socket.is_leaving = reason != "warning"
            await socket.send(_disconnect(reason))
            self._background.start(self._close_later(socket))

    async def close(self) -> None:
        """Close all sockets."""
        for socket in tuple(self._open):
            await socket.close()

    async def hand_over(self, envelope: shapes.Json, number: int) -> records.Attempt:
        """Send *envelope* through the next socket in turn and wait for its acknowledgement."""
        loop = asyncio.get_running_loop()
        started, at_seconds = loop.time(), self._state.clock.seconds()
        outcome, body, problem = records.Outcome.ACKNOWLEDGED, None, ""
        socket = self._next()
        try:
            body = await self._exchange(socket, envelope)
        except TimeoutError:
            outcome, problem = records.Outcome.TIMED_OUT, "no acknowledgement in time"
        except ConnectionError as error:
            outcome, problem = records.Outcome.UNREACHABLE, str(error)
        return records.Attempt(
            number=number,
            outcome=outcome,
            at_seconds=at_seconds,
            ack_seconds=loop.time() - started if outcome is records.Outcome.ACKNOWLEDGED else None,
            body=body,
            problem=problem,
            socket_id=socket.number if socket else None,
        )

    async def _exchange(self, socket: Socket | None, envelope: shapes.Json) -> typing.Any:
        if socket is None:
            raise ConnectionError("no socket is open")
        future: asyncio.Future[typing.Any] = asyncio.get_running_loop().create_future()
        futures = socket.waiting.setdefault(envelope["envelope_id"], collections.deque())
        futures.append(future)
        try:
            await socket.send(envelope)
            async with asyncio.timeout(self._state.settings.timings.ack_seconds):
                return await future
        finally:
            if future in futures:
                futures.remove(future)
            if not futures:
                socket.waiting.pop(envelope["envelope_id"], None)

    async def _close_later(self, socket: Socket) -> None:
        await asyncio.sleep(self._state.settings.timings.socket_grace_seconds)
        await socket.close()

    def _next(self) -> Socket | None:
        for _ in range(len(self._open)):
            socket = self._open[0]
            self._open.rotate(-1)
            if not socket.is_leaving:
                return socket
        return None

    def _refusal(self, ticket: str) -> tuple[str, int] | None:
        if self._refusals:
            return "refused on demand", self._refusals.pop(0)
        if ticket not in self._state.socket_tickets:
            return "the ticket is not known or was used", 408
        return None

    def _note(self, ticket: str, *, is_accepted: bool, reason: str) -> None:
        self._state.handshakes.append(
            records.Handshake(
                ticket=ticket,
                at_seconds=self._state.clock.seconds(),
                is_accepted=is_accepted,
                reason=reason,
            )
        )
        self._state.changes.announce()

    async def _serve(self, socket: Socket) -> None:
        if len(self._open) >= MAX_SOCKETS:
            await socket.send(_disconnect("too_many_websockets"))
            await socket.close()
            return
        self._open.append(socket)
        try:
            await socket.send(_hello(len(self._open), self._state.settings.app_id))
            self._state.changes.announce()
            await socket.listen()
        finally:
            self._open.remove(socket)
            socket.fail_all()
            self._state.changes.announce()


def _hello(count: int, app_id: str) -> shapes.Json:
    return {
        "type": "hello",
        "num_connections": count,
        "connection_info": {"app_id": app_id},
        "debug_info": {
            "host": "applink-sandbox",
            "build_number": 1,
            "approximate_connection_time": 18060,
        },
    }


def _disconnect(reason: str) -> shapes.Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-sandbox"}}
