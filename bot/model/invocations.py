"""
Who asked for what, from where; and how it ended.

Where an answer comes into being: what can be shown of it before it is complete.
"""

import dataclasses
import datetime
import enum
from typing import Protocol

from bot.model import reports

MAX_NOTE_LENGTH = 1_000
"""Characters of a note that comes with an answer."""


class Effect(enum.StrEnum):
    """What a command or a step does to the systems it reaches."""

    READ = "read"
    # Denied unless a role allows it.
    CHANGE = "change"


class Source(enum.StrEnum):
    """The way a request came in."""

    SLASH = "slash"
    MENTION = "mention"
    BUTTON = "button"
    APP_HOME = "app_home"
    TERMINAL = "terminal"
    # A step of a run, in the name of whoever asked for the run.
    STEP = "step"


class ConversationKind(enum.StrEnum):
    """What kind of place somebody spoke in."""

    CHANNEL = "channel"
    DM = "dm"
    APP_HOME = "app_home"
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
class Conversation:
    """Where the request was made and where the answer belongs."""

    kind: ConversationKind
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
    source: Source
    actor: Actor
    conversation: Conversation
    received_at: datetime.datetime
    delivery_key: str | None = None
    """The same for two deliveries of the same request; None where a request cannot be delivered twice."""


class Status(enum.StrEnum):
    """How an invocation ended."""

    OK = "ok"
    # The text could not be understood; nothing was tried.
    USAGE_ERROR = "usage_error"
    # The person may not.
    DENIED = "denied"
    # The command could not do its work.
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    # The same request had come before; nothing was done and nothing is said.
    DUPLICATE = "duplicate"


class Reply(enum.StrEnum):
    """Who sees the response to a command in Slack."""

    # The requester, and everyone where the channel's responses are public.
    PRIVATE = "private"
    # Everyone in the channel.
    PUBLIC = "public"
    # The requester alone: what the command acts on is shown by a message of its own.
    ACKNOWLEDGEMENT = "acknowledgement"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What an invocation returns."""

    invocation_id: str
    status: Status
    report: reports.Report
    reply: Reply = Reply.PRIVATE


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequest:
    """Somebody wants an invocation to come to its end."""

    by: str
    """The name of the person who asked first."""
    at: datetime.datetime


class CancelResult(enum.StrEnum):
    """What became of asking for the end of an invocation."""

    REQUESTED = "asked"
    # Somebody else has asked before.
    ALREADY_REQUESTED = "asked before"
    ENDED = "ended"
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Something to ask whoever sits there."""

    text: str
    options: tuple[str, ...]
    note: str = "none"
    """Whether a note comes with the answer: none, optional or required."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What somebody has answered."""

    answer: str
    note: str = ""


class Display(Protocol):
    """Shows what there is before the answer is complete, as often as the place allows."""

    async def progress(self, report: reports.Report) -> None:
        """Show an unfinished report in place of the one before."""

    async def append(self, log: reports.Log, status: str) -> None:
        """Show what was added to a log, and how things stand with it; waits where the reader is slower."""

    async def until_stopped(self) -> str:
        """Wait until nobody wants to see more of a log, and give why, as the end of a sentence."""

    async def ask(self, prompt: Prompt) -> Choice | None:
        """Give what somebody answers who sits there; None where nobody does, or nobody wants to."""
