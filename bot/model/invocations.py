"""Who asked for what, from where; and how it ended."""

import dataclasses
import datetime
import enum

from bot.model import reports


class Door(enum.StrEnum):
    """The way a request came in."""

    SLASH = "slash"
    MENTION = "mention"
    BUTTON = "button"
    HOME = "home"
    TERMINAL = "terminal"
    # A step of a run, in the name of whoever asked for the run.
    STEP = "step"


class PlaceKind(enum.StrEnum):
    """What kind of place somebody spoke in."""

    CHANNEL = "channel"
    DIRECT = "direct"
    HOME = "home"
    TERMINAL = "terminal"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The person who asks."""

    id: str
    """Slack's user id, or `terminal:` and the name of the operating system's user."""
    name: str
    team_id: str | None = None
    """Slack's id of the workspace the person belongs to; None in a terminal."""

    @property
    def is_local(self) -> bool:
        """Tell whether the person sits at a terminal and so already has the machine's rights."""
        return self.id.startswith("terminal:")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the request was made and where the answer belongs."""

    kind: PlaceKind
    id: str
    name: str = ""
    thread: str | None = None
    """Slack's timestamp of the thread's first message."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One request, whatever door it came through."""

    id: str
    text: str
    """What stands after `/pos`, as it was received."""
    door: Door
    actor: Actor
    place: Place
    received_at: datetime.datetime
    delivery_key: str | None = None
    """The same for two deliveries of the same request; None where a request cannot be delivered twice."""


class Ending(enum.StrEnum):
    """How an invocation ended."""

    DONE = "done"
    # The text could not be understood; nothing was tried.
    MISUSED = "misused"
    # The person may not.
    REFUSED = "refused"
    # The command could not do its work.
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    # The same request had come before; nothing was done and nothing is said.
    DUPLICATE = "duplicate"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back to the person."""

    invocation_id: str
    ending: Ending
    report: reports.Report
    is_for_everyone: bool = False
    """Asked for the whole channel to see."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Somebody wants an invocation to come to its end."""

    by: str
    """The name of the person who asked first."""
    at: datetime.datetime


class StopOutcome(enum.StrEnum):
    """What became of asking for the end of an invocation."""

    ASKED = "asked"
    # Somebody else has asked before.
    ASKED_BEFORE = "asked before"
    ENDED = "ended"
    UNKNOWN = "unknown"
