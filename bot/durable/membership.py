"""
Membership: which workers there are, kept by heartbeats.

A worker registers, counts its heartbeat up, and unregisters. The others watch the counters: one that has not moved for
the length of the lease, by the watcher's own monotonic clock, is expired, and all its claims become free. Clocks that
are set, or differ between machines, therefore take no work from anybody.

A worker in turn acts only while its lease is surely valid (`ensure_lease`). The lease is measured with CLOCK_BOOTTIME,
so that suspend counts: a machine that slept finds out that it was expired before it does anything.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import math
import secrets
import time
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Protocol

import sqlalchemy
import structlog

from bot import errors, metrics
from bot.durable import claims, timers
from bot.store import database, failures, tables

log = structlog.get_logger()

MAX_CLOCK_OFFSET = datetime.timedelta(seconds=5)
"""Between this machine's clock and the database's."""
_WORKERS = tables.workers


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatConfig:
    """How soon a stalled worker is expired; the same for all workers of one database."""

    lease_seconds: float = 6.0
    """A worker whose heartbeat has not moved for so long is expired."""
    heartbeat_seconds: float = 1.0
    min_observations: int = 4
    """Of a heartbeat that has not moved: while the database is away nobody can move it, and nobody can look."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """What a worker learns with each heartbeat."""

    is_registered: bool
    """False: it was expired."""
    heartbeats: Mapping[str, int]
    """Worker → its counter."""
    claims: tuple[claims.Claim, ...]
    """Its own."""
    due: tuple[timers.Timer, ...]
    now: datetime.datetime
    """By the database's clock, of SQLite this machine's."""


class Lease:
    """Until when nobody can have expired this worker: a heartbeat is seen by others only after it was sent."""

    def __init__(self, config: HeartbeatConfig) -> None:
        self._config = config
        self._until = -math.inf
        self._renewed = asyncio.Event()

    @staticmethod
    def clock() -> float:
        """Return seconds since the machine was started, suspended or not."""
        return timers.boot_seconds()

    def renew(self, sent: float) -> None:
        """Extend the lease after a heartbeat that was sent at *sent*, by `clock`, was written."""
        self._until = sent + self._config.lease_seconds
        self._renewed.set()

    async def ensure_valid(self) -> None:
        """Return once at least half of the lease is left."""
        while self._until - self.clock() < self._config.lease_seconds / 2:
            self._renewed.clear()
            await self._renewed.wait()


class FailureDetector:
    """Finds workers whose heartbeat stands still, by a monotonic clock."""

    def __init__(self, config: HeartbeatConfig) -> None:
        self._config = config
        self._seen: dict[str, tuple[int, float, int]] = {}
        """Worker → its counter, since when it has not moved, and how often that was observed."""

    def stalled(self, heartbeats: Mapping[str, int], own: str) -> list[tuple[str, int]]:
        """Observe all counters, and return the workers that are stalled, each with its last counter."""
        clock, seen = time.monotonic(), {}
        for worker, counter in heartbeats.items():
            known = self._seen.get(worker)
            if known is not None and known[0] == counter:
                seen[worker] = (counter, known[1], known[2] + 1)
            else:
                seen[worker] = (counter, clock, 1)
        self._seen = seen
        return [
            (worker, counter)
            for worker, (counter, since, observations) in seen.items()
            if worker != own
            and clock - since >= self._config.lease_seconds
            and observations >= self._config.min_observations
        ]


class Listener(Protocol):
    """What does one kind of work, and acts on the worker's heartbeats."""

    @property
    def kind(self) -> str:
        """Return the kind of claims that it works on: a capability of the worker that it is subscribed to."""

    async def on_heartbeat(self, own: tuple[claims.Claim, ...]) -> None:
        """Act after a heartbeat, given the claims of the worker; errors.Unavailable is logged and survived."""

    async def drop_all(self) -> None:
        """Stop all work at once: the worker was expired, or ends."""


