"""Members of the kernel with short leases, and a clock that tests set."""

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator, Callable

from bot.durable import claims, membership, timers
from bot.store import database

CONFIG = membership.HeartbeatConfig(lease_seconds=0.4, heartbeat_seconds=0.05)
NOW = datetime.datetime(2026, 11, 25, 10, 0, tzinfo=datetime.UTC)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime.datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += datetime.timedelta(**by)


class Work:
    """A listener that claims work of its kind and keeps it."""

    def __init__(self, member: membership.Membership, kind: str) -> None:
        self.kind = kind
        self.claimed: list[str] = []
        self.is_dropped = False
        self._member = member
        member.subscribe(self)

    async def on_heartbeat(self, own: tuple[claims.Claim, ...]) -> None:
        del own
        taken = await self._member.claim(self.kind, 10)
        self.claimed += [claim.subject for claim in taken]

    async def drop_all(self) -> None:
        self.is_dropped = True


@contextlib.asynccontextmanager
async def watching(member: membership.Membership) -> AsyncIterator[None]:
    """Register a member and let it beat until the block ends."""
    async with member.registered():
        watch = asyncio.create_task(member.watch())
        try:
            yield
        finally:
            watch.cancel()
            await asyncio.wait({watch})


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def offer(db: database.Database, kind: str, *subjects: str, worker: str | None = None) -> None:
    for subject in subjects:
        await db.work(lambda one, subject=subject: claims.offer(one, kind, subject, NOW, worker=worker))  # type: ignore[misc]


async def register(db: database.Database, *workers: str) -> None:
    for worker in workers:
        await db.work(lambda one, worker=worker: membership.register(one, worker, ("toy",)))  # type: ignore[misc]


async def claim(db: database.Database, worker: str, limit: int = 10) -> list[str]:
    taken = await db.work(lambda one: claims.claim(one, worker, "toy", limit))
    return [claim.subject for claim in taken]


async def schedule(db: database.Database, subject: str, clock: Clock, **after: float) -> None:
    now = clock()
    due_at = now + datetime.timedelta(**after)
    await db.work(lambda one: timers.schedule(one, "toy", subject, due_at, {"number": 1}, scheduled_at=now))


async def fire_due(registry: timers.Timers, db: database.Database) -> None:
    await registry.fire(await db.work(registry.find_due))
