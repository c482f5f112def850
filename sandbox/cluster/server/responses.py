"""Answers as they leave the API server."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from sandbox.cluster.state import errors as cluster_errors

JSON_TYPE = "application/json"
_HEAD = {"Cache-Control": "no-cache, private"}


def document(body: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a JSON answer."""
    text = json.dumps(body, separators=(",", ":")) + "\n"
    head = {**_head(), **(headers or {}), "Content-Type": JSON_TYPE}
    return web.Response(status=status, body=text.encode(), headers=head)


def text(body: str, *, status: int = 200) -> web.Response:
    """Return an answer in plain words."""
    return web.Response(status=status, text=body, headers=_head())


def no_such_path() -> web.Response:
    """Return what is answered for a path that nothing is registered for: no Status."""
    return text("404 page not found\n", status=404)


def refusal(refused: cluster_errors.Refusal) -> web.Response:
    """Return a Status."""
    seconds = refused.retry_after_seconds
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    return document(refused.document, status=refused.code, headers=headers)


class Stream(web.StreamResponse):
    """An answer whose body comes in chunks, and may break off."""

    def __init__(self, media_type: str, cut_after_bytes: int | None) -> None:
        super().__init__(headers={**_head(), "Content-Type": media_type})
        self.enable_chunked_encoding()
        self._left_bytes = cut_after_bytes
        self._asked: web.BaseRequest | None = None

    async def begin(self, request: web.BaseRequest) -> None:
        """Send the head."""
        self._asked = request
        await self.prepare(request)

    async def send(self, data: bytes) -> None:
        """
        Send more of the body.

        Raises:
            ConnectionError: this was where the answer had to break off, or the client has gone.
        """
        if self._left_bytes is None:
            await self.write(data)
            return
        sent = data[: self._left_bytes]
        self._left_bytes -= len(sent)
        if sent:
            await self.write(sent)
        if self._left_bytes == 0 and self._asked is not None and self._asked.transport is not None:
            # Closed, not aborted: what was sent arrives, and the end of the body does not.
            self._asked.transport.close()
            raise ConnectionAbortedError


def _head() -> dict[str, str]:
    return {"Audit-Id": str(uuid.uuid4()), **_HEAD}
