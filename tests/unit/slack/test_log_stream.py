"""A followed log in Slack: one message that keeps up, is ended by whoever wants to, and leaves the whole as a file."""

import asyncio
import contextlib
import dataclasses
import datetime
import itertools
import pathlib
import re
import tempfile
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bot.durable import timers
from bot.model import invocations, reports
from bot.slack.client import api as slack_api
from bot.slack.inbound import handler, payloads
from bot.slack.outbound import log_stream, rate_limit
from bot.store import audit, database, migrate
from sandbox import slack
from sandbox.slack.scenario import people
from sandbox.slack.state import channels, messages
from tests import builders

pytestmark = pytest.mark.anyio

REPORT = builders.a_report(headline="pos-order: followed for 3 s, stopped by ada.", is_information=True)
EDIT_SECONDS = 0.05


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scene:
    workspace: slack.Workspace
    alice: people.Person
    ops: channels.Channel
    record: audit.AuditLog
    db: database.Database
    stopping: asyncio.Event

    async def mentioned(self) -> payloads.Request:
        delivery = await self.alice.mentions("logs order --follow", self.ops)
        return payloads.from_message(delivery.payload, self.workspace.settings.bot_user_id, invocations.Source.MENTION)

    async def typed(self, channel: channels.Channel | None = None) -> payloads.Request:
        delivery = await self.alice.types("/pos logs order --follow", channel or self.ops)
        return payloads.from_command(delivery.payload)

    @contextlib.asynccontextmanager
    async def followed(
        self, request: payloads.Request, *, is_public: bool = True, **terms: Any
    ) -> AsyncIterator[handler.SlackDisplay]:
        api = slack_api.SlackApi(self.workspace.bot_token, self.workspace.api_url)
        await self.record.begin(request.invocation)
        limiter = rate_limit.EditLimiter(EDIT_SECONDS, rate_limit.EditBudget(burst=1_000))
        short = {"post_seconds": EDIT_SECONDS / 3, "poll_seconds": EDIT_SECONDS, "late_seconds": 0.0}
        options = log_stream.LogStreamOptions(
            record=self.record, db=self.db, stopping=self.stopping, limiter=limiter, **(short | terms)
        )
        live = handler.SlackDisplay(api, request.invocation, request.target, options, is_public=is_public)
        try:
            yield live
        finally:
            await live.close()

    def bots_messages(self, channel: channels.Channel | None = None) -> list[messages.Message]:
        seen = self.alice.sees(channel or self.ops)
        return [message for message in seen if message.bot_id and not message.is_ephemeral]

    async def waits_for_edits(self, count: int) -> None:
        await self.workspace.wait_for(lambda: len(self.workspace.calls("chat.update")) >= count or None)


@pytest.fixture
async def scene(tmp_path: pathlib.Path) -> AsyncIterator[Scene]:
    async with (
        slack.running(slack.Settings(posting_burst=None)) as workspace,
        database.open_database(f"sqlite:///{tmp_path}/posbot.db") as db,
    ):
        await migrate.migrate(db)
        alice = workspace.person("alice")
        yield Scene(
            workspace=workspace,
            alice=alice,
            ops=workspace.channel("ops", members=[alice]),
            record=audit.AuditLog(db),
            db=db,
            stopping=asyncio.Event(),
        )


def a_log(*texts: str) -> reports.Log:
    entries = tuple(reports.LogEntry(text=text, source="pos-order-x2x") for text in texts)
    return reports.Log(entries=entries, name="pos-order.log", common="pos-order-")


def an_answer(request: payloads.Request, **changes: Any) -> invocations.Response:
    return builders.an_answer(REPORT, invocation_id=request.invocation.id, **changes)


def labels(message: messages.Message) -> list[str]:
    return [button.text for button in message.buttons]


