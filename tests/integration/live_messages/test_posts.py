"""A run in Slack: one live message, questions and a final message, also while Slack fails."""

import pytest

from bot.procedures import runs
from sandbox import slack
from tests.integration.live_messages import delivery_fixture
from tests.unit.engine import engine_fixture

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


def labels(message: object) -> list[str]:
    return [button.text for button in message.buttons]  # type: ignore[attr-defined]


async def test_run_has_one_live_message_and_one_final_message(
    delivery: delivery_fixture.DeliveryFixture, notes: engine_fixture.Notes
) -> None:
    run = await delivery.start(notes.step("a", seconds=0.4), notes.step("b", seconds=0.4))

    first = await delivery.wait_for_live_message(run)
    last = await delivery.wait_for_live_message(run, "Try out: completed")
    end = await delivery.wait_for_message("Try out: completed", matching=lambda one: delivery.is_for(one, run, "end-"))

    assert first.ts == last.ts
    assert "2 of 2 steps" in last.plain_text and "a came out ok." in last.plain_text
    assert [block["type"] for block in last.blocks] == ["rich_text", "plan", "actions", "context"]
    assert [card["status"] for card in last.blocks[1]["tasks"]] == ["complete", "complete"]
    assert end.thread_ts == last.ts and f"<@{delivery.alice.id}>" in end.plain_text
    assert len(delivery.messages_of(run, "")) == 2


async def test_edits_are_rate_limited_and_the_final_state_is_shown(
    delivery: delivery_fixture.DeliveryFixture, notes: engine_fixture.Notes
) -> None:
    run = await delivery.start(*[notes.step(f"s{number}", seconds=0.02) for number in range(20)])

    await delivery.wait_for_live_message(run, "20 of 20 steps")

    edits = [call.at_seconds for call in delivery.workspace.calls("chat.update")]
    # Their distance is that of their turns; on a busy machine one arrives late and the next one does not.
    assert len(edits) - 2 <= (edits[-1] - edits[0]) / delivery_fixture.EDIT_SECONDS


async def test_question_is_in_the_thread_and_names_who_answered(
    delivery: delivery_fixture.DeliveryFixture, notes: engine_fixture.Notes
) -> None:
    run = await delivery.start(notes.step("a", "change", confirm={"text": "Really change it?"}))

    question = await delivery.wait_for_message("Really change it?")
    live = delivery.messages_of(run, "live")[0]
    waiting = await delivery.engine.wait_until_resting(run)
    await delivery.engine.answer(waiting, runs.YES, actor=delivery_fixture.an_actor(delivery.alice))
    answered = await delivery.bob.waits_for_change(question, containing="yes, alice at", timeout_seconds=20)

    assert question.thread_ts == live.ts
    assert labels(question) == ["Yes", "No"] and f"<@{delivery.alice.id}>" in question.plain_text
    assert labels(answered) == [] and f"<@{delivery.alice.id}>" not in answered.plain_text


@pytest.mark.parametrize(("note", "is_optional"), [("optional", True), ("required", False)])
async def test_question_with_a_note_has_an_input_field(
    delivery: delivery_fixture.DeliveryFixture, notes: engine_fixture.Notes, note: str, *, is_optional: bool
) -> None:
    manual = {"id": "look", "title": "Look", "uses": "manual", "with": {"instructions": "Look at it.", "note": note}}
    await delivery.start(manual)

    question = await delivery.wait_for_message("Look at it.")

    (field,) = [block for block in question.blocks if block["type"] == "input"]
    assert field["optional"] is is_optional


async def test_question_answered_before_delivery_is_never_posted(
    delivery: delivery_fixture.DeliveryFixture, notes: engine_fixture.Notes
) -> None:
    delivery.workspace.faults.server_error("chat.postMessage", times=2)
    run = await delivery.start(notes.step("a", "change", confirm={"text": "Really?"}))
    waiting = await delivery.engine.wait_until_resting(run)
    await delivery.engine.answer(waiting, runs.YES, actor=delivery_fixture.an_actor(delivery.alice))

    await delivery.wait_for_message("Try out: completed", matching=lambda one: delivery.is_for(one, run, "end-"))

    assert delivery.messages_of(run, "question") == []


async def test_deleted_message_is_posted_again(
    delivery: delivery_fixture.DeliveryFixture, notes: engine_fixture.Notes
) -> None:
    run = await delivery.start(notes.step("a", seconds=0.5), notes.step("b"))
    first = await delivery.wait_for_live_message(run)
    delivery.workspace.delete_message(first)

    second = await delivery.wait_for_live_message(run, "Try out: completed")

    assert second.ts != first.ts
    assert len(delivery.messages_of(run, "live")) == 1


