"""
Client of the Kubernetes API: JSON documents and byte streams over the official client's session.

The official package reads kubeconfig and service accounts and does TLS. Its generated API, models and `Watch` are not
used: models parse on the event loop, a list with one legacy event fails as a whole, and `Watch` takes an error's body
for log lines. Calls and streams have a session each, because a stream holds its connection for as long as it lasts.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import tenacity
import yaml
from kubernetes.aio import config as kubernetes_config
from kubernetes.aio.client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from bot import errors, metrics, text_threads
from bot.kubernetes import documents
from bot.kubernetes import errors as kubernetes_errors

CALL_TIMEOUT_SECONDS = 10.0
CONNECT_TIMEOUT_SECONDS = 5.0
IDLE_TIMEOUT_SECONDS = 60.0
"""A silent stream is reopened after this time: load balancers drop idle connections without closing them."""
MAX_CONCURRENT_CALLS = 24
"""The API server limits clients by itself: it answers 429, which is honoured."""
_MAX_ATTEMPTS = 4
_EXEC_PLUGIN_TIMEOUT_SECONDS = 8.0
"""For the credential plugin (exec) of a kubeconfig."""
_LOADER_ERRORS = (OSError, AttributeError, KeyError, TypeError, ValueError)
"""Raised by the loader on unexpected content."""
_TOKEN = "BearerToken"  # noqa: S105 - the name of the setting

Query = Mapping[str, str | int | bool | None]
Json = dict[str, Any]


class Cluster:
    """One cluster, accessed with one account."""

    def __init__(self, context: str | None, kubeconfig: str | None) -> None:
        self._context = context
        self._kubeconfig = kubeconfig
        self._sessions: _Sessions | None = None
        self._opening = asyncio.Lock()
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_CALLS)

    async def get(self, path: str, query: Query | None = None) -> Json:
        """
        Return the JSON document at *path*.

        Raises:
            errors.MissingResource: there is no such object.
            errors.Refused: forbidden or unauthorized.
            errors.Unavailable: the API server is unreachable, silent or overloaded.
        """
        async with self._slots, self._measured():
            return await self._get_with_retries(path, query or {})

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, query: Query | None = None, *, idle_seconds: float = IDLE_TIMEOUT_SECONDS
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """
        Open the byte stream at *path*; it is unavailable once nothing came for *idle_seconds*.

        Raises:
            errors.MissingResource, errors.Refused, errors.Unavailable: as `get`, also while reading.
        """
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_SECONDS, sock_read=idle_seconds)
        async with contextlib.AsyncExitStack() as stack:
            async with self._measured():
                opening = self._request(path, query or {}, limits, is_stream=True)
                response = await stack.enter_async_context(opening)
            yield _chunks(response)

    async def close(self) -> None:
        """Close both sessions, even while they are in use."""
        if self._sessions is not None:
            await self._sessions.close()
        self._sessions = None

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(kubernetes_errors.Throttled),
        stop=tenacity.stop_after_attempt(_MAX_ATTEMPTS),
        wait=kubernetes_errors.retry_after,
        reraise=True,
    )
    async def _get_with_retries(self, path: str, query: Query) -> Json:
        limits = aiohttp.ClientTimeout(total=CALL_TIMEOUT_SECONDS, sock_connect=CONNECT_TIMEOUT_SECONDS)
        async with self._request(path, query, limits, is_stream=False) as response:
            server = str(response.url.origin())
            try:
                document = await _read_document(response)
            except (ValueError, RecursionError) as error:
                raise kubernetes_errors.not_kubernetes(server, "the response is not JSON") from error
            except (aiohttp.ClientError, TimeoutError) as error:
                raise kubernetes_errors.from_network(error, server) from error
        if not isinstance(document, dict) or "kind" not in document:
            # An empty document of another server would look like an empty list.
            raise kubernetes_errors.not_kubernetes(server, "the response is no Kubernetes object")
        return document

    @contextlib.asynccontextmanager
    async def _request(
        self, path: str, query: Query, limits: aiohttp.ClientTimeout, *, is_stream: bool
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        for is_last in (False, True):
            sessions = await self._open_sessions()
            async with sessions.used():
                response = await _send(sessions.select(is_stream=is_stream), path, query, limits)
                if response.status == 401 and not is_last:
                    # The token may have been rotated: read it again, once.
                    response.close()
                    await self._retire(sessions)
                    continue
                if response.status >= 400:
                    raise await kubernetes_errors.from_response(response)
                try:
                    yield response
                finally:
                    response.close()
                return

    async def _open_sessions(self) -> "_Sessions":
        async with self._opening:
            if self._sessions is None:
                self._sessions = await self._new_sessions()
            return self._sessions

    async def _new_sessions(self) -> "_Sessions":
        configuration = await load_configuration(self._context, self._kubeconfig)
        try:
            return _Sessions(configuration)
        except (OSError, ValueError) as error:
            # Certificates are read here; SSLError is an OSError.
            raise kubernetes_errors.from_configuration(error, self._context) from error

    async def _retire(self, sessions: "_Sessions") -> None:
        # Another call may already have opened new ones.
        if self._sessions is sessions:
            self._sessions = None
        await sessions.retire()

    @contextlib.asynccontextmanager
    async def _measured(self) -> AsyncIterator[None]:
        started, outcome = time.monotonic(), "ok"
        try:
            yield
        except errors.BotError as error:
            outcome = type(error).__name__.lower()
            raise
        finally:
            metrics.CALLS.labels("kubernetes", outcome).inc()
            metrics.CALL_SECONDS.labels("kubernetes").observe(time.monotonic() - started)


class _Sessions:
    """A pair of sessions with the same credentials; once retired, the last user closes them."""

    def __init__(self, configuration: Configuration) -> None:
        self._calls, self._streams = ApiClient(configuration), ApiClient(configuration)
        self._users = 0
        self._is_retired = False

    def select(self, *, is_stream: bool) -> ApiClient:
        return self._streams if is_stream else self._calls

    @contextlib.asynccontextmanager
    async def used(self) -> AsyncIterator[None]:
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            await self._close_if_unused()

    async def retire(self) -> None:
        self._is_retired = True
        await self._close_if_unused()

    async def close(self) -> None:
        for client in (self._calls, self._streams):
            await client.close()  # type: ignore[no-untyped-call]

    async def _close_if_unused(self) -> None:
        if self._is_retired and not self._users:
            await self.close()


class Clusters:
    """The clusters of all environments, each opened on first use."""

    def __init__(self, kubeconfig: str | None) -> None:
        self._kubeconfig = kubeconfig
        self._clusters: dict[str | None, Cluster] = {}

    def find(self, context: str | None) -> Cluster:
        """Return the cluster of a kube context; None is the one posbot runs in, or kubectl's current context."""
        return self._clusters.setdefault(context, Cluster(context, self._kubeconfig))

    async def close(self) -> None:
        """Close all sessions."""
        for cluster in self._clusters.values():
            await cluster.close()


