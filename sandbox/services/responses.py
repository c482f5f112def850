"""Behaviors of a sandboxed service: one function for each way to respond, or not to."""

import asyncio
import dataclasses
import http
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from aiohttp import web

from sandbox.services import documents, health_documents
from sandbox.services.states import Behavior, State

_PIECE_CHARACTERS = 32
_CHUNK = b"x" * 65_536
_CLOSING_STATUSES = (http.HTTPStatus.INTERNAL_SERVER_ERROR, http.HTTPStatus.SERVICE_UNAVAILABLE)
"""Tomcat ends the connection after these, and a client that keeps connections has to notice."""
_LOGIN_PAGE = "<!DOCTYPE html><html><head><title>Please sign in</title></head><body><form></form></body></html>"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServiceRequest:
    """A request together with what is needed to answer it."""

    request: web.BaseRequest
    name: str
    components: health_documents.Components
    state: State

    def document(self) -> documents.Document:
        """Return the document of a service that behaves."""
        path = self.request.path
        if self.request.method not in ("GET", "HEAD"):
            return documents.error(405, path)
        return documents.document_at(path, name=self.name, components=self.components)


Responder = Callable[[ServiceRequest], Awaitable[web.StreamResponse]]


async def respond(question: ServiceRequest) -> web.StreamResponse:
    """Respond with the behavior of the state."""
    return await _RESPONDERS[question.state.behavior](question)


async def _promptly(question: ServiceRequest) -> web.StreamResponse:
    return _response(question.request, question.document())


async def _slowly(question: ServiceRequest) -> web.StreamResponse:
    await asyncio.sleep(question.state.seconds)
    return await _promptly(question)


async def _never(question: ServiceRequest) -> web.StreamResponse:
    """Keep the request until the client or the fleet closes the connection."""
    await asyncio.Event().wait()
    return _hung_up(question.request)


async def _in_pieces(question: ServiceRequest) -> web.StreamResponse:
    text = question.document().text

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(text), _PIECE_CHARACTERS):
            await asyncio.sleep(question.state.seconds)
            yield text[start : start + _PIECE_CHARACTERS].encode()

    return await _stream(question, pieces(), status=question.document().status)


async def _hugely(question: ServiceRequest) -> web.StreamResponse:
    """Send a health document whose last field goes on and on; its length is not announced."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"status":"UP","padding":"'
        for _ in range(question.state.megabytes * 1_000_000 // len(_CHUNK) + 1):
            yield _CHUNK
        yield b'"}'

    return await _stream(question, chunks())


async def _half(question: ServiceRequest) -> web.StreamResponse:
    """Announce the whole body, send half of it and hang up."""
    text = question.document().text.encode()
    response = web.StreamResponse(headers={"Content-Type": documents.ACTUATOR_TYPE})
    response.content_length = len(text)
    await response.prepare(question.request)
    await response.write(text[: len(text) // 2])
    return _hung_up(question.request)


async def _hanging_up(question: ServiceRequest) -> web.StreamResponse:
    return _hung_up(question.request)


async def _in_gibberish(question: ServiceRequest) -> web.StreamResponse:
    """Send bytes that no HTTP client can read, as a port does that speaks something else."""
    if question.request.transport is not None:
        question.request.transport.write(b"\x15\x03\x03\x00\x02\x02\x46 SSH-2.0-this-is-not-http\r\n\r\n")
    return _hung_up(question.request)


async def _from_elsewhere(question: ServiceRequest) -> web.StreamResponse:
    return _response(question.request, documents.error(404, question.request.path))


async def _unauthorized(_: ServiceRequest) -> web.StreamResponse:
    return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="Realm"'})


async def _forbidden(question: ServiceRequest) -> web.StreamResponse:
    return _response(question.request, documents.error(403, question.request.path))


async def _with_login_page(question: ServiceRequest) -> web.StreamResponse:
    if question.request.path == "/login":
        return await _in_html(question)
    return web.Response(status=302, headers={"Location": "/login"})


async def _in_html(_: ServiceRequest) -> web.StreamResponse:
    return web.Response(text=_LOGIN_PAGE, content_type="text/html")


async def _without_json(_: ServiceRequest) -> web.StreamResponse:
    headers = {"Content-Type": documents.ACTUATOR_TYPE}
    return web.Response(body=b'{"status":"UP", oops: not JSON', headers=headers)


async def _with_other_json(question: ServiceRequest) -> web.StreamResponse:
    return _response(question.request, documents.Document(body=question.state.document))


async def _with_nothing(_: ServiceRequest) -> web.StreamResponse:
    return web.Response(body=b"", headers={"Content-Type": documents.ACTUATOR_TYPE})


_RESPONDERS: Mapping[Behavior, Responder] = {
    Behavior.PROMPT: _promptly,
    Behavior.SLOW: _slowly,
    Behavior.HANGING: _never,
    Behavior.TRICKLING: _in_pieces,
    Behavior.DROPPING: _hanging_up,
    Behavior.BREAKING_OFF: _half,
    Behavior.GARBLED: _in_gibberish,
    Behavior.WRONG_PATH: _from_elsewhere,
    Behavior.UNAUTHORIZED: _unauthorized,
    Behavior.FORBIDDEN: _forbidden,
    Behavior.LOGIN_PAGE: _with_login_page,
    Behavior.HTML: _in_html,
    Behavior.NOT_JSON: _without_json,
    Behavior.OTHER_JSON: _with_other_json,
    Behavior.EMPTY: _with_nothing,
    Behavior.HUGE: _hugely,
}


def _response(request: web.BaseRequest, document: documents.Document) -> web.Response:
    """Return the response for a document: chunked, as Tomcat sends JSON, so no client learns the length beforehand."""
    if document.body is None:
        return web.Response(status=document.status)
    response = web.Response(status=document.status, text=document.text)
    response.headers["Content-Type"] = _media_type(request, document)
    response.enable_chunked_encoding()
    if document.status == http.HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = "GET"
    if document.status in _CLOSING_STATUSES:
        response.force_close()
    return response


def _media_type(request: web.BaseRequest, document: documents.Document) -> str:
    asked_for = request.headers.get("Accept", "*/*")
    wants_plain = documents.JSON_TYPE in asked_for and documents.ACTUATOR_TYPE not in asked_for
    return documents.JSON_TYPE if wants_plain else document.media_type


async def _stream(question: ServiceRequest, pieces: AsyncIterator[bytes], status: int = 200) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers={"Content-Type": documents.ACTUATOR_TYPE})
    response.enable_chunked_encoding()
    await response.prepare(question.request)
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
    return response


def _hung_up(request: web.BaseRequest) -> web.Response:
    """Close the connection under the request; the response returned has nowhere to go."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()
