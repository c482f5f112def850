"""Live messages: which are behind, who keeps them up to date, and what is known of each."""

import pytest

from bot.durable import claims, live_messages, membership
from bot.store import database
from tests.unit.durable import kernel_fixture

pytestmark = pytest.mark.anyio
CLAIM = claims.Claim(kind=live_messages.KIND, subject="toy/1")


async def request(db: database.Database, purpose: str = live_messages.MAIN, position: int = 0) -> None:
    await db.work(lambda one: live_messages.request(one, "toy", "1", purpose, kernel_fixture.NOW, position=position))


async def claim(db: database.Database, worker: str) -> tuple[claims.Claim, ...]:
    return await db.work(lambda one: claims.claim(one, worker, live_messages.KIND, 10))


@pytest.fixture
async def store(db: database.Database) -> live_messages.LiveMessageStore:
    await kernel_fixture.register(db, "w1", "w2")
    return live_messages.LiveMessageStore(db)


async def test_requested_message_is_behind_until_shown(
    db: database.Database, store: live_messages.LiveMessageStore
) -> None:
    await request(db)
    assert await db.work(live_messages.are_behind)
    (claimed,) = await claim(db, "w1")
    messages = await store.open_messages("w1", claimed)
    assert messages is not None

    await store.mark_shown("w1", claimed, messages, keeps_claim=False)

    assert not await db.work(live_messages.are_behind)
    assert await claim(db, "w2") == ()


async def test_request_during_rendering_is_not_lost(
    db: database.Database, store: live_messages.LiveMessageStore
) -> None:
    await request(db)
    (claimed,) = await claim(db, "w1")
    messages = await store.open_messages("w1", claimed)
    assert messages is not None
    await request(db)

    await store.mark_shown("w1", claimed, messages, keeps_claim=False)

    assert await db.work(live_messages.are_behind)
    (again,) = await db.work(lambda one: claims.owned(one, "w1", live_messages.KIND))
    assert again.signal == claimed.signal + 1


async def test_active_subject_stays_with_its_worker(
    db: database.Database, store: live_messages.LiveMessageStore
) -> None:
    await request(db)
    (claimed,) = await claim(db, "w1")
    await store.mark_shown("w1", claimed, (), keeps_claim=True)
    await request(db)

    assert await claim(db, "w2") == ()
    assert len(await db.work(lambda one: claims.owned(one, "w1", live_messages.KIND))) == 1


async def test_write_without_claim_is_refused(db: database.Database, store: live_messages.LiveMessageStore) -> None:
    await request(db)
    (claimed,) = await claim(db, "w1")
    await db.work(lambda one: membership.unregister(one, "w1"))
    posted = live_messages.Message(purpose=live_messages.MAIN, channel="C1", timestamp="1.0")

    assert not await store.write("w1", claimed, posted)
    assert await store.open_messages("w1", claimed) is None
    assert await claim(db, "w2") == (CLAIM,)
    assert await store.write("w2", CLAIM, posted)


async def test_worker_without_its_claim_marks_nothing_as_shown(
    db: database.Database, store: live_messages.LiveMessageStore
) -> None:
    await request(db)
    (claimed,) = await claim(db, "w1")
    messages = await store.open_messages("w1", claimed)
    assert messages is not None
    await db.work(lambda one: membership.unregister(one, "w1"))

    await store.mark_shown("w1", claimed, messages, keeps_claim=False)

    assert await db.work(live_messages.are_behind)
    assert await claim(db, "w2") == (CLAIM,)


async def test_states_follow_what_is_written(db: database.Database, store: live_messages.LiveMessageStore) -> None:
    await request(db)
    await claim(db, "w1")
    seen = []
    for changes in (
        {},
        {"attempted_in": "C1", "attempted_at": kernel_fixture.NOW},
        {"channel": "C1", "timestamp": "1.0", "digest": "x"},
        {"channel": "C1", "timestamp": "1.0", "digest": "x", "is_done": True},
    ):
        await store.write("w1", CLAIM, live_messages.Message(purpose=live_messages.MAIN, **changes))
        (message,) = await store.open_messages("w1", CLAIM) or ()
        seen.append(message.state)

    assert seen == list(live_messages.State)


async def test_main_message_comes_first_and_done_ones_of_its_thread_not_at_all(
    db: database.Database, store: live_messages.LiveMessageStore
) -> None:
    for position, purpose in ((1, "question-a"), (2, "question-b"), (3, live_messages.MAIN)):
        await request(db, purpose, position)
    await claim(db, "w1")
    await store.write("w1", CLAIM, live_messages.Message(purpose="question-a", is_done=True))
    await store.write("w1", CLAIM, live_messages.Message(purpose=live_messages.MAIN, is_done=True))

    messages = await store.open_messages("w1", CLAIM)

    assert messages is not None
    assert [message.purpose for message in messages] == [live_messages.MAIN, "question-b"]
