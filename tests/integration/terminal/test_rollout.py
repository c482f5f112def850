"""`rollout` in a terminal, against the sandbox cluster's API."""

import asyncio
import json
from typing import Any

import pytest

from sandbox import cluster, processes
from tests import cli_runner

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

OLD, NEW = "registry.example/pos-order:1.4.2", "registry.example/pos-order:1.5.0"


async def asked(environment: dict[str, str], *words: str) -> tuple[int, dict[str, Any]]:
    code, output, complaint = await cli_runner.run(environment, "rollout", *words, "--output", "json")
    # Only progress goes to stderr.
    assert all(line.startswith("… ") and "waiting, " in line for line in complaint.splitlines())
    return code, json.loads(output)


def rows(report: dict[str, Any]) -> list[list[str]]:
    return [row["cells"] for row in report["sections"][0]["rows"]]


def shown(report: dict[str, Any]) -> str:
    return json.dumps(report["sections"], ensure_ascii=False)


def next_commands(report: dict[str, Any]) -> list[str]:
    return [action["command"] for action in report["next_actions"]]


async def test_complete_rollout(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW)

    code, report = await asked(environment, "status", "order")

    assert code == 0
    assert report["headline"] == "pos-order · staging: rolled out revision 2, 1.5.0 (3 of 3 pods available)"
    assert [cells[:3] for cells in rows(report)] == [["2 (new)", "3/3", NEW]]
    assert report["facts"]["stage"] == "complete"
    assert next_commands(report)[0] == "rollout verify pos-order --env staging"


async def test_rollout_in_progress_shows_both_revisions(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW, progress=1)

    code, report = await asked(environment, "status", "order")

    assert code == 1
    assert report["verdict"] == "warning"
    assert report["headline"] == "pos-order · staging: rolling out 1.5.0 (revision 2) (2 of 3 new pods created)"
    assert [cells[:3] for cells in rows(report)] == [["2 (new)", "1/2", NEW], ["1 (old)", "2/2", OLD]]
    assert next_commands(report)[0] == "rollout status pos-order --env staging --wait 5m"


