"""Reports about runs: progress, questions, end, and the next actions."""

import dataclasses
import datetime

import pytest

from bot.model import invocations, reports
from bot.procedures import headlines, runs, step_results
from bot.procedures import reports as run_reports
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
    report = run_reports.summary(a_run(S.SUCCEEDED, S.RUNNING), RUNBOOK, NOW)

    assert report.headline == "Triage of a degraded service · pos-order · prod: step 2 of 2, Read on"
    assert [action.command for action in report.next_actions] == ["run log r1124-0a1b2c3d", "run cancel r1124-0a1b2c3d"]
    assert [pointer.number for pointer in report.runbook] == ["4.3"]


def test_every_answer_is_bound_to_its_question() -> None:
    report = run_reports.summary(waiting(), RUNBOOK, NOW)

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
    assert run_reports.summary(a_run(S.SUCCEEDED, S.RUNNING), sections.Runbook(sections=()), NOW).runbook == ()


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

    (table,) = step_results.step_results(run, (), NOW).sections

    assert isinstance(table, reports.Table)
    assert table.rows[1].cells[1:] == ("Read on", "skipped: condition not met (params.deep)")
    assert "params.deep" not in str(run_reports.summary(run, RUNBOOK, NOW))


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

    assert headlines.headline(run) == f"Triage of a degraded service · pos-order · prod: {words}"


OUTCOMES = [files.VALID["steps"][0] | {"outcome": "healthy in {{ params.env }}"}, files.VALID["steps"][1]]


@pytest.mark.parametrize(
    ("states", "state", "words"),
    [
        ((S.SUCCEEDED, S.SUCCEEDED), runs.RunState.COMPLETED, "healthy in prod (completed in 3m20s)"),
        (
            (S.SUCCEEDED, S.FAILED),
            runs.RunState.COMPLETED_WITH_FAILURES,
            "healthy in prod (completed in 3m20s with 1 failed step)",
        ),
        ((S.FAILED, S.SUCCEEDED), runs.RunState.COMPLETED_WITH_FAILURES, "completed in 3m20s with 1 failed step"),
        ((S.SUCCEEDED, S.FAILED), runs.RunState.FAILED, "failed at “Read on” after 3m20s"),
        ((S.SUCCEEDED, S.CANCELLED), runs.RunState.CANCELLED, "cancelled after 3m20s"),
    ],
)
def test_headline_of_a_completed_run_begins_with_its_outcome(
    states: tuple[runs.StepState, ...], state: runs.RunState, words: str
) -> None:
    procedure = files.a_procedure(steps=OUTCOMES)
    run = a_run(*states, state=state, ended_at=NOW + datetime.timedelta(seconds=200), procedure=procedure)

    assert headlines.state(run) == words


def test_start_of_a_run_is_no_open_question() -> None:
    assert run_reports.started(a_run(S.RUNNING, S.PENDING)).verdict is reports.Verdict.OK


def test_reason_that_ends_a_run_is_said_once_in_its_plan() -> None:
    reason = runs.Reason(runs.ReasonCode.CANCELLED_BY, "alice")
    run = a_run(S.CANCELLED, S.CANCELLED, state=runs.RunState.CANCELLED, ended_at=NOW)
    records = tuple(dataclasses.replace(step, reason=reason, started_at=None) for step in run.steps)

    (plan, *_) = run_reports.live(dataclasses.replace(run, steps=records), RUNBOOK).sections

    assert isinstance(plan, reports.Plan)
    assert [task.status for task in plan.tasks] == ["cancelled by alice", ""]


def test_cancelled_run_is_listed_without_a_mark_for_failure() -> None:
    (table,) = run_reports.listing([a_run(S.CANCELLED, S.CANCELLED, state=runs.RunState.CANCELLED)]).sections

    assert isinstance(table, reports.Table)
    assert [row.verdict for row in table.rows] == [None]


def test_cancelled_run_names_who_cancelled_it() -> None:
    cancel = invocations.CancelRequest(by="bob", at=NOW)
    ended_at = NOW + datetime.timedelta(seconds=315)
    run = a_run(S.SUCCEEDED, S.CANCELLED, state=runs.RunState.CANCELLED, ended_at=ended_at, cancel=cancel)

    assert headlines.headline(run).endswith(": cancelled by bob after 5m15s")


