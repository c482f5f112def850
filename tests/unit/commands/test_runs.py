"""Commands that start, show, answer, cancel and retry runs."""

import asyncio
import pathlib
from collections.abc import AsyncIterator

import pytest

from bot.model import invocations, reports
from bot.procedures import runs
from sandbox import runbook_folder
from tests import builders
from tests.unit.commands import app_fixture

pytestmark = pytest.mark.anyio
IN_SLACK = {
    "source": invocations.Source.SLASH,
    "actor": builders.an_actor(id="U0ALICE", name="alice"),
    "conversation": builders.a_place(kind=invocations.ConversationKind.CHANNEL, id="C1", name="inc-1"),
}
IMAGE = "registry.example/pos-order:1.4.2"


ROLES = """
roles:
  keepers: {members: ["terminal:keeper"], may: [unlock]}
"""


@pytest.fixture(scope="module")
async def shared_app_with_worker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[app_fixture.AppFixture]:
    """A posbot with a healthy service and a worker that executes the runs of every source."""
    folder = tmp_path_factory.mktemp("app")
    async with (
        app_fixture.running(
            folder,
            names=["pos-order"],
            guarded_path="/actuator/info",
            texts={"roles.yaml": ROLES, "procedures/take-back.yaml": CHANGING},
        ) as app,
        app.core.member.registered(),
    ):
        await app.kube.deploys("pos-order", image=IMAGE)
        watch = asyncio.create_task(app.core.member.watch())
        try:
            yield app
        finally:
            watch.cancel()
            await asyncio.wait({watch})


@pytest.fixture
async def app(shared_app_with_worker: app_fixture.AppFixture) -> AsyncIterator[app_fixture.AppFixture]:
    """The posbot of the module, without a run that holds a lock."""
    await shared_app_with_worker.recover()
    yield shared_app_with_worker
    for run in await shared_app_with_worker.core.runs.list(runs.RunFilter(limit=100)):
        if not run.state.is_final:
            await shared_app_with_worker.run(f"run cancel {run.id} --yes")


async def wait_until_resting(app: app_fixture.AppFixture, run_id: object) -> runs.Run:
    async with asyncio.timeout(20):
        while True:
            run = await app.core.runs.find(str(run_id))
            if run.state is not runs.RunState.RUNNING:
                return run
            await asyncio.sleep(0.02)


def words(report: reports.Report) -> list[str]:
    return [action.command for action in report.next_actions]


async def test_dry_run_shows_every_step_and_does_nothing(app: app_fixture.AppFixture) -> None:
    report = await app.run("triage pos-order --plan")

    (table, fields) = report.sections
    assert isinstance(table, reports.Table)
    rows = {row.cells[0]: row.cells[1:] for row in table.rows}
    assert rows["Check pods"] == ("always", "pods pos-order --env sandbox")
    assert rows["Search logs for memory errors"][0] == "depends on Check key signals"
    assert rows["Check key signals"][0] == "always. asks anyone who may run it"
    assert isinstance(fields, reports.Fields)
    assert ("changes", "nothing by posbot itself") in fields.pairs
    assert words(report) == ["run triage pos-order --env sandbox"]
    assert (await app.run("runs --procedure triage")).facts["count"] == 0


async def test_dry_run_decides_what_is_known_before_the_run(app: app_fixture.AppFixture) -> None:
    report = await app.run("post-deployment pos-order --plan --wait 10m")

    (table, fields) = report.sections
    assert isinstance(table, reports.Table)
    rows = {row.cells[0]: row.cells[1:] for row in table.rows}
    assert rows["Watch key signals"][0] == "skipped: condition not met"
    assert "--wait 10m" in rows["Wait for rollout"][1]
    assert isinstance(fields, reports.Fields)
    assert ("lock", "deployment:pos-order:sandbox") in fields.pairs


