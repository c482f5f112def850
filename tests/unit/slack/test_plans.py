"""Plans in Slack: a card for each task, or a list, and never more than Slack takes."""

from typing import Any

import pytest
import rich.console
from hypothesis import given
from hypothesis import strategies as st

from bot.model import reports
from bot.slack.blocks import elements, message
from bot.terminal import rendering
from sandbox.slack.blocks import checking, kinds, reading
from tests import builders
from tests.unit.slack import strategies

S = reports.TaskState
TASKS = st.builds(
    reports.Task,
    id=st.just("x"),
    title=strategies.TEXTS,
    state=st.sampled_from(S),
    status=strategies.TEXTS,
    detail=st.builds(lambda text, times: text * times, strategies.TEXTS, st.sampled_from((1, 50))),
)
PLANS = st.builds(
    lambda tasks, times, title: reports.Plan(tasks=tuple(tasks * times), title=title),
    st.lists(TASKS, max_size=4),
    st.sampled_from((1, 12, 30)),
    strategies.TITLES,
)


def a_plan(*states: reports.TaskState, **changes: Any) -> reports.Plan:
    tasks = tuple(reports.Task(id=f"{state}", title=f"Do {state}", state=state, **changes) for state in states)
    return reports.Plan(tasks=tasks)


def message_of(*sections: reports.Section, has_plans: bool = True) -> message.Message:
    answer = builders.an_answer(builders.a_report(sections=sections))
    return message.message(answer, elements.RenderOptions(has_plans=has_plans))


def a_notice(plan: reports.Plan, **changes: Any) -> message.Notice:
    return message.Notice(report=builders.a_report(sections=(plan,)), mark="⏳", **changes)


@given(plan=PLANS, has_plans=st.booleans(), note=st.sampled_from(("none", "optional", "required")))
def test_any_plan_is_a_valid_message(plan: reports.Plan, note: str, *, has_plans: bool) -> None:
    action = reports.NextAction(label="Yes", command="run answer")
    report = builders.a_report(sections=(plan,), next_actions=(action,))
    told = message.Notice(report=report, mark="✋", mention="U0ALICE", note=note, footer=("<!channel>",))
    for drawn in (
        message.notice(told, elements.RenderOptions(has_plans=has_plans)),
        message_of(plan, plan, has_plans=has_plans),
    ):
        content = list(drawn.blocks)
        assert checking.block_problems(content, kinds.Surface.MESSAGE) == []
        assert not checking.is_too_long(content)
        assert "<!channel>" not in [block for block in content if block["type"] == "context"][-1]["elements"][0]["text"]


def test_each_state_is_distinct_and_skipped_is_not_complete() -> None:
    (plan,) = [block for block in message_of(a_plan(*S)).blocks if block["type"] == "plan"]

    assert {card["title"]: card["status"] for card in plan["tasks"]} == {
        "Do pending": "pending",
        "Do running": "in_progress",
        "Do waiting": "in_progress",
        "Do done": "complete",
        "Do failed": "error",
        "Do unknown": "error",
        "Do skipped": "pending",
    }


def test_marks_replace_unsupported_plans() -> None:
    shown = reading.visible_text(list(message_of(a_plan(*S), has_plans=False).blocks))

    assert [line.strip() for line in shown.splitlines() if "Do " in line] == [
        "▫️ Do pending",
        "⏳ Do running",
        "✋ Do waiting – waiting for input",
        "✅ Do done",
        "❌ Do failed",
        "❔ Do unknown – outcome unknown",
        "➖ Do skipped – skipped",
    ]


@pytest.mark.parametrize("status", ["not wanted", "skipped: not wanted"])
def test_reason_of_a_skipped_task_says_skipped_once(status: str) -> None:
    shown = reading.visible_text(list(message_of(a_plan(S.SKIPPED, status=status)).blocks))

    assert "skipped: not wanted" in shown
    assert "skipped: skipped" not in shown


@pytest.mark.parametrize("has_plans", [True, False])
def test_omitted_tasks_are_counted(*, has_plans: bool) -> None:
    shown = reading.visible_text(list(message_of(a_plan(*[S.DONE] * 60), has_plans=has_plans).blocks))

    assert shown.count("Do done") == 50
    assert "10 more steps" in shown


def test_home_has_no_plan_blocks() -> None:
    report = builders.a_report(sections=(a_plan(S.DONE),))
    view = message.home([report, builders.a_report()])

    assert checking.block_problems(view["blocks"], kinds.Surface.HOME) == []


def test_note_field_needs_a_button() -> None:
    assert not [
        block for block in message.notice(a_notice(a_plan(S.DONE), note="optional")).blocks if block["type"] == "input"
    ]


@pytest.mark.parametrize("width", [20, 80, 10_000])
def test_title_of_a_task_without_details_is_not_cut_in_a_terminal(width: int) -> None:
    console = rich.console.Console(width=width)
    with console.capture() as capture:
        console.print(rendering.unfinished(builders.a_report(), a_plan(S.WAITING)))

    assert "Do waiting" in capture.get()