def a_retried_run() -> runs.Run:
    """Return the second attempt of a run whose first one was stopped by bob."""
    failed = dataclasses.replace(
        a_run(S.FAILED, S.SKIPPED).steps[0],
        headline="pos-order is DOWN.",
        reason=runs.Reason(runs.ReasonCode.STOPPED_BY, "bob"),
        invocation="1124-0a1b2c3d4e",
    )
    first = runs.Attempt(
        state=runs.RunState.FAILED,
        steps=(failed, a_run(S.FAILED, S.SKIPPED).steps[1]),
        ended_at=NOW + datetime.timedelta(seconds=43),
        retried_at=NOW + datetime.timedelta(minutes=5),
        retried_by="carol",
    )
    return a_run(S.SUCCEEDED, S.RUNNING, earlier=(first,))


def test_live_message_says_which_attempt_it_shows() -> None:
    run = a_retried_run()

    report = run_reports.live(run, RUNBOOK)

    assert report.headline == "Triage of a degraded service · pos-order · prod · attempt 2: step 2 of 2, Read on"
    assert report.sections[1:] == (reports.Fields(pairs=(("attempt 1", "failed at “Ask for its health” after 43 s"),)),)
    assert "retried by carol, 11-24 03:05 UTC" in run_reports.footer(run)


def test_log_of_a_retried_run_has_the_results_and_answers_of_every_attempt() -> None:
    stopped = a_question(answer="stop", answered_by="bob", answered_at=NOW, comment="1.4.2 runs again")
    resumed_at = NOW + datetime.timedelta(minutes=6)
    later = a_question(id="1", asked_at=resumed_at, answer="yes", answered_by="dave", answered_at=resumed_at)

    whole = step_results.step_results(a_retried_run(), (stopped, later), NOW)
    first = step_results.step_results(a_retried_run(), (stopped, later), NOW, attempt=1)

    assert [section.title for section in whole.sections] == [
        "Attempt 2: step 2 of 2, Read on",
        "Attempt 1: failed at “Ask for its health” after 43 s",
        "Answers",
    ]
    assert "pos-order is DOWN. · stopped by bob" in str(whole.sections[1])
    assert "1.4.2 runs again" in str(whole.sections[2]) and "dave" in str(whole.sections[2])
    assert [section.title for section in first.sections] == [
        "Attempt 1: failed at “Ask for its health” after 43 s",
        "Answers",
    ]
    assert "dave" not in str(first.sections)
    assert [action.command for action in first.next_actions] == ["run log r1124-0a1b2c3d health --attempt 1"]


def test_run_without_results_shows_no_empty_table() -> None:
    run = a_run(S.PENDING, S.PENDING)
    records = tuple(dataclasses.replace(step, started_at=None, ended_at=None) for step in run.steps)

    report = step_results.step_results(dataclasses.replace(run, steps=records), (), NOW)

    assert report.headline.endswith(": no step has started yet")
    assert report.sections == ()


def test_time_of_another_day_has_its_date_in_the_step_results() -> None:
    tomorrow = NOW + datetime.timedelta(days=1)

    (table,) = step_results.step_results(a_run(S.SUCCEEDED, S.RUNNING), (), tomorrow).sections

    assert isinstance(table, reports.Table)
    assert table.rows[0].cells[0] == "11-24 03:00:00"


@pytest.mark.parametrize("state", [runs.RunState.COMPLETED, runs.RunState.COMPLETED_WITH_FAILURES])
def test_run_that_reached_its_end_offers_no_retry(state: runs.RunState) -> None:
    report = run_reports.ended(a_run(S.FAILED, S.SUCCEEDED, state=state, ended_at=NOW), RUNBOOK)

    assert [action.command for action in report.next_actions] == ["run log r1124-0a1b2c3d"]


def test_answer_and_cancellation_say_what_they_end_or_change() -> None:
    question = a_question(
        labels={"yes": "Roll back", "no": "Keep 1.5.0"}, consequences={"yes": "Rolls back pos-order."}
    )
    asking = a_run(S.WAITING, S.PENDING, state=runs.RunState.WAITING, question=question, params={})

    answers = run_reports.asked(asking, dataclasses.replace(question, options=("yes", "no"))).next_actions
    (cancel,) = [one for one in run_reports.live(asking, RUNBOOK).next_actions if "cancel" in one.command]

    assert [(one.label, one.consequence) for one in answers] == [
        ("Roll back", "Rolls back pos-order."),
        ("Keep 1.5.0", ""),
    ]
    assert cancel.consequence.startswith("This ends the run for everyone")