async def test_old_pods_pending_termination_are_waited_for(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", image=OLD, replicas=2)
    await order.rolls_out(image=NEW, progress=1)

    _, report = await asked(environment, "status", "order")

    assert report["facts"]["stage"] == "terminating old pods"
    assert "2 of 2 new pods created, 1 old pending termination" in report["headline"]


async def test_stuck_rollout_shows_why_its_pods_are_not_ready(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW, gets_stuck=True)
    order.new_pods[0].fails_to_pull()

    code, report = await asked(environment, "status", "order")

    assert code == 1
    assert report["verdict"] == "failed"
    assert report["headline"] == (
        "pos-order · staging: rollout of 1.5.0 (revision 2) stuck: ImagePullBackOff "
        "(1 of 3 new pods created, progress deadline exceeded)"
    )
    assert "has timed out progressing" in shown(report)
    assert f'Back-off pulling image \\"{NEW}\\"' in shown(report)
    assert [pointer["number"] for pointer in report["runbook"]] == ["2.1", "4.2"]


async def test_crash_loop_shows_the_last_termination(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW, progress=0)
    order.new_pods[0].crash_loops(exit_code=137, reason="OOMKilled")

    code, report = await asked(environment, "status", "order")

    assert (code, report["facts"]["reason"]) == (1, "CrashLoopBackOff")
    assert report["headline"].endswith("rolling out 1.5.0 (revision 2): CrashLoopBackOff (1 of 3 new pods created)")
    assert "last termination: OOMKilled (137)" in shown(report)


async def test_unschedulable_new_pod_shows_the_scheduler_message(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW, progress=0)
    order.new_pods[0].is_unschedulable("0/3 nodes are available: 3 Insufficient cpu.")

    _, report = await asked(environment, "status", "order")

    assert report["facts"]["reason"] == "Unschedulable"
    assert "3 Insufficient cpu" in shown(report)


async def test_paused_rollout_is_a_warning(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW, progress=1)
    order.pauses()

    code, report = await asked(environment, "status", "order")

    assert (code, report["verdict"]) == (1, "warning")
    assert report["headline"] == "pos-order · staging: rollout of 1.5.0 (revision 2) paused (2 of 3 new pods created)"


async def test_deployment_paused_after_its_rollout_is_a_warning(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    order.pauses()

    code, report = await asked(environment, "status", "order")

    assert (code, report["facts"]["stage"]) == (1, "complete")
    assert "paused: changes do not roll out" in report["headline"]


async def test_unobserved_generation_is_not_complete(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW, is_observed=False)

    code, report = await asked(environment, "status", "order")

    assert (code, report["verdict"]) == (3, "unknown")
    assert report["headline"] == (
        "pos-order · staging: change not observed by the cluster yet (generation 2, observed 1)"
    )
    assert rows(report)[0][0] == "1 (unchanged)"
    assert {"pairs": [["desired image", NEW]], "title": None, "kind": "fields"} in report["sections"]


async def test_deployment_scaled_to_zero_is_a_warning(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.scales(0)

    code, report = await asked(environment, "status", "order")

    assert (code, report["verdict"]) == (1, "warning")
    assert "scaled to 0 pods" in report["headline"]


async def test_pods_failing_after_the_rollout_are_distinguished(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", image=OLD, replicas=1)
    order.pods[0].crash_loops()

    code, report = await asked(environment, "status", "order")

    assert (code, report["verdict"]) == (1, "failed")
    assert (
        "pods of 1.4.2 (revision 1) became unavailable: CrashLoopBackOff (0 of 1 new pods available)"
        in report["headline"]
    )


async def test_wait_ends_when_the_rollout_is_complete(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW, progress=1)

    waiting = asyncio.create_task(asked(environment, "status", "order", "--wait", "1m"))
    await kube.waits_for_request(lambda request: request.path.endswith("/replicasets"))
    await order.continues()
    code, report = await waiting

    assert code == 0
    assert report["headline"].startswith("pos-order · staging: rolled out revision 2")
    assert report["facts"]["stage"] == "complete"


async def test_wait_ends_when_the_rollout_is_stuck(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW, progress=1)

    waiting = asyncio.create_task(asked(environment, "status", "order", "--wait", "15m"))
    await kube.waits_for_request(lambda request: request.path.endswith("/replicasets"))
    order.gets_stuck()
    code, report = await waiting

    assert code == 1
    assert report["headline"].startswith("pos-order · staging: rollout of 1.5.0 (revision 2) stuck")


async def test_wait_times_out(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW, progress=1)

    code, report = await asked(environment, "status", "order", "--wait", "1s")

    assert code == 1
    assert report["headline"].startswith("pos-order · staging: rolling out 1.5.0 (revision 2)")
    assert report["headline"].endswith(" · timed out after 1 s")


async def test_wait_survives_an_unavailable_api_server(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    await kube.deploys("pos-order", image=OLD)
    kube.faults.too_many_requests("", retry_after_seconds=0, times=4)

    code, report = await asked(environment, "status", "order", "--wait", "1m")

    assert code == 0
    assert report["headline"].startswith("pos-order · staging: rolled out revision 1")


async def test_history_is_newest_first_and_marks_the_current_revision(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", image=OLD, change_cause="release 1.4.2")
    await order.rolls_out(image=NEW, change_cause="release 1.5.0")

    code, report = await asked(environment, "history", "order")

    assert code == 0
    assert report["headline"] == "pos-order · staging: revision 2 is current, 1 earlier"
    assert [cells[:5] for cells in rows(report)] == [
        ["2 (current)", "", NEW, "release 1.5.0", "3/3"],
        ["1", "", OLD, "release 1.4.2", "0/0"],
    ]


async def test_history_shows_former_numbers_after_a_rollback(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW)
    await order.rolls_back()

    _, past = await asked(environment, "history", "order")
    code, status = await asked(environment, "status", "order")

    assert [cells[:3] for cells in rows(past)] == [["3 (current)", "1", OLD], ["2", "", NEW]]
    assert "Revision 3 was revision 1 before a rollback" in shown(past)
    assert (code, status["headline"]) == (
        0, "pos-order · staging: rolled out revision 3, 1.4.2 (3 of 3 pods available)"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(["stauts", "order"], "“status”? Actions of rollout: status, verify, history.", id="typo"),
        pytest.param(["order"], "There is no action called “order”.", id="no action"),
        pytest.param([], "Missing argument: ACTION. Missing argument: SERVICE.", id="nothing"),
        pytest.param(["status", "ordr"], "There is no service called “ordr”. Did you mean “order”", id="service"),
        pytest.param(["history", "order", "--wait", "1m"], "--wait cannot be combined", id="history waits"),
        pytest.param(["status", "order", "--wait", "1d"], "--wait must be at most 15m.", id="days"),
        pytest.param(["verify", "order", "--wait", "16m"], "--wait must be at most 15m.", id="too long"),
    ],
)
async def test_usage_error_names_the_problem(environment: dict[str, str], words: list[str], sentence: str) -> None:
    code, _, complaint = await cli_runner.run(environment, "rollout", *words)

    assert code == 2
    assert sentence in " ".join(complaint.split())


async def test_missing_deployment_suggests_similar_names(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    await kube.deploys("pos-orders")

    code, _, complaint = await cli_runner.run(environment, "rollout", "status", "order", "--wait", "1m")

    assert code == 3
    assert "There is no deployment called “pos-order” in namespace positivity. Did you mean “pos-orders”?" in complaint


async def test_forbidden_request_names_the_missing_rule(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    await kube.deploys("pos-order")
    kube.forbids(cluster.BOT_TOKEN, "list", "replicasets")

    code, _, complaint = await processes.run(environment, "rollout", "history", "order")

    assert code == 3
    assert 'apiGroups: ["apps"], resources: ["replicasets"], verbs: ["list"]' in complaint


@pytest.mark.parametrize("command", ["status", "verify", "history"])
async def test_password_in_an_image_name_is_not_shown_as_its_tag(
    kube: cluster.Cluster, environment: dict[str, str], command: str
) -> None:
    await kube.deploys("pos-order", replicas=1, image="https://user:hunter2pass@registry.example/pos-order:1")

    _, output, _ = await cli_runner.run(environment, "rollout", command, "pos-order")

    assert "pos-order" in output
    assert "hunter2pass" not in output
