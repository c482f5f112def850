"""
Socket Mode: WebSockets that posbot opens itself, so that it needs no public address.

There are two or more connections, because Slack refreshes each every few hours and slack_sdk closes the old one before
the new one is open. A watchdog checks each: slack_sdk 3.47 can retry for ever with a URL that was valid only once, and
a connection can look open while nothing arrives any more.
"""

import asyncio
import time
from collections.abc import Sequence

import structlog
from slack_bolt.adapter.socket_mode.async_internals import send_async_response
from slack_bolt.adapter.socket_mode.internals import build_headers
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot import metrics
from bot.slack.inbound import listeners

log = structlog.get_logger()

# In ping intervals. slack_sdk itself treats a connection as stale after four without a pong.
_DEAD_AFTER = 3
_NEW_CLIENT_AFTER = 12
_GIVE_UP_AFTER = 30


class Connection:
    """One WebSocket to Slack, with its watchdog."""

    def __init__(
        self,
        app: AsyncApp,
        app_token: str,
        web_client: AsyncWebClient,
        *,
        ping_seconds: float,
        acknowledgements: listeners.Acknowledgements,
    ) -> None:
        self._app = app
        self._acknowledgements = acknowledgements
        self._app_token = app_token
        self._web_client = web_client
        self._ping_seconds = ping_seconds
        self._client = self._new_client()
        self._connecting: asyncio.Task[None] | None = None
        self._dead_since: float | None = time.monotonic()
        self._replacements = 0

    def open(self) -> None:
        """Start to connect; slack_sdk retries until it succeeds."""
        self._connecting = asyncio.create_task(self._client.connect(), name="socket mode")  # type: ignore[no-untyped-call]

    async def is_alive(self) -> bool:
        """Return whether Slack answered a recent ping."""
        client = self._client
        last_pong = client.last_ping_pong_time
        return (
            await client.is_connected()
            and last_pong is not None
            and time.time() - last_pong < _DEAD_AFTER * self._ping_seconds
        )

    @property
    def is_hopeless(self) -> bool:
        """Whether it has been dead for so long that only a new process may help."""
        return self._dead_seconds() > _GIVE_UP_AFTER * self._ping_seconds

    async def repair(self) -> None:
        """Repair a dead connection: first with a new URL, then with a new client."""
        if await self.is_alive():
            self._dead_since, self._replacements = None, 0
            return
        if self._dead_since is None:
            self._dead_since = time.monotonic()
        dead = self._dead_seconds() / self._ping_seconds
        if dead > _NEW_CLIENT_AFTER * (self._replacements + 1):
            self._replacements += 1
            await self._replace_client()
        elif self._client.wss_uri is not None and not await self._client.is_connected():
            # Its URL is used up; without one it asks Slack for the next.
            self._client.wss_uri = None
            metrics.RECONNECTIONS.labels("new address").inc()

    async def close(self) -> None:
        """Stop receiving."""
        if self._connecting is not None:
            self._connecting.cancel()
        await self._client.close()  # type: ignore[no-untyped-call]

    async def _replace_client(self) -> None:
        log.warning("socket client replaced", dead_seconds=round(self._dead_seconds()))
        metrics.RECONNECTIONS.labels("new client").inc()
        await self.close()
        self._client = self._new_client()
        self.open()

    def _dead_seconds(self) -> float:
        return 0.0 if self._dead_since is None else time.monotonic() - self._dead_since

    def _new_client(self) -> SocketModeClient:
        client = SocketModeClient(
            app_token=self._app_token, web_client=self._web_client, ping_interval=self._ping_seconds
        )
        client.socket_mode_request_listeners.append(self._receive)
        return client

    async def _receive(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        started = time.time()
        with self._acknowledgements.pending() as own:
            bolt_request = AsyncBoltRequest(
                mode="socket_mode",
                body=request.payload,
                headers=build_headers(request),
                context={listeners.ACKNOWLEDGEMENT: own},
            )
            response = await self._app.async_dispatch(bolt_request)
            await send_async_response(client, request, response, started)
        metrics.ACKNOWLEDGED.observe(time.time() - started)


class SocketMode:
    """All connections."""

    def __init__(
        self, app: AsyncApp, app_token: str, web_client: AsyncWebClient, *, connections: int, ping_seconds: float
    ) -> None:
        self._ping_seconds = ping_seconds
        acknowledgements = listeners.Acknowledgements()
        self._connections: Sequence[Connection] = [
            Connection(app, app_token, web_client, ping_seconds=ping_seconds, acknowledgements=acknowledgements)
            for _ in range(connections)
        ]

    async def watch(self) -> None:
        """Open the connections, and repair them until cancelled."""
        for connection in self._connections:
            connection.open()
        while True:
            for connection in self._connections:
                await connection.repair()
            metrics.CONNECTIONS.set(await self.alive())
            await asyncio.sleep(self._ping_seconds / 2)

    async def alive(self) -> int:
        """Return how many connections are alive."""
        return sum([await connection.is_alive() for connection in self._connections])

    @property
    def is_hopeless(self) -> bool:
        """Whether all have been dead for so long that only a new process may help."""
        return all(connection.is_hopeless for connection in self._connections)

    async def close(self) -> None:
        """Stop receiving; Slack sends to other processes from now on."""
        await asyncio.gather(*(connection.close() for connection in self._connections), return_exceptions=True)