async def test_message_of_a_followed_log_is_noted_for_a_later_process(scene: Scene) -> None:
    noted: list[dict[str, Any]] = []

    class Pending:
        async def note_messages(self, _: invocations.Invocation, **messages: Any) -> None:
            noted.append(messages)

    request = await scene.mentioned()
    async with scene.followed(request) as live:
        live._pending = Pending()  # type: ignore[assignment]
        await live.append(a_log("first"), "1 pod")
        message = await scene.alice.waits_for_message(scene.ops, containing="first")
        await scene.workspace.wait_for(lambda: noted or None)

    assert noted == [{"progress": None, "followed": slack_api.MessageRef(channel=scene.ops.id, timestamp=message.ts)}]


async def test_one_message_shows_the_newest_lines_and_a_stop_button(scene: Scene) -> None:
    request = await scene.mentioned()
    async with scene.followed(request) as live:
        await live.append(a_log("first", "second"), "3 pods · 2 lines/s")
        message = await scene.alice.waits_for_message(scene.ops, containing="x2x │ second")
        await live.append(a_log("third"), "3 pods · 1 lines/s")
        message = await scene.alice.waits_for_change(message, containing="x2x │ third")

    assert message.thread_ts == request.target.thread
    assert "Following pos-order.log" in message.plain_text
    assert "3 pods · 1 lines/s · requested by" in message.plain_text
    assert [(button.text, button.value) for button in message.buttons] == [("Stop", f"stop {request.invocation.id}")]


async def test_final_message_keeps_newest_lines_and_thread_gets_all(scene: Scene) -> None:
    request = await scene.mentioned()
    lines = [f"line {number} {'x' * 90}" for number in range(1_000)]
    async with scene.followed(request) as live:
        await live.append(a_log(*lines), "3 pods")
        message = await scene.alice.waits_for_message(scene.ops, containing="line 999")
        is_told = await live.finish(an_answer(request))

    last = scene.workspace.latest(message)
    (file,) = scene.workspace.files
    assert is_told
    assert scene.bots_messages()[0] == last
    assert REPORT.headline in last.plain_text
    assert re.search(r"Last \d\d of 1,000 lines. Full log: pos-order.log, in this thread.", last.plain_text)
    assert "line 999" in last.plain_text
    assert "Stop" not in labels(last)
    assert file.text == "".join(f"x2x │ {line}\n" for line in lines)
    assert scene.bots_messages()[1].thread_ts == last.thread_ts == request.target.thread


async def test_short_log_needs_no_file(scene: Scene) -> None:
    request = await scene.mentioned()
    async with scene.followed(request) as live:
        await live.append(a_log("one", "two"), "1 pod")
        await scene.alice.waits_for_message(scene.ops, containing="two")
        await live.finish(an_answer(request))

    assert "Last " not in scene.bots_messages()[0].plain_text
    assert scene.workspace.files == ()


async def test_empty_log_is_stated(scene: Scene) -> None:
    request = await scene.mentioned()
    async with scene.followed(request, seconds=EDIT_SECONDS * 4) as live:
        reason = await live.until_stopped()
        await live.finish(an_answer(request))

    assert reason == "after 0.2 seconds"
    assert "No lines." in scene.bots_messages()[0].plain_text


async def test_fast_log_respects_edit_rate_limit_and_spool_size(scene: Scene) -> None:
    request, numbers = await scene.mentioned(), itertools.count()
    async with scene.followed(request, spool_bytes=100_000) as live:
        while len(scene.workspace.calls("chat.update")) < 5:
            await live.append(a_log(*[f"line {next(numbers)}" for _ in range(500)]), "busy")
            await asyncio.sleep(0)
            assert live._stream is not None
            assert live._stream.tail.characters <= 20_000
        total = next(numbers)
        edits = [call.at_seconds for call in scene.workspace.calls("chat.update")]
        await live.finish(an_answer(request))

    (file,) = scene.workspace.files
    kept = file.text.splitlines()
    assert len(edits) - 2 <= (edits[-1] - edits[0]) / EDIT_SECONDS
    assert total > 5_000
    assert kept == [f"x2x │ line {number}" for number in range(len(kept))]
    assert 90_000 < len(file.content) <= 100_000
    told = scene.bots_messages()[0].plain_text
    assert f"pos-order.log in this thread has the first {len(kept):,} lines, without {total - len(kept):,}." in told


