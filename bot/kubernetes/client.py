"""
Kubernetes' API: JSON and bytes over the session of the official client.

The official package reads kubeconfig and service accounts, does TLS and keeps the session. Its generated API, models
and `Watch` are not used: models parse on the loop, a list with one legacy event fails as a whole, and `Watch` takes
an error's body for log lines. Short calls and streams have a session each, because a stream holds its connection for
as long as it lasts.
"""

import asyncio
import contextlib
import json
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

from bot import errors, metrics
from bot.kubernetes import errors as kubernetes_errors

CALL_SECONDS = 10.0
CONNECT_SECONDS = 5.0
IDLE_SECONDS = 60.0
"""A stream that sends nothing for so long is looked at again; load balancers cut such connections without a word."""
CONCURRENT_CALLS = 24
"""kubectl allows itself five calls a second; the API server's own limits answer 429, which is honoured."""
_ATTEMPTS = 4
_PLUGIN_SECONDS = 8.0
"""For the program that kubeconfig names to get a token."""
_UNUSABLE = (OSError, AttributeError, KeyError, TypeError, ValueError)
"""What the loader raises on content that it did not expect."""
_TOKEN = "BearerToken"  # noqa: S105 - the name of the setting

Query = Mapping[str, str | int | bool | None]
Json = dict[str, Any]