class Membership:
    """One worker among those of a database."""

    def __init__(
        self,
        db: database.Database,
        *,
        config: HeartbeatConfig = HeartbeatConfig(),
        clock: timers.Clock | None = None,
    ) -> None:
        self.id: str | None = None
        """None while it is not registered."""
        self.problem: errors.Unavailable | None = None
        """Why the last heartbeat could not be written, and so nothing else could; None where it was."""
        self.clock_offset = datetime.timedelta(0)
        """What to add to this machine's clock for the database's time; nothing where they differ by a few seconds."""
        self.timers = timers.Timers(db, clock)
        self._db = db
        self._config = config
        self._lease = Lease(config)
        self._detector = FailureDetector(config)
        self._listeners: list[Listener] = []
        self._wake = asyncio.Event()

    @property
    def lease_seconds(self) -> float:
        """Return the length of the lease."""
        return self._config.lease_seconds

    @property
    def capabilities(self) -> frozenset[str]:
        """Return the kinds of work that it can do; it claims no other."""
        return frozenset(listener.kind for listener in self._listeners)

    def subscribe(self, listener: Listener) -> None:
        """Let *listener* act on each heartbeat; before the worker registers, which tells its capabilities."""
        self._listeners.append(listener)

    @contextlib.asynccontextmanager
    async def registered(self) -> AsyncIterator[None]:
        """Be registered within the block; what is unfinished at its end is left to other workers."""
        self.id = await self._register()
        try:
            yield
        finally:
            await self._drop_all()
            worker, self.id = self.id, None
            with contextlib.suppress(errors.Unavailable):
                await self._db.work(lambda connection: unregister(connection, worker))

    async def watch(self) -> None:
        """Send heartbeats, expire stalled workers, fire timers and let the listeners act; forever."""
        while True:
            self._wake.clear()
            try:
                await self._beat()
                self._note_problem(None)
            except errors.Unavailable as error:
                log.warning("heartbeat failed", reason=str(error))
                self._note_problem(error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._config.heartbeat_seconds):
                    await self._wake.wait()

    def wake(self) -> None:
        """Send the next heartbeat now."""
        self._wake.set()

    async def ensure_lease(self) -> None:
        """Return once it is certain that nobody has expired this worker."""
        await self._lease.ensure_valid()

    async def claim(
        self, kind: str, limit: int, *, subject: str | None = None, without: Collection[str] = ()
    ) -> tuple[claims.Claim, ...]:
        """
        Claim free work of *kind*, the oldest first, or the one *subject*.

        Raises:
            errors.Unavailable
        """
        worker = self.id
        if worker is None or kind not in self.capabilities:
            return ()
        return await self._db.work(
            lambda connection: claims.claim(connection, worker, kind, limit, subject=subject, without=without)
        )

    async def owned(self, kind: str) -> tuple[claims.Claim, ...]:
        """
        Return the work of *kind* that it has claimed.

        Raises:
            errors.Unavailable
        """
        worker = self.id
        if worker is None:
            return ()
        return await self._db.work(lambda connection: claims.owned(connection, worker, kind))

    async def release(self, kind: str, subjects: Collection[str]) -> None:
        """
        Make own work free for any worker.

        Raises:
            errors.Unavailable
        """
        if (worker := self.id) is not None:
            await self._db.work(lambda connection: claims.release(connection, worker, kind, subjects))

    async def is_capable(self, kind: str) -> bool:
        """
        Return whether any registered worker can do work of *kind*.

        Raises:
            errors.Unavailable
        """
        return await self._db.work(lambda connection: kind in capabilities(connection))

    async def _register(self) -> str:
        worker, sent = secrets.token_hex(6), Lease.clock()
        await self._db.work(lambda connection: register(connection, worker, self.capabilities), probes=True)
        self._lease.renew(sent)
        return worker

    async def _beat(self) -> None:
        if (worker := self.id) is None:
            return
        sent, sent_at = Lease.clock(), _local_time()
        pulse = await self._db.work(lambda connection: heartbeat(connection, worker, self.timers), probes=True)
        self._note_clock(pulse.now, sent_at, _local_time())
        if not pulse.is_registered:
            log.error("worker expired", worker=worker)
            await self._drop_all()
            self.id = await self._register()
            return
        self._lease.renew(sent)
        for stalled, counter in self._detector.stalled(pulse.heartbeats, worker):
            if await self._db.work(lambda one, stalled=stalled, counter=counter: expire(one, stalled, counter)):  # type: ignore[misc]
                log.warning("expired a stalled worker and released its claims", worker=stalled)
        await self.timers.fire(pulse.due)
        for listener in self._listeners:
            await listener.on_heartbeat(pulse.claims)

    def now(self) -> datetime.datetime:
        """Return the database's time, as all workers of the database see it."""
        return _local_time() + self.clock_offset

    def _note_clock(self, now: datetime.datetime, sent_at: datetime.datetime, received_at: datetime.datetime) -> None:
        offset = max(now - received_at, datetime.timedelta(0)) or min(now - sent_at, datetime.timedelta(0))
        is_wrong = self.timers.clock is None and abs(offset) > MAX_CLOCK_OFFSET
        if is_wrong and not self.clock_offset:
            log.error("clock differs from the database's", ahead_seconds=round(-offset.total_seconds(), 1))
        self.clock_offset = offset if is_wrong else datetime.timedelta(0)
        metrics.CLOCK_OFFSET.set(self.clock_offset.total_seconds())

    def _note_problem(self, problem: errors.Unavailable | None) -> None:
        self.problem = problem
        is_lasting = isinstance(problem, failures.Unusable)
        metrics.CHANGES_REFUSED.labels("database unavailable").set(problem is not None and not is_lasting)
        metrics.CHANGES_REFUSED.labels("database unusable").set(is_lasting)

    async def _drop_all(self) -> None:
        for listener in self._listeners:
            await listener.drop_all()