async def test_deleted_question_is_not_posted_again_with_its_answer(
    delivery: delivery_fixture.DeliveryFixture, notes: engine_fixture.Notes
) -> None:
    run = await delivery.start(notes.step("a", "change", confirm={"text": "Really?"}))
    question = await delivery.wait_for_message("Really?")
    waiting = await delivery.engine.wait_until_resting(run)
    await delivery_fixture.wait_until_delivered(delivery.engine)
    delivery.workspace.delete_message(question)

    await delivery.engine.answer(waiting, runs.YES, actor=delivery_fixture.an_actor(delivery.alice))
    await delivery.wait_for_message("Try out: completed", matching=lambda one: delivery.is_for(one, run, "end-"))
    await delivery_fixture.wait_until_delivered(delivery.engine)

    assert delivery.messages_of(run, "question") == []


async def test_retried_run_has_another_final_message(
    delivery: delivery_fixture.DeliveryFixture, notes: engine_fixture.Notes
) -> None:
    run = await delivery.start(notes.step("a", good_after=1))
    await delivery.wait_for_message("failed at", matching=lambda one: delivery.is_for(one, run, "end-"))

    await delivery.engine.core.runs.retry(
        run.id, by=engine_fixture.an_invocation(actor=delivery_fixture.an_actor(delivery.alice))
    )
    await delivery.wait_for_message(
        "Try out · attempt 2: completed", matching=lambda one: delivery.is_for(one, run, "end-")
    )

    assert len(delivery.messages_of(run, "end-")) == 2
    assert len(delivery.messages_of(run, "live")) == 1


async def test_secret_in_a_step_result_does_not_reach_slack(
    delivery: delivery_fixture.DeliveryFixture, notes: engine_fixture.Notes
) -> None:
    step = notes.step("a") | {"with": {"text": delivery_fixture.SECRET, "notes": str(notes.path)}}
    run = await delivery.start(step)

    shown = await delivery.wait_for_live_message(run, "Try out: completed")

    assert "•••" in shown.plain_text and delivery_fixture.SECRET not in str(delivery.workspace.calls("chat.update"))


async def test_post_with_a_lost_response_is_not_repeated(
    delivery: delivery_fixture.DeliveryFixture, notes: engine_fixture.Notes
) -> None:
    delivery.workspace.faults.drop_after_accepting("chat.postMessage", times=2)
    run = await delivery.start(notes.step("a", seconds=0.2))

    await delivery.wait_for_live_message(run, "Try out: completed")
    await delivery.wait_for_message("Try out: completed", matching=lambda one: delivery.is_for(one, run, "end-"))

    assert len(delivery.messages_of(run, "live")) == len(delivery.messages_of(run, "end-")) == 1


async def test_question_answered_before_its_post_is_confirmed_is_updated(
    delivery: delivery_fixture.DeliveryFixture, notes: engine_fixture.Notes
) -> None:
    run = await delivery.start(notes.step("a", seconds=0.4), notes.step("b", "change", confirm={"text": "Really?"}))
    await delivery.wait_for_live_message(run)
    delivery.workspace.faults.drop_after_accepting("chat.postMessage")
    delivery.workspace.faults.server_error("conversations.replies", times=4)

    question = await delivery.wait_for_message("Really?")
    waiting = await delivery.engine.wait_until_resting(run)
    await delivery.engine.answer(waiting, runs.YES, actor=delivery_fixture.an_actor(delivery.alice))
    await delivery.bob.waits_for_change(question, containing="yes, alice at", timeout_seconds=20)

    assert len(delivery.messages_of(run, "question")) == 1


async def test_unconfirmed_post_is_repeated_if_history_is_unreadable(
    delivery: delivery_fixture.DeliveryFixture, notes: engine_fixture.Notes
) -> None:
    delivery.workspace.faults.drop_after_accepting("chat.postMessage")
    delivery.workspace.faults.refuse("conversations.history", error="missing_scope")
    run = await delivery.start(notes.step("a", seconds=0.2))

    shown = await delivery.wait_for_live_message(run, "Try out: completed")

    assert shown == delivery.messages_of(run, "live")[1]


async def test_rate_limit_of_slack_delays_no_step(
    delivery: delivery_fixture.DeliveryFixture, notes: engine_fixture.Notes
) -> None:
    delivery.workspace.faults.rate_limit("chat.postMessage", retry_after_seconds=1, times=2)
    run = await delivery.start(notes.step("a"))

    over = await delivery.engine.wait_until_resting(run)
    assert delivery.messages_of(run, "live") == []
    await delivery.wait_for_live_message(run, "Try out: completed")

    assert over.state is runs.RunState.COMPLETED
    assert len(delivery.messages_of(run, "live")) == 1


async def test_run_completes_while_slack_is_unavailable(
    delivery: delivery_fixture.DeliveryFixture, notes: engine_fixture.Notes
) -> None:
    delivery.workspace.faults.server_error("chat.postMessage", status=503, times=4)
    run = await delivery.start(notes.step("a"), notes.step("b"))

    over = await delivery.engine.wait_until_resting(run)
    await delivery.wait_for_message("Try out: completed", matching=lambda one: delivery.is_for(one, run, "end-"))

    assert over.state is runs.RunState.COMPLETED
    assert len(delivery.messages_of(run, "live")) == len(delivery.messages_of(run, "end-")) == 1