async def test_dry_run_names_failures_that_skip_a_step(app: app_fixture.AppFixture) -> None:
    (table, _) = (await app.run("to-workspace pos-order --plan")).sections

    assert isinstance(table, reports.Table)
    rows = {row.cells[0]: row.cells[1] for row in table.rows}
    assert rows["Check health"] == "always"
    assert rows["Hand over"] == (
        "unless Check health, Verify deployment, Check gateway and registry or Does a workspace criterion apply?"
        " failed. asks anyone who may run it"
    )
    assert rows["No escalation"] == "depends on Does a workspace criterion apply?"


async def test_terminal_is_attached_until_input_is_needed(app: app_fixture.AppFixture) -> None:
    answer = await app.dispatch("run to-workspace pos-order")

    report = answer.report
    assert report.verdict is reports.Verdict.UNKNOWN
    assert report.facts["state"] == "waiting"
    assert report.facts["steps.health.outcome"] == "succeeded"
    assert words(report)[0] == f"run answer {report.facts['run']} 'one applies' --question {report.facts['question']}"


async def test_run_started_in_slack_can_be_answered_in_a_terminal(app: app_fixture.AppFixture) -> None:
    response = await app.dispatch("to-workspace pos-order", **IN_SLACK)
    assert response.reply is invocations.Reply.ACKNOWLEDGEMENT
    run = await wait_until_resting(app, response.report.facts["run"])

    report = await app.run(f"run answer {run.id} none applies")

    assert report.facts["state"] == "completed with failures"
    assert report.facts["steps.stays.outcome"] == "succeeded"


async def test_run_started_in_a_terminal_can_be_answered_in_slack(app: app_fixture.AppFixture) -> None:
    waiting = await app.run("to-workspace pos-order")

    answer = await app.dispatch(words(waiting)[1], **IN_SLACK)

    assert answer.report.headline.endswith(": answered “none applies” to “Does a workspace criterion apply?”")
    assert answer.reply is invocations.Reply.ACKNOWLEDGEMENT
    assert (await wait_until_resting(app, waiting.facts["run"])).state is runs.RunState.COMPLETED_WITH_FAILURES


async def test_second_answer_names_the_first(app: app_fixture.AppFixture) -> None:
    waiting = await app.run("to-workspace pos-order")
    yes, no = words(waiting)[:2]
    await app.dispatch(no, **IN_SLACK)
    await wait_until_resting(app, waiting.facts["run"])

    late = await app.run(yes)

    assert "was already answered “none applies” by alice at " in late.headline
    assert late.verdict is reports.Verdict.WARNING
    assert late.next_actions[0].command == f"run show {waiting.facts['run']}"


async def test_answer_after_a_cancellation_is_refused(app: app_fixture.AppFixture) -> None:
    waiting = await app.run("to-workspace pos-order")
    await app.run(f"run cancel {waiting.facts['run']} --yes")

    late = await app.dispatch(words(waiting)[0])

    assert late.status is invocations.Status.FAILED
    assert late.report.headline.startswith("The run was cancelled by tester at ")
    assert late.report.headline.endswith(" UTC; the answer was not recorded.")


async def test_answer_does_not_count_for_the_next_question(app: app_fixture.AppFixture) -> None:
    waiting = await app.run("to-workspace pos-order")
    first = words(waiting)[0]
    await app.dispatch(first, **IN_SLACK)
    await wait_until_resting(app, waiting.facts["run"])

    # The button of the first question, pressed again after the run has asked the next one.
    again = await app.dispatch(first, **{**IN_SLACK, "actor": builders.an_actor(id="U0BOB", name="bob")})

    assert "was already answered “one applies” by alice" in again.report.headline
    run = await app.core.runs.find(str(waiting.facts["run"]))
    assert run.question is not None
    assert (run.question.step, run.question.answer) == ("switch", None)


