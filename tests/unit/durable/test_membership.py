"""Workers: registered, expired when they stall, and bound to their lease."""

import asyncio

import pytest

from bot import errors
from bot.durable import claims, membership, timers
from bot.store import database
from tests.unit.durable import kernel_fixture

pytestmark = pytest.mark.anyio


async def test_moved_heartbeat_prevents_expiry(db: database.Database) -> None:
    await kernel_fixture.register(db, "w1")
    await db.work(lambda one: membership.heartbeat(one, "w1", timers.Timers(db)))

    assert not await db.work(lambda one: membership.expire(one, "w1", 0))
    assert await db.work(lambda one: membership.expire(one, "w1", 1))


async def test_expiry_releases_claims(db: database.Database) -> None:
    await kernel_fixture.register(db, "w1", "w2", "w3")
    await kernel_fixture.offer(db, "toy", "a", "b", "c")
    for worker in ("w1", "w2", "w3"):
        await kernel_fixture.claim(db, worker, 1)

    await db.work(lambda one: membership.expire(one, "w1", 0))
    await db.work(lambda one: membership.unregister(one, "w2"))

    assert await kernel_fixture.claim(db, "w3") == ["a", "b"]


async def test_orphaned_claim_is_released(db: database.Database) -> None:
    await kernel_fixture.register(db, "w1")
    await kernel_fixture.offer(db, "toy", "a", worker="expired-meanwhile")

    await db.work(lambda one: membership.heartbeat(one, "w1", timers.Timers(db)))

    assert await kernel_fixture.claim(db, "w1") == ["a"]


async def test_single_long_gap_is_no_stall() -> None:
    detector = membership.FailureDetector(membership.HeartbeatConfig(lease_seconds=0.0, min_observations=3))

    looks = [detector.stalled({"w1": 7, "own": 1}, "own") for _ in range(3)]

    assert looks == [[], [], [("w1", 7)]]
    assert detector.stalled({"w1": 8, "own": 1}, "own") == []


async def test_lease_needs_recent_heartbeat() -> None:
    lease = membership.Lease(membership.HeartbeatConfig(lease_seconds=10.0))
    lease.renew(lease.clock())
    async with asyncio.timeout(1):
        await lease.ensure_valid()

    lease.renew(lease.clock() - 6.0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await lease.ensure_valid()


async def test_work_of_a_stalled_member_is_reclaimed(db: database.Database) -> None:
    await kernel_fixture.register(db, "stalled")
    await kernel_fixture.offer(db, "toy", "a", worker="stalled")
    member = membership.Membership(db, config=kernel_fixture.CONFIG)
    work = kernel_fixture.Work(member, "toy")

    async with kernel_fixture.watching(member):
        await kernel_fixture.until(lambda: work.claimed == ["a"])


async def test_expired_member_drops_its_work_and_registers_anew(db: database.Database) -> None:
    member = membership.Membership(db, config=kernel_fixture.CONFIG)
    work = kernel_fixture.Work(member, "toy")

    async with kernel_fixture.watching(member):
        first = str(member.id)
        await db.work(lambda one: membership.unregister(one, first))
        await kernel_fixture.until(lambda: member.id != first)

        assert work.is_dropped


async def test_member_claims_only_what_it_is_capable_of(db: database.Database) -> None:
    await kernel_fixture.offer(db, "toy", "a")
    await kernel_fixture.offer(db, "build", "b")
    member = membership.Membership(db, config=kernel_fixture.CONFIG)
    work = kernel_fixture.Work(member, "toy")

    async with kernel_fixture.watching(member):
        await kernel_fixture.until(lambda: work.claimed == ["a"])

        assert await member.claim("build", 10) == ()
        assert await member.is_capable("toy")
        assert not await member.is_capable("build")


async def test_listener_survives_a_database_that_is_away(db: database.Database) -> None:
    member = membership.Membership(db, config=kernel_fixture.CONFIG)
    work = kernel_fixture.Work(member, "toy")
    async with kernel_fixture.watching(member):
        await db.work(lambda one: one.exec_driver_sql("ALTER TABLE claims RENAME TO away"))
        await asyncio.sleep(0.2)
        await db.work(lambda one: one.exec_driver_sql("ALTER TABLE away RENAME TO claims"))
        await kernel_fixture.offer(db, "toy", "a")

        await kernel_fixture.until(lambda: work.claimed == ["a"])


async def test_claims_are_told_with_the_heartbeat(db: database.Database) -> None:
    await kernel_fixture.register(db, "w1")
    await kernel_fixture.offer(db, "toy", "a", worker="w1")

    pulse = await db.work(lambda one: membership.heartbeat(one, "w1", timers.Timers(db)))

    assert pulse.is_registered
    assert pulse.claims == (claims.Claim(kind="toy", subject="a"),)


async def test_failed_heartbeat_is_a_problem_until_the_next_one(
    db: database.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise errors.Unavailable("The database is away.")

    member = membership.Membership(db, config=kernel_fixture.CONFIG)
    async with kernel_fixture.watching(member):
        with monkeypatch.context() as away:
            away.setattr(member, "_beat", fail)
            await kernel_fixture.until(lambda: member.problem is not None)
            assert str(member.problem) == "The database is away."
        await kernel_fixture.until(lambda: member.problem is None)
