"""What happened between Slack and the bot, for tests to read."""

import dataclasses
import enum
import typing

from sandbox.slack.blocks import shapes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """One call of a Web API method, whether it was carried out or not."""

    method: str
    arguments: shapes.Json
    at_seconds: float
    outcome: str
    """`ok`, or the error that was answered."""
    status: int = 200
    was_carried_out: bool = False
    """The state was changed, even when the answer got lost."""

    @property
    def is_ok(self) -> bool:
        """Return whether the bot was told that it worked."""
        return self.outcome == "ok"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ResponseUse:
    """One request to a response_url."""

    url: str
    body: shapes.Json
    at_seconds: float
    outcome: str
    """`ok`, or the error that was answered."""


class Kind(enum.Enum):
    """What a delivery carries; the value is the type of its Socket Mode envelope."""

    COMMAND = "slash_commands"
    INTERACTION = "interactive"
    EVENT = "events_api"


class Outcome(enum.Enum):
    """How one attempt, or the whole delivery, has ended."""

    PENDING = "pending"
    ACKNOWLEDGED = "acknowledged"
    TIMED_OUT = "timed out"
    """No acknowledgement came in time."""
    REFUSED = "refused"
    """The bot answered, but not with 200, or with a body that Slack does not take."""
    UNREACHABLE = "unreachable"
    """There was no socket, or the request URL did not answer at all."""
    NOT_DELIVERED = "not delivered"
    """Slack itself said no: the bot is not a member, the command is not known, not in threads."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One time that a payload was handed to the bot."""

    number: int
    """0 for the first one; the retry number after that."""
    outcome: Outcome
    at_seconds: float
    ack_seconds: float | None = None
    status: int | None = None
    """The HTTP status, when it went by HTTP."""
    body: typing.Any = None
    """What the bot answered with: JSON, text, or nothing."""
    problem: str = ""
    forbids_retry: bool = False
    """The bot asked with X-Slack-No-Retry not to get this again."""
    socket_id: int | None = None
    """The socket it went to, when it went by Socket Mode."""


class Delivery:
    """One payload on its way to the bot, with all the attempts made so far."""

    def __init__(self, kind: Kind, payload: shapes.Json, *, revision: int, what: str) -> None:
        self.kind = kind
        self.payload = payload
        self.revision = revision
        self.what = what
        """A word for people: the command, the event's type, the interaction's type."""
        self.outcome = Outcome.PENDING
        self.problem = ""
        self.attempts: tuple[Attempt, ...] = ()

    def __repr__(self) -> str:
        count = len(self.attempts)
        return f"<Delivery {self.what}: {self.outcome.value} after {count} attempts {self.problem}>"

    @property
    def is_acknowledged(self) -> bool:
        """Return whether the bot has taken it."""
        return self.outcome is Outcome.ACKNOWLEDGED

    @property
    def acknowledgement(self) -> Attempt | None:
        """Return the attempt that was acknowledged."""
        taken = (attempt for attempt in self.attempts if attempt.outcome is Outcome.ACKNOWLEDGED)
        return next(taken, None)

    @property
    def ack_seconds(self) -> float | None:
        """Return the seconds from handing over to the acknowledgement."""
        return self.acknowledgement.ack_seconds if self.acknowledgement else None

    @property
    def ack_body(self) -> typing.Any:
        """Return what the bot answered with."""
        return self.acknowledgement.body if self.acknowledgement else None

    def add(self, attempt: Attempt) -> None:
        """Note one more attempt; the first acknowledgement decides the outcome."""
        self.attempts += (attempt,)
        if not self.is_acknowledged:
            self.outcome = attempt.outcome
            self.problem = attempt.problem

    def give_up(self, problem: str) -> None:
        """End it without an attempt, because Slack itself refuses."""
        self.outcome = Outcome.NOT_DELIVERED
        self.problem = problem


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """One attempt to open a socket."""

    ticket: str
    at_seconds: float
    is_accepted: bool
    reason: str = ""
