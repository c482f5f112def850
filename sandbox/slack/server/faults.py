"""Fault injection: each fault is planned for a number of times and then over."""

import dataclasses
import enum

from sandbox.slack.server import sockets
from sandbox.slack.state import tokens

RESPONSE_URL = "response_url"
"""Stands for a method's name where the response urls are meant."""
UPLOAD = "upload"
"""Stands for a method's name where the upload urls are meant."""


class Kind(enum.Enum):
    """What goes wrong."""

    RATE_LIMIT = "rate limit"
    SERVER_ERROR = "server error"
    REFUSAL = "refusal"
    DROP = "connection dropped after the request was carried out"
    SLOW = "slow answer"
    DUPLICATE = "delivered twice at once"
    LOST_ACK = "acknowledgement lost"


_ON_CALLS = (Kind.RATE_LIMIT, Kind.SERVER_ERROR, Kind.REFUSAL, Kind.DROP, Kind.SLOW)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One planned fault, `times` times to come."""

    kind: Kind
    target: str
    """The method, or what a delivery is about; empty for any."""
    times: int
    seconds: float = 0.0
    """How long to wait before trying again, or how long the answer takes."""
    status: int = 500
    error: str = ""


class Faults:
    """Plans troubles, and tells the server when one is due."""

    def __init__(self, held_sockets: sockets.Sockets, given: tokens.IssuedTokens) -> None:
        self._sockets = held_sockets
        self._grants = given
        self._planned: list[Fault] = []

    @property
    def planned(self) -> tuple[Fault, ...]:
        """List what has not happened yet."""
        return tuple(self._planned)

    def rate_limit(self, method: str, *, retry_after_seconds: float = 1, times: int = 1) -> None:
        """Answer 429 with Retry-After instead of carrying out *method*."""
        self._plan(Kind.RATE_LIMIT, method, times, seconds=retry_after_seconds)

    def server_error(self, method: str, *, status: int = 500, times: int = 1) -> None:
        """Answer with a 5xx *status* instead of carrying out *method*."""
        self._plan(Kind.SERVER_ERROR, method, times, status=status)

    def refuse(self, method: str, *, error: str, times: int = 1) -> None:
        """Answer `ok: false` with *error* instead of carrying out *method*."""
        self._plan(Kind.REFUSAL, method, times, error=error)

    def drop_after_accepting(self, method: str, *, times: int = 1) -> None:
        """Carry out *method* and cut the connection without an answer."""
        self._plan(Kind.DROP, method, times)

    def slow_answer(self, method: str, *, seconds: float, times: int = 1) -> None:
        """Carry out *method* at once and answer *seconds* later."""
        self._plan(Kind.SLOW, method, times, seconds=seconds)

    def duplicate_delivery(self, what: str = "", *, times: int = 1) -> None:
        """Hand the same payload over twice at once; *what* is a command, an event's or interaction's type."""
        self._plan(Kind.DUPLICATE, what, times)

    def lose_acknowledgement(self, what: str = "", *, times: int = 1) -> None:
        """Overlook the bot's acknowledgement, so that an event is delivered again."""
        self._plan(Kind.LOST_ACK, what, times)

    def refuse_handshakes(self, *, times: int = 1, status: int = 408) -> None:
        """Refuse to open the next sockets."""
        self._sockets.refuse_next(times, status)

    def silence_sockets(self) -> None:
        """Let all open sockets look connected and be dead: no pongs, nothing delivered."""
        self._sockets.silence()

    def cut_sockets(self) -> None:
        """Cut all open sockets without a farewell."""
        self._sockets.cut()

    async def refresh_sockets(self, reason: str = "refresh_requested") -> None:
        """Ask all open sockets to be replaced; *reason* is `warning`, `refresh_requested` or `link_disabled`."""
        await self._sockets.refresh(reason)

    def expire_response_urls(self) -> None:
        """Let every response url given out so far be too old."""
        self._grants.expire_response_urls()

    def take_for_call(self, method: str) -> Fault | None:
        """Return the next fault for a call of *method* and count it."""
        return self._take(method, _ON_CALLS)

    def take_for_delivery(self, kind: Kind, what: str) -> bool:
        """Return whether a delivery meets a fault of this *kind*, and count it."""
        return self._take(what, (kind,)) is not None

    def _plan(
        self,
        kind: Kind,
        target: str,
        times: int,
        *,
        seconds: float = 0.0,
        status: int = 500,
        error: str = "",
    ) -> None:
        fault = Fault(kind=kind, target=target, times=times, seconds=seconds, status=status, error=error)
        self._planned.append(fault)

    def _take(self, target: str, kinds: tuple[Kind, ...]) -> Fault | None:
        for index, fault in enumerate(self._planned):
            if fault.kind in kinds and fault.target in ("", target):
                left = fault.times - 1
                self._planned[index : index + 1] = [dataclasses.replace(fault, times=left)] if left else []
                return fault
        return None
