"""
Live messages: messages that are kept at the newest state of a subject (a run, an alert group), whatever crashes.

A domain registers a kind once (`Registry`) and requests a message in the transaction of its own change; the message's
version counts up. A subject with a message that is behind is work of the kind `KIND`, claimed by one worker at a time;
the reconciler in `bot/slack/outbound` loads the subject, renders its messages and brings each from its state to done:

    REQUESTED --write attempt--> ATTEMPTED --posted--> POSTED --edit, while it is behind--> POSTED
                                     |                   |
                                     | found, or not     +--final and shown, or gone and not needed--> DONE
                                     +--refused everywhere, or not needed any more-------------------> DONE

ATTEMPTED means that a post was started and its result is unknown: the next worker looks for the message before it
posts again. Nothing here knows how a message looks, or where.
"""

import dataclasses
import datetime
import enum
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import sqlalchemy

from bot.durable import claims
from bot.model import invocations, reports
from bot.store import database, tables

KIND = "live_message"
"""Of the claims."""
MAIN = "live"
"""The purpose of the message that shows the subject itself; those of other purposes are in its thread."""
_MESSAGES = tables.live_messages
_REQUEST = sqlalchemy.text(
    "INSERT INTO live_messages (kind, subject, purpose, position, version, shown_version, is_done)"
    " VALUES (:kind, :subject, :purpose, :position, 1, 0, :is_done)"
    " ON CONFLICT (kind, subject, purpose) DO UPDATE SET version = live_messages.version + 1"
).bindparams(sqlalchemy.bindparam("is_done", type_=sqlalchemy.Boolean()))
_SEPARATOR = "/"


class State(enum.Enum):
    """How far a message is; see the drawing above."""

    REQUESTED = enum.auto()
    ATTEMPTED = enum.auto()
    POSTED = enum.auto()
    DONE = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One live message, as it is stored."""

    purpose: str
    version: int = 1
    """What was requested."""
    shown_version: int = 0
    channel: str | None = None
    timestamp: str | None = None
    """Where it is, once it was posted and that was written."""
    digest: str | None = None
    """Of what it shows."""
    attempted_in: str | None = None
    """The channel in which a post was begun."""
    attempted_at: datetime.datetime | None = None
    is_done: bool = False

    @property
    def state(self) -> State:
        """Return how far it is."""
        if self.is_done:
            return State.DONE
        if self.timestamp is not None:
            return State.POSTED
        return State.REQUESTED if self.attempted_in is None else State.ATTEMPTED

    @property
    def is_main(self) -> bool:
        """Return whether it shows the subject itself."""
        return self.purpose == MAIN


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a message says now."""

    report: reports.Report
    mark: str
    mention: str | None = None
    """The id of the person who is notified."""
    note: str = "none"
    """Whether its buttons come with a field for a note: none, optional or required."""
    footer: tuple[str, ...] = ()
    is_needed: bool = True
    """False: if it was not posted so far, it need not be."""
    is_final: bool = False
    """Once it shows this it is never edited again."""


class Subject(Protocol):
    """What live messages are about, as it is at one moment."""

    @property
    def conversation(self) -> invocations.Conversation:
        """Return where its messages belong."""

    @property
    def owner(self) -> str:
        """Return the id of the person who gets them directly where the conversation takes none."""

    @property
    def is_active(self) -> bool:
        """Return whether more changes are to be expected soon: the same worker then keeps them within the edit rate."""

    def content(self, purpose: str) -> Content:
        """Return what the message of *purpose* says now."""


Load = Callable[[str], Awaitable[Subject | None]]
"""Loads a subject by its id; None where it is gone. Raises errors.Unreadable and errors.Unavailable."""
Registry = Mapping[str, Load]
"""The loader of each kind of live message."""


def subject_of(kind: str, subject: str) -> str:
    """Return the subject of a claim on the messages of one subject."""
    return f"{kind}{_SEPARATOR}{subject}"


def split_subject(claimed: str) -> tuple[str, str]:
    """Return the kind and the id of the subject that a claim is about."""
    kind, _, subject = claimed.partition(_SEPARATOR)
    return kind, subject


