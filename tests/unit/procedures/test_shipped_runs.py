"""Shipped procedures with the real engine, commands and database, against the sandbox."""

import asyncio
import datetime
import pathlib
from collections.abc import AsyncIterator

import pytest

from bot.model import invocations, reports
from bot.procedures import runs
from bot.procedures.definition import parameters
from tests import builders
from tests.unit.commands import app_fixture
from tests.unit.procedures import procedure_tests

pytestmark = pytest.mark.anyio
S = runs.StepState
OLD, NEW = "registry.example/pos-order:1.4.2", "registry.example/pos-order:1.5.0"
_PATIENCE_SECONDS = 20.0


@pytest.fixture
async def kitchen(tmp_path: pathlib.Path) -> AsyncIterator[app_fixture.Kitchen]:
    """One whose bot also works on runs."""
    async with (
        app_fixture.opened(tmp_path, names=["pos-order"], guarded_path="/actuator/info") as kitchen,
        kitchen.core.member.registered(),
    ):
        watch = asyncio.create_task(kitchen.core.member.watch())
        try:
            yield kitchen
        finally:
            watch.cancel()
            await asyncio.wait({watch})


async def begins(kitchen: app_fixture.Kitchen, procedure_id: str, **params: reports.Scalar) -> runs.Run:
    procedure = procedure_tests.shipped(procedure_id)
    given = {"service": "pos-order", "env": "sandbox", **params}
    known = {param.name: given.get(param.name, param.default) for param in procedure.params}
    data = kitchen.core.data
    properties = parameters.properties_of(procedure.params, known, data.catalog, data.environments)
    order = runs.RunRequest(procedure=procedure, params={**known, **properties}, invocation=an_invocation())
    return await rests(kitchen, await kitchen.core.runs.start(order))


async def answers(kitchen: app_fixture.Kitchen, run: runs.Run, answer: str, note: str = "") -> runs.Run:
    await kitchen.core.runs.answer(run, answer, by=an_invocation(), comment=note)
    return await rests(kitchen, run)


async def rests(kitchen: app_fixture.Kitchen, run: runs.Run) -> runs.Run:
    """Return *run* once it has ended or waits for a person."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            now = await kitchen.core.runs.find(run.id)
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


async def test_good_deployment_passes_every_check(kitchen: app_fixture.Kitchen) -> None:
    order = await kitchen.kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW)

    run = await begins(kitchen, "post-deployment")

    assert states(run) == {"rollout": S.SUCCEEDED, "verify": S.SUCCEEDED, "way_in": S.SUCCEEDED}
    assert run.state is runs.RunState.COMPLETED


async def test_stuck_deployment_is_rolled_back(kitchen: app_fixture.Kitchen) -> None:
    order = await kitchen.kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW, gets_stuck=True)
    order.new_pods[0].misses_config(key="DB_URL")

    asked = await begins(kitchen, "post-deployment")
    assert asked.question is not None
    assert "Rollout: stuck (CreateContainerConfigError). Cause: config-key-missing." in asked.question.text
    agreed = await answers(kitchen, asked, "yes")
    assert agreed.question is not None
    environment = kitchen.core.data.environments.find("sandbox")
    kubectl = f"kubectl --context {environment.kube_context} --namespace {environment.namespace}"
    assert f"{kubectl} rollout undo deployment/pos-order" in agreed.question.text
    await order.rolls_back()
    run = await answers(kitchen, agreed, "rolled back", note="1.4.2 again")

    assert run.find("revisions").state is S.SUCCEEDED
    assert run.find("settled").state is S.SUCCEEDED
    assert run.state is runs.RunState.COMPLETED_WITH_FAILURES


async def test_failed_start_leads_to_the_missing_variable(kitchen: app_fixture.Kitchen) -> None:
    order = await kitchen.kube.deploys("pos-order", image=OLD)
    for pod in order.pods:
        pod.misses_config(key="DB_URL")

    asked = await begins(kitchen, "start-failure")

    assert asked.question is not None
    assert asked.question.step == "variables"
    assert asked.question.text.startswith("config-key-missing: compare the keys")
    for pod in order.pods:
        pod.recovers()
    run = await answers(kitchen, asked, "fixed")
    assert run.find("health").state is S.SUCCEEDED
    assert run.state is runs.RunState.COMPLETED_WITH_FAILURES


async def test_healthy_service_is_cleared_by_three_points(kitchen: app_fixture.Kitchen) -> None:
    await kitchen.kube.deploys("pos-order", image=OLD)

    asked = await begins(kitchen, "health-failing")
    run = await answers(kitchen, asked, "the same")

    assert states(run) == dict.fromkeys(("ask", "deployed", "way_in", "caller", "cleared"), S.SUCCEEDED)
    assert run.find("cleared").headline.startswith("All three points hold for pos-order 1.4.2 in sandbox.")


async def test_failing_component_is_named_and_searched_in_logs(kitchen: app_fixture.Kitchen) -> None:
    order = await kitchen.kube.deploys("pos-order", image=OLD)
    order.pods[0].logs(["2026-11-24T03:00:00.000Z ERROR 1 --- [main] c.p.O : no connection"])
    await kitchen.fleet["pos-order"].goes_down()

    asked = await begins(kitchen, "health-failing")
    assert asked.find("component").headline.startswith("pos-order is DOWN because of db")
    await kitchen.fleet["pos-order"].recovers()
    run = await answers(kitchen, asked, "fixed", note="the database was full")

    assert run.find("again").state is S.SUCCEEDED


async def test_degraded_service_is_checked_from_every_side(kitchen: app_fixture.Kitchen) -> None:
    await kitchen.kube.deploys("pos-order", image=OLD)
    await kitchen.fleet["pos-order"].slows_to(seconds=0.6)

    asked = await begins(kitchen, "triage")
    assert asked.find("health").verdict is reports.Verdict.WARNING
    pool = await answers(kitchen, asked, "connection pool")
    assert pool.find("pool").state is S.SUCCEEDED
    await kitchen.fleet["pos-order"].recovers()
    run = await answers(kitchen, pool, "fixed", note="the pool was too small")

    assert run.find("well").state is S.SUCCEEDED


async def test_incident_is_handed_over_once_the_backend_is_cleared(kitchen: app_fixture.Kitchen) -> None:
    await kitchen.kube.deploys("pos-order", image=OLD)

    asked = await begins(kitchen, "to-workspace")
    switch = await answers(kitchen, asked, "one applies")
    assert switch.question is not None
    assert switch.question.text.startswith("The backend is cleared: pos-order 1.4.2 in sandbox is up")
    over = await answers(kitchen, switch, "yes")
    assert over.question is not None
    assert over.question.note == "required"
    run = await answers(kitchen, over, "handed over", note="the platform team has it")

    assert run.state is runs.RunState.COMPLETED
    assert "the platform team has it" in run.find("handed_over").headline


async def test_unhealthy_backend_is_not_handed_over(kitchen: app_fixture.Kitchen) -> None:
    await kitchen.kube.deploys("pos-order", image=OLD)
    await kitchen.fleet["pos-order"].refuses()

    run = await begins(kitchen, "to-workspace")

    assert states(run) == {"health": S.FAILED, "not_cleared": S.SUCCEEDED}
