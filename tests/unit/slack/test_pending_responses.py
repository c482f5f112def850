"""An acknowledged command gets its response once Slack is back; a new process says what was interrupted."""

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.config import roles
from bot.durable import deliveries, membership
from bot.model import invocations, reports
from bot.slack.client import api as slack_api
from bot.slack.client import errors as client_errors
from bot.slack.client import retries
from bot.slack.outbound import pending_responses, rate_limit, replies
from bot.store import audit, database
from tests import builders, databases
from tests.databases import database_url, db, postgresql_folder
from tests.unit.durable import kernel_fixture

__all__ = ["database_url", "db", "postgresql_folder"]
pytestmark = pytest.mark.anyio

TARGET = replies.ReplyTarget(channel="C0OPS", user="U0ALICE", response_url="https://hooks.slack.com/commands/1")
HOUR = datetime.timedelta(hours=1)


class Slack:
    """Slack's side: away for a number of calls, then it keeps what it is sent."""

    def __init__(self) -> None:
        self.away_calls = 0
        self.bodies: list[dict[str, Any]] = []
        self.is_url_expired = False
        self.ephemerals: list[str] = []
        self.edits: list[tuple[slack_api.MessageRef, str]] = []
        self.block_support = retries.BlockSupport()

    async def respond(self, _: str, body: dict[str, Any], **__: object) -> None:
        self._connect()
        if self.is_url_expired:
            raise client_errors.SlackRefused("a response", "expired_url")
        self.bodies.append(body)

    async def post_ephemeral(self, channel: str, user: str, *, text: str, **_: object) -> None:
        self._connect()
        self.ephemerals.append(f"{channel} {user} {text}")

    async def update(self, message: slack_api.MessageRef, *, text: str, **_: object) -> None:
        self._connect()
        self.edits.append((message, text))

    def _connect(self) -> None:
        if self.away_calls:
            self.away_calls -= 1
            raise client_errors.NotConnected("Slack could not be reached for a response.")

    @property
    def texts(self) -> list[str]:
        return [str(body["text"]) for body in self.bodies]


class Replica:
    """A process as far as responses are concerned."""

    def __init__(self, slack: Any, db: database.Database) -> None:
        self.record = audit.AuditLog(db)
        self.member = membership.Membership(db, config=kernel_fixture.CONFIG)
        self.now = builders.NOW
        self.pending = pending_responses.PendingResponses(
            slack,
            self.record,
            db,
            self.member,
            channels=roles.Channels(),
            limiter=rate_limit.EditLimiter(),
            now=lambda: self.now,
        )

    async def begin(self, number: int = 1, target: replies.ReplyTarget = TARGET) -> invocations.Invocation:
        reply_to = target.to_document()
        invocation = builders.an_invocation(id=f"1123-{number:010x}", delivery_key=f"k{number}", reply_to=reply_to)
        assert await self.record.begin(invocation)
        return invocation

    async def end(self, invocation: invocations.Invocation, **changes: Any) -> invocations.Response:
        report = builders.a_report(headline="pos-order · prod: UP")
        response = builders.an_answer(report, invocation_id=invocation.id, **changes)
        await self.record.end(response, command="health", duration_seconds=0.1)
        return response


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending_responses, "_FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(pending_responses, "_MAX_RETRY_SECONDS", 0.05)


@pytest.fixture
def slack() -> Slack:
    return Slack()


@contextlib.asynccontextmanager
async def running(slack: Slack, db: database.Database) -> AsyncIterator[Replica]:
    replica = Replica(slack, db)
    async with kernel_fixture.watching(replica.member):
        yield replica


async def left(db: database.Database) -> int:
    counted = "SELECT (SELECT count(*) FROM claims) + (SELECT count(*) FROM deliveries WHERE state = 'requested')"
    return int((await databases.execute(db, counted))[0][0])


async def settled(db: database.Database) -> None:
    async with asyncio.timeout(20):
        while await left(db):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_shown_response_leaves_nothing_behind(slack: Slack, db: database.Database) -> None:
    async with running(slack, db) as replica:
        invocation = await replica.begin()
        assert await left(db) == 2
        await replica.end(invocation)
        await replica.pending.settle(invocation.id)

        assert await left(db) == 0
    async with running(slack, db):
        await asyncio.sleep(0.2)
    assert slack.texts == []


async def test_response_is_shown_once_slack_is_back(slack: Slack, db: database.Database) -> None:
    slack.away_calls = 6
    async with running(slack, db) as replica:
        response = await replica.end(await replica.begin())
        assert replica.pending.postpone(response, client_errors.NotConnected("away"))
        await settled(db)

    assert slack.texts == ["🟢 pos-order · prod: UP"]


async def test_response_that_its_process_did_not_show_is_shown_by_the_next(slack: Slack, db: database.Database) -> None:
    slack.away_calls = 2
    async with running(slack, db) as replica:
        response = await replica.end(await replica.begin())
        replica.pending.postpone(response, client_errors.NotConnected("away"))
    async with running(slack, db):
        await settled(db)

    assert slack.texts == ["🟢 pos-order · prod: UP"]


