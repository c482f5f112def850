"""Watches: what changes, one JSON document a line, for as long as the client wants it."""

import asyncio
import json
from collections.abc import Iterator, Mapping

from aiohttp import web

from sandbox.cluster.server import responses, targets
from sandbox.cluster.state import cluster_state, kinds, selectors, store
from sandbox.cluster.state import errors as cluster_errors
from sandbox.cluster.state.kinds import Json

_TIMEOUT_SECONDS = 3600.0
"""A real server picks something between half an hour and an hour."""
_INITIAL_END = {"annotations": {"k8s.io/initial-events-end": "true"}}


class Watch:
    """One watch."""

    def __init__(self, world: cluster_state.ClusterState, target: targets.Target, query: Mapping[str, str]) -> None:
        self._objects = world.objects
        self._target = target
        self._query = query
        self._chosen = selectors.chooser(target.kind, query.get("labelSelector", ""), query.get("fieldSelector", ""))
        self._era = self._objects.era
        self._version = self._objects.version
        self._wants_bookmarks = query.get("allowWatchBookmarks") in ("true", "1")
        self._begun_at = _version(query.get("resourceVersion") or "0")
        self._seconds = float(query.get("timeoutSeconds") or _TIMEOUT_SECONDS)

    async def answer(self, request: web.BaseRequest, cut_after_bytes: int | None) -> web.StreamResponse:
        """Send what there is and what comes, until the time is up or the history is forgotten."""
        response = responses.Stream(responses.JSON_TYPE, cut_after_bytes)
        await response.begin(request)
        try:
            async with asyncio.timeout(self._seconds):
                await self._send_all(response)
        except TimeoutError:
            if self._wants_bookmarks:
                await response.send(self._bookmark())
        await response.write_eof()
        return response

    async def _send_all(self, response: responses.Stream) -> None:
        for line in self._beginning():
            await response.send(line)
        while self._era == self._objects.era and self._version >= self._objects.oldest_version:
            changes = list(self._objects.changes_after(self._version))
            self._version = self._objects.version
            for change in changes:
                for line in self._lines_of(change):
                    await response.send(line)
            await self._objects.wait_for_change(self._version)
        await response.send(self._too_old())

    def _beginning(self) -> Iterator[bytes]:
        """Take up where the client has left, or begin with what there is."""
        if self._begun_at and not self._query.get("sendInitialEvents"):
            self._version = self._begun_at
            return
        for item in self._objects.list(self._target.kind, self._target.namespace):
            if self._chosen(item):
                yield _line("ADDED", item)
        if self._query.get("sendInitialEvents") == "true":
            yield self._bookmark(_INITIAL_END)

    def _lines_of(self, change: store.Change) -> Iterator[bytes]:
        if change.kind is None:
            if self._wants_bookmarks:
                yield self._bookmark()
            return
        if change.kind is not self._target.kind:
            return
        was, now = self._seen(change.was), self._seen(change.now)
        if now is not None:
            yield _line("MODIFIED" if was is not None else "ADDED", now)
        elif was is not None:
            gone = change.now or was
            yield _line("DELETED", gone | {"metadata": was["metadata"] | {"resourceVersion": str(change.version)}})

    def _seen(self, document: Json | None) -> Json | None:
        """Return the object as this watch sees it: None where it is not among those chosen."""
        if document is None or self._target.namespace not in ("", kinds.namespace_of(document)):
            return None
        return document if self._chosen(document) else None

    def _bookmark(self, more: Json | None = None) -> bytes:
        kind = self._target.kind
        meta = {"resourceVersion": str(self._version), "creationTimestamp": None} | (more or {})
        return _line("BOOKMARK", {"kind": kind.name, "apiVersion": kind.api_version, "metadata": meta})

    def _too_old(self) -> bytes:
        return _line("ERROR", cluster_errors.too_old_version(self._version, self._objects.oldest_version).document)


def _version(text: str) -> int:
    if not text.isdecimal():
        problem = f'strconv.ParseUint: parsing "{text}": invalid syntax'
        raise cluster_errors.server_error(f'resourceVersion: Invalid value: "{text}": {problem}')
    return int(text)


def _line(what: str, document: Json) -> bytes:
    return json.dumps({"type": what, "object": document}, separators=(",", ":")).encode() + b"\n"
