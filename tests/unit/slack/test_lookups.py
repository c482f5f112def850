"""What is looked up in Slack: once for all who ask at the same time, and not forgotten in an outage."""

import asyncio

import pytest

from bot import errors
from bot.slack.client import lookups

pytestmark = pytest.mark.anyio


class Slack:
    """Answers with its next answer, or raises it, once it may."""

    def __init__(self, *answers: str | errors.BotError) -> None:
        self._answers = iter(answers)
        self.calls = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def call(self) -> str:
        self.calls += 1
        await self.may_answer.wait()
        answer = next(self._answers)
        if isinstance(answer, errors.BotError):
            raise answer
        return answer


async def test_everyone_who_asks_at_the_same_time_shares_one_call() -> None:
    slack, found = Slack("alice"), lookups.Lookups()
    slack.may_answer.clear()
    asking = [asyncio.create_task(found.find("U1", "users.info", slack.call)) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    asking[0].cancel()
    slack.may_answer.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)

    assert isinstance(answers[0], asyncio.CancelledError)
    assert (answers[1:], slack.calls) == (["alice"] * 4, 1)


async def test_older_answer_stands_in_during_an_outage() -> None:
    slack, found = Slack("alice", errors.Unavailable("away"), "alice"), lookups.Lookups(cache_seconds=0.0)

    answers = [await found.find("U1", "users.info", slack.call, may_be_stale=True) for _ in range(3)]

    assert answers == ["alice"] * 3
    assert slack.calls == 2


@pytest.mark.parametrize(
    ("error", "may_be_stale"), [(errors.Unavailable("away"), False), (errors.Refused("user_not_found"), True)]
)
async def test_older_answer_does_not_hide_a_refusal_nor_give_a_role(
    error: errors.BotError, *, may_be_stale: bool
) -> None:
    slack, found = Slack("alice", error), lookups.Lookups(cache_seconds=0.0)
    await found.find("S1", "usergroups.users.list", slack.call, may_be_stale=may_be_stale)

    with pytest.raises(type(error)):
        await found.find("S1", "usergroups.users.list", slack.call, may_be_stale=may_be_stale)


async def test_answer_of_long_ago_stands_in_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "_MAX_STALE_SECONDS", 0.0)
    slack, found = Slack("alice", errors.Unavailable("away")), lookups.Lookups(cache_seconds=0.0)
    await found.find("U1", "users.info", slack.call, may_be_stale=True)

    with pytest.raises(errors.Unavailable):
        await found.find("U1", "users.info", slack.call, may_be_stale=True)


async def test_outage_is_remembered_for_a_shorter_time_than_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "_OUTAGE_CACHE_SECONDS", 0.0)
    for error, calls in ((errors.Unavailable("away"), 2), (errors.Refused("user_not_found"), 1)):
        slack, found = Slack(error, error), lookups.Lookups()
        for _ in range(2):
            with pytest.raises(type(error)):
                await found.find("U1", "users.info", slack.call)
        assert slack.calls == calls
