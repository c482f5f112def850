"""Invocations and responses: actor, source, conversation, status; and the display of partial results."""

import dataclasses
import datetime
import enum
from collections.abc import Mapping
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
    """The entry point of an invocation."""

    SLASH = "slash"
    MENTION = "mention"
    # A message in the bot's DM.
    DIRECT_MESSAGE = "message"
    BUTTON = "button"
    APP_HOME = "app_home"
    TERMINAL = "terminal"
    # A step of a run, on behalf of its requester.
    STEP = "step"


class ConversationKind(enum.StrEnum):
    """The kind of a conversation."""

    CHANNEL = "channel"
    DM = "dm"
    APP_HOME = "app_home"
    TERMINAL = "terminal"


class ActorKind(enum.StrEnum):
    """What Slack says about an actor (docs.slack.dev, user object)."""

    MEMBER = "member"
    # A single-channel or multi-channel guest.
    GUEST = "guest"
    BOT = "bot"
    DEACTIVATED = "deactivated"
    # Slack was not asked yet, or did not answer.
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The person who runs a command."""

    id: str
    """Slack's user id, or `terminal:` and the name of the operating system's user."""
    name: str
    team_id: str | None = None
    """Slack's id of the workspace the person belongs to; None in a terminal."""
    kind: ActorKind = ActorKind.MEMBER
    """A user of a terminal is a member."""

    @property
    def is_local(self) -> bool:
        """Return whether the actor uses a terminal and so already has the rights of its machine."""
        return self.id.startswith("terminal:")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Where the invocation was made and where its response belongs."""

    kind: ConversationKind
    id: str
    name: str = ""
    thread: str | None = None
    """Slack's timestamp of the thread's first message."""
    is_private: bool | None = None
    """Whether only its members can read it; None where Slack has not said so, which counts as private."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One request, from any entry point."""

    id: str
    text: str
    """The text after `/pos`, as it was received."""
    source: Source
    actor: Actor
    conversation: Conversation
    received_at: datetime.datetime
    delivery_key: str | None = None
    """The same for two deliveries of the same request; None where a request cannot be delivered twice."""
    is_public: bool = False
    """Everyone in its conversation sees its response."""
    reply_to: Mapping[str, object] | None = None
    """Where the response belongs, for the process that shows it if this one ends first; None for a terminal."""


class Status(enum.StrEnum):
    """How an invocation ended."""

    OK = "ok"
    # The command line is invalid; nothing was tried.
    USAGE_ERROR = "usage_error"
    # The actor lacks a permission.
    DENIED = "denied"
    # The command could not complete.
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    # The same delivery was received before; nothing is done and nothing is posted.
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
    """A request to stop an invocation."""

    by: str
    """The name of the person who asked first."""
    at: datetime.datetime
    by_id: str = ""
    """Their id; empty where posbot asked itself, or a version that did not keep ids recorded it."""


class CancelResult(enum.StrEnum):
    """The outcome of a request to stop an invocation."""

    REQUESTED = "asked"
    # There was a request before.
    ALREADY_REQUESTED = "asked before"
    ENDED = "ended"
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A question to the person at the display."""

    text: str
    options: tuple[str, ...]
    note: str = "none"
    """Whether a note comes with the answer: none, optional or required."""
    consequences: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What an option ends or changes; the person is asked to confirm such an option."""
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Of options: what they mean."""
    without_answer: str = "the question stays open"
    """What Enter does."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The answer to a prompt."""

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
        """Return the answer of the person at the display, or None."""
