"""Reports about runs: progress, questions, end, and the next actions."""

import dataclasses
import datetime

import pytest

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
    """Return a run of two steps in these states."""
    procedure = files.a_procedure()
    records = tuple(
        runs.StepRecord(id=step.id, state=state, started_at=NOW, ended_at=NOW + datetime.timedelta(seconds=2))
        for step, state in zip(procedure.steps, states, strict=True)
    )
    values = {
        "id": "r1124-0a1b2c3d",
        "procedure": procedure,
        "digest": "0" * 12,
        "params": {"service": "pos-order", "env": "prod"},
        "requester": invocations.Actor(id="U0ALICE", name="alice"),
        "conversation": invocations.Conversation(kind=invocations.ConversationKind.CHANNEL, id="C1"),
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


def test_deadline_on_another_day_has_its_date() -> None:
    soon = run_reports.asked(waiting(), a_question())
    late = run_reports.asked(waiting(), a_question(expires_at=NOW + datetime.timedelta(days=1)))

    assert [section.title for section in soon.sections] == ["For alice, until 03:15 UTC"]
    assert [section.title for section in late.sections] == ["For alice, until 11-25 03:00 UTC"]


def test_running_run_shows_its_step() -> None:
    report = run_reports.summary(a_run(S.SUCCEEDED, S.RUNNING), RUNBOOK)

    assert report.headline == "Triage of a degraded service · pos-order · prod: step 2 of 2, Read on"
    assert [action.command for action in report.next_actions] == ["run log r1124-0a1b2c3d", "run cancel r1124-0a1b2c3d"]
    assert [pointer.number for pointer in report.runbook] == ["4.3"]


def test_every_answer_is_bound_to_its_question() -> None:
    report = run_reports.summary(waiting(), RUNBOOK)

    assert [action.command for action in report.next_actions][:2] == [
        "run answer r1124-0a1b2c3d yes --question 0a1b2c3d4e",
        "run answer r1124-0a1b2c3d 'not now' --question 0a1b2c3d4e",
    ]


def test_live_message_has_no_answers() -> None:
    words = [action.command for action in run_reports.live(waiting(), RUNBOOK).next_actions]

    assert not any("answer" in line for line in words)


def test_question_names_who_may_answer_and_until_when() -> None:
    titles = [
        section.title
        for by in ("requester", "anyone_with_run", "not_requester", "role:ops")
        for section in run_reports.asked(waiting(by=by), a_question(by=by)).sections
    ]

    assert titles == [
        "For alice, until 03:15 UTC",
        "For anyone who may run it, until 03:15 UTC",
        "For anyone who may run it except alice, until 03:15 UTC",
        "For the role ops, until 03:15 UTC",
    ]


def test_answered_question_names_who_and_has_no_answers() -> None:
    answered = a_question(answer="yes", answered_by="bob", answered_at=NOW, comment="go")

    report = run_reports.asked(waiting(), answered)

    assert report.headline == "Ask for its health: yes, bob at 03:00:00 UTC"
    assert report.next_actions == ()
    assert report.sections[-1] == reports.Text(title="Note", text="go")


def test_expired_question_has_no_answer() -> None:
    report = run_reports.asked(waiting(), a_question(answer=runs.TIMEOUT, answered_by="nobody"))

    assert report.headline == "Ask for its health: no answer in time"


def test_end_names_failed_steps_and_offers_retry() -> None:
    run = a_run(S.FAILED, S.SKIPPED, state=runs.RunState.FAILED, ended_at=NOW + datetime.timedelta(seconds=200))
    records = (
        dataclasses.replace(
            run.steps[0], headline="pos-order is DOWN.", reason=runs.Reason(runs.ReasonCode.STOPPED_BY, "bob")
        ),
        run.steps[1],
    )

    report = run_reports.ended(dataclasses.replace(run, steps=records), RUNBOOK)

    assert report.verdict is reports.Verdict.FAILED
    assert report.headline.endswith(": failed at “Ask for its health” after 3m20s")
    (table,) = report.sections
    assert isinstance(table, reports.Table)
    assert table.rows[0].cells == ("Ask for its health", "pos-order is DOWN. · stopped by bob")
    assert report.next_actions[-1].command == "run retry r1124-0a1b2c3d"


def test_skipped_step_has_its_reason_without_the_expression() -> None:
    run = a_run(S.SUCCEEDED, S.SKIPPED)
    records = (
        run.steps[0],
        dataclasses.replace(
            run.steps[1], reason=runs.Reason(runs.ReasonCode.CONDITION_NOT_MET, "params.deep"), started_at=None
        ),
    )

    (plan, *_) = run_reports.live(dataclasses.replace(run, steps=records), RUNBOOK).sections

    assert isinstance(plan, reports.Plan)
    assert [(task.state, task.status) for task in plan.tasks] == [
        (reports.TaskState.DONE, "2.0 s"),
        (reports.TaskState.SKIPPED, "skipped: condition not met"),
    ]


def test_removed_section_has_no_pointer() -> None:
    assert run_reports.summary(a_run(S.SUCCEEDED, S.RUNNING), sections.Runbook(sections=())).runbook == ()


def test_context_line_has_run_requester_and_lock() -> None:
    assert run_reports.footer(a_run(S.SUCCEEDED, S.RUNNING, lock="deploy:prod")) == (
        "run r1124-0a1b2c3d",
        "requested by alice, 11-24 03:00 UTC",
        "lock deploy:prod",
    )


def test_condition_is_shown_only_in_the_step_results() -> None:
    run = a_run(S.SUCCEEDED, S.SKIPPED)
    reason = runs.Reason(runs.ReasonCode.CONDITION_NOT_MET, "params.deep")
    run = dataclasses.replace(run, steps=(run.steps[0], dataclasses.replace(run.steps[1], reason=reason)))

    (table,) = run_reports.step_results(run).sections

    assert isinstance(table, reports.Table)
    assert table.rows[1].cells[1:] == ("Read on", "skipped: condition not met (params.deep)")
    assert "params.deep" not in str(run_reports.summary(run, RUNBOOK))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (runs.RunState.COMPLETED, "completed in 3m20s"),
        (runs.RunState.COMPLETED_WITH_FAILURES, "completed in 3m20s with 1 failed step"),
        (runs.RunState.TIMED_OUT, "timed out at “Ask for its health” after 3m20s"),
        (runs.RunState.CANCELLED, "cancelled after 3m20s"),
    ],
)
def test_headline_is_subject_and_state(state: runs.RunState, words: str) -> None:
    run = a_run(S.FAILED, S.SKIPPED, state=state, ended_at=NOW + datetime.timedelta(seconds=200))

    assert run_reports.headline(run) == f"Triage of a degraded service · pos-order · prod: {words}"


def test_cancelled_run_names_who_cancelled_it() -> None:
    cancel = invocations.CancelRequest(by="bob", at=NOW)
    ended_at = NOW + datetime.timedelta(seconds=315)
    run = a_run(S.SUCCEEDED, S.CANCELLED, state=runs.RunState.CANCELLED, ended_at=ended_at, cancel=cancel)

    assert run_reports.headline(run).endswith(": cancelled by bob after 5m15s")
