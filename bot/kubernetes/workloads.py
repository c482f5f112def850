"""Pods, deployments, revisions and events of a namespace: paginated lists, watches and logs."""

import asyncio
import contextlib
import datetime
import json
import math
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from bot import errors, text_threads
from bot.kubernetes import client, decoder
from bot.kubernetes import model as kubernetes

PAGE_SIZE = 500
"""Objects a page: parsing a larger one blocks the event loop."""
_WATCH_RETRY_SECONDS = 1.0
_MAX_OUTAGE_SECONDS = 60.0
"""Outage that a watch survives, such as an upgrade of the control plane."""
_OTHER_NAME = "If its deployment has another name, set that as deployment in services.yaml."
_SMALL_BYTES = 64_000
_MAX_EVENT_BYTES = 4_000_000
"""etcd holds no object of more than about one and a half megabytes; as JSON it is longer."""

Json = Mapping[str, Any]


class Api(Protocol):
    """Answers requests to the Kubernetes API: a cluster, or what was dumped of one."""

    async def get(self, path: str, query: client.Query | None = None) -> client.Json:
        """Return the JSON document at *path*."""
        ...

    def stream(
        self, path: str, query: client.Query | None = None, *, idle_seconds: float = client.IDLE_TIMEOUT_SECONDS
    ) -> contextlib.AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open the byte stream at *path*."""
        ...


class Workloads:
    """The workloads of one namespace."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api = api
        self.namespace = namespace
        self.core = f"/api/v1/namespaces/{namespace}"
        self._apps = f"/apis/apps/v1/namespaces/{namespace}"

    async def deployment(self, name: str) -> kubernetes.Deployment:
        """
        Return the deployment called *name*.

        Raises:
            errors.MissingResource: there is none; the message suggests similar names.
            errors.Refused, errors.Unavailable
        """
        try:
            return decoder.decode_deployment(await self.api.get(f"{self._apps}/deployments/{name}"))
        except errors.MissingResource as error:
            known = await self._deployment_names()
            missing = errors.NotFound("deployment", name, known, where=self.namespace)
            other_name = _OTHER_NAME if missing.suggestions else None
            raise errors.MissingResource(str(missing), hint=error.hint or other_name) from error

    async def _deployment_names(self) -> list[str]:
        """Return the names to suggest; none if posbot cannot list deployments, which must not hide the first error."""
        with contextlib.suppress(errors.BotError):
            return [decoder.name_of(item) for item in await self._list(f"{self._apps}/deployments")]
        return []

    async def pods(self, selector: str) -> tuple[kubernetes.Pod, ...]:
        """
        Return the pods matching *selector*, oldest first.

        Raises:
            errors.Refused, errors.Unavailable
        """
        items = await self._list(f"{self.core}/pods", labelSelector=selector)
        return tuple(sorted((decoder.decode_pod(item) for item in items), key=lambda pod: (pod.created_at, pod.name)))

    async def replica_sets(self, selector: str) -> tuple[kubernetes.ReplicaSet, ...]:
        """
        Return the revisions matching *selector*, newest first.

        Raises:
            errors.Refused, errors.Unavailable
        """
        items = await self._list(f"{self._apps}/replicasets", labelSelector=selector)
        return tuple(sorted((decoder.decode_replica_set(item) for item in items), key=lambda one: -one.revision))

    async def events(self, names: frozenset[str]) -> tuple[kubernetes.Event, ...]:
        """
        Return the events of the objects called *names*: warnings first, newest first.

        Raises:
            errors.Refused, errors.Unavailable
        """
        items = await self._list(f"{self.core}/events")
        events = [event for event in map(decoder.decode_event, items) if event.name in names]
        return tuple(sorted(events, key=lambda event: (not event.is_warning, -event.last_at.timestamp())))

    async def usage(self, selector: str) -> dict[str, tuple[tuple[str, str], ...]] | None:
        """
        Return CPU and memory usage by pod; None without a metrics API, or if posbot cannot read it.

        Raises:
            errors.Unavailable
        """
        path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{self.namespace}/pods"
        try:
            items = await self._list(path, labelSelector=selector)
        except errors.Refused:
            return None
        return {decoder.name_of(item): decoder.decode_usage(item) for item in items}

    def stream_log(
        self,
        pod: str,
        container: str,
        *,
        is_previous: bool = False,
        tail_lines: int | None = None,
        since_seconds: int | None = None,
        since: datetime.datetime | None = None,
        follows: bool = False,
        idle_seconds: float = client.IDLE_TIMEOUT_SECONDS,
    ) -> contextlib.AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """
        Open a container's log as bytes, each line prefixed with its timestamp.

        The API server truncates *since* to whole seconds, inclusive, and applies *tail_lines* first. A connection that
        breaks at the node ends like a complete log.

        Raises:
            errors.MissingResource, errors.Refused, errors.Unavailable
        """
        query: dict[str, str | int | bool | None] = {
            "container": container,
            "timestamps": True,
            "previous": is_previous or None,
            "follow": follows or None,
            "tailLines": tail_lines,
            "sinceSeconds": since_seconds,
            "sinceTime": since.strftime("%Y-%m-%dT%H:%M:%SZ") if since else None,
        }
        return self.api.stream(f"{self.core}/pods/{pod}/log", query, idle_seconds=idle_seconds)

    async def watch_pods(self, selector: str) -> AsyncIterator[tuple[kubernetes.Pod, bool]]:
        """
        Yield each pod matching *selector*, now and after each change, with whether it exists.

        Endless. An expired resource version (410) leads to a new list; an API server that has answered before may be
        unreachable for a minute.

        Raises:
            errors.Refused, errors.Unavailable
        """
        known: dict[str, kubernetes.Pod] = {}
        last_seen = -math.inf
        while True:
            page = await self._list_for_watch(selector, last_seen)
            present = {pod.name: pod for pod in map(decoder.decode_pod, decoder.items_of(page))}
            for pod in [pod for name, pod in known.items() if name not in present]:
                # Deleted between two watches.
                yield pod, False
            known = present
            for pod in present.values():
                yield pod, True
            version = decoder.list_metadata(page, "resourceVersion") or None
            query: dict[str, str | int | bool | None] = {
                "labelSelector": selector,
                "watch": True,
                "resourceVersion": version,
                "timeoutSeconds": 300,
            }
            try:
                async with self.api.stream(f"{self.core}/pods", query) as chunks:
                    async for pod, exists in _watch_events(chunks):
                        known[pod.name] = pod
                        if not exists:
                            del known[pod.name]
                        yield pod, exists
            except errors.Unavailable:
                # Outdated included: the list has what changed meanwhile.
                await asyncio.sleep(_WATCH_RETRY_SECONDS)
            last_seen = time.monotonic()

    async def _list_for_watch(self, selector: str, last_seen: float) -> Json:
        while True:
            try:
                return await self.api.get(f"{self.core}/pods", {"labelSelector": selector})
            except errors.Unavailable:
                if time.monotonic() - last_seen > _MAX_OUTAGE_SECONDS:
                    raise
                await asyncio.sleep(_WATCH_RETRY_SECONDS)

    async def _list(self, path: str, **query: str) -> list[Json]:
        try:
            return await self._pages(path, query)
        except errors.Outdated:
            # The continue token expired between two pages.
            return await self._pages(path, query)

    async def _pages(self, path: str, query: Mapping[str, str]) -> list[Json]:
        items: list[Json] = []
        continue_token: str | None = None
        while True:
            page = await self.api.get(path, {**query, "limit": PAGE_SIZE, "continue": continue_token})
            items += decoder.items_of(page)
            continue_token = decoder.list_metadata(page, "continue")
            if not continue_token:
                return items