async def test_unchanged_log_causes_no_edit(scene: Scene) -> None:
    request = await scene.mentioned()
    async with scene.followed(request, seconds=EDIT_SECONDS * 12) as live:
        await live.append(a_log("one"), "1 pod")
        await live.until_stopped()

    assert len(scene.workspace.calls("chat.update")) <= 1


@pytest.mark.parametrize(("name", "user_id"), [("ada", "U0ADA"), ("ada", ""), ("posbot", "U0POSBOTFAN")])
async def test_person_who_stopped_is_named(scene: Scene, name: str, user_id: str) -> None:
    request = await scene.mentioned()
    async with scene.followed(request) as live:
        waiting = asyncio.ensure_future(live.until_stopped())
        wish = invocations.CancelRequest(by=name, at=builders.NOW, by_id=user_id)
        await scene.record.request_stop(request.invocation.id, wish, by=request.invocation)

        assert await waiting == f"by {name}"
        assert await live.until_stopped() == f"by {name}"


async def test_shutdown_stops_the_stream_at_once(scene: Scene) -> None:
    async with scene.followed(await scene.mentioned(), poll_seconds=50) as live:
        waiting = asyncio.ensure_future(live.until_stopped())
        await scene.alice.waits_for_message(scene.ops, containing="Following")
        scene.stopping.set()

        assert await waiting == "because posbot is being restarted"


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        pytest.param(
            lambda scene, message: scene.workspace.delete_message(message),
            "because its message was deleted",
            id="deleted",
        ),
        pytest.param(
            lambda scene, _: scene.workspace.archive(scene.ops), "because the channel was archived", id="archived"
        ),
        pytest.param(
            lambda scene, _: scene.workspace.remove_bot_from(scene.ops),
            "because posbot was removed from the channel",
            id="removed",
        ),
    ],
)
async def test_stream_ends_if_refused_and_response_reaches_the_person(
    scene: Scene, happens: Callable[[Scene, messages.Message], object], reason: str
) -> None:
    request = await scene.mentioned()
    async with scene.followed(request) as live:
        await live.append(a_log("one"), "1 pod")
        message = await scene.alice.waits_for_message(scene.ops, containing="one")
        happens(scene, message)
        await live.append(a_log("two"), "1 pod")

        assert await live.until_stopped() == reason
        assert await live.finish(an_answer(request))

    told = [*scene.alice.sees(scene.ops), *scene.alice.sees(scene.alice.chat_with_bot)]
    assert [m for m in told if REPORT.headline in m.plain_text]


async def test_rate_limit_only_reduces_edits(scene: Scene) -> None:
    request = await scene.mentioned()
    async with scene.followed(request) as live:
        await live.append(a_log("one"), "1 pod")
        message = await scene.alice.waits_for_message(scene.ops, containing="one")
        scene.workspace.faults.rate_limit("chat.update", retry_after_seconds=1)
        await live.append(a_log("two"), "1 pod")
        await scene.waits_for_edits(1)
        await live.append(a_log("three"), "1 pod")
        message = await scene.alice.waits_for_change(message, containing="three")

    refused, taken = scene.workspace.calls("chat.update")[:2]
    assert refused.outcome == "ratelimited"
    assert "two" in message.plain_text
    assert taken.at_seconds - refused.at_seconds >= 1.0


async def test_rate_limited_message_does_not_delay_appends(scene: Scene) -> None:
    request = await scene.mentioned()
    scene.workspace.faults.slow_answer("chat.postMessage", seconds=0.5)
    async with scene.followed(request) as live, asyncio.timeout(0.4):
        for number in range(1_000):
            await live.append(a_log(f"line {number}"), "1 pod")


@pytest.mark.parametrize("trouble", ["drop", "server error", "rate limit"])
async def test_final_state_arrives_despite_failures(scene: Scene, trouble: str) -> None:
    request = await scene.mentioned()
    async with scene.followed(request) as live:
        await live.append(a_log("one"), "1 pod")
        message = await scene.alice.waits_for_message(scene.ops, containing="one")
        faults = scene.workspace.faults
        if trouble == "drop":
            faults.drop_after_accepting("chat.update")
        elif trouble == "server error":
            faults.server_error("chat.update", status=500)
        else:
            faults.rate_limit("chat.update", retry_after_seconds=0.1, times=3)

        assert await live.finish(an_answer(request))

    last = scene.workspace.latest(message)
    assert REPORT.headline in last.plain_text
    assert "Stop" not in labels(last)
    assert len(scene.bots_messages()) == 1


