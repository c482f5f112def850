"""Signed HTTP requests to the bot's request URL."""

import asyncio
import collections.abc
import dataclasses
import hashlib
import hmac
import io
import json
import time
import typing
import urllib.parse

import aiohttp

from sandbox.slack.blocks import shapes
from sandbox.slack.state import records, settings, workspace_state

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the request URL answered."""

    status: int
    text: str
    headers: collections.abc.Mapping[str, str]
    seconds: float

    @property
    def body(self) -> typing.Any:
        """Return the answer as JSON where it is, else as text; None for an empty one."""
        if not self.headers.get("Content-Type", "").startswith(JSON):
            return self.text or None
        try:
            return json.loads(self.text)
        except ValueError:
            return self.text or None


def encode(kind: records.Kind, payload: shapes.Json) -> tuple[bytes, str]:
    """Return the body and content type that Slack uses for this kind of payload."""
    if kind is records.Kind.EVENT:
        return json.dumps(payload).encode(), JSON
    if kind is records.Kind.INTERACTION:
        payload = {"payload": json.dumps(payload)}
    return urllib.parse.urlencode(payload).encode(), FORM


def sign(secret: str, body: bytes, timestamp: int) -> dict[str, str]:
    """Return the two headers that prove the request comes from Slack."""
    base = b"v0:" + str(timestamp).encode() + b":" + body
    digest = hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": str(timestamp), "X-Slack-Signature": f"v0={digest}"}


class Requests:
    """Sends requests to the bot."""

    def __init__(self, setup: settings.Settings, session: aiohttp.ClientSession) -> None:
        self._setup = setup
        self._session = session
        self.url: str | None = None

    async def post(self, body: bytes, headers: collections.abc.Mapping[str, str]) -> Reply:
        """
        Send *body* with *headers* as they are and give the answer.

        Raises TimeoutError after Slack's patience, and aiohttp.ClientError when there was no answer.
        """
        if self.url is None:
            raise RuntimeError("there is no request URL; call deliver_to first")
        loop = asyncio.get_running_loop()
        started = loop.time()
        async with asyncio.timeout(self._setup.timings.ack_seconds):
            async with self._session.post(self.url, data=io.BytesIO(body), headers=headers) as response:
                text = await response.text()
        return Reply(
            status=response.status,
            text=text,
            headers=response.headers,
            seconds=loop.time() - started,
        )

    def signed_headers(self, body: bytes, content_type: str, timestamp: int | None = None) -> dict[str, str]:
        """Return the headers of a request that Slack would send now, or at *timestamp*."""
        moment = int(time.time()) if timestamp is None else timestamp
        return {"Content-Type": content_type, **sign(self._setup.signing_secret, body, moment)}

    async def hand_over(
        self, state: workspace_state.State, kind: records.Kind, payload: shapes.Json, number: int, reason: str
    ) -> records.Attempt:
        """Send *payload* and wait for its acknowledgement."""
        body, content_type = encode(kind, payload)
        headers = self.signed_headers(body, content_type)
        if number:
            headers |= {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": reason}
        at_seconds = state.clock.seconds()
        try:
            reply = await self.post(body, headers)
        except TimeoutError:
            outcome, problem = records.Outcome.TIMED_OUT, "no acknowledgement in time"
        except aiohttp.ClientError as error:
            outcome, problem = records.Outcome.UNREACHABLE, f"{type(error).__name__}: {error}"
        else:
            return _attempt_of(reply, number, at_seconds)
        return records.Attempt(number=number, outcome=outcome, at_seconds=at_seconds, problem=problem)


def _attempt_of(reply: Reply, number: int, at_seconds: float) -> records.Attempt:
    is_taken = 200 <= reply.status < 300
    return records.Attempt(
        number=number,
        outcome=records.Outcome.ACKNOWLEDGED if is_taken else records.Outcome.REFUSED,
        at_seconds=at_seconds,
        ack_seconds=reply.seconds,
        status=reply.status,
        body=reply.body if is_taken else reply.text,
        problem="" if is_taken else f"HTTP {reply.status}",
        forbids_retry=reply.headers.get("X-Slack-No-Retry") == "1",
    )