async def test_posts_refused_by_the_channel_go_to_direct_messages(
    delivery: delivery_fixture.DeliveryFixture, notes: engine_fixture.Notes
) -> None:
    elsewhere = delivery.workspace.channel("elsewhere", members=[delivery.alice], bot_is_member=False)
    run = await delivery.start(notes.step("a", seconds=0.2), place=delivery_fixture.in_channel(elsewhere))

    chat = delivery.alice.chat_with_bot
    end = await delivery.alice.waits_for_message(
        chat, timeout_seconds=20, matching=lambda one: delivery.is_for(one, run, "end-")
    )
    (live,) = delivery.messages_of(run, "live", chat)

    assert end.thread_ts == live.ts
    assert "here because the channel accepts no messages of posbot" in live.plain_text
    tried = [call for call in delivery.workspace.calls("chat.postMessage") if call.arguments["channel"] == elsewhere.id]
    assert len(tried) == 1


async def test_channel_archived_during_a_run_moves_posts_to_dm(
    delivery: delivery_fixture.DeliveryFixture, notes: engine_fixture.Notes
) -> None:
    run = await delivery.start(notes.step("a", seconds=0.5), notes.step("b"))
    await delivery.wait_for_live_message(run)
    delivery.workspace.archive(delivery.ops)

    end = await delivery.alice.waits_for_message(
        delivery.alice.chat_with_bot, timeout_seconds=20, matching=lambda one: delivery.is_for(one, run, "end-")
    )
    assert "Try out: completed" in end.plain_text


async def test_undeliverable_posts_are_dropped_and_the_run_completes(
    delivery: delivery_fixture.DeliveryFixture, notes: engine_fixture.Notes
) -> None:
    delivery.workspace.faults.refuse("chat.postMessage", error="restricted_action", times=100)
    run = await delivery.start(notes.step("a"))

    assert (await delivery.engine.wait_until_resting(run)).state is runs.RunState.COMPLETED
    other = await delivery.start(notes.step("b"))
    await delivery.engine.wait_until_resting(other)
    await delivery.workspace.wait_for(lambda: len(delivery.workspace.calls("chat.postMessage")) >= 4 or None)


async def test_deleted_thread_is_replaced_by_the_channel(
    delivery: delivery_fixture.DeliveryFixture, notes: engine_fixture.Notes
) -> None:
    root = await delivery.alice.says("order is slow", delivery.ops)
    delivery.workspace.delete_message(root)
    run = await delivery.start(notes.step("a"), place=delivery_fixture.in_channel(delivery.ops, root.ts))

    live = await delivery.wait_for_live_message(run, "Try out: completed")

    assert live.thread_ts is None


async def test_run_started_in_a_thread_stays_there(
    delivery: delivery_fixture.DeliveryFixture, notes: engine_fixture.Notes
) -> None:
    root = await delivery.alice.says("order is slow", delivery.ops)
    run = await delivery.start(notes.step("a"), place=delivery_fixture.in_channel(delivery.ops, root.ts))

    await delivery.wait_for_live_message(run, "Try out: completed")
    await delivery.wait_for_message("Try out: completed", matching=lambda one: delivery.is_for(one, run, "end-"))

    assert {one.thread_ts for one in delivery.messages_of(run, "")} == {root.ts}


async def test_terminal_run_is_not_shown_in_slack(
    delivery: delivery_fixture.DeliveryFixture, notes: engine_fixture.Notes
) -> None:
    await delivery.engine.execute(notes.step("a"))
    run = await delivery.start(notes.step("b"))
    await delivery.wait_for_live_message(run, "Try out: completed")

    assert all(delivery.is_for(one, run, "") for one in delivery.workspace.messages_in(delivery.ops))


async def test_unsupported_plan_block_is_tried_once_and_replaced_by_lists(
    database_url: str, tmp_path, notes: engine_fixture.Notes
) -> None:
    setup = slack.Settings(posting_burst=None, refused_blocks=frozenset({"plan"}))
    async with (
        slack.running(setup) as workspace,
        engine_fixture.running(database_url, tmp_path, notes) as engine,
        delivery_fixture.delivering(engine, workspace),
    ):
        delivery = delivery_fixture.DeliveryFixture.of(engine, workspace)
        for number in range(2):
            run = await delivery.start(notes.step(f"a{number}", seconds=0.1))
            shown = await delivery.wait_for_live_message(run, "Try out: completed")

        assert f"✅ Do a{number}" in shown.plain_text
        assert [call.outcome for call in workspace.calls()].count("invalid_blocks") == 1


async def test_waiting_run_has_no_stale_message(
    delivery: delivery_fixture.DeliveryFixture, notes: engine_fixture.Notes
) -> None:
    run = await delivery.start(notes.step("a", "change", confirm={"text": "Really?"}))
    await delivery.wait_for_message("Really?")

    assert (await delivery.engine.wait_until_resting(run)).state is runs.RunState.WAITING
    await delivery_fixture.wait_until_delivered(delivery.engine)
