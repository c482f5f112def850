"""
Socket Mode: WebSockets that posbot opens itself, so that it needs no public address.

There are two or more connections, because Slack replaces each every few hours. slack_sdk 3.47 would notice a cut
connection at its next tick of five seconds, of all connections at the same tick, and closes an old connection before
the new one is open. Here a lost connection is replaced at once, one that Slack wants replaced stays until the new one
is open, and they are opened one after the other, so that Slack does not replace them at the same moment.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import aiohttp
import structlog
from slack_bolt.adapter.socket_mode.async_internals import send_async_response
from slack_bolt.adapter.socket_mode.internals import build_headers
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk import errors as slack_errors
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot import metrics
from bot.slack.inbound import listeners

log = structlog.get_logger()

_OPEN_SECONDS = 10.0
"""For the address and the handshake."""
_APART_SECONDS = 0.5
_APART_STEPS = 25
"""Between the openings of two connections, as long as another is alive."""
_FIRST_RETRY_SECONDS = 0.1
_MAX_RETRY_SECONDS = 2.0
"""While Slack cannot be reached."""
_REFUSED_RETRY_SECONDS = 15.0
"""After Slack refused to give an address; it allows few such calls."""
_LINGER_SECONDS = 10.0
"""For a connection that was replaced to finish what came over it; Slack closes it before."""
_COUNT_SECONDS = 1.0


class Client(SocketModeClient):
    """slack_sdk's client for one connection, which it neither replaces nor pings: aiohttp pings it."""

    def __init__(self, app_token: str, web_client: AsyncWebClient, ping_seconds: float) -> None:
        super().__init__(
            app_token=app_token, web_client=web_client, auto_reconnect_enabled=False, ping_interval=ping_seconds
        )
        self.is_leaving = asyncio.Event()
        """The connection was lost, or Slack wants it replaced."""

    async def open(self) -> None:
        """
        Connect.

        Raises:
            aiohttp.ClientError, TimeoutError, slack_errors.SlackClientError
        """
        async with asyncio.timeout(_OPEN_SECONDS):
            self.wss_uri = await self.issue_new_wss_url()
            # A pong that does not come within half an interval ends the connection.
            self.current_session = await self.aiohttp_client_session.ws_connect(
                self.wss_uri,
                autoping=False,
                heartbeat=self.ping_interval,
                proxy=self.proxy,
                ssl=self.web_client.ssl if self.web_client.ssl is not None else True,
            )
        self.message_receiver = asyncio.create_task(self.receive_messages(), name="socket mode")

    @property
    def is_alive(self) -> bool:
        """Whether it is connected and Slack does not want it replaced."""
        session = self.current_session
        return session is not None and not session.closed and not self.is_leaving.is_set()

    async def receive_messages(self) -> None:
        """Hand on what Slack sends until the connection ends."""
        session = self.current_session
        try:
            if session is None:
                return
            async for message in session:
                if message.type is aiohttp.WSMsgType.TEXT:
                    await self.enqueue_message(message.data)
                elif message.type is aiohttp.WSMsgType.PING:
                    await session.pong(message.data)
        except (aiohttp.ClientError, ConnectionError) as error:
            log.info("socket lost", reason=str(error))
        finally:
            self.is_leaving.set()

    async def connect_to_new_endpoint(self, force: bool = False) -> None:  # noqa: ARG002, FBT002 - of slack_sdk
        """Note that Slack wants the connection replaced: what slack_sdk calls for its message `disconnect`."""
        self.is_leaving.set()