class Cluster:
    """One cluster, as one account sees it."""

    def __init__(self, context: str | None, kubeconfig: str | None) -> None:
        self._context = context
        self._kubeconfig = kubeconfig
        self._sessions: _Sessions | None = None
        self._opening = asyncio.Lock()
        self._slots = asyncio.Semaphore(CONCURRENT_CALLS)

    async def get(self, path: str, query: Query | None = None) -> Json:
        """
        Give the JSON document at *path*.

        Raises:
            errors.Missing: there is no such object.
            errors.Refused: the account may not, or is not accepted.
            errors.Unavailable: the API server does not answer, or asks to be left alone.
        """
        async with self._slots, self._counted():
            return await self._get_patiently(path, query or {})

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, query: Query | None = None, *, idle_seconds: float = IDLE_SECONDS
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """
        Give the bytes at *path* as they come, in pieces of any size, no longer than *idle_seconds* apart.

        Raises:
            errors.Missing, errors.Refused, errors.Unavailable: as `get`, also while the bytes are read.
        """
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=idle_seconds)
        async with contextlib.AsyncExitStack() as at_the_end:
            async with self._counted():
                answer = self._answer(path, query or {}, limits, is_stream=True)
                response = await at_the_end.enter_async_context(answer)
            yield _pieces(response)

    async def close(self) -> None:
        """End both sessions, whoever uses them."""
        if self._sessions is not None:
            await self._sessions.close()
        self._sessions = None

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(kubernetes_errors.Throttled),
        stop=tenacity.stop_after_attempt(_ATTEMPTS),
        wait=kubernetes_errors.retry_after,
        reraise=True,
    )
    async def _get_patiently(self, path: str, query: Query) -> Json:
        limits = aiohttp.ClientTimeout(total=CALL_SECONDS, sock_connect=CONNECT_SECONDS)
        async with self._answer(path, query, limits, is_stream=False) as response:
            try:
                document: Json = json.loads(await response.read())
            except ValueError as error:
                raise errors.Unavailable("The cluster's answer is not JSON; something else listens there.") from error
            except (aiohttp.ClientError, TimeoutError) as error:
                raise kubernetes_errors.from_network(error) from error
        if not isinstance(document, dict) or "kind" not in document:
            # An empty one of something else would look like a list that nothing is in.
            raise errors.Unavailable("The cluster's answer is none of Kubernetes; something else listens there.")
        return document

    @contextlib.asynccontextmanager
    async def _answer(
        self, path: str, query: Query, limits: aiohttp.ClientTimeout, *, is_stream: bool
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        for is_last in (False, True):
            sessions = await self._opened()
            async with sessions.used():
                response = await _send(sessions.of(is_stream=is_stream), path, query, limits)
                if response.status == 401 and not is_last:
                    # The token may have been renewed behind our back: read it again, once.
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

    async def _opened(self) -> "_Sessions":
        async with self._opening:
            if self._sessions is None:
                self._sessions = await self._new_sessions()
            return self._sessions

    async def _new_sessions(self) -> "_Sessions":
        configuration = await configured(self._context, self._kubeconfig)
        try:
            return _Sessions(configuration)
        except (OSError, ValueError) as error:
            # Certificates are read here; what is wrong with one is an SSLError, which is an OSError.
            raise kubernetes_errors.from_configuration(error, self._context) from error

    async def _retire(self, sessions: "_Sessions") -> None:
        # Another call may have found out before, and opened new ones.
        if self._sessions is sessions:
            self._sessions = None
        await sessions.retire()

    @contextlib.asynccontextmanager
    async def _counted(self) -> AsyncIterator[None]:
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
    """Both sessions with one reading of the configuration; after they are retired, the last who uses them ends them."""

    def __init__(self, configuration: Configuration) -> None:
        self._calls, self._streams = ApiClient(configuration), ApiClient(configuration)
        self._users = 0
        self._is_retired = False

    def of(self, *, is_stream: bool) -> ApiClient:
        return self._streams if is_stream else self._calls

    @contextlib.asynccontextmanager
    async def used(self) -> AsyncIterator[None]:
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            await self._end_if_unused()

    async def retire(self) -> None:
        self._is_retired = True
        await self._end_if_unused()

    async def close(self) -> None:
        for client in (self._calls, self._streams):
            await client.close()  # type: ignore[no-untyped-call]

    async def _end_if_unused(self) -> None:
        if self._is_retired and not self._users:
            await self.close()


class Clusters:
    """All clusters that the environments name, each opened when it is first asked."""

    def __init__(self, kubeconfig: str | None) -> None:
        self._kubeconfig = kubeconfig
        self._clusters: dict[str | None, Cluster] = {}

    def of(self, context: str | None) -> Cluster:
        """Give the cluster behind a kube context; None is the one the bot itself runs in, or kubectl's current one."""
        return self._clusters.setdefault(context, Cluster(context, self._kubeconfig))

    async def close(self) -> None:
        """End all sessions."""
        for cluster in self._clusters.values():
            await cluster.close()


async def configured(context: str | None, kubeconfig: str | None) -> Configuration:
    """
    Give the official client's configuration for a context.

    Raises:
        errors.Refused: there is no such context, or nothing to read it from.
    """
    configuration = Configuration()
    configuration.connection_pool_maxsize = 0
    try:
        if context is None and kubeconfig is None and "KUBERNETES_SERVICE_HOST" in os.environ:  # noqa: TID251
            kubernetes_config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
        else:
            async with asyncio.timeout(_PLUGIN_SECONDS):
                await kubernetes_config.load_kube_config(  # type: ignore[no-untyped-call]
                    config_file=kubeconfig, context=context, client_configuration=configuration, persist_config=False
                )
    except TimeoutError as error:
        raise kubernetes_errors.from_plugin() from error
    except (kubernetes_config.ConfigException, yaml.YAMLError, *_UNUSABLE) as error:
        raise kubernetes_errors.from_configuration(error, context) from error
    _strip_token(configuration)
    return configuration


def _strip_token(configuration: Configuration) -> None:
    """Take the line end off the token that the loaders leave there, now and whenever it is read again."""
    reload = configuration.refresh_api_key_hook

    def strip(target: Configuration) -> None:
        if reload is not None:
            reload(target)
            target.refresh_api_key_hook = strip
        if _TOKEN in target.api_key:
            target.api_key[_TOKEN] = target.api_key[_TOKEN].strip()

    configuration.refresh_api_key_hook = strip  # type: ignore[assignment]


async def _send(client: ApiClient, path: str, query: Query, limits: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
    parameters = [(name, _written(value)) for name, value in query.items() if value is not None]
    problem: errors.BotError | None = None
    try:
        method, url, headers, _, _ = await client.param_serialize(
            "GET", path, query_params=parameters, auth_settings=[_TOKEN]
        )
        answer = await client.call_api(method, url, headers, _request_timeout=limits)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        # Raised outside of this frame, whose locals hold the token.
        problem = kubernetes_errors.from_network(error)
    if problem is not None:
        raise problem
    response: aiohttp.ClientResponse = answer.response
    return response


def _written(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


async def _pieces(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for piece in response.content.iter_any():
            yield piece
    except (aiohttp.ClientError, TimeoutError) as error:
        raise kubernetes_errors.from_network(error) from error
