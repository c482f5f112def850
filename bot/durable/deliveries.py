"""
Deliveries: one-off effects outside the database, such as a page, a direct message or a channel to be made.

A delivery is keyed by kind, subject and occurrence, and requested in the transaction that causes it: the same one is
never made twice. The attempt is written before it is made and its result after it, so that after a crash it is known
that it may have happened. It is repeated only where it surely has not.

    requested --attempt written--> attempted --sent------------------> SENT
        ^                            |  |  +---refused, with a reason--> REFUSED
        |        surely not taken,   |  |
        +----------- later ----------+  +--- nobody knows, and it cannot be looked up --> UNKNOWN

Work on deliveries is claimed (`bot/durable/claims.py`), and what is to be tried later waits for a timer.

A delivery may also be held: its worker has the claim and does not make it. It drops the delivery when that is not
needed any more, or releases it; if the worker is lost instead, others claim the delivery and make it.

    (no row) --hold--> requested, held --drop--> (no row)
                            +--release; or the worker unregistered or expired--> requested
"""

import asyncio
import contextlib
import dataclasses
import datetime
import enum
from collections.abc import Awaitable, Callable, Mapping, Sequence

import sqlalchemy
import structlog

from bot import errors
from bot.durable import claims, membership, timers
from bot.store import batches, database, tables

log = structlog.get_logger()

KIND = "delivery"
"""Of the claims and timers."""
MAX_CONCURRENT = 10
_DELIVERIES = tables.deliveries
_REQUEST = sqlalchemy.text(
    "INSERT INTO deliveries (kind, subject, occurrence, payload, state, attempts)"
    " VALUES (:kind, :subject, :occurrence, :payload, :state, 0) ON CONFLICT DO NOTHING"
)
_ONLY = "1"
"""The occurrence of a delivery that is held."""
# With RETURNING, SQLAlchemy writes many rows by one statement. A thread that waits for an answer to each would also
# wait for the interpreter each time.
_HOLD = sqlalchemy.insert(_DELIVERIES).returning(_DELIVERIES.c.subject)
_SEPARATOR = "/"
_RETRY_SECONDS = 30.0
"""Where a handler does not say when to try again."""


class State(enum.StrEnum):
    """How far a delivery is; see the drawing above."""

    REQUESTED = "requested"
    ATTEMPTED = "attempted"
    SENT = "sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One effect, as it is stored."""

    kind: str
    subject: str
    occurrence: str
    payload: Mapping[str, object]
    state: State = State.REQUESTED
    attempts: int = 0
    attempted_at: datetime.datetime | None = None
    result: str | None = None
    """What came of it: a reference for SENT, a reason for REFUSED and UNKNOWN."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """It was made."""

    reference: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """It was not made and never will be."""

    reason: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NotTaken:
    """It surely was not made; it may be tried again."""

    retry_after_seconds: float = _RETRY_SECONDS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Nobody knows whether it was made."""

    reason: str


Result = Sent | Refused | NotTaken | Unknown


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """Makes the deliveries of one kind."""

    send: Callable[[Delivery], Awaitable[Result]]
    find: Callable[[Delivery], Awaitable[Result]] | None = None
    """Looks up what became of an attempt without a result; None where the other side cannot be asked."""


def request(
    connection: sqlalchemy.Connection,
    kind: str,
    subject: str,
    occurrence: str,
    payload: Mapping[str, object],
    *,
    now: datetime.datetime,
) -> bool:
    """Request a delivery, in the transaction that causes it; return False where it was requested before."""
    values = {"kind": kind, "subject": subject, "occurrence": occurrence, "state": State.REQUESTED.value}
    if not connection.execute(_REQUEST, {**values, "payload": database.pack(dict(payload))}).rowcount:
        return False
    claims.offer(connection, KIND, _SEPARATOR.join((kind, subject, occurrence)), now)
    return True


def find(connection: sqlalchemy.Connection, kind: str, subject: str, occurrence: str) -> Delivery | None:
    """Return a delivery; None where it was never requested."""
    chosen = sqlalchemy.select(_DELIVERIES).where(*_key(kind, subject, occurrence))
    row = connection.execute(chosen).one_or_none()
    if row is None:
        return None
    payload = database.unpack(row.payload)
    return Delivery(
        kind=row.kind,
        subject=row.subject,
        occurrence=row.occurrence,
        payload=payload if isinstance(payload, dict) else {},
        state=State(row.state),
        attempts=row.attempts,
        attempted_at=row.attempted_at,
        result=row.result,
    )


