"""A run in Slack: one live message, a question that notifies, and the end; whatever Slack does meanwhile."""

import itertools

import pytest

from bot.procedures import runs
from sandbox import slack
from tests.integration.live_messages import delivery_fixture
from tests.unit.engine import engine_fixture

pytestmark = pytest.mark.anyio


def labels(message: object) -> list[str]:
    return [button.text for button in message.buttons]  # type: ignore[attr-defined]


async def test_one_message_shows_how_far_a_run_is_and_another_that_it_is_over(
    scene: delivery_fixture.Scene, notes: engine_fixture.Notes
) -> None:
    run = await scene.begins(notes.step("a", seconds=0.4), notes.step("b", seconds=0.4))

    first = await scene.sees_live(run)
    last = await scene.sees_live(run, "Try out: completed")
    end = await scene.sees("Try out: completed", matching=lambda one: scene.is_for(one, run, "end-"))

    assert first.ts == last.ts
    assert "2 of 2 steps" in last.plain_text and "a came out ok." in last.plain_text
    assert [block["type"] for block in last.blocks] == ["rich_text", "plan", "actions", "context"]
    assert [card["status"] for card in last.blocks[1]["tasks"]] == ["complete", "complete"]
    assert end.thread_ts == last.ts and f"<@{scene.alice.id}>" in end.plain_text
    assert len(scene.posts(run, "")) == 2


async def test_many_changes_are_few_edits_and_the_last_state_is_always_shown(
    scene: delivery_fixture.Scene, notes: engine_fixture.Notes
) -> None:
    run = await scene.begins(*[notes.step(f"s{number}", seconds=0.02) for number in range(20)])

    await scene.sees_live(run, "20 of 20 steps")

    edits = [call.at_seconds for call in scene.workspace.calls("chat.update")]
    assert all(later - earlier >= delivery_fixture.EDIT_SECONDS * 0.9 for earlier, later in itertools.pairwise(edits))


async def test_a_question_is_asked_in_the_thread_and_shows_who_answered(
    scene: delivery_fixture.Scene, notes: engine_fixture.Notes
) -> None:
    run = await scene.begins(notes.step("a", "turn", confirm={"text": "Really turn it?"}))

    question = await scene.sees("Really turn it?")
    live = scene.posts(run, "live")[0]
    waiting = await scene.crew.rests(run)
    await scene.crew.answers(waiting, runs.YES, actor=delivery_fixture.an_actor(scene.alice))
    answered = await scene.bob.waits_for_change(question, containing="yes, alice at", timeout_seconds=20)

    assert question.thread_ts == live.ts
    assert labels(question) == ["Yes", "No"] and f"<@{scene.alice.id}>" in question.plain_text
    assert labels(answered) == [] and f"<@{scene.alice.id}>" not in answered.plain_text


@pytest.mark.parametrize(("note", "is_optional"), [("optional", True), ("required", False)])
async def test_where_a_note_is_wanted_there_is_a_field_for_it(
    scene: delivery_fixture.Scene, notes: engine_fixture.Notes, note: str, *, is_optional: bool
) -> None:
    manual = {"id": "look", "title": "Look", "uses": "manual", "with": {"instructions": "Look at it.", "note": note}}
    await scene.begins(manual)

    question = await scene.sees("Look at it.")

    (field,) = [block for block in question.blocks if block["type"] == "input"]
    assert field["optional"] is is_optional


async def test_a_question_that_was_answered_before_slack_was_told_is_never_asked_there(
    scene: delivery_fixture.Scene, notes: engine_fixture.Notes
) -> None:
    scene.workspace.faults.server_error("chat.postMessage", times=2)
    run = await scene.begins(notes.step("a", "turn", confirm={"text": "Really?"}))
    waiting = await scene.crew.rests(run)
    await scene.crew.answers(waiting, runs.YES, actor=delivery_fixture.an_actor(scene.alice))

    await scene.sees("Try out: completed", matching=lambda one: scene.is_for(one, run, "end-"))

    assert scene.posts(run, "question") == []


async def test_a_message_that_was_deleted_comes_back(
    scene: delivery_fixture.Scene, notes: engine_fixture.Notes
) -> None:
    run = await scene.begins(notes.step("a", seconds=0.5), notes.step("b"))
    first = await scene.sees_live(run)
    scene.workspace.delete_message(first)

    second = await scene.sees_live(run, "Try out: completed")

    assert second.ts != first.ts
    assert len(scene.posts(run, "live")) == 1