@pytest.mark.parametrize(
    ("line", "sentence", "hint"),
    [
        ("run answer ID", "The answer is missing.", "Expected one applies or none applies."),
        ("run answer ID perhaps", "There is no answer called “perhaps”.", "Expected one applies or none applies."),
        ("run answer ID yes --question 0000000000", "The run ID has not asked that.", ""),
        ("run retry ID", "The run ID is not over.", ""),
        ("run retry ID another word", "Unexpected argument: another word.", "Usage"),
        ("run cancel ID nonsense", "Unexpected argument: nonsense.", "Usage"),
        ("run show ID nonsense", "Unexpected argument: nonsense.", "Usage"),
        ("run watch ID nonsense", "Unexpected argument: nonsense.", "Usage"),
        ("run show ID --question 0000000000", "run show takes no --question.", "Usage"),
        (
            "run log ID nothing",
            "There is no step called “nothing”.",
            "Type the number of a step: 1 Check health, 2 Verify",
        ),
        ("run show r0000-00000000", "There is no run r0000-00000000.", "List the runs."),
        ("run show 17", "id must be the id of a run, such as r1124-0a1b2c3d.", "Usage: run show|"),
        (
            "run triag pos-order",
            "There is no procedure called “triag”. Did you mean “triage”? help lists them.",
            "Usage",
        ),
        (
            "run",
            "Name a procedure (health-failing, post-deployment, start-failure, take-back, to-workspace, triage), or",
            "Usage: run show|watch|log|answer|cancel|retry ID",
        ),
        ("runs --state lost", "--state must be “running”, “waiting”", "Usage: run list"),
        ("runs --procedure triag", "There is no procedure called “triag”. Did you mean “triage”?", ""),
        ("triage", "Missing argument: SERVICE.", "Usage: triage SERVICE [--env ENV]"),
        ("triage pos-ordre", "There is no service called “pos-ordre”.", "Usage: triage"),
        (
            "triage pos-order --since yesterday",
            "--since: “yesterday” is no duration; write it like 90s, 3m, 1h30m or 7d.",
            "Usage",
        ),
    ],
)
async def test_usage_error_is_one_sentence(app: app_fixture.AppFixture, line: str, sentence: str, hint: str) -> None:
    run_id = str((await app.run("to-workspace pos-order")).facts["run"])

    answer = await app.dispatch(line.replace("ID", run_id) if "ID" in line else line)

    assert answer.status is invocations.Status.USAGE_ERROR
    assert answer.report.headline.startswith(sentence.replace("ID", run_id))
    texts = [section.text for section in answer.report.sections if isinstance(section, reports.Text)]
    assert hint in " ".join(texts)


async def test_step_of_a_log_can_be_named_by_its_number(app: app_fixture.AppFixture) -> None:
    run_id = (await app.run("to-workspace pos-order")).facts["run"]

    by_number, by_title = await app.run(f"run log {run_id} 1"), await app.run(f"run log {run_id} check health")

    assert by_number.headline == by_title.headline
    assert by_number.headline.startswith("Check health: ")


async def test_cancelled_run_releases_its_lock(app: app_fixture.AppFixture) -> None:
    run_id = (await app.run("to-workspace pos-order")).facts["run"]

    first = await app.run(f"run cancel {run_id} --yes")
    second = await app.run(f"run cancel {run_id}")
    free = await app.run("to-workspace pos-order")

    assert first.facts["state"] == "cancelled"
    assert first.verdict is reports.Verdict.OK
    assert ": cancelled by tester after " in second.headline
    assert free.facts["state"] == "waiting"


async def test_typed_cancellation_is_confirmed_first(app: app_fixture.AppFixture) -> None:
    run_id = (await app.run("to-workspace pos-order")).facts["run"]

    in_terminal = await app.dispatch(f"run cancel {run_id}")
    in_slack = await app.dispatch(f"run cancel {run_id}", **IN_SLACK)
    still = await app.core.runs.find(str(run_id))
    pressed = await app.dispatch(f"run cancel {run_id}", **IN_SLACK | {"source": invocations.Source.BUTTON})

    assert in_terminal.status is invocations.Status.USAGE_ERROR
    assert words(in_terminal.report)[0] == f"run cancel {run_id} --yes"
    (cancel, *_) = in_slack.report.next_actions
    assert in_slack.report.headline.endswith(": cancel run?")
    assert (cancel.command, cancel.label, cancel.is_primary) == (f"run cancel {run_id}", "Cancel run", False)
    assert cancel.consequence.startswith("This ends the run for everyone")
    assert still.state is runs.RunState.WAITING and still.cancel is None
    assert pressed.report.headline.endswith(": cancellation requested")
    assert (await wait_until_resting(app, run_id)).state is runs.RunState.CANCELLED


