"""
One GET request, told as `curl -v` would: what was reached when, and what exactly went wrong where nothing came back.

httpx's transport is used below its client: no redirects are followed, no cookies kept, no proxy guessed, no connection
reused, so that what is reported is what this one request met. A pool for each request also keeps many requests at
once linear, where one large pool looks through all its connections for each of them.
"""

import asyncio
import functools
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpcore
import httpx

from bot.health import status

CONNECT_SECONDS = 3.0
READ_SECONDS = 5.0
_KEPT_HEADERS = (
    "content-type",
    "content-length",
    "location",
    "retry-after",
    "server",
    "via",
    "www-authenticate",
)
_LIMITS = httpx.Limits(max_connections=1, max_keepalive_connections=0)
# What OpenSSL calls the reasons for which it does not accept a certificate (X509_V_ERR_…).
_EXPIRED, _WRONG_HOST, _WRONG_ADDRESS = 10, 62, 64


class _TooLargeError(Exception):
    """More bytes than any right answer has."""


class Requester:
    """Makes GET requests; each takes at most *seconds* and reads at most *limit_bytes*."""

    def __init__(self, *, limit_bytes: int, seconds: float) -> None:
        self._limit_bytes = limit_bytes
        self._seconds = seconds

    async def get(self, url: str, *, accept: str, token: str | None = None) -> status.Response | status.Failure:
        """Give what *url* answers, with *token* as the login where there is one, or what kept it from answering."""
        trace = _Trace(url)
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._read(url, _headers(accept, token), trace)
        except TimeoutError:
            return self._late(trace, self._seconds)
        except _TooLargeError:
            explanation = f"more than {self._limit_bytes:,} bytes"
            return status.Failure(finding=status.Finding.TOO_LARGE, explanation=explanation, exchange=trace.exchange())
        except (httpx.ConnectTimeout, httpx.ReadTimeout, httpx.WriteTimeout):
            return self._late(trace, READ_SECONDS if trace.is_connected else CONNECT_SECONDS)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, OverflowError, ExceptionGroup) as error:
            finding, explanation = _cause(error, trace)
            return status.Failure(finding=finding, explanation=explanation, exchange=trace.exchange())
        return status.Response(exchange=trace.exchange(), body=body)

    async def _read(self, url: str, headers: Mapping[str, str], trace: "_Trace") -> bytes:
        request = httpx.Request("GET", url, headers=headers)
        request.extensions = {
            "timeout": {"connect": CONNECT_SECONDS, "read": READ_SECONDS, "write": READ_SECONDS, "pool": None},
            "trace": trace.note,
        }
        transport = httpx.AsyncHTTPTransport(verify=_tls(), limits=_LIMITS, trust_env=False)
        async with transport:
            response = await transport.handle_async_request(request)
            trace.respond(response)
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._limit_bytes:
                    raise _TooLargeError
            await response.aclose()
        trace.finish(len(body))
        return bytes(body)

    @staticmethod
    def _late(trace: "_Trace", seconds: float) -> status.Failure:
        if not trace.is_connected:
            finding, explanation = status.Finding.CONNECT_TIMEOUT, f"no connection within {seconds:g} s"
        elif trace.response is None:
            finding, explanation = status.Finding.READ_TIMEOUT, f"connected, but no answer within {seconds:g} s"
        else:
            finding = status.Finding.READ_TIMEOUT
            explanation = f"the answer began but did not end within {seconds:g} s"
        return status.Failure(finding=finding, explanation=explanation, exchange=trace.exchange())


def _headers(accept: str, token: str | None) -> Mapping[str, str]:
    own = {"accept": accept, "accept-encoding": "identity", "user-agent": "posbot"}
    return own if token is None else {**own, "authorization": f"Bearer {token}"}


