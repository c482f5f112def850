"""Shipped procedures with the real engine, commands and database, against the sandbox."""

import asyncio
import datetime
import pathlib
from collections.abc import AsyncIterator

import pytest

from bot.model import invocations, reports
from bot.procedures import reports as run_reports
from bot.procedures import runs
from bot.procedures.definition import parameters
from sandbox import cluster
from tests import builders
from tests.unit.commands import app_fixture
from tests.unit.procedures import procedure_tests

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
S = runs.StepState
OLD, NEW = "registry.example/pos-order:1.4.2", "registry.example/pos-order:1.5.0"
_PATIENCE_SECONDS = 20.0


@pytest.fixture
async def app(tmp_path: pathlib.Path) -> AsyncIterator[app_fixture.AppFixture]:
    """A posbot whose worker executes runs."""
    async with (
        app_fixture.running(tmp_path, names=["pos-order"], guarded_path="/actuator/info") as app,
        app.core.member.registered(),
    ):
        watch = asyncio.create_task(app.core.member.watch())
        try:
            yield app
        finally:
            watch.cancel()
            await asyncio.wait({watch})


async def start(app: app_fixture.AppFixture, procedure_id: str, **params: reports.Scalar) -> runs.Run:
    procedure = procedure_tests.shipped(procedure_id)
    given = {"service": "pos-order", "env": "sandbox", **params}
    known = {param.name: given.get(param.name, param.default) for param in procedure.params}
    data = app.core.data
    properties = parameters.properties_of(procedure.params, known, data.catalog, data.environments)
    request = runs.RunRequest(procedure=procedure, params={**known, **properties}, invocation=an_invocation())
    return await wait_until_resting(app, await app.core.runs.start(request))


async def answer(app: app_fixture.AppFixture, run: runs.Run, answer: str, note: str = "") -> runs.Run:
    await app.core.runs.answer(run, answer, by=an_invocation(), comment=note)
    return await wait_until_resting(app, run)