class Connection:
    """One of the connections to Slack, by one client after the other."""

    def __init__(self, new_client: Callable[[], Client], open_client: Callable[[Client], Awaitable[None]]) -> None:
        self._new_client = new_client
        self._open_client = open_client
        self._client: Client | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._is_closed = False

    @property
    def is_alive(self) -> bool:
        """Whether requests can come over it."""
        return self._client is not None and self._client.is_alive

    async def run(self) -> None:
        """Stay connected until closed."""
        while not self._is_closed:
            client = await self._opened()
            if client is None:
                return
            previous, self._client = self._client, client
            if previous is not None:
                self._close_later(previous)
            await client.is_leaving.wait()
            if not self._is_closed:
                is_lost = client.current_session is None or client.current_session.closed
                metrics.RECONNECTIONS.labels("lost" if is_lost else "asked by Slack").inc()

    async def close(self) -> None:
        """Stop receiving."""
        self._is_closed = True
        if self._client is not None:
            await self._client.close()  # type: ignore[no-untyped-call]
        for task in self._closing:
            task.cancel()

    async def _opened(self) -> Client | None:
        """Return a client that is connected; None once this is closed."""
        pause = _FIRST_RETRY_SECONDS
        while not self._is_closed:
            client, is_open = self._new_client(), False
            try:
                await self._open_client(client)
                is_open = True
            except slack_errors.SlackApiError as error:
                pause = _REFUSED_RETRY_SECONDS
                log.error("socket refused", reason=str(error.response.get("error")), retry_seconds=pause)
            except (aiohttp.ClientError, slack_errors.SlackClientError, TimeoutError, OSError) as error:
                log.warning("socket not opened", reason=str(error) or type(error).__name__, retry_seconds=pause)
            finally:
                if not is_open:
                    await client.close()  # type: ignore[no-untyped-call]
            if is_open:
                return client
            await asyncio.sleep(pause)
            pause = min(pause * 2, _MAX_RETRY_SECONDS)
        return None

    def _close_later(self, client: Client) -> None:
        task = asyncio.create_task(self._linger(client), name="old socket")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _linger(self, client: Client) -> None:
        try:
            if client.message_receiver is not None:
                await asyncio.wait({client.message_receiver}, timeout=_LINGER_SECONDS)
        finally:
            await client.close()  # type: ignore[no-untyped-call]


class SocketMode:
    """All connections."""

    def __init__(
        self, app: AsyncApp, app_token: str, web_client: AsyncWebClient, *, connections: int, ping_seconds: float
    ) -> None:
        self._app = app
        self._acknowledgements = listeners.Acknowledgements()
        self._opening = asyncio.Lock()
        self._newest: Client | None = None
        """Opened last, and perhaps not in use yet."""

        def new_client() -> Client:
            client = Client(app_token, web_client, ping_seconds)
            client.socket_mode_request_listeners.append(self._receive)
            return client

        self._connections: Sequence[Connection] = [Connection(new_client, self._open) for _ in range(connections)]

    async def watch(self) -> None:
        """Keep the connections open until cancelled."""
        async with asyncio.TaskGroup() as group:
            for connection in self._connections:
                group.create_task(connection.run(), name="connection")
            while True:
                metrics.CONNECTIONS.set(self.alive())
                await asyncio.sleep(_COUNT_SECONDS)

    def alive(self) -> int:
        """Return how many connections are alive."""
        return sum(connection.is_alive for connection in self._connections)

    async def close(self) -> None:
        """Stop receiving; Slack sends to other processes from now on."""
        await asyncio.gather(*(connection.close() for connection in self._connections), return_exceptions=True)

    async def _open(self, client: Client) -> None:
        async with self._opening:
            for _ in range(_APART_STEPS):
                # Another that was cut at the same moment may notice it later.
                if not (self.alive() or (self._newest is not None and self._newest.is_alive)):
                    break
                await asyncio.sleep(_APART_SECONDS / _APART_STEPS)
            await client.open()
            self._newest = client

    async def _receive(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        started = time.monotonic()
        with self._acknowledgements.pending() as own:
            bolt_request = AsyncBoltRequest(
                mode="socket_mode",
                body=request.payload,
                headers=build_headers(request),
                context={listeners.ACKNOWLEDGEMENT: own},
            )
            response = await self._app.async_dispatch(bolt_request)
            # The time is for slack_bolt's debug log alone.
            await send_async_response(client, request, response, time.time())
        metrics.ACKNOWLEDGED.observe(time.monotonic() - started)