async def _watch_events(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[kubernetes.Pod, bool]]:
    """Yield the pod of each event, and whether it exists; raise Unavailable if the watch has to begin anew."""
    async for line in _lines(chunks):
        change = await text_threads.run(_parse_event, line) if len(line) > _SMALL_BYTES else _parse_event(line)
        if change is not None:
            yield change


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the lines of *chunks*; what arrives of a line is copied once."""
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            yield b"".join((*parts, line))
            parts, size = [], 0
        parts.append(rest)
        size += len(rest)
        if size > _MAX_EVENT_BYTES:
            raise errors.Unavailable("The watch sent an event that is longer than any pod.")


def _parse_event(line: bytes) -> tuple[kubernetes.Pod, bool] | None:
    """Return the pod of an event, and whether it exists; None if the event has no pod."""
    try:
        change: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise errors.Unavailable("The watch ended in the middle of an event.") from error
    kind = change.get("type") if isinstance(change, dict) else None
    if kind == "ERROR":
        raise errors.Outdated("The resource version is too old (410): the list must be read again.")
    if kind == "BOOKMARK":
        return None
    if not isinstance(change, dict) or not isinstance(kind, str) or not decoder.name_of(change.get("object")):
        raise errors.Unavailable("The watch sent an event without a pod.")
    return decoder.decode_pod(change["object"]), kind != "DELETED"