async def wait_until_resting(app: app_fixture.AppFixture, run: runs.Run) -> runs.Run:
    """Return *run* once it has ended or waits for a person."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            now = await app.core.runs.find(run.id)
            if now.state is not runs.RunState.RUNNING:
                return now
            await asyncio.sleep(0.02)


def an_invocation() -> invocations.Invocation:
    return builders.an_invocation(
        id=f"1124-{next(app_fixture.NUMBERS):010x}",
        text="run",
        source=invocations.Source.TERMINAL,
        actor=builders.a_local_actor("tester"),
        conversation=builders.a_place(kind=invocations.ConversationKind.TERMINAL, id="terminal"),
        received_at=datetime.datetime.now(datetime.UTC),
    )


def states(run: runs.Run) -> dict[str, runs.StepState]:
    return {record.id: record.state for record in run.steps if record.state is not S.SKIPPED}


async def test_good_deployment_passes_every_check(app: app_fixture.AppFixture) -> None:
    order = await app.kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW)

    run = await start(app, "post-deployment")

    assert states(run) == {"rollout": S.SUCCEEDED, "verify": S.SUCCEEDED, "way_in": S.SUCCEEDED}
    assert run.state is runs.RunState.COMPLETED


async def test_stuck_deployment_is_rolled_back(app: app_fixture.AppFixture) -> None:
    order = await app.kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW, gets_stuck=True)
    order.new_pods[0].misses_config(key="DB_URL")

    asked = await start(app, "post-deployment")
    assert asked.question is not None
    assert "Rollout: stuck (CreateContainerConfigError). Cause: " in asked.question.text
    agreed = await answer(app, asked, "yes")
    assert agreed.question is not None
    environment = app.core.data.environments.find("sandbox")
    kubectl = f"kubectl --context {environment.kube_context} -n {environment.namespace}"
    line = f"{kubectl} rollout undo deployment/pos-order --to-revision=1"
    assert "config-key-missing" not in asked.question.text
    assert f"\n`{line}`\n" in agreed.question.text
    shown = run_reports.asked(agreed, agreed.question)
    assert reports.Code(text=line) in shown.sections
    (keep, *_) = [one for one in run_reports.asked(asked, asked.question).next_actions if not one.consequence]
    (roll_back, *_) = [one for one in run_reports.asked(asked, asked.question).next_actions if one.consequence]
    assert (roll_back.label, keep.label) == ("Roll back", "Keep this version")
    assert roll_back.consequence.startswith("pos-order in sandbox is rolled back to the previous version")
    await order.rolls_back()
    run = await answer(app, agreed, "rolled back", note="1.4.2 again")

    assert run.find("revisions").state is S.SUCCEEDED
    assert run.find("settled").state is S.SUCCEEDED
    assert run.state is runs.RunState.COMPLETED_WITH_FAILURES


async def test_failed_start_leads_to_the_missing_variable(app: app_fixture.AppFixture) -> None:
    order = await app.kube.deploys("pos-order", image=OLD)
    for pod in order.pods:
        pod.misses_config(key="DB_URL")

    asked = await start(app, "start-failure")

    assert asked.question is not None
    assert asked.question.step == "variables"
    assert asked.question.text.startswith("key DB_URL missing in the Secret pos-secrets: compare")
    for pod in order.pods:
        pod.recovers()
    run = await answer(app, asked, "fixed")
    assert run.find("health").state is S.SUCCEEDED
    assert run.state is runs.RunState.COMPLETED_WITH_FAILURES


async def test_healthy_service_is_cleared_by_three_points(app: app_fixture.AppFixture) -> None:
    await app.kube.deploys("pos-order", image=OLD)

    asked = await start(app, "health-failing")
    run = await answer(app, asked, "the same")

    assert states(run) == dict.fromkeys(("ask", "deployed", "way_in", "caller", "cleared"), S.SUCCEEDED)
    assert run.find("cleared").headline.startswith("All three points hold for pos-order 1.4.2 in sandbox.")


async def test_failing_component_is_named_and_searched_in_logs(app: app_fixture.AppFixture) -> None:
    order = await app.kube.deploys("pos-order", image=OLD)
    order.pods[0].logs(["2026-11-24T03:00:00.000Z ERROR 1 --- [main] c.p.O : no connection"])
    await app.fleet["pos-order"].goes_down()

    asked = await start(app, "health-failing")
    assert asked.find("component").headline.startswith("pos-order is DOWN because of db")
    await app.fleet["pos-order"].recovers()
    run = await answer(app, asked, "fixed", note="the database was full")

    assert run.find("again").state is S.SUCCEEDED


async def test_degraded_service_is_checked_from_every_side(app: app_fixture.AppFixture) -> None:
    await app.kube.deploys("pos-order", image=OLD)
    await app.fleet["pos-order"].slows_to(seconds=0.6)

    asked = await start(app, "triage")
    assert asked.find("health").verdict is reports.Verdict.WARNING
    pool = await answer(app, asked, "connection pool")
    assert pool.find("pool").state is S.SUCCEEDED
    await app.fleet["pos-order"].recovers()
    run = await answer(app, pool, "fixed", note="the pool was too small")

    assert run.find("well").state is S.SUCCEEDED


async def test_incident_is_handed_over_once_the_backend_is_cleared(app: app_fixture.AppFixture) -> None:
    await app.kube.deploys("pos-order", image=OLD)

    asked = await start(app, "to-workspace")
    switch = await answer(app, asked, "one applies")
    assert switch.question is not None
    assert switch.question.text.startswith("The backend is cleared: pos-order 1.4.2 in sandbox is up")
    over = await answer(app, switch, "yes")
    assert over.question is not None
    assert over.question.note == "required"
    run = await answer(app, over, "handed over", note="the platform team has it")

    assert run.state is runs.RunState.COMPLETED
    assert "the platform team has it" in run.find("handed_over").headline


async def test_unhealthy_backend_is_not_handed_over(app: app_fixture.AppFixture) -> None:
    await app.kube.deploys("pos-order", image=OLD)
    await app.fleet["pos-order"].refuses()

    run = await start(app, "to-workspace")

    assert states(run) == {"health": S.FAILED, "not_cleared": S.SUCCEEDED}
    assert "itself failed in sandbox: health failed, deployment skipped" in run.find("not_cleared").headline


async def test_backend_that_could_not_be_determined_is_not_called_unhealthy(app: app_fixture.AppFixture) -> None:
    app.kube.forbids(cluster.BOT_TOKEN, "get", "deployments")

    run = await start(app, "to-workspace")
    app.kube.allows(cluster.BOT_TOKEN, "get", "deployments", group="apps")

    assert states(run) == {"health": S.SUCCEEDED, "deployed": S.FAILED, "not_determined": S.SUCCEEDED}
    assert "could not determine" in run.find("not_determined").headline