async def test_private_request_is_streamed_in_direct_messages(scene: Scene) -> None:
    request = await scene.typed()
    async with scene.followed(request, is_public=False) as live:
        await live.append(a_log(*["x" * 100] * 200), "1 pod")
        message = await scene.alice.waits_for_message(scene.alice.chat_with_bot, containing="Following pos-order.log")
        where = await scene.alice.waits_for_message(scene.ops, containing="in your DM with posbot")
        await live.finish(an_answer(request))

    answer = await scene.alice.waits_for_message(scene.ops, containing=REPORT.headline)
    (file,) = scene.alice.files_in(scene.alice.chat_with_bot, thread=message)
    assert where.is_ephemeral and answer.is_ephemeral
    assert scene.bots_messages() == []
    assert REPORT.headline in scene.workspace.latest(message).plain_text
    assert file.name == "pos-order.log"


async def test_request_in_direct_messages_gets_one_response_there(scene: Scene) -> None:
    chat = scene.alice.chat_with_bot
    request = await scene.typed(chat)
    async with scene.followed(request, is_public=False) as live:
        await live.append(a_log("one"), "1 pod")
        await scene.alice.waits_for_message(chat, containing="one")
        await live.finish(an_answer(request))

    assert len([m for m in scene.alice.sees(chat) if REPORT.headline in m.plain_text]) == 1


async def test_public_stream_is_the_only_message(scene: Scene) -> None:
    request = await scene.typed()
    async with scene.followed(request, is_public=True) as live:
        await live.append(a_log(*["x" * 100] * 200), "1 pod")
        message = await scene.alice.waits_for_message(scene.ops, containing="Following pos-order.log")
        await live.finish(an_answer(request))

    assert not message.is_ephemeral
    assert scene.workspace.response_uses == ()
    assert len(scene.alice.files_in(scene.ops, thread=message)) == 1


async def test_stream_goes_to_direct_messages_if_the_bot_is_no_member(scene: Scene) -> None:
    scene.workspace.remove_bot_from(scene.ops)
    request = await scene.typed()
    async with scene.followed(request, is_public=True) as live:
        await live.append(a_log("one"), "1 pod")
        await scene.alice.waits_for_message(scene.alice.chat_with_bot, containing="one")
        await scene.alice.waits_for_message(scene.ops, containing="in your DM with posbot")
        await live.finish(an_answer(request))

    assert await scene.alice.waits_for_message(scene.ops, containing=REPORT.headline)


async def test_progress_message_becomes_the_stream(scene: Scene) -> None:
    request = await scene.mentioned()
    async with scene.followed(request) as live:
        await live.progress(builders.a_report(headline="Working on it."))
        await live.append(a_log("one"), "1 pod")
        await scene.alice.waits_for_message(scene.ops, containing="one")
        await live.progress(builders.a_report(headline="Working on it."))
        await live.finish(an_answer(request))

    assert [REPORT.headline in message.plain_text for message in scene.bots_messages()] == [True]


async def test_failed_upload_is_reported_with_its_remedy(scene: Scene) -> None:
    request = await scene.mentioned()
    scene.workspace.faults.refuse("files.getUploadURLExternal", error="missing_scope")
    async with scene.followed(request) as live:
        await live.append(a_log(*["x" * 100] * 200), "1 pod")
        await scene.alice.waits_for_message(scene.ops, containing="Following pos-order.log")
        assert await live.finish(an_answer(request))

    (message,) = scene.bots_messages()
    assert "The full log could not be uploaded." in message.plain_text
    assert "posbot manifest" in message.plain_text
    assert "in this thread" not in message.plain_text