def request(
    connection: sqlalchemy.Connection,
    kind: str,
    subject: str,
    purpose: str,
    now: datetime.datetime,
    *,
    position: int = 0,
) -> None:
    """Request that a message shows the newest state; *position* orders the messages of a subject's thread."""
    values = {"kind": kind, "subject": subject, "purpose": purpose, "position": position, "is_done": False}
    connection.execute(_REQUEST, values)
    claims.offer(connection, KIND, subject_of(kind, subject), now)


class LiveMessageStore:
    """Reads and writes how far live messages are, for the worker that has the claim on their subject."""

    def __init__(self, db: database.Database) -> None:
        self._db = db

    async def open_messages(self, worker: str, claim: claims.Claim) -> tuple[Message, ...] | None:
        """
        Return the messages of a subject that are not done, the main one first and always; None if the claim was lost.

        Raises:
            errors.Unavailable
        """

        def job(connection: sqlalchemy.Connection) -> tuple[Message, ...] | None:
            if not connection.execute(sqlalchemy.select(_is_claimed(worker, claim))).scalar_one():
                return None
            is_open = sqlalchemy.or_(_MESSAGES.c.is_done.is_(False), _MESSAGES.c.purpose == MAIN)
            chosen = sqlalchemy.select(_MESSAGES).where(*_of(claim), is_open).order_by(_MESSAGES.c.position)
            messages = [
                Message(**{field.name: row[field.name] for field in dataclasses.fields(Message)})
                for row in connection.execute(chosen).mappings()
            ]
            return tuple(sorted(messages, key=lambda message: not message.is_main))

        return await self._db.work(job)

    async def write(self, worker: str, claim: claims.Claim, message: Message) -> bool:
        """
        Write how far a message is; return whether *worker* still has the claim on its subject.

        Raises:
            errors.Unavailable
        """
        kept = {"purpose", "version", "shown_version"}
        values = {name: value for name, value in dataclasses.asdict(message).items() if name not in kept}
        this = sqlalchemy.update(_MESSAGES).where(
            *_of(claim), _MESSAGES.c.purpose == message.purpose, _is_claimed(worker, claim)
        )
        return await self._db.work(lambda connection: bool(connection.execute(this.values(values)).rowcount))

    async def mark_shown(
        self, worker: str, claim: claims.Claim, shown: tuple[Message, ...], *, keeps_claim: bool
    ) -> None:
        """
        Write which versions are shown now, and complete the claim unless *worker* keeps it.

        Where something was requested meanwhile, the claim stays and its signal has counted up.

        Raises:
            errors.Unavailable
        """

        def job(connection: sqlalchemy.Connection) -> None:
            for message in shown:
                if message.shown_version == message.version:
                    continue
                this = sqlalchemy.update(_MESSAGES).where(
                    *_of(claim), _MESSAGES.c.purpose == message.purpose, _is_claimed(worker, claim)
                )
                connection.execute(this.values(shown_version=message.version))
            if not keeps_claim:
                claims.complete(connection, worker, claim)

        await self._db.work(job)


def _of(claim: claims.Claim) -> tuple[sqlalchemy.ColumnElement[bool], sqlalchemy.ColumnElement[bool]]:
    kind, subject = split_subject(claim.subject)
    return _MESSAGES.c.kind == kind, _MESSAGES.c.subject == subject


def _is_claimed(worker: str, claim: claims.Claim) -> sqlalchemy.ColumnElement[bool]:
    return claims.is_owner(sqlalchemy.bindparam("worker", worker), KIND, sqlalchemy.literal(claim.subject))


def are_behind(connection: sqlalchemy.Connection) -> bool:
    """Return whether any live message does not show its newest version yet."""
    behind = sqlalchemy.select(_MESSAGES.c.subject).where(
        _MESSAGES.c.shown_version < _MESSAGES.c.version, _MESSAGES.c.is_done.is_(False)
    )
    return connection.execute(behind.limit(1)).first() is not None


def forget(connection: sqlalchemy.Connection, kind: str, subjects: sqlalchemy.Select[tuple[str]]) -> None:
    """Remove the messages of *subjects* from the database; what is in Slack stays."""
    connection.execute(sqlalchemy.delete(_MESSAGES).where(_MESSAGES.c.kind == kind, _MESSAGES.c.subject.in_(subjects)))