CHANGING = """
schema: 1
id: take-back
title: Take back
summary: ask before something is changed
owner: tests
doc: {section: how-to-use}
command: {name: take-back, examples: [take-back]}
access: {run: [everyone]}
steps:
  - id: sure
    title: Roll back?
    uses: confirm
    with: {text: Roll back?, labels: [Roll back, Keep it], consequence: All pods are replaced., by: anyone_with_run}
"""


async def test_typed_answer_that_changes_something_is_confirmed_first(app: app_fixture.AppFixture) -> None:
    run_id = (await app.run("take-back")).facts["run"]

    in_terminal = await app.dispatch(f"run answer {run_id} yes")
    in_slack = await app.dispatch(f"run answer {run_id} yes --note 'it is worse'", **IN_SLACK)
    declined = await app.dispatch(f"run answer {run_id} no", **IN_SLACK)

    assert in_terminal.status is invocations.Status.USAGE_ERROR
    (roll_back, *_) = in_slack.report.next_actions
    assert (roll_back.label, roll_back.consequence) == ("Roll back", "All pods are replaced.")
    assert roll_back.command.startswith(f"run answer {run_id} yes --question ")
    assert roll_back.command.endswith("--note 'it is worse'")
    assert declined.report.headline.endswith(": answered “no” to “Roll back?”")


async def test_second_triage_names_the_first_and_who_started_it(app: app_fixture.AppFixture) -> None:
    first = await app.run("triage pos-order")

    second = await app.dispatch("triage order", **IN_SLACK)

    (hint,) = second.report.sections
    assert isinstance(hint, reports.Text)
    assert "Triage of a degraded service · pos-order · sandbox: waiting for input, Check key signals" in hint.text
    assert f"started by tester. Join it (run watch {first.facts['run']}), or wait" in hint.text
    assert words(second.report) == [f"run show {first.facts['run']}"]


async def test_dry_run_shows_no_template(app: app_fixture.AppFixture) -> None:
    for name in ("triage", "post-deployment", "to-workspace", "health-failing", "start-failure"):
        report = await app.run(f"{name} pos-order --plan")

        (table, _) = report.sections
        assert isinstance(table, reports.Table)
        shown = str([row.cells for row in table.rows])
        assert "{{" not in shown and "steps." not in shown, shown
        assert "(known after “" in shown


async def test_held_lock_is_refused_with_its_holder(app: app_fixture.AppFixture) -> None:
    run_id = (await app.run("to-workspace pos-order")).facts["run"]

    refused = await app.dispatch("workspace pos-order")

    assert refused.status is invocations.Status.FAILED
    assert refused.report.headline.startswith(f"“handover:pos-order:sandbox” is locked by the run {run_id}, since ")
    assert words(refused.report) == [f"run show {run_id}"]


async def test_unlock_needs_a_role_and_a_reason(app: app_fixture.AppFixture) -> None:
    run_id = (await app.run("to-workspace pos-order")).facts["run"]
    line, keeper = "unlock handover:pos-order:sandbox", builders.a_local_actor("keeper")

    by_anybody = await app.dispatch(f"{line} --reason 'nobody is there'")
    without_reason = await app.dispatch(line, actor=keeper)
    freed = await app.dispatch(f"{line} --reason 'nobody is there'", actor=keeper)
    again = await app.dispatch(f"{line} --reason 'nobody is there'", actor=keeper)

    assert by_anybody.status is invocations.Status.DENIED
    assert without_reason.report.headline == "--reason is required."
    assert freed.report.headline == (
        f"Lock “handover:pos-order:sandbox” released; it was held by the run {run_id}. That run continues without it."
    )
    assert again.report.headline.startswith("There is no lock called “handover:pos-order:sandbox”.")
    assert (await app.run("to-workspace pos-order")).facts["state"] == "waiting"


