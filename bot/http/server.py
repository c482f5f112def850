"""
The bot's own HTTP endpoints: signed requests of Slack, and what watches over the bot.

    POST /slack/events   commands, clicks and events, signed by Slack
    GET  /healthz        200 while the process is worth keeping
    GET  /readyz         200 while Slack really reaches the bot
    GET  /metrics        Prometheus
"""

import dataclasses
import time
from collections.abc import Awaitable, Callable

import prometheus_client
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier

from bot import metrics
from bot.slack.inbound import acknowledgements, listeners

STOPPING = "The bot is stopping."
SLACK_PATH = "/slack/events"
_BODY_LIMIT_BYTES = 1_000_000
"""Slack's largest payloads, views of 250 kB, stay far below."""
_SIGNATURE_HEADERS = ("x-slack-signature", "x-slack-request-timestamp")

Check = Callable[[], Awaitable[str | None]]
"""Gives what is wrong, or None."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SignedSlack:
    """What takes signed requests, and the secret they are signed with."""

    app: AsyncApp
    signing_secret: str = dataclasses.field(repr=False)


def application(*, is_alive: Check, is_ready: Check, slack: SignedSlack | None) -> web.Application:
    """Give the endpoints; without *slack* there is none for signed requests."""
    endpoints = web.Application(client_max_size=_BODY_LIMIT_BYTES)
    endpoints.router.add_get("/healthz", _telling(is_alive))
    endpoints.router.add_get("/readyz", _telling(is_ready))
    endpoints.router.add_get("/metrics", _metrics)
    if slack is not None:
        endpoints.router.add_post(SLACK_PATH, _Receiver(slack, is_ready).receive)
    return endpoints


class _Receiver:
    """Takes signed requests."""

    def __init__(self, slack: SignedSlack, is_ready: Check) -> None:
        self._app = slack.app
        self._is_ready = is_ready
        self._verifier = SignatureVerifier(slack.signing_secret)
        self._acknowledgements = acknowledgements.Acknowledgements()

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Answer within Slack's three seconds; the work begins when the answer has left."""
        started = time.monotonic()
        try:
            body = (await request.read()).decode()
        except web.HTTPRequestEntityTooLarge:
            return _refusal(413, "Slack sends nothing as large as this.")
        except UnicodeDecodeError:
            return _refusal(400, "The body is not UTF-8.")
        if not self._is_signed(body, request):
            return _refusal(401, "This is not signed by Slack.")
        if await self._is_ready() == STOPPING:
            return _refusal(503, STOPPING)
        with self._acknowledgements.pending() as own:
            response = await self._dispatch(body, request, own)
            await response.prepare(request)
            await response.write_eof()
        metrics.ACKNOWLEDGED.observe(time.monotonic() - started)
        return response

    def _is_signed(self, body: str, request: web.Request) -> bool:
        signature, timestamp = (request.headers.get(name, "") for name in _SIGNATURE_HEADERS)
        is_sound = signature.isascii() and timestamp.isascii() and timestamp.isdecimal()
        return is_sound and self._verifier.is_valid(body=body, timestamp=timestamp, signature=signature)

    async def _dispatch(self, body: str, request: web.Request, own: acknowledgements.Acknowledgement) -> web.Response:
        try:
            bolt_request = AsyncBoltRequest(
                body=body,
                query=request.query_string,
                headers=dict(request.headers),
                context={listeners.ACKNOWLEDGEMENT: own},
            )
        except (ValueError, AttributeError, TypeError, RecursionError):
            return _refusal(400, "The body cannot be read.")
        return await to_aiohttp_response(await self._app.async_dispatch(bolt_request))


def _refusal(status: int, sentence: str) -> web.Response:
    response = web.Response(status=status, text=f"{sentence}\n")
    response.force_close()
    return response


def _telling(check: Check) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def tell(_: web.Request) -> web.Response:
        wrong = await check()
        return web.Response(status=503 if wrong else 200, text=f"{wrong or 'ok'}\n")

    return tell


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(
        body=prometheus_client.generate_latest(), headers={"content-type": prometheus_client.CONTENT_TYPE_LATEST}
    )
