"""Requests of Slack over HTTP: commands, clicks and events, each signed with the app's signing secret."""

import time
from collections.abc import Callable

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier

from bot import metrics
from bot.slack.inbound import listeners, manifest

_SIGNATURE_HEADERS = ("x-slack-signature", "x-slack-request-timestamp")


def route(app: AsyncApp, signing_secret: str, *, is_stopping: Callable[[], bool]) -> web.RouteDef:
    """Return the route of the request URL that the manifest names."""
    return web.post(manifest.REQUEST_PATH, RequestUrl(app, signing_secret, is_stopping).receive)


class RequestUrl:
    """The request URL: verifies each request of Slack, acknowledges it and starts its work."""

    def __init__(self, app: AsyncApp, signing_secret: str, is_stopping: Callable[[], bool]) -> None:
        self._app = app
        self._is_stopping = is_stopping
        self._verifier = SignatureVerifier(signing_secret)
        self._acknowledgements = listeners.Acknowledgements()

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Acknowledge within Slack's three seconds; work starts once the acknowledgement is sent."""
        started = time.monotonic()
        try:
            body = (await request.read()).decode()
        except web.HTTPRequestEntityTooLarge:
            return _rejected(413, "The body is larger than any request of Slack.")
        except UnicodeDecodeError:
            return _rejected(400, "The body is not UTF-8.")
        signature, timestamp = (request.headers.get(name, "") for name in _SIGNATURE_HEADERS)
        is_well_formed = signature.isascii() and timestamp.isascii() and timestamp.isdecimal()
        if not is_well_formed or not self._verifier.is_valid(body=body, timestamp=timestamp, signature=signature):
            return _rejected(401, "The request is not signed by Slack, or its timestamp is too old.")
        if self._is_stopping():
            return _rejected(503, "posbot is stopping.")
        with self._acknowledgements.pending() as acknowledgement:
            response = await self._dispatch(body, request, acknowledgement)
            await response.prepare(request)
            await response.write_eof()
        metrics.ACKNOWLEDGED.observe(time.monotonic() - started)
        return response

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
        except (ValueError, AttributeError, TypeError, RecursionError):
            return _rejected(400, "The body is malformed.")
        return await to_aiohttp_response(await self._app.async_dispatch(bolt_request))


def _rejected(status: int, sentence: str) -> web.Response:
    response = web.Response(status=status, text=f"{sentence}\n")
    response.force_close()
    return response