class _Trace:
    """Collects what httpcore tells while a request is under way."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._started = time.monotonic()
        self._ended: float | None = None
        self._connected: float | None = None
        self._tls: float | None = None
        self._first_byte: float | None = None
        self._body_bytes = 0
        self._address: str | None = None
        self._tls_version: str | None = None
        self.response: httpx.Response | None = None

    @property
    def is_connected(self) -> bool:
        return self._connected is not None

    @property
    def is_in_tls(self) -> bool:
        return self.is_connected and self._tls is None and self._url.startswith("https:")

    async def note(self, event: str, details: dict[str, Any]) -> None:
        after = time.monotonic() - self._started
        if event == "connection.connect_tcp.complete":
            self._connected, self._address = after, _address(details["return_value"])
        elif event == "connection.start_tls.complete":
            self._tls, self._tls_version = after, _tls_version(details["return_value"])
        elif event.endswith("receive_response_headers.complete"):
            self._first_byte = after

    def respond(self, response: httpx.Response) -> None:
        self.response = response

    def finish(self, body_bytes: int) -> None:
        self._ended = time.monotonic()
        self._body_bytes = body_bytes

    def exchange(self) -> status.Exchange:
        response = self.response
        return status.Exchange(
            url=self._url,
            address=self._address,
            connected_after_seconds=self._connected,
            tls_after_seconds=self._tls,
            tls_version=self._tls_version,
            first_byte_after_seconds=self._first_byte,
            total_seconds=(self._ended or time.monotonic()) - self._started,
            http_version=response.http_version if response else None,
            status=response.status_code if response else None,
            reason=response.reason_phrase if response else "",
            headers=_kept(response.headers) if response else (),
            body_bytes=self._body_bytes,
        )


def _kept(headers: httpx.Headers) -> tuple[tuple[str, str], ...]:
    return tuple((name, headers[name]) for name in _KEPT_HEADERS if name in headers)


def _address(stream: httpcore.AsyncNetworkStream) -> str | None:
    peer = stream.get_extra_info("server_addr")
    return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else None


def _tls_version(stream: httpcore.AsyncNetworkStream) -> str | None:
    tls = stream.get_extra_info("ssl_object")
    return tls.version() if tls is not None else None


def _cause(error: Exception, trace: _Trace) -> tuple[status.Finding, str]:
    """Give what lies under the exceptions that httpx, httpcore and anyio wrap around the operating system's."""
    causes = list(_chain(error))
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return status.Finding.NO_SUCH_NAME, f"the name {httpx.URL(trace.exchange().url).host} does not resolve"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _bad_certificate(cause)
        if isinstance(cause, ssl.SSLError):
            return status.Finding.TLS_FAILED, f"the TLS handshake failed ({cause.reason or cause.strerror})"
        if isinstance(cause, ConnectionRefusedError):
            return status.Finding.REFUSED, "nothing listens there (connection refused)"
    if trace.is_in_tls:
        return status.Finding.TLS_FAILED, "the connection ended during the TLS handshake"
    if trace.is_connected and isinstance(error, httpx.RemoteProtocolError) and not _is_cut(error):
        return status.Finding.NOT_HTTP, "the answer is not HTTP"
    if trace.is_connected:
        return status.Finding.DROPPED, "the connection was closed before the answer was complete"
    if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError, OverflowError)):
        return status.Finding.UNREACHABLE, f"the URL is not valid ({error})"
    reason = next((cause.strerror for cause in reversed(causes) if isinstance(cause, OSError) and cause.strerror), "")
    return status.Finding.UNREACHABLE, f"no way to that address ({reason or 'network error'})"


def _is_cut(error: httpx.RemoteProtocolError) -> bool:
    return "disconnected" in str(error) or "without sending complete" in str(error)


def _bad_certificate(cause: ssl.SSLCertVerificationError) -> tuple[status.Finding, str]:
    if cause.verify_code == _EXPIRED:
        return status.Finding.TLS_EXPIRED, "the certificate has expired"
    if cause.verify_code in {_WRONG_HOST, _WRONG_ADDRESS}:
        return (
            status.Finding.TLS_WRONG_HOST,
            f"the certificate is for another host ({cause.verify_message.rstrip('.')})",
        )
    return status.Finding.TLS_UNTRUSTED, f"the certificate is not trusted ({cause.verify_message})"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
            yield from _chain(inner)
        error = error.__cause__ or error.__context__


def forget_certificates() -> None:
    """Read the trusted certificates anew at the next request, because SSL_CERT_FILE has changed."""
    _tls.cache_clear()


@functools.cache
def _tls() -> ssl.SSLContext:
    # Reading the system's certificates takes longer than a whole request: once for all. SSL_CERT_FILE adds to them.
    return ssl.create_default_context()