async def load_configuration(context: str | None, kubeconfig: str | None) -> Configuration:
    """
    Return the official client's configuration for a context.

    Raises:
        errors.Refused: no such context, or no usable kubeconfig.
    """
    configuration = Configuration()
    configuration.connection_pool_maxsize = 0
    try:
        if context is None and kubeconfig is None and "KUBERNETES_SERVICE_HOST" in os.environ:  # noqa: TID251
            kubernetes_config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
        else:
            async with asyncio.timeout(_EXEC_PLUGIN_TIMEOUT_SECONDS):
                await kubernetes_config.load_kube_config(  # type: ignore[no-untyped-call]
                    config_file=kubeconfig, context=context, client_configuration=configuration, persist_config=False
                )
    except TimeoutError as error:
        raise kubernetes_errors.from_exec_plugin() from error
    except (kubernetes_config.ConfigException, yaml.YAMLError, *_LOADER_ERRORS) as error:
        raise kubernetes_errors.from_configuration(error, context) from error
    _strip_token(configuration)
    return configuration


def _strip_token(configuration: Configuration) -> None:
    """Strip the token's trailing newline, now and after each reload."""
    reload = configuration.refresh_api_key_hook

    def strip(target: Configuration) -> None:
        if reload is not None:
            reload(target)
            target.refresh_api_key_hook = strip
        if _TOKEN in target.api_key:
            target.api_key[_TOKEN] = target.api_key[_TOKEN].strip()

    configuration.refresh_api_key_hook = strip  # type: ignore[assignment]


async def _send(client: ApiClient, path: str, query: Query, limits: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
    parameters = [(name, _format_parameter(value)) for name, value in query.items() if value is not None]
    unavailable: errors.BotError | None = None
    try:
        method, url, headers, _, _ = await client.param_serialize(
            "GET", path, query_params=parameters, auth_settings=[_TOKEN]
        )
        called = await client.call_api(method, url, headers, _request_timeout=limits)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        # Raised outside the except block: this frame's locals hold the token.
        unavailable = kubernetes_errors.from_network(error, client.configuration.host)
    if unavailable is not None:
        raise unavailable
    response: aiohttp.ClientResponse = called.response
    return response


def _format_parameter(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


async def _read_document(response: aiohttp.ClientResponse) -> Any:
    """Return the JSON of *response*; raise ValueError if it is none, or has no end."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > documents.MAX_BYTES:
            raise ValueError("the response is too long")
    content = bytes(body)
    return documents.parse(content) if documents.is_small(content) else await text_threads.run(documents.parse, content)


async def _chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.content.iter_any():
            # All that has arrived meanwhile, which may be megabytes.
            for start in range(0, len(chunk), text_threads.PIECE_BYTES):
                yield chunk[start : start + text_threads.PIECE_BYTES]
    except (aiohttp.ClientError, TimeoutError) as error:
        raise kubernetes_errors.from_network(error, str(response.url.origin())) from error