async def test_full_disk_costs_only_the_file(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc/nowhere")
    request = await scene.mentioned()
    async with scene.followed(request) as live:
        await live.append(a_log(*["x" * 100] * 200), "1 pod")
        await scene.alice.waits_for_message(scene.ops, containing="Following pos-order.log")
        assert await live.finish(an_answer(request))

    assert "the disk of posbot is full" in scene.bots_messages()[0].plain_text
    assert scene.workspace.files == ()


async def test_failure_before_the_first_line_is_an_ordinary_response(scene: Scene) -> None:
    request = await scene.mentioned()
    async with scene.followed(request, post_seconds=60) as live:
        waiting = asyncio.ensure_future(live.until_stopped())
        await asyncio.sleep(0)
        assert await live.finish(an_answer(request, status=invocations.Status.FAILED))
        waiting.cancel()
        await asyncio.wait({waiting})

    (message,) = scene.bots_messages()
    assert REPORT.headline in message.plain_text


async def test_pending_first_message_is_not_orphaned_at_the_end(scene: Scene) -> None:
    request = await scene.mentioned()
    scene.workspace.faults.slow_answer("chat.postMessage", seconds=0.3)
    async with scene.followed(request) as live:
        await live.append(a_log("one"), "1 pod")
        await scene.alice.waits_for_message(scene.ops, containing="one")
        await live.finish(an_answer(request))

    (message,) = scene.bots_messages()
    assert REPORT.headline in message.plain_text
    assert labels(message) == []


async def test_unreachable_slack_ends_the_stream(scene: Scene) -> None:
    request = await scene.mentioned()
    scene.workspace.faults.drop_after_accepting("chat.postMessage")
    async with scene.followed(request) as live:
        assert await live.until_stopped() == "because Slack did not show it"


async def test_timer_ends_the_stream(scene: Scene) -> None:
    request = await scene.mentioned()
    registry = timers.Timers(scene.db, lambda: datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=10))
    registry.register(log_stream.TIMER, log_stream.request_stop)
    async with scene.followed(request, seconds=600.0, late_seconds=600.0) as live:
        waiting = asyncio.ensure_future(live.until_stopped())
        while not (due := await scene.db.work(registry.find_due)):  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(EDIT_SECONDS)
        await registry.fire(due)

        assert await waiting == "after 10 minutes"


async def test_timer_of_an_ended_stream_changes_nothing(scene: Scene) -> None:
    request = await scene.mentioned()
    await scene.record.begin(request.invocation)
    await scene.record.end(an_answer(request), command="logs", duration_seconds=1.0)
    timer = timers.Timer(kind=log_stream.TIMER, subject=request.invocation.id, due_at=builders.NOW)

    await scene.db.work(lambda connection: log_stream.request_stop(connection, timer))

    assert await scene.record.find_stop(request.invocation.id) is None


async def test_stream_ends_by_itself_without_the_database(scene: Scene) -> None:
    request, db = await scene.mentioned(), database.Closed("The database is away.")
    api = slack_api.SlackApi(scene.workspace.bot_token, scene.workspace.api_url)
    options = log_stream.LogStreamOptions(
        record=audit.AuditLog(db), db=db, stopping=scene.stopping, seconds=0.3, late_seconds=0.1, poll_seconds=0.05
    )
    live = handler.SlackDisplay(api, request.invocation, request.target, options, is_public=True)

    assert await live.until_stopped() == "after 0.3 seconds"
    await live.close()


async def test_cancellation_leaves_no_tasks_and_no_button(scene: Scene) -> None:
    request = await scene.mentioned()
    async with scene.followed(request) as live:
        await live.append(a_log(*["x" * 100] * 200), "1 pod")
        message = await scene.alice.waits_for_message(scene.ops, containing="Following pos-order.log")
        await live.finish(an_answer(request, status=invocations.Status.CANCELLED))

    names = {task.get_name() for task in asyncio.all_tasks()}
    assert not {name for name in names if "followed log" in name}
    last = scene.workspace.latest(message)
    assert labels(last) == []
    assert "before it could upload the full log." in last.plain_text
    assert scene.workspace.files == ()
