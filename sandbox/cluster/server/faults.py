"""Fault injection: each fault is planned for a number of requests and then over."""

import asyncio
import dataclasses

from aiohttp import web

from sandbox.cluster.state import cluster_state
from sandbox.cluster.state import errors as cluster_errors

_PROXY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlainResponse:
    """An answer that is no document."""

    status: int
    text: str
    media_type: str = "text/plain"
    retry_after_seconds: int | None = None

    def to_web(self) -> web.Response:
        """Return the answer as it is sent, which happens once."""
        seconds = self.retry_after_seconds
        headers = {} if seconds is None else {"Retry-After": str(seconds)}
        return web.Response(status=self.status, text=self.text, content_type=self.media_type, headers=headers)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One planned fault, for `times` requests to come."""

    target: str
    """A resource as roles call it, such as `pods/log`, or a path; empty for any request."""
    times: int
    refusal: cluster_errors.Refusal | None = None
    response: PlainResponse | None = None
    """What is answered instead, without a Status."""
    seconds: float = 0.0
    """How long the answer takes; infinite for one that never comes."""
    is_dropped: bool = False
    cut_after_bytes: int | None = None
    """How much of a stream is sent before the connection is cut."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FaultResult:
    """What a request has met on its way; nothing, as a rule."""

    response: web.Response | None = None
    """What is answered instead."""
    cut_after_bytes: int | None = None


class Faults:
    """Plans faults, and cuts open streams."""

    def __init__(self, world: cluster_state.ClusterState) -> None:
        self._world = world
        self._planned: list[Fault] = []
        self._streams: list[tuple[web.BaseRequest, str]] = []
        self._idle = asyncio.Event()

    @property
    def planned(self) -> tuple[Fault, ...]:
        """List what has not happened yet."""
        return tuple(self._planned)

    @property
    def open_streams(self) -> int:
        """Count the watches and logs that are being sent."""
        return len(self._streams)

    async def waits_for_streams_to_close(self) -> None:
        """Return once no watch and no log is being sent."""
        if self._streams:
            await self._idle.wait()

    def too_many_requests(self, target: str = "", *, retry_after_seconds: int = 1, times: int = 1) -> None:
        """Answer 429 with Retry-After, in plain words, as priority and fairness does."""
        text = "Too many requests, please try again later.\n"
        response = PlainResponse(status=429, text=text, retry_after_seconds=retry_after_seconds)
        self._plan(Fault(target=target, times=times, response=response))

    def unavailable(self, target: str = "", *, retry_after_seconds: int | None = None, times: int = 1) -> None:
        """Answer 503 in plain words, with Retry-After where one is given."""
        response = PlainResponse(status=503, text="service unavailable\n", retry_after_seconds=retry_after_seconds)
        self._plan(Fault(target=target, times=times, response=response))

    def fails(self, target: str = "", *, message: str = "etcdserver: request timed out", times: int = 1) -> None:
        """Answer 500 with a Status."""
        self._plan(Fault(target=target, times=times, refusal=cluster_errors.server_error(message)))

    def bad_gateway(self, target: str = "", *, page: str = _PROXY_PAGE, times: int = 1) -> None:
        """Answer 502 with a page of HTML, as a proxy in front of the API server does."""
        response = PlainResponse(status=502, text=page, media_type="text/html")
        self._plan(Fault(target=target, times=times, response=response))

    def slow(self, target: str = "", *, seconds: float, times: int = 1) -> None:
        """Answer only after so many seconds."""
        self._plan(Fault(target=target, times=times, seconds=seconds))

    def hangs(self, target: str = "", *, times: int = 1) -> None:
        """Take the request and never answer."""
        self._plan(Fault(target=target, times=times, seconds=float("inf")))

    def drops(self, target: str = "", *, times: int = 1) -> None:
        """Cut the connection instead of answering."""
        self._plan(Fault(target=target, times=times, is_dropped=True))

    def breaks_off(self, target: str = "pods/log", *, after_bytes: int, times: int = 1) -> None:
        """Cut the connection after so many bytes of a log or watch."""
        self._plan(Fault(target=target, times=times, cut_after_bytes=after_bytes))

    def forgets_history(self) -> None:
        """Let every watch, list and version that a client holds be too old: 410."""
        self._world.objects.forget()

    def cuts_streams(self, target: str = "") -> None:
        """Cut the connections of all watches and logs that are being sent, or those of one resource."""
        for request, resource in tuple(self._streams):
            if target in ("", resource):
                cut(request)

    def clear(self) -> None:
        """Plan nothing more."""
        self._planned.clear()

    async def apply(self, request: web.BaseRequest, names: tuple[str, ...]) -> FaultResult:
        """
        Apply the next planned fault to a request.

        Raises:
            cluster_errors.Refusal: the fault is one.
        """
        fault = self._take(names)
        if fault is None:
            return FaultResult()
        if fault.seconds:
            await (asyncio.Event().wait() if fault.seconds == float("inf") else asyncio.sleep(fault.seconds))
        if fault.is_dropped:
            cut(request)
            return FaultResult(response=web.Response())
        if fault.refusal is not None:
            raise fault.refusal
        response = fault.response.to_web() if fault.response is not None else None
        return FaultResult(response=response, cut_after_bytes=fault.cut_after_bytes)

    def stream_opened(self, request: web.BaseRequest, resource: str) -> None:
        """Remember that an answer is being streamed."""
        self._streams.append((request, resource))
        self._idle.clear()

    def stream_closed(self, request: web.BaseRequest) -> None:
        """Forget an answer that has ended."""
        self._streams = [one for one in self._streams if one[0] is not request]
        if not self._streams:
            self._idle.set()

    def _plan(self, fault: Fault) -> None:
        self._planned.append(fault)

    def _take(self, names: tuple[str, ...]) -> Fault | None:
        for index, fault in enumerate(self._planned):
            if fault.target in ("", *names):
                left = fault.times - 1
                self._planned[index : index + 1] = [dataclasses.replace(fault, times=left)] if left else []
                return fault
        return None


def cut(request: web.BaseRequest) -> None:
    """Cut a connection without a farewell."""
    if isinstance(request.transport, asyncio.Transport):
        request.transport.abort()
