"""One sandboxed service: its address, what it was asked, and its faults."""

import asyncio
import collections
import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from sandbox.services import certificates, health_documents, ports, responses
from sandbox.services.states import Behavior, Listener, State

_MAX_RECORDED_REQUESTS = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """A request as it arrived; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    at: datetime.datetime


class Service:
    """
    A server on a port of its own. Every change is awaited, and the next request after it meets the new state.

    A change replaces the state as a whole: a service that was slow and then goes down is down and quick.
    `becomes` takes any mixture.
    """

    def __init__(self, name: str, shown: certificates.Certificates) -> None:
        self.name = name
        self.request_count = 0
        self._certificates = shown
        self._state = State()
        self._reserved_port = ports.ReservedPort(self._answer)
        self._requests: collections.deque[Request] = collections.deque(maxlen=_MAX_RECORDED_REQUESTS)
        self._changing = asyncio.Lock()
        self._requests_until_recovery: int | None = None
        # Not a task group: it would wrap what a test raises inside the fleet into an exception group.
        self._recovery: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """Return the port, which stays the same whatever happens to the service."""
        return self._reserved_port.port

    @property
    def url(self) -> str:
        """Return the address without a path; its scheme follows the listener."""
        return f"{self._state.scheme}://{ports.HOST}:{self.port}"

    @property
    def state(self) -> State:
        """Return the present state."""
        return self._state

    @property
    def requests(self) -> tuple[Request, ...]:
        """Return the newest requests, the oldest of them first; `request_count` counts all of them."""
        return tuple(self._requests)

    async def starts(self) -> None:
        """Start healthy."""
        await self._reserved_port.open()

    async def stops(self) -> None:
        """Close the port, give it back, and forget any recovery that was due."""
        await self._cancel_recovery()
        await self._reserved_port.release()

    async def becomes(self, state: State) -> None:
        """Be in `state` from now on; a recovery that was due is forgotten."""
        await self._cancel_recovery()
        await self._change(state)

    async def recovers(self, *, after_requests: int = 0, after_seconds: float = 0.0) -> None:
        """
        Recover, at once or after so many more requests or seconds of the present trouble.

        Requests are counted when they arrive, so a closed port recovers by seconds only.
        """
        await self._cancel_recovery()
        if after_requests:
            self._requests_until_recovery = after_requests
        elif after_seconds:
            self._recovery = asyncio.create_task(self._recover_later(after_seconds), name=f"{self.name} recovers")
        else:
            await self._change(State())

    async def goes_down(self, **troubles: health_documents.Failure) -> None:
        """Report DOWN of the components named: `goes_down(db="...")`; without any, of a lost database."""
        named = troubles or {"db": health_documents.ERRORS["db"]}
        broken = {name: health_documents.broken(name, trouble, service=self.name) for name, trouble in named.items()}
        await self.becomes(State(components=broken))

    async def goes_down_leaking_password(self) -> None:
        """Report DOWN with an error text that holds `health_documents.PASSWORD` inside a JDBC address."""
        await self.goes_down(db=health_documents.PASSWORD_ERROR)

    async def refuses_traffic(self) -> None:
        """Report OUT_OF_SERVICE, as while warming up or draining: readiness fails, liveness does not."""
        await self.becomes(
            State(
                components={"readinessState": health_documents.Component(status=health_documents.Status.OUT_OF_SERVICE)}
            )
        )

    async def loses_liveness(self) -> None:
        """Report that only a restart helps: liveness fails, and with it the root."""
        await self.becomes(
            State(components={"livenessState": health_documents.Component(status=health_documents.Status.DOWN)})
        )

    async def becomes_unknown(self) -> None:
        """Report UNKNOWN, which Spring answers with 200 and shows at the root only when no component is UP."""
        unknown = health_documents.Component(status=health_documents.Status.UNKNOWN)
        await self.becomes(State(components=dict.fromkeys(health_documents.healthy(self.name), unknown)))

    async def slows_to(self, *, seconds: float) -> None:
        """Wait so long before every answer."""
        await self.becomes(State(behavior=Behavior.SLOW, seconds=seconds))

    async def trickles(self, *, seconds: float) -> None:
        """Send the head at once and the body in small pieces, so many seconds apart."""
        await self.becomes(State(behavior=Behavior.TRICKLING, seconds=seconds))

    async def hangs(self) -> None:
        """Accept requests and never answer."""
        await self.behaves(Behavior.HANGING)

    async def behaves(self, behavior: Behavior) -> None:
        """Respond to every request with *behavior*, whatever the health."""
        await self.becomes(State(behavior=behavior))

    async def answers_json(self, document: Mapping[str, Any] | list[Any]) -> None:
        """Answer everything with JSON that is no health document."""
        await self.becomes(State(behavior=Behavior.OTHER_JSON, document=document))

    async def answers_hugely(self, *, megabytes: int = 20) -> None:
        """Answer everything with a body of that size."""
        await self.becomes(State(behavior=Behavior.HUGE, megabytes=megabytes))

    async def refuses(self) -> None:
        """Refuse connections; the port stays reserved for the service."""
        await self.listens_with(Listener.CLOSED)

    async def listens_with(self, listener: Listener) -> None:
        """Use *listener*: TLS with a good or a bad certificate, no TLS, or a closed port. Connections are cut."""
        await self.becomes(State(listener=listener))

    async def _change(self, state: State) -> None:
        async with self._changing:
            if state.listener is not self._state.listener:
                await self._move_to(state.listener)
            self._state = state

    async def _move_to(self, listener: Listener) -> None:
        if listener is Listener.CLOSED:
            await self._reserved_port.close()
        else:
            await self._reserved_port.open(self._certificates.context_of(listener))

    async def _recover_later(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._change(State())

    async def _cancel_recovery(self) -> None:
        self._requests_until_recovery = None
        if self._recovery is not None:
            self._recovery.cancel()
            await asyncio.wait([self._recovery])
            self._recovery = None

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self._remember(request)
        state = self._state_for_next_request()
        components = health_documents.healthy(self.name) | dict(state.components)
        return await responses.respond(
            responses.ServiceRequest(request=request, name=self.name, components=components, state=state)
        )

    def _state_for_next_request(self) -> State:
        """Return the present state, after counting the request towards a recovery; the listener stays as it is."""
        if self._requests_until_recovery == 0:
            self._requests_until_recovery = None
            self._state = State(listener=self._state.listener)
        elif self._requests_until_recovery is not None:
            self._requests_until_recovery -= 1
        return self._state

    def _remember(self, request: web.BaseRequest) -> None:
        self.request_count += 1
        self._requests.append(
            Request(
                method=request.method,
                path=request.path,
                query=request.query_string,
                headers={name.lower(): value for name, value in request.headers.items()},
                at=datetime.datetime.now(datetime.UTC),
            )
        )
