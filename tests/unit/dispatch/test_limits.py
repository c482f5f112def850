"""What one person takes leaves enough for the others, and a person who gets nothing reads why."""

import asyncio

import pytest

from bot.dispatch import limits

pytestmark = pytest.mark.anyio

LIMIT = limits.Limit(
    name="test", per_person=2, total=3, wait_seconds=30.0, max_waiting=3, own="Yours.", common="All.", hint="Wait."
)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def waiting(limit: limits.FairLimit, person: str, amount: int = 1) -> "asyncio.Task[None]":
    return asyncio.create_task(limit.acquire(person, amount))


async def test_third_command_of_a_person_waits_and_that_of_another_does_not() -> None:
    limit = limits.FairLimit(LIMIT)
    await limit.acquire("alice")
    await limit.acquire("alice")

    third, bobs = waiting(limit, "alice"), waiting(limit, "bob")
    await settled()

    assert (third.done(), bobs.done()) == (False, True)
    limit.release("alice")
    await third


async def test_what_becomes_free_goes_to_the_person_served_longest_ago() -> None:
    limit = limits.FairLimit(LIMIT)
    for person in ("carol", "dave", "erin"):
        await limit.acquire(person)
    tasks = {name: waiting(limit, name[:-1]) for name in ("alice1", "alice2", "alice3", "bob1")}
    await settled()

    order = []
    for person in ("carol", "dave", "erin"):
        limit.release(person)
        await settled()
        order += [name for name, task in tasks.items() if task.done() and name not in order]

    assert order == ["alice1", "bob1", "alice2"]
    limit.release("alice")
    await tasks["alice3"]


async def test_small_request_does_not_overtake_a_large_one() -> None:
    limit = limits.FairLimit(LIMIT)
    await limit.acquire("alice", 2)
    large, small = waiting(limit, "bob", 2), waiting(limit, "carol", 1)
    await settled()

    assert not small.done()
    limit.release("alice", 2)
    await asyncio.gather(large, small)
    assert limit.used == 3


async def test_cancelled_request_leaves_the_queue_and_returns_what_it_got() -> None:
    limit = limits.FairLimit(LIMIT)
    await limit.acquire("alice", 2)
    first, second = waiting(limit, "alice"), waiting(limit, "alice")
    await settled()
    first.cancel()
    await settled()
    limit.release("alice", 2)
    second.cancel()
    await settled()

    assert limit.used == 0
    assert second.cancelled()


async def test_request_that_is_given_up_lets_those_behind_it_pass() -> None:
    limit = limits.FairLimit(LIMIT)
    await limit.acquire("alice", 2)
    large, small = waiting(limit, "bob", 2), waiting(limit, "carol", 1)
    await settled()

    large.cancel()
    await settled()

    assert small.done()
    assert limit.used == 3


@pytest.mark.parametrize(("holder", "sentence"), [("alice", "Yours."), ("bob", "All.")])
async def test_whoever_waits_too_long_reads_whose_limit_it_is(holder: str, sentence: str) -> None:
    hurried = limits.Limit(
        name="test", per_person=3, total=3, wait_seconds=0.01, max_waiting=3, own="Yours.", common="All.", hint="Wait."
    )
    limit = limits.FairLimit(hurried)
    await limit.acquire(holder, 3)

    with pytest.raises(limits.Busy, match=sentence) as caught:
        await limit.acquire("alice")

    assert caught.value.hint == "Wait."
    limit.release(holder, 3)
    assert limit.used == 0


async def test_more_requests_than_may_wait_are_refused_at_once() -> None:
    limit = limits.FairLimit(LIMIT)
    await limit.acquire("alice", 2)
    tasks = [waiting(limit, "alice") for _ in range(4)]
    await settled()

    assert [task.done() for task in tasks] == [False, False, False, True]
    assert isinstance(tasks[3].exception(), limits.Busy)
    limit.release("alice", 2)
    await asyncio.gather(*tasks[:2])
    tasks[2].cancel()


async def test_fourth_followed_log_is_refused_and_ended_ones_count_no_more() -> None:
    own = limits.Limits()
    for _ in range(2):
        async with own.followed_log("alice"), own.followed_log("alice"), own.followed_log("alice"):
            with pytest.raises(limits.Busy, match="You already follow 3 logs"):
                async with own.followed_log("alice"):
                    pass
            async with own.followed_log("bob"):
                pass


async def test_twenty_first_followed_log_of_all_people_is_refused() -> None:
    own = limits.FairLimit(limits.FOLLOWED_LOGS)
    for number in range(20):
        await own.acquire(f"U{number}")

    with pytest.raises(limits.Busy, match="20 logs are being followed"):
        await own.acquire("alice")


async def test_large_answers_take_turns_and_small_ones_do_not_wait_for_them() -> None:
    own = limits.Limits()
    first, second, small = own.reservation("alice"), own.reservation("alice"), own.reservation("carol")
    await first.reserve(12_000_000)
    large = asyncio.create_task(second.reserve(12_000_000))

    await small.reserve(1_000_000)
    await settled()
    assert not large.done()

    await first.reserve(3_000_000)
    await settled()
    assert not large.done()
    first.release()
    await large
    for one in (first, second, small):
        one.release()
        one.release()


async def test_answer_of_any_size_fits_once_nothing_else_is_reserved() -> None:
    reservation = limits.Limits().reservation("alice")

    for size in (0, 1, 2_000_001, 10**9, 5, 10**9):
        await reservation.reserve(size)

    reservation.release()