async def test_a_run_that_goes_on_after_its_end_has_another_end(
    scene: delivery_fixture.Scene, notes: engine_fixture.Notes
) -> None:
    run = await scene.begins(notes.step("a", good_after=1))
    await scene.sees("failed at", matching=lambda one: scene.is_for(one, run, "end-"))

    await scene.crew.core.runs.retry(
        run.id, by=engine_fixture.an_invocation(actor=delivery_fixture.an_actor(scene.alice))
    )
    await scene.sees("Try out: completed", matching=lambda one: scene.is_for(one, run, "end-"))

    assert len(scene.posts(run, "end-")) == 2
    assert len(scene.posts(run, "live")) == 1


async def test_a_secret_in_what_a_step_found_does_not_reach_slack(
    scene: delivery_fixture.Scene, notes: engine_fixture.Notes
) -> None:
    step = notes.step("a") | {"with": {"text": delivery_fixture.SECRET, "notes": str(notes.path)}}
    run = await scene.begins(step)

    shown = await scene.sees_live(run, "Try out: completed")

    assert "•••" in shown.plain_text and delivery_fixture.SECRET not in str(scene.workspace.calls("chat.update"))


async def test_a_dropped_answer_is_not_posted_twice(scene: delivery_fixture.Scene, notes: engine_fixture.Notes) -> None:
    scene.workspace.faults.drop_after_accepting("chat.postMessage", times=2)
    run = await scene.begins(notes.step("a", seconds=0.2))

    await scene.sees_live(run, "Try out: completed")
    await scene.sees("Try out: completed", matching=lambda one: scene.is_for(one, run, "end-"))

    assert len(scene.posts(run, "live")) == len(scene.posts(run, "end-")) == 1


async def test_a_question_that_was_answered_before_it_is_known_to_stand_there_shows_the_answer(
    scene: delivery_fixture.Scene, notes: engine_fixture.Notes
) -> None:
    run = await scene.begins(notes.step("a", seconds=0.4), notes.step("b", "turn", confirm={"text": "Really?"}))
    await scene.sees_live(run)
    scene.workspace.faults.drop_after_accepting("chat.postMessage")
    scene.workspace.faults.server_error("conversations.replies", times=4)

    question = await scene.sees("Really?")
    waiting = await scene.crew.rests(run)
    await scene.crew.answers(waiting, runs.YES, actor=delivery_fixture.an_actor(scene.alice))
    await scene.bob.waits_for_change(question, containing="yes, alice at", timeout_seconds=20)

    assert len(scene.posts(run, "question")) == 1


async def test_where_history_may_not_be_read_it_is_rather_posted_twice_than_not_at_all(
    scene: delivery_fixture.Scene, notes: engine_fixture.Notes
) -> None:
    scene.workspace.faults.drop_after_accepting("chat.postMessage")
    scene.workspace.faults.refuse("conversations.history", error="missing_scope")
    run = await scene.begins(notes.step("a", seconds=0.2))

    shown = await scene.sees_live(run, "Try out: completed")

    assert shown == scene.posts(run, "live")[1]


async def test_a_pause_that_slack_asks_for_delays_no_step(
    scene: delivery_fixture.Scene, notes: engine_fixture.Notes
) -> None:
    scene.workspace.faults.rate_limit("chat.postMessage", retry_after_seconds=1, times=2)
    run = await scene.begins(notes.step("a"))

    over = await scene.crew.rests(run)
    assert scene.posts(run, "live") == []
    await scene.sees_live(run, "Try out: completed")

    assert over.state is runs.RunState.COMPLETED
    assert len(scene.posts(run, "live")) == 1


async def test_slack_may_be_away_for_the_whole_run(scene: delivery_fixture.Scene, notes: engine_fixture.Notes) -> None:
    scene.workspace.faults.server_error("chat.postMessage", status=503, times=4)
    run = await scene.begins(notes.step("a"), notes.step("b"))

    over = await scene.crew.rests(run)
    await scene.sees("Try out: completed", matching=lambda one: scene.is_for(one, run, "end-"))

    assert over.state is runs.RunState.COMPLETED
    assert len(scene.posts(run, "live")) == len(scene.posts(run, "end-")) == 1