class DeliveryWorker:
    """Makes deliveries for one member; a `membership.Listener`."""

    def __init__(
        self,
        db: database.Database,
        member: membership.Membership,
        handlers: Mapping[str, Handler],
        clock: timers.Clock | None = None,
    ) -> None:
        self._db = db
        self._member = member
        self._handlers = handlers
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._unhandled: set[str] = set()
        """Of kinds that only another version knows."""
        self._held: set[str] = set()
        """Subjects of claims."""
        self._unneeded: set[str] = set()
        """Held no more, which is to be written."""
        self._drops = batches.Batcher(db, self._write_drops)
        member.timers.register(KIND, self._offer)
        member.subscribe(self)

    @property
    def kind(self) -> str:
        """Return the kind of claims that it works on."""
        return KIND

    def hold(
        self,
        connection: sqlalchemy.Connection,
        kind: str,
        held: Mapping[str, Mapping[str, object]],
        now: datetime.datetime,
    ) -> None:
        """Hold a delivery of *kind* for each subject of *held*, with its payload, in the caller's transaction."""
        worker = self._member.id
        if worker is None or not held:
            # Without a claim others would make them at once.
            return
        subjects = {subject: _SEPARATOR.join((kind, subject, _ONLY)) for subject in held}
        rows = [
            {
                "kind": kind,
                "subject": subject,
                "occurrence": _ONLY,
                "state": State.REQUESTED.value,
                "attempts": 0,
                "payload": database.pack(dict(payload)),
            }
            for subject, payload in held.items()
        ]
        # First, because a heartbeat may return the claims at once.
        self._held.update(subjects.values())
        connection.execute(_HOLD, rows).all()
        claims.offer_all(connection, KIND, list(subjects.values()), now, worker=worker)

    def is_held(self, kind: str, subject: str) -> bool:
        """Return whether this worker holds a delivery."""
        return _SEPARATOR.join((kind, subject, _ONLY)) in self._held

    async def replace_payload(self, kind: str, subject: str, payload: Mapping[str, object]) -> None:
        """
        Change what a delivery carries that is held.

        Raises:
            errors.Unavailable
        """
        held = sqlalchemy.update(_DELIVERIES).where(
            *_key(kind, subject, _ONLY), _DELIVERIES.c.state == State.REQUESTED.value
        )
        packed = database.pack(dict(payload))
        await self._db.work(lambda connection: connection.execute(held.values(payload=packed)))

    async def drop(self, kind: str, subject: str) -> None:
        """Forget a delivery that is held; while the database is away that is written later."""
        claim = _SEPARATOR.join((kind, subject, _ONLY))
        if claim in self._held:
            self._unneeded.add(claim)
            with contextlib.suppress(errors.Unavailable):
                await self._write_drop(claim)

    def release(self, kind: str, subject: str) -> None:
        """Make a delivery that is held, from the next heartbeat on."""
        self._held.discard(_SEPARATOR.join((kind, subject, _ONLY)))
        self._member.wake()

    async def _write_drop(self, claim: str) -> None:
        await self._drops.write(claim)
        self._unneeded.discard(claim)
        self._held.discard(claim)

    def _write_drops(self, connection: sqlalchemy.Connection, unneeded: Sequence[str]) -> list[None]:
        keys = [claim.split(_SEPARATOR) for claim in unneeded]
        held = sqlalchemy.delete(_DELIVERIES).where(
            _DELIVERIES.c.kind.in_({kind for kind, *_ in keys}),
            _DELIVERIES.c.subject.in_({subject for _, subject, _ in keys}),
            _DELIVERIES.c.occurrence == _ONLY,
            _DELIVERIES.c.state == State.REQUESTED.value,
        )
        connection.execute(held)
        claims.withdraw(connection, self._member.id or "", KIND, unneeded)
        return [None] * len(unneeded)

    async def on_heartbeat(self, own: tuple[claims.Claim, ...]) -> None:
        """Go on with what it has claimed, and claim what is free."""
        await asyncio.gather(*map(self._write_drop, tuple(self._unneeded)))
        busy = {*self._tasks, *self._unhandled}
        left = [claim for claim in own if claim.kind == KIND and claim.subject not in busy | self._held]
        room = MAX_CONCURRENT - len(self._tasks) - len(left)
        taken = await self._member.claim(KIND, room, without=tuple(busy)) if room > 0 else ()
        # One may be in both: it was completed, and offered again, after the heartbeat.
        found = {claim.subject: claim for claim in (*left, *taken)}
        # What it holds, and was released by others, is not made either.
        for claim in (claim for subject, claim in found.items() if subject not in self._held):
            task = asyncio.create_task(self._deliver(claim), name=f"delivery {claim.subject}")
            self._tasks[claim.subject] = task
            task.add_done_callback(lambda done, subject=claim.subject: self._forget(subject, done))  # type: ignore[misc]

    async def drop_all(self) -> None:
        """Cancel all tasks and wait for them, and hold nothing any more."""
        self._held.clear()
        self._unneeded.clear()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _forget(self, subject: str, task: "asyncio.Task[None]") -> None:
        is_full = len(self._tasks) == MAX_CONCURRENT
        del self._tasks[subject]
        if is_full:
            # More may wait than one heartbeat could take up.
            self._member.wake()
        if not task.cancelled() and (error := task.exception()) is not None:
            # The attempt is written, so the next worker looks it up, or marks it as unknown.
            log.error("delivery failed", delivery=subject, exc_info=error)

    async def _deliver(self, claim: claims.Claim) -> None:
        kind, subject, occurrence = claim.subject.split(_SEPARATOR, 2)
        delivery = await self._db.work(lambda connection: find(connection, kind, subject, occurrence))
        handler = self._handlers.get(kind)
        if delivery is None or delivery.state not in {State.REQUESTED, State.ATTEMPTED}:
            await self._complete(claim)
            return
        if handler is None:
            self._unhandled.add(claim.subject)
            await self._member.release(KIND, (claim.subject,))
            return
        if delivery.state is State.ATTEMPTED:
            result: Result = Unknown(reason="posbot ended in the middle of it")
            if handler.find is not None:
                result = await handler.find(delivery)
            await self._finish(claim, delivery, result)
            return
        attempted = await self._write(claim, delivery, state=State.ATTEMPTED, attempts=delivery.attempts + 1)
        if not attempted:
            return
        # The process may have been suspended since the write.
        await self._member.ensure_lease()
        if self._member.id is not None:
            await self._finish(claim, delivery, await handler.send(delivery))

    async def _finish(self, claim: claims.Claim, delivery: Delivery, result: Result) -> None:
        match result:
            case Sent(reference=reference):
                await self._write(claim, delivery, state=State.SENT, result=reference)
            case Refused(reason=reason):
                await self._write(claim, delivery, state=State.REFUSED, result=reason)
            case Unknown(reason=reason):
                log.error("delivery unknown", delivery=claim.subject, reason=reason)
                await self._write(claim, delivery, state=State.UNKNOWN, result=reason)
            case NotTaken(retry_after_seconds=seconds):
                await self._write(claim, delivery, state=State.REQUESTED, retry_after_seconds=seconds)

    async def _write(
        self,
        claim: claims.Claim,
        delivery: Delivery,
        *,
        state: State,
        attempts: int | None = None,
        result: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> bool:
        """Write how far a delivery is, if the claim is still this worker's; what rests is nobody's from then on."""
        worker = self._member.id or ""

        def job(connection: sqlalchemy.Connection) -> bool:
            now = timers.now(connection, self._clock)
            own = claims.is_owner(sqlalchemy.bindparam("worker", worker), KIND, sqlalchemy.literal(claim.subject))
            values: dict[str, object] = {"state": state.value, "result": result}
            if attempts is not None:
                values |= {"attempts": attempts, "attempted_at": now}
            if state not in {State.REQUESTED, State.ATTEMPTED}:
                values["ended_at"] = now
            key = _key(delivery.kind, delivery.subject, delivery.occurrence)
            if not connection.execute(sqlalchemy.update(_DELIVERIES).where(*key, own).values(values)).rowcount:
                return False
            if retry_after_seconds is not None:
                due_at = now + datetime.timedelta(seconds=retry_after_seconds)
                timers.schedule(connection, KIND, claim.subject, due_at, scheduled_at=now)
            if state is not State.ATTEMPTED:
                claims.complete(connection, worker, claim)
            return True

        while True:
            try:
                return await self._db.work(job)
            except errors.Unavailable as error:
                # What was made must not be forgotten, and an attempt not be made unwritten.
                log.warning("delivery not written", delivery=claim.subject, reason=str(error))
                await asyncio.sleep(1.0)

    async def _complete(self, claim: claims.Claim) -> None:
        worker = self._member.id or ""
        with contextlib.suppress(errors.Unavailable):
            await self._db.work(lambda connection: claims.complete(connection, worker, claim))

    def _offer(self, connection: sqlalchemy.Connection, timer: timers.Timer) -> None:
        claims.offer(connection, KIND, timer.subject, timers.now(connection, self._clock))


def prune(connection: sqlalchemy.Connection, before: datetime.datetime) -> int:
    """Remove the deliveries that ended before *before*; return how many."""
    return connection.execute(sqlalchemy.delete(_DELIVERIES).where(_DELIVERIES.c.ended_at < before)).rowcount


def _key(kind: str, subject: str, occurrence: str) -> tuple[sqlalchemy.ColumnElement[bool], ...]:
    return _DELIVERIES.c.kind == kind, _DELIVERIES.c.subject == subject, _DELIVERIES.c.occurrence == occurrence