async def test_pause_that_slack_asks_for_is_kept(slack: Slack, db: database.Database) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise client_errors.RateLimited("Slack did not accept it.", pause_seconds=30.0)

    slack.respond = slack.post_ephemeral = refuse  # type: ignore[method-assign]
    replica = Replica(slack, db)
    response = await replica.end(await replica.begin())
    payload = {"target": TARGET.to_document(), "received_at": builders.NOW.isoformat(), "is_public": False}
    delivery = deliveries.Delivery(kind="response", subject=response.invocation_id, occurrence="1", payload=payload)

    assert await replica.pending._send(delivery) == deliveries.NotTaken(retry_after_seconds=30.0)


@pytest.mark.parametrize("has_cancelled_record", [False, True])
async def test_killed_process_leaves_nobody_without_an_answer(
    slack: Slack, db: database.Database, has_cancelled_record: bool
) -> None:
    killed = Replica(slack, db)
    killed.member.id = await killed.member._register()
    begun = [await killed.begin(number) for number in range(20)]
    if has_cancelled_record:
        for one in begun:
            await killed.end(one, status=invocations.Status.CANCELLED)

    async with running(slack, db) as replica:
        await settled(db)
        entries = await replica.record.latest(limit=100)

    assert len(slack.texts) == 20
    assert {"Interrupted" in text and "Run it again" in text for text in slack.texts} == {True}
    assert "health pos-order" in str(slack.bodies[0]["blocks"])
    assert {entry.status for entry in entries} == {"cancelled"}


async def test_progress_of_a_killed_process_becomes_the_answer(slack: Slack, db: database.Database) -> None:
    killed = Replica(slack, db)
    killed.member.id = await killed.member._register()
    thread = replies.ReplyTarget(channel="C0OPS", user="U0ALICE", thread="17.0", is_private=False)
    progress = slack_api.MessageRef(channel="C0OPS", timestamp="18.0")
    await killed.pending.note_messages(await killed.begin(target=thread), progress=progress)

    async with running(slack, db):
        await settled(db)

    ((message, text),) = slack.edits
    assert message == progress
    assert "Interrupted" in text


@pytest.mark.parametrize("is_elsewhere", [False, True], ids=["in the channel", "in a DM"])
@pytest.mark.parametrize("is_mention", [False, True], ids=["typed", "mentioned"])
async def test_followed_log_of_a_killed_process_says_that_it_was_interrupted(
    slack: Slack, db: database.Database, is_mention: bool, is_elsewhere: bool
) -> None:
    killed = Replica(slack, db)
    killed.member.id = await killed.member._register()
    target = replies.ReplyTarget(channel="C0OPS", user="U0ALICE", thread="17.0") if is_mention else TARGET
    followed = slack_api.MessageRef(channel="D0ALICE" if is_elsewhere else "C0OPS", timestamp="18.0")
    # In the thread of a mention, a message says that the log is in a DM.
    progress = slack_api.MessageRef(channel="C0OPS", timestamp="17.5") if is_mention and is_elsewhere else None
    invocation = await killed.begin(target=target)
    await killed.pending.note_messages(invocation, progress=progress, followed=followed)
    slack.away_calls = 1

    async with running(slack, db):
        await settled(db)

    assert [message for message, _ in slack.edits] == [followed] + ([progress] if progress is not None else [])
    assert {"Interrupted" in text for _, text in slack.edits} == {True}
    assert len(slack.bodies) == (is_elsewhere and not is_mention)


async def test_expired_response_url_leads_to_an_ephemeral_message(slack: Slack, db: database.Database) -> None:
    slack.away_calls, slack.is_url_expired = 3, True
    async with running(slack, db) as replica:
        response = await replica.end(await replica.begin())
        replica.now += HOUR
        replica.pending.postpone(response, client_errors.NotConnected("away"))
        await settled(db)

    assert slack.ephemerals == ["C0OPS U0ALICE 🟢 pos-order · prod: UP"]


async def test_response_of_yesterday_is_given_up(slack: Slack, db: database.Database) -> None:
    async with running(slack, db) as replica:
        response = await replica.end(await replica.begin())
        replica.now += 25 * HOUR
        replica.pending.postpone(response, client_errors.NotConnected("away"))
        await settled(db)
        found = await db.work(lambda one: deliveries.find(one, "response", response.invocation_id, "1"))

    assert slack.texts == []
    assert found is not None
    assert found.state is deliveries.State.REFUSED


async def test_shared_response_is_shown_to_the_channel_later(slack: Slack, db: database.Database) -> None:
    slack.away_calls = 2
    async with running(slack, db) as replica:
        response = await replica.end(await replica.begin(), reply=invocations.Reply.PUBLIC)
        replica.pending.postpone(response, client_errors.NotConnected("away"))
        await settled(db)

    assert [body["response_type"] for body in slack.bodies] == ["in_channel"]


async def test_unrecorded_response_is_counted_as_undelivered(slack: Slack, db: database.Database) -> None:
    async with running(slack, db) as replica:
        response = builders.an_answer(builders.a_report(verdict=reports.Verdict.OK))

        assert not replica.pending.postpone(response, client_errors.NotConnected("away"))


async def test_invocation_of_a_terminal_is_not_held(slack: Slack, db: database.Database) -> None:
    async with running(slack, db) as replica:
        await replica.record.begin(builders.an_invocation())

        assert await left(db) == 0
