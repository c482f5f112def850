"""What people are told of a run: how far it is, what is asked, how it ended, and what they can do about it."""

import dataclasses
import datetime

from bot.model import invocations, reports
from bot.procedures import reports as run_reports
from bot.procedures import runs
from bot.runbook import sections
from tests.unit.procedures import files

NOW = datetime.datetime(2026, 11, 24, 3, 0, tzinfo=datetime.UTC)
S = runs.StepState
RUNBOOK = sections.Runbook(
    sections=(sections.Section(marker="health-failing", number="4.3", title="Failing", level=3, body=""),)
)


def a_run(*states: runs.StepState, **changes: object) -> runs.Run:
    """Give a run of two steps in these states."""
    procedure = files.a_procedure()
    records = tuple(
        runs.StepRecord(id=step.id, state=state, began_at=NOW, ended_at=NOW + datetime.timedelta(seconds=2))
        for step, state in zip(procedure.steps, states, strict=True)
    )
    values = {
        "id": "r1124-0a1b2c3d",
        "procedure": procedure,
        "digest": "0" * 12,
        "params": {"service": "pos-order", "env": "prod"},
        "requester": invocations.Actor(id="U0ALICE", name="alice"),
        "place": invocations.Conversation(kind=invocations.ConversationKind.CHANNEL, id="C1"),
        "created_at": NOW,
        "steps": records,
    }
    return runs.Run(**values | changes)


def a_question(**changes: object) -> runs.Question:
    values = {
        "id": "0a1b2c3d4e",
        "step": "health",
        "attempt": 1,
        "kind": runs.QuestionKind.CONFIRM,
        "text": "Really?",
        "options": ("yes", "not now"),
        "by": "requester",
        "asked_at": NOW,
        "expires_at": NOW + datetime.timedelta(minutes=15),
    }
    return runs.Question(**values | changes)


def waiting(**changes: object) -> runs.Run:
    return a_run(S.WAITING, S.PENDING, state=runs.RunState.WAITING, question=a_question(**changes))


def test_a_question_that_is_open_until_another_day_names_the_day() -> None:
    soon = run_reports.asked(waiting(), a_question())
    late = run_reports.asked(waiting(), a_question(expires_at=NOW + datetime.timedelta(days=1)))

    assert [section.title for section in soon.sections] == ["For alice, until 03:15 UTC"]
    assert [section.title for section in late.sections] == ["For alice, until 11-25 03:00 UTC"]


def test_a_run_under_way_tells_at_which_step_it_is() -> None:
    report = run_reports.summary(a_run(S.SUCCEEDED, S.RUNNING), RUNBOOK)

    assert report.headline == "Triage of a degraded service: pos-order in prod, step 2 of 2, “Read on”."
    assert [action.command for action in report.next_actions] == ["run log r1124-0a1b2c3d", "run cancel r1124-0a1b2c3d"]
    assert [pointer.number for pointer in report.runbook] == ["4.3"]


def test_every_answer_is_bound_to_the_question_that_it_is_for() -> None:
    report = run_reports.summary(waiting(), RUNBOOK)

    assert [action.command for action in report.next_actions][:2] == [
        "run answer r1124-0a1b2c3d yes --question 0a1b2c3d4e",
        "run answer r1124-0a1b2c3d 'not now' --question 0a1b2c3d4e",
    ]


def test_the_live_message_leaves_answering_to_the_one_that_asks() -> None:
    words = [action.command for action in run_reports.live(waiting(), RUNBOOK).next_actions]

    assert not any("answer" in line for line in words)


def test_who_may_answer_and_until_when_is_told() -> None:
    titles = [
        section.title
        for by in ("requester", "anyone_with_run", "not_requester", "role:ops")
        for section in run_reports.asked(waiting(by=by), a_question(by=by)).sections
    ]

    assert titles == [
        "For alice, until 03:15 UTC",
        "For anyone who may run it, until 03:15 UTC",
        "For anyone who may run it but alice, until 03:15 UTC",
        "For the role ops, until 03:15 UTC",
    ]


def test_an_answered_question_says_by_whom_and_has_no_answers_left() -> None:
    answered = a_question(answer="yes", answered_by="bob", answered_at=NOW, comment="go")

    report = run_reports.asked(waiting(), answered)

    assert report.headline == "Ask for its health: yes, bob at 03:00:00 UTC"
    assert report.next_actions == ()
    assert report.sections[-1] == reports.Text(title="Note", text="go")


def test_a_question_that_nobody_answered_says_so() -> None:
    report = run_reports.asked(waiting(), a_question(answer=runs.TIMEOUT, answered_by="nobody"))

    assert report.headline == "Ask for its health: nobody answered in time"


def test_the_end_names_what_failed_and_offers_to_go_on_from_there() -> None:
    run = a_run(S.FAILED, S.SKIPPED, state=runs.RunState.FAILED, ended_at=NOW + datetime.timedelta(seconds=200))
    records = (dataclasses.replace(run.steps[0], headline="pos-order is DOWN.", why="stopped by bob"), run.steps[1])

    report = run_reports.ended(dataclasses.replace(run, steps=records), RUNBOOK)

    assert report.verdict is reports.Verdict.FAILED
    assert report.headline.endswith("failed at “Ask for its health” after 3m20s.")
    (table,) = report.sections
    assert isinstance(table, reports.Table)
    assert table.rows[0].cells == ("Ask for its health", "pos-order is DOWN. · stopped by bob")
    assert report.next_actions[-1].command == "run retry r1124-0a1b2c3d"


def test_what_was_left_out_says_why_and_is_not_told_as_done() -> None:
    run = a_run(S.SUCCEEDED, S.SKIPPED)
    records = (run.steps[0], dataclasses.replace(run.steps[1], why="not wanted, params.deep", began_at=None))

    (plan, *_) = run_reports.live(dataclasses.replace(run, steps=records), RUNBOOK).sections

    assert isinstance(plan, reports.Plan)
    assert [(task.state, task.status) for task in plan.tasks] == [
        (reports.TaskState.DONE, "2.0 s"),
        (reports.TaskState.SKIPPED, "not wanted, params.deep"),
    ]


def test_a_section_of_the_runbook_that_is_gone_is_not_pointed_to() -> None:
    assert run_reports.summary(a_run(S.SUCCEEDED, S.RUNNING), sections.Runbook(sections=())).runbook == ()


def test_what_stands_small_below_a_live_message_says_which_run_it_is_and_what_it_holds() -> None:
    assert run_reports.footer(a_run(S.SUCCEEDED, S.RUNNING, lock="deploy:prod")) == (
        "run r1124-0a1b2c3d",
        "asked for by alice, 11-24 03:00 UTC",
        "holds deploy:prod",
    )