async def test_run_that_reached_its_end_offers_and_accepts_no_retry(app: app_fixture.AppFixture) -> None:
    await app.fleet["pos-order"].refuses()
    ended = await app.run("to-workspace pos-order")
    assert ended.facts["steps.health.outcome"] == "failed"
    assert ended.facts["state"] == "completed with failures"

    refused = await app.dispatch(f"run retry {ended.facts['run']}")

    assert not [line for line in words(ended) if "retry" in line]
    assert refused.status is invocations.Status.USAGE_ERROR
    assert refused.report.headline == f"The run {ended.facts['run']} reached its end: there is nothing to retry."
    assert words(refused.report)[0] == "run to-workspace pos-order --env sandbox"


async def test_retry_keeps_what_the_earlier_attempt_found(app: app_fixture.AppFixture) -> None:
    await app.fleet["pos-order"].refuses()
    first = await app.run("to-workspace pos-order --step-by-step")
    run_id = first.facts["run"]
    await app.run(f"run answer {run_id} yes")
    stopped = await app.run(f"run answer {run_id} stop --yes")
    assert words(stopped)[-1] == f"run retry {run_id}"

    await app.fleet["pos-order"].recovers()
    again = await app.run(words(stopped)[-1])
    again = await app.run(f"run answer {run_id} yes")

    assert (again.facts["attempt"], again.facts["steps.health.outcome"]) == (2, "succeeded")
    assert " · attempt 2: " in again.headline
    (earlier,) = [one for one in again.sections if isinstance(one, reports.Table)]
    assert str(earlier.title).startswith("Attempt 1: cancelled")
    assert "DOWN" in str(earlier.rows) or "unreachable" in str(earlier.rows)
    log = await app.run(f"run log {run_id}")
    assert "stop" in str(log.sections[-1]) and log.sections[-1].title == "Answers"
    old_report = await app.run(f"run log {run_id} health --attempt 1")
    new_report = await app.run(f"run log {run_id} health")
    assert old_report.verdict is reports.Verdict.FAILED and new_report.verdict is reports.Verdict.OK
    beyond = await app.dispatch(f"run log {run_id} --attempt 3")
    assert beyond.report.headline == f"The run {run_id} has 2 attempts."


async def test_unknown_step_of_a_log_lists_the_steps(app: app_fixture.AppFixture) -> None:
    run_id = (await app.run("to-workspace pos-order")).facts["run"]

    refused = await app.dispatch(f"run log {run_id} helth")

    assert refused.report.headline == "There is no step called “helth”."
    assert "Check health" in str(refused.report.sections)


async def test_step_results_are_kept(app: app_fixture.AppFixture) -> None:
    run_id = (await app.run("to-workspace pos-order")).facts["run"]

    log = await app.run(f"run log {run_id}")
    health = await app.run(f"run log {run_id} health")
    waiting = await app.run(f"run log {run_id} reason")

    (table,) = log.sections
    assert isinstance(table, reports.Table)
    assert [row.cells[1] for row in table.rows][:3] == [
        "Check health",
        "Verify deployment",
        "Check gateway and registry",
    ]
    assert f"run log {run_id} health" in words(log)
    assert health.headline.startswith("Check health: pos-order · sandbox: UP")
    assert len(health.sections) > 1
    assert waiting.headline == "“Does a workspace criterion apply?” has no report: waiting"