async def test_where_the_channel_takes_no_posts_they_come_directly(
    scene: delivery_fixture.Scene, notes: engine_fixture.Notes
) -> None:
    elsewhere = scene.workspace.channel("elsewhere", members=[scene.alice], bot_is_member=False)
    run = await scene.begins(notes.step("a", seconds=0.2), place=delivery_fixture.in_channel(elsewhere))

    chat = scene.alice.chat_with_bot
    end = await scene.alice.waits_for_message(
        chat, timeout_seconds=20, matching=lambda one: scene.is_for(one, run, "end-")
    )
    (live,) = scene.posts(run, "live", chat)

    assert end.thread_ts == live.ts
    assert "here because the channel accepts no messages of posbot" in live.plain_text
    tried = [call for call in scene.workspace.calls("chat.postMessage") if call.arguments["channel"] == elsewhere.id]
    assert len(tried) == 1


async def test_a_channel_that_is_archived_on_the_way_is_left_for_direct_messages(
    scene: delivery_fixture.Scene, notes: engine_fixture.Notes
) -> None:
    run = await scene.begins(notes.step("a", seconds=0.5), notes.step("b"))
    await scene.sees_live(run)
    scene.workspace.archive(scene.ops)

    end = await scene.alice.waits_for_message(
        scene.alice.chat_with_bot, timeout_seconds=20, matching=lambda one: scene.is_for(one, run, "end-")
    )
    assert "Try out: completed" in end.plain_text


async def test_where_nobody_takes_them_they_are_given_up_and_the_run_goes_on(
    scene: delivery_fixture.Scene, notes: engine_fixture.Notes
) -> None:
    scene.workspace.faults.refuse("chat.postMessage", error="restricted_action", times=100)
    run = await scene.begins(notes.step("a"))

    assert (await scene.crew.rests(run)).state is runs.RunState.COMPLETED
    other = await scene.begins(notes.step("b"))
    await scene.crew.rests(other)
    await scene.workspace.wait_for(lambda: len(scene.workspace.calls("chat.postMessage")) >= 4 or None)


async def test_a_thread_that_is_gone_is_not_needed(scene: delivery_fixture.Scene, notes: engine_fixture.Notes) -> None:
    root = await scene.alice.says("order is slow", scene.ops)
    scene.workspace.delete_message(root)
    run = await scene.begins(notes.step("a"), place=delivery_fixture.in_channel(scene.ops, root.ts))

    live = await scene.sees_live(run, "Try out: completed")

    assert live.thread_ts is None


async def test_a_run_of_a_thread_stays_in_it(scene: delivery_fixture.Scene, notes: engine_fixture.Notes) -> None:
    root = await scene.alice.says("order is slow", scene.ops)
    run = await scene.begins(notes.step("a"), place=delivery_fixture.in_channel(scene.ops, root.ts))

    await scene.sees_live(run, "Try out: completed")
    await scene.sees("Try out: completed", matching=lambda one: scene.is_for(one, run, "end-"))

    assert {one.thread_ts for one in scene.posts(run, "")} == {root.ts}


async def test_a_run_of_a_terminal_is_not_shown_in_slack(
    scene: delivery_fixture.Scene, notes: engine_fixture.Notes
) -> None:
    await scene.crew.executes(notes.step("a"))
    run = await scene.begins(notes.step("b"))
    await scene.sees_live(run, "Try out: completed")

    assert all(scene.is_for(one, run, "") for one in scene.workspace.messages_in(scene.ops))


async def test_a_workspace_that_takes_no_plans_gets_lists_and_is_asked_once(
    database_url: str, tmp_path, notes: engine_fixture.Notes
) -> None:
    setup = slack.Settings(posting_burst=None, refused_blocks=frozenset({"plan"}))
    async with (
        slack.running(setup) as workspace,
        engine_fixture.working(database_url, tmp_path, notes) as crew,
        delivery_fixture.posting(crew, workspace),
    ):
        scene = delivery_fixture.Scene.of(crew, workspace)
        for number in range(2):
            run = await scene.begins(notes.step(f"a{number}", seconds=0.1))
            shown = await scene.sees_live(run, "Try out: completed")

        assert f"✅ Do a{number}" in shown.plain_text
        assert [call.outcome for call in workspace.calls()].count("invalid_blocks") == 1


async def test_a_run_that_waits_is_none_that_slack_is_behind(
    scene: delivery_fixture.Scene, notes: engine_fixture.Notes
) -> None:
    run = await scene.begins(notes.step("a", "turn", confirm={"text": "Really?"}))
    await scene.sees("Really?")

    assert (await scene.crew.rests(run)).state is runs.RunState.WAITING
    await delivery_fixture.caught_up(scene.crew)
