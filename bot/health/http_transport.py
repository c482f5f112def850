"""
A GET request with the timings of `curl -v` and the exact cause of a failure.

Uses httpx's transport below its client: no redirects, cookies, proxies or connection reuse, so the report describes
exactly one request. A pool per request also scales linearly, where one large pool scans all its connections for each
request.
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

from bot import errors
from bot.health import documents, status

CONNECT_TIMEOUT_SECONDS = 3.0
READ_TIMEOUT_SECONDS = 5.0
_REPORTED_HEADERS = (
    "content-type",
    "content-encoding",
    "content-length",
    "location",
    "retry-after",
    "server",
    "via",
    "www-authenticate",
)
_MAX_HEADER_LENGTH = 1_000
_LIMITS = httpx.Limits(max_connections=1, max_keepalive_connections=0)
# OpenSSL's X509_V_ERR_… codes.
_CERTIFICATE_EXPIRED, _HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH = 10, 62, 64


class _TooLargeError(Exception):
    """The response exceeds the size limit."""


class HttpTransport:
    """Sends GET requests, each limited to *timeout_seconds* and *max_bytes*."""

    def __init__(self, *, max_bytes: int, timeout_seconds: float) -> None:
        self._max_bytes = max_bytes
        self._timeout_seconds = timeout_seconds

    async def get(self, url: str, *, accept: str, token: str | None = None) -> status.HttpResponse | status.HttpFailure:
        """Return the response of *url*, or the failure; *token* is sent as bearer token."""
        headers = {"accept": accept, "accept-encoding": "identity", "user-agent": "posbot"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        trace = _Trace(url)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                body = await self._read(url, headers, trace)
        except TimeoutError:
            finding, explanation = _timeout(trace, self._timeout_seconds)
        except (httpx.ConnectTimeout, httpx.ReadTimeout, httpx.WriteTimeout):
            finding, explanation = _timeout(
                trace, READ_TIMEOUT_SECONDS if trace.is_connected else CONNECT_TIMEOUT_SECONDS
            )
        except _TooLargeError:
            finding, explanation = status.Finding.TOO_LARGE, f"response larger than {self._max_bytes:,} bytes"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, OverflowError, ExceptionGroup) as error:
            finding, explanation = _cause(error, trace)
        else:
            return status.HttpResponse(exchange=trace.exchange(), body=body)
        return status.HttpFailure(finding=finding, explanation=explanation, exchange=trace.exchange())

    async def _read(self, url: str, headers: Mapping[str, str], trace: "_Trace") -> bytes:
        request = httpx.Request("GET", url, headers=headers)
        request.extensions = {
            "timeout": {
                "connect": CONNECT_TIMEOUT_SECONDS,
                "read": READ_TIMEOUT_SECONDS,
                "write": READ_TIMEOUT_SECONDS,
                "pool": None,
            },
            "trace": trace.record,
        }
        transport = httpx.AsyncHTTPTransport(verify=_tls_context(), limits=_LIMITS, trust_env=False)
        async with transport:
            response = await transport.handle_async_request(request)
            trace.response = response
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._max_bytes:
                    raise _TooLargeError
            await response.aclose()
        trace.finish(len(body))
        content = documents.decompress(bytes(body), self._max_bytes)
        if len(content) > self._max_bytes:
            raise _TooLargeError
        return content


class _Trace:
    """Timings and details of a request, from httpcore's trace events."""

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

    async def record(self, event: str, details: dict[str, Any]) -> None:
        after = time.monotonic() - self._started
        if event == "connection.connect_tcp.complete":
            self._connected, self._address = after, _address(details["return_value"])
        elif event == "connection.start_tls.complete":
            self._tls, self._tls_version = after, _tls_version(details["return_value"])
        elif event.endswith("receive_response_headers.complete"):
            self._first_byte = after

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
            reason=response.reason_phrase[:_MAX_HEADER_LENGTH] if response else "",
            headers=tuple(
                (name, response.headers[name][:_MAX_HEADER_LENGTH])
                for name in _REPORTED_HEADERS
                if name in response.headers
            )
            if response
            else (),
            body_bytes=self._body_bytes,
        )


def _address(stream: httpcore.AsyncNetworkStream) -> str | None:
    peer = stream.get_extra_info("server_addr")
    return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else None


def _tls_version(stream: httpcore.AsyncNetworkStream) -> str | None:
    tls = stream.get_extra_info("ssl_object")
    return tls.version() if tls is not None else None


def _timeout(trace: _Trace, seconds: float) -> tuple[status.Finding, str]:
    if not trace.is_connected:
        return status.Finding.CONNECT_TIMEOUT, f"connect timed out after {seconds:g} s"
    if trace.response is None:
        return status.Finding.READ_TIMEOUT, f"connected, but no response within {seconds:g} s"
    return status.Finding.READ_TIMEOUT, f"response incomplete after {seconds:g} s"


def _cause(error: Exception, trace: _Trace) -> tuple[status.Finding, str]:
    """Return the cause under the exceptions with which httpx, httpcore and anyio wrap the operating system's."""
    causes = list(_chain(error))
    for cause in causes:
        match cause:
            case socket.gaierror():
                return status.Finding.DNS_FAILED, f"cannot resolve host {httpx.URL(trace.exchange().url).host}"
            case ssl.SSLCertVerificationError(verify_code=code) if code == _CERTIFICATE_EXPIRED:
                return status.Finding.TLS_EXPIRED, "certificate expired"
            case ssl.SSLCertVerificationError(verify_code=code) if code in {_HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH}:
                explanation = f"certificate hostname mismatch: {cause.verify_message.rstrip('.')}"
                return status.Finding.TLS_WRONG_HOST, explanation
            case ssl.SSLCertVerificationError():
                return status.Finding.TLS_UNTRUSTED, f"certificate not trusted: {cause.verify_message}"
            case ssl.SSLError():
                return status.Finding.TLS_FAILED, f"TLS handshake failed: {cause.reason or cause.strerror}"
            case ConnectionRefusedError():
                return status.Finding.REFUSED, "connection refused"
    if trace.is_in_tls:
        return status.Finding.TLS_FAILED, "connection closed during the TLS handshake"
    if trace.is_connected and isinstance(error, httpx.RemoteProtocolError) and not _is_disconnect(error):
        return status.Finding.NOT_HTTP, "response is not HTTP"
    if trace.is_connected:
        return status.Finding.DROPPED, "connection closed before the response was complete"
    if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError, OverflowError)):
        return status.Finding.UNREACHABLE, f"invalid URL: {error}"
    of_system = [one for one in causes if isinstance(one, OSError) and one.strerror]
    reason = errors.network_reason(of_system[-1]) if of_system else "network error"
    return status.Finding.UNREACHABLE, f"connection failed: {reason}"


def _is_disconnect(error: httpx.RemoteProtocolError) -> bool:
    return "disconnected" in str(error) or "without sending complete" in str(error)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
            yield from _chain(inner)
        error = error.__cause__ or error.__context__


def reload_certificates() -> None:
    """Read the trusted certificates again before the next request, because SSL_CERT_FILE has changed."""
    _tls_context.cache_clear()


@functools.cache
def _tls_context() -> ssl.SSLContext:
    # Loading the system's certificates takes longer than a whole request. SSL_CERT_FILE adds to them.
    return ssl.create_default_context()