async def test_runs_are_listed_newest_first_and_filtered(app: app_fixture.AppFixture) -> None:
    first = (await app.run("to-workspace pos-order")).facts["run"]
    await app.run(f"run cancel {first} --yes")
    second = (await app.run("to-workspace pos-order")).facts["run"]

    def ids(report: reports.Report) -> list[str]:
        (table,) = report.sections
        assert isinstance(table, reports.Table)
        return [row.cells[0] for row in table.rows]

    everything = await app.run("run list")
    assert (await app.run("runs")).sections == everything.sections
    assert ids(everything)[:2] == [second, first]
    assert everything.facts["waiting"] == 1
    assert words(everything)[0] == f"run show {second}"
    assert ids(await app.run("runs --state cancelled"))[0] == first
    assert ids(await app.run("runs --service pos-order --procedure workspace --limit 1")) == [second]
    assert ids(await app.run("runs --since 1h --limit 2")) == [second, first]
    assert (await app.run("runs --state timed-out")).headline == "No runs found."


async def test_step_by_step_asks_before_each_step(app: app_fixture.AppFixture) -> None:
    paused = await app.run("to-workspace pos-order --step-by-step")
    assert paused.facts["steps.health.outcome"] == "waiting"

    further = await app.run(f"run answer {paused.facts['run']} yes")

    assert further.facts["steps.health.outcome"] == "succeeded"
    assert further.facts["steps.deployed.outcome"] == "waiting"


async def test_help_lists_procedures_and_invalid_files(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "data"
    async with app_fixture.running(
        tmp_path, names=["pos-order"], texts={"procedures/triage.yaml": "schema: 2\n"}
    ) as app:
        report = await app.run("help")
        one = await app.run("help health-failing")
        check = await app.run("check")
        gone = [await app.dispatch(line) for line in ("runs --procedure triage", "triage pos-order", "run triage x")]

    tables = [section for section in report.sections if isinstance(section, reports.Table)]
    assert [table.columns[0] for table in tables] == ["command", "procedure"]
    assert "health-failing" in [row.cells[0] for row in tables[1].rows]
    (disabled,) = [section for section in report.sections if isinstance(section, reports.Fields)]
    assert disabled.pairs[0][0] == "triage"
    assert str(folder) not in disabled.pairs[0][1]
    assert disabled.pairs[0][1].startswith("procedures/triage.yaml:1: schema: ")
    assert "unhealthy, run health-failing, run unhealthy" in str(one.sections)
    assert check.verdict is reports.Verdict.FAILED
    assert check.headline == "1 of 5 procedures are disabled."
    for answer in gone:
        assert answer.status is invocations.Status.USAGE_ERROR
        assert answer.report.headline.startswith("The procedure triage is disabled: ")
        assert "procedures/triage.yaml:1: schema: expected 1" in str(answer.report)
    assert check.facts["failed_tests"] == 1


async def test_check_runs_the_tests_of_procedures(tmp_path: pathlib.Path) -> None:
    text = "procedure: triage\ntests: [{name: x, params: {service: pos-order}, steps: [health], state: failed}]\n"
    files = {"procedures/tests/triage.yaml": text}
    async with app_fixture.running(tmp_path, names=["pos-order"], texts=files) as app:
        check = await app.run("check")

    assert check.verdict is reports.Verdict.FAILED
    assert check.headline.startswith("1 of ")
    (table, *_) = check.sections
    assert isinstance(table, reports.Table)
    assert table.rows[0].cells == ("triage: x", "no answer is given for signals")


async def test_section_changed_since_the_review_is_reported(tmp_path: pathlib.Path) -> None:
    changed = (runbook_folder.PROJECT / "runbook_data" / "runbook.md").read_text().replace("curl -v", "curl -vk")
    async with app_fixture.running(tmp_path, names=["pos-order"], texts={"runbook.md": changed}) as app:
        check = await app.run("check")

    (table, *_) = check.sections
    assert check.verdict is reports.Verdict.WARNING
    assert isinstance(table, reports.Table)
    assert "health-failing" in [row.cells[0] for row in table.rows]
    assert "it has changed; compare the two, then write doc.reviewed: " in table.rows[0].cells[2]


async def test_action_without_an_id_says_where_ids_are(app: app_fixture.AppFixture) -> None:
    refused = await app.dispatch("run cancel")

    assert refused.report.headline == "run cancel requires the id of a run; run list shows them."
