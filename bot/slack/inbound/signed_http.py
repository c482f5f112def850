"""
Signed HTTP: the request URL, to which commands, clicks and events come, each signed with the app's signing secret.

A request that cannot be Slack's is refused by its headers, before its body is read; a body has a limit of size and of
time. What is signed and no payload of Slack's is refused before Bolt sees it. Nothing that is sent here leaves a trace
of an exception, and every refusal is counted by its reason.
"""

import asyncio
import re
import time
from collections.abc import Callable

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.error import BoltError
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier

from bot import metrics
from bot.slack.inbound import listeners, manifest, payload_shapes, refusals

log = structlog.get_logger()

_SIGNATURE_HEADERS = ("x-slack-signature", "x-slack-request-timestamp")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}", re.ASCII)
_TIMESTAMP = re.compile(r"[0-9]{1,18}", re.ASCII)
_MAX_AGE_SECONDS = 300
"""Of a timestamp; slack_sdk refuses older ones (docs.slack.dev, verifying requests)."""
_UNSIGNED = "The request is not signed by Slack, or its timestamp is too old."


def route(
    app: AsyncApp, signing_secret: str, refused: refusals.Refusals, *, is_stopping: Callable[[], bool]
) -> web.RouteDef:
    """Return the route of the request URL that the manifest names."""
    return web.post(manifest.REQUEST_PATH, RequestUrl(app, signing_secret, refused, is_stopping).receive)


class RequestUrl:
    """The request URL: verifies each request of Slack, acknowledges it and starts its work."""

    def __init__(
        self,
        app: AsyncApp,
        signing_secret: str,
        refused: refusals.Refusals,
        is_stopping: Callable[[], bool],
        *,
        body_seconds: float = 5.0,
    ) -> None:
        self._app = app
        self._is_stopping = is_stopping
        self._verifier = SignatureVerifier(signing_secret)
        self._acknowledgements = listeners.Acknowledgements()
        self._refused = refused
        self._body_seconds = body_seconds
        """Slack sends a request at once, and takes it for failed after three seconds."""

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Acknowledge within Slack's three seconds; work starts once the acknowledgement is sent."""
        started = time.monotonic()
        try:
            body = await self._verified_body(request)
        except _Rejected as rejection:
            self._refused.count(rejection.reason)
            return _rejected(rejection.status, rejection.sentence)
        self._refused.has_valid_signature = True
        if self._is_stopping():
            return _rejected(503, "posbot is stopping.")
        with self._acknowledgements.pending() as acknowledgement:
            response = await self._dispatch(body, request, acknowledgement)
            await response.prepare(request)
            await response.write_eof()
        metrics.ACKNOWLEDGED.observe(time.monotonic() - started)
        return response

    async def _verified_body(self, request: web.Request) -> str:
        """
        Return the body of a request that Slack signed; nothing is read of one whose headers cannot be Slack's.

        Raises:
            _Rejected
        """
        signature, timestamp = (request.headers.get(name, "") for name in _SIGNATURE_HEADERS)
        problem = _header_problem(signature, timestamp)
        if problem is not None:
            raise _Rejected(401, problem, _UNSIGNED)
        if request.headers.get("content-encoding", "identity") != "identity":
            raise _Rejected(415, "encoded body", "Slack sends no encoded bodies.")
        try:
            if (request.content_length or 0) > request.client_max_size:
                raise web.HTTPRequestEntityTooLarge(request.client_max_size)
            async with asyncio.timeout(self._body_seconds):
                body = (await request.read()).decode()
        except TimeoutError:
            raise _Rejected(408, "slow body", "The body took too long.") from None
        except web.HTTPRequestEntityTooLarge:
            raise _Rejected(413, "too large", "The body is larger than any request of Slack.") from None
        except UnicodeDecodeError:
            raise _Rejected(400, "not UTF-8", "The body is not UTF-8.") from None
        except (web.RequestPayloadError, BadHttpMessage):
            raise _Rejected(400, "malformed", "The body is malformed.") from None
        except ConnectionError:
            raise _Rejected(400, "connection lost", "The connection was lost.") from None
        if not self._verifier.is_valid(body=body, timestamp=timestamp, signature=signature):
            raise _Rejected(401, refusals.WRONG_SIGNATURE, _UNSIGNED)
        return body

    async def _dispatch(
        self, body: str, request: web.Request, acknowledgement: listeners.Acknowledgement
    ) -> web.Response:
        try:
            bolt_request = AsyncBoltRequest(
                body=body,
                query=request.query_string,
                headers=dict(request.headers),
                context={listeners.ACKNOWLEDGEMENT: acknowledgement},
            )
        except (ValueError, AttributeError, TypeError, LookupError, RecursionError):
            problem: str | None = "The body is no payload."
        else:
            problem = payload_shapes.problem(bolt_request.body)
        if problem is not None:
            self._refused.count("malformed payload")
            return _rejected(400, problem)
        try:
            return await to_aiohttp_response(await self._app.async_dispatch(bolt_request))
        except (AttributeError, LookupError, TypeError, ValueError, BoltError) as error:
            # Bolt's matchers fail on payloads without the keys of their type; what listeners raise does not come here.
            log.warning("payload not understood", error=type(error).__name__)
            self._refused.count("malformed payload")
            return _rejected(400, "Malformed payload: a key is missing or has the wrong type.")


class _Rejected(Exception):
    """A request that is not Slack's, or that nothing can be done with."""

    def __init__(self, status: int, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.reason = reason
        """For the metric: a few fixed words."""
        self.sentence = sentence


def _header_problem(signature: str, timestamp: str) -> str | None:
    """Return why headers cannot be those of a request of Slack, in a few fixed words; None if they can."""
    if not signature or not timestamp:
        return "no signature"
    if not (signature.isascii() and _TIMESTAMP.fullmatch(timestamp)):
        return "malformed signature"
    if abs(time.time() - int(timestamp)) > _MAX_AGE_SECONDS:
        return "old timestamp"
    return None if _SIGNATURE.fullmatch(signature) else refusals.WRONG_SIGNATURE


def _rejected(status: int, sentence: str) -> web.Response:
    response = web.Response(status=status, text=f"{sentence}\n")
    response.force_close()
    return response
