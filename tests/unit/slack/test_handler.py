"""What the handler adds to a request: who asks and where, as Slack says, and what it forgets again."""

import asyncio
from typing import Any

import pytest

from bot import errors
from bot.config import roles
from bot.dispatch import limits, parser
from bot.model import invocations
from bot.slack.client import api as slack_api
from bot.slack.client import retries
from bot.slack.inbound import handler, payloads
from bot.slack.outbound import log_stream, replies
from tests import builders

pytestmark = pytest.mark.anyio

PERSON = slack_api.Person(name="alice", team_id="T0HOME", kind=invocations.ActorKind.MEMBER)


class Slack:
    """Slack's side: away for a number of questions, and shows what it is sent."""

    def __init__(self, *, away_calls: int = 0, is_private: bool = False) -> None:
        self.away_calls, self.is_private = away_calls, is_private
        self.asked: list[str] = []
        self.shown: list[dict[str, Any]] = []
        self.block_support = retries.BlockSupport()

    async def person(self, user: str) -> slack_api.Person:
        self.asked.append(user)
        if len(self.asked) <= self.away_calls:
            raise errors.Unavailable("Slack did not answer users.info in time.")
        return PERSON

    async def channel(self, _: str) -> slack_api.Channel:
        return slack_api.Channel(name="war-room", is_private=self.is_private)

    async def respond(self, _: str, body: dict[str, Any], **__: object) -> None:
        self.shown.append(body)


class Dispatcher:
    """Reserves memory for each response."""

    def __init__(self) -> None:
        self.parser = parser.Parser({"health": builders.a_command("health")}, builders.a_vocabulary())
        self.limits = limits.Limits()

    async def dispatch(
        self, invocation: invocations.Invocation, _: object, reservation: limits.Reservation
    ) -> invocations.Response:
        await reservation.reserve(12_000_000)
        return builders.an_answer(invocation_id=invocation.id)


class Pending:
    """Holds no responses."""

    async def settle(self, _: str) -> None:
        """Forget nothing."""


def a_handler(slack: Slack, dispatcher: Dispatcher | None = None, **waiting: float) -> handler.RequestHandler:
    own: Any = slack
    nothing: Any = None
    pending: Any = Pending()
    dispatching: Any = dispatcher or Dispatcher()
    options = log_stream.LogStreamOptions(record=nothing, db=nothing, stopping=asyncio.Event())
    return handler.RequestHandler(dispatching, own, roles.Channels(), options, pending, **waiting)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "_IDENTIFY_PAUSE_SECONDS", 0.001)


async def test_person_is_looked_up_until_slack_answers() -> None:
    slack = Slack(away_calls=3)

    assert await a_handler(slack)._find_person("U0ALICE") == PERSON
    assert len(slack.asked) == 4


async def test_person_is_not_looked_up_for_ever() -> None:
    own = a_handler(Slack(away_calls=10**9), identify_seconds=0.01)

    async with asyncio.timeout(5):
        with pytest.raises(errors.Unavailable):
            await own._find_person("U0ALICE")


@pytest.mark.parametrize(("is_known", "is_private"), [(True, False), (None, False), (None, True)])
async def test_conversation_is_private_where_the_payload_or_slack_says_so(
    is_known: bool | None, *, is_private: bool
) -> None:
    place = builders.a_place(id="G0WAR", name="privategroup", is_private=is_known)

    found = await a_handler(Slack(is_private=is_private))._complete_conversation(place)

    assert found.name == "war-room"
    assert bool(found.is_private) is bool(is_known or is_private)


async def test_author_of_a_message_that_a_bot_wrote_stays_a_bot() -> None:
    actor = builders.an_actor(kind=invocations.ActorKind.BOT)

    assert (await a_handler(Slack())._complete_actor(actor)).kind is invocations.ActorKind.BOT


async def test_only_the_newest_shares_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "_MAX_SHARES", 2)
    slack = Slack()
    own = a_handler(slack)
    target = replies.ReplyTarget(
        channel="C0OPS",
        user="U0ALICE",
        response_url="https://hooks.slack.com/x",
        reply=invocations.Reply.PUBLIC,
    )
    for number in range(5):
        invocation = builders.an_invocation(id=f"1123-{number}", text=f"share {number}")
        await own.handle(payloads.Request(invocation=invocation, target=target))

    assert [text for text, _ in own._shared] == ["share 3", "share 4"]


async def test_memory_of_a_shown_response_is_released() -> None:
    slack, dispatcher = Slack(), Dispatcher()
    own = a_handler(slack, dispatcher)
    target = replies.ReplyTarget(channel="C0OPS", user="U0ALICE", response_url="https://hooks.slack.com/x")
    async with asyncio.timeout(5):
        for number in range(3):
            invocation = builders.an_invocation(id=f"1123-{number}", text="health")
            await own.handle(payloads.Request(invocation=invocation, target=target))

    assert len(slack.shown) == 3