def _local_time() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def register(connection: sqlalchemy.Connection, worker: str, capable_of: Collection[str]) -> None:
    """Register *worker*, with a heartbeat of 0."""
    values = {"id": worker, "heartbeat": 0, "capabilities": " ".join(sorted(capable_of))}
    connection.execute(sqlalchemy.insert(_WORKERS), values)


def unregister(connection: sqlalchemy.Connection, worker: str) -> None:
    """Remove *worker* and release its claims."""
    connection.execute(sqlalchemy.delete(_WORKERS).where(_WORKERS.c.id == worker))
    claims.release_all(connection, worker)


def heartbeat(connection: sqlalchemy.Connection, worker: str, own_timers: timers.Timers) -> Pulse:
    """Count the heartbeat of *worker* up, release orphaned claims, and return what it should know."""
    own = sqlalchemy.update(_WORKERS).where(_WORKERS.c.id == worker).values(heartbeat=_WORKERS.c.heartbeat + 1)
    is_registered = bool(connection.execute(own).rowcount)
    claims.release_orphans(connection)
    return Pulse(
        is_registered=is_registered,
        heartbeats={row.id: row.heartbeat for row in connection.execute(sqlalchemy.select(_WORKERS))},
        claims=claims.owned(connection, worker),
        due=own_timers.find_due(connection),
        now=timers.now(connection, own_timers.clock),
    )


def expire(connection: sqlalchemy.Connection, worker: str, counter: int) -> bool:
    """Remove *worker* and release its claims, unless its heartbeat has moved since *counter*; return whether."""
    stalled = sqlalchemy.delete(_WORKERS).where(_WORKERS.c.id == worker, _WORKERS.c.heartbeat == counter)
    if not connection.execute(stalled).rowcount:
        return False
    claims.release_all(connection, worker)
    return True


def capabilities(connection: sqlalchemy.Connection) -> frozenset[str]:
    """Return the kinds of work that registered workers can do."""
    rows = connection.execute(sqlalchemy.select(_WORKERS.c.capabilities)).scalars()
    return frozenset(kind for row in rows for kind in row.split())
