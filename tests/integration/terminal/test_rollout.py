"""How far a rollout is and which revisions there are, asked of a pretend cluster."""

import asyncio
import json
from typing import Any

import pytest

from sandbox import cluster, processes
from tests import cli_runner

pytestmark = pytest.mark.anyio

OLD, NEW = "registry.example/pos-order:1.4.2", "registry.example/pos-order:1.5.0"


async def asked(environment: dict[str, str], *words: str) -> tuple[int, dict[str, Any]]:
    code, output, complaint = await cli_runner.run(environment, "deploy", *words, "--output", "json")
    # Only progress is told beside the answer.
    assert all(line.startswith("… Waiting, ") for line in complaint.splitlines())
    return code, json.loads(output)


def rows(report: dict[str, Any]) -> list[list[str]]:
    return [row["cells"] for row in report["sections"][0]["rows"]]


def said(report: dict[str, Any]) -> str:
    return json.dumps(report["sections"], ensure_ascii=False)


def next_words(report: dict[str, Any]) -> list[str]:
    return [action["command"] for action in report["next_actions"]]


async def test_a_rollout_that_came_through(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW)

    code, report = await asked(environment, "status", "order")

    assert code == 0
    assert report["headline"] == "pos-order in staging: rolled out, revision 2, 1.5.0; 3 of 3 pods available."
    assert [cells[:3] for cells in rows(report)] == [["2 (new)", "3/3", NEW]]
    assert report["facts"]["stage"] == "complete"
    assert next_words(report)[0] == "deploy verify pos-order --env staging"


async def test_a_rollout_under_way_shows_both_revisions(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW, progress=1)

    code, report = await asked(environment, "status", "order")

    assert code == 1
    assert report["verdict"] == "warning"
    assert report["headline"] == ("pos-order in staging: revision 2 is being rolled out; 2 of 3 new pods made.")
    assert [cells[:3] for cells in rows(report)] == [["2 (new)", "1/2", NEW], ["1 (old)", "2/2", OLD]]
    assert next_words(report)[0] == "deploy status pos-order --env staging --wait 5m"


async def test_old_pods_that_still_end_are_waited_for(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", image=OLD, replicas=2)
    await order.rolls_out(image=NEW, progress=1)

    _, report = await asked(environment, "status", "order")

    assert report["facts"]["stage"] == "ending old pods"
    assert "2 of 2 new pods made, 1 old one still to end" in report["headline"]


async def test_a_stuck_rollout_fails_with_what_keeps_its_pods(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW, gets_stuck=True)
    order.new_pods[0].fails_to_pull()

    code, report = await asked(environment, "status", "order")

    assert code == 1
    assert report["verdict"] == "failed"
    assert report["headline"] == (
        "pos-order in staging: the rollout of revision 2 is stuck: ImagePullBackOff; "
        "1 of 3 new pods made, and nothing has moved within the deadline."
    )
    assert "has timed out progressing" in said(report)
    assert f'Back-off pulling image \\"{NEW}\\"' in said(report)
    assert [pointer["number"] for pointer in report["runbook"]] == ["2.1", "4.2"]


async def test_a_crash_loop_is_told_with_how_it_ended(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW, progress=0)
    order.new_pods[0].crash_loops(exit_code=137, reason="OOMKilled")

    code, report = await asked(environment, "status", "order")

    assert (code, report["facts"]["trouble"]) == (1, "CrashLoopBackOff")
    assert report["headline"].endswith("1 of 3 new pods made: CrashLoopBackOff.")
    assert "it ended with OOMKilled (137)" in said(report)


async def test_a_new_pod_without_a_node_is_told_with_the_schedulers_reason(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW, progress=0)
    order.new_pods[0].is_unschedulable("0/3 nodes are available: 3 Insufficient cpu.")

    _, report = await asked(environment, "status", "order")

    assert report["facts"]["trouble"] == "no node takes it"
    assert "3 Insufficient cpu" in said(report)


async def test_a_paused_rollout_says_so(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW, progress=1)
    order.pauses()

    code, report = await asked(environment, "status", "order")

    assert (code, report["verdict"]) == (1, "warning")
    assert report["headline"] == "pos-order in staging: the rollout is paused; 2 of 3 new pods made."


async def test_a_deployment_that_is_paused_after_its_rollout_warns(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    order.pauses()

    code, report = await asked(environment, "status", "order")

    assert (code, report["facts"]["stage"]) == (1, "complete")
    assert "paused, so the next change will wait" in report["headline"]


async def test_a_change_that_nobody_has_looked_at_is_not_taken_for_done(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW, is_observed=False)

    code, report = await asked(environment, "status", "order")

    assert (code, report["verdict"]) == (3, "unknown")
    assert report["headline"] == (
        "pos-order in staging: the cluster has not looked at the change yet: generation 2 is wanted, 1 was seen."
    )
    assert rows(report)[0][0] == "1 (as before)"
    assert {"pairs": [["wanted image", NEW]], "title": None, "kind": "fields"} in report["sections"]


async def test_a_deployment_scaled_to_nothing_is_no_success(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.scales(0)

    code, report = await asked(environment, "status", "order")

    assert (code, report["verdict"]) == (1, "warning")
    assert "scaled to 0 pods: nothing runs" in report["headline"]


async def test_pods_that_fell_ill_after_the_rollout_are_told_from_one_under_way(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", image=OLD, replicas=1)
    order.pods[0].crash_loops()

    code, report = await asked(environment, "status", "order")

    assert (code, report["verdict"]) == (1, "failed")
    assert "0 of 1 new pods available, although the rollout had come through: CrashLoopBackOff" in report["headline"]


async def test_waiting_ends_when_the_rollout_has_come_through(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW, progress=1)

    waiting = asyncio.create_task(asked(environment, "status", "order", "--wait", "1m"))
    await kube.waits_for_request(lambda request: request.path.endswith("/replicasets"))
    await order.continues()
    code, report = await waiting

    assert code == 0
    assert report["headline"].startswith("Done after ")
    assert report["facts"]["stage"] == "complete"


async def test_waiting_ends_early_when_the_rollout_is_stuck(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW, progress=1)

    waiting = asyncio.create_task(asked(environment, "status", "order", "--wait", "15m"))
    await kube.waits_for_request(lambda request: request.path.endswith("/replicasets"))
    order.gets_stuck()
    code, report = await waiting

    assert code == 1
    assert report["headline"].startswith("Stuck after ")


async def test_waiting_ends_with_the_time_and_says_that_it_is_not_done(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW, progress=1)

    code, report = await asked(environment, "status", "order", "--wait", "1s")

    assert code == 1
    assert report["headline"].startswith("Not done after 1 s. pos-order in staging: revision 2 is being rolled out")


async def test_waiting_outlasts_an_api_server_that_is_away_for_a_while(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    await kube.deploys("pos-order", image=OLD)
    kube.faults.too_many_requests("", retry_after_seconds=0, times=4)

    code, report = await asked(environment, "status", "order", "--wait", "1m")

    assert code == 0
    assert report["headline"].startswith("Done after ")


async def test_the_history_is_newest_first_and_marks_the_current_one(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", image=OLD, change_cause="release 1.4.2")
    await order.rolls_out(image=NEW, change_cause="release 1.5.0")

    code, report = await asked(environment, "history", "order")

    assert code == 0
    assert report["headline"] == "pos-order in staging: revision 2 is current, 1 earlier kept."
    assert [cells[:5] for cells in rows(report)] == [
        ["2 (current)", "", NEW, "release 1.5.0", "3/3"],
        ["1", "", OLD, "release 1.4.2", "0/0"],
    ]


async def test_a_rollback_shows_the_number_that_the_revision_had(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", image=OLD)
    await order.rolls_out(image=NEW)
    await order.rolls_back()

    _, past = await asked(environment, "history", "order")
    code, status = await asked(environment, "status", "order")

    assert [cells[:3] for cells in rows(past)] == [["3 (current)", "1", OLD], ["2", "", NEW]]
    assert "Revision 3 was 1 before" in said(past)
    assert (code, status["headline"]) == (
        0, "pos-order in staging: rolled out, revision 3, 1.4.2; 3 of 3 pods available."
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param(["stauts", "order"], "Did you mean “status”? After deploy: status, verify, history.", id="typo"),
        pytest.param(["order"], "There is no action called “order”.", id="no action"),
        pytest.param([], "action is missing. service is missing.", id="nothing"),
        pytest.param(["status", "ordr"], "There is no service called “ordr”. Did you mean “order”", id="service"),
        pytest.param(["history", "order", "--wait", "1m"], "--wait goes with status and verify;", id="history waits"),
        pytest.param(["status", "order", "--wait", "1d"], "“1d” is no duration;", id="duration"),
        pytest.param(["verify", "order", "--wait", "16m"], "less than or equal to 900 seconds", id="too long"),
    ],
)
async def test_what_cannot_be_meant_is_explained(environment: dict[str, str], words: list[str], sentence: str) -> None:
    code, _, complaint = await cli_runner.run(environment, "deploy", *words)

    assert code == 2
    assert sentence in " ".join(complaint.split())


async def test_a_deployment_that_is_not_there_names_those_near_it(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    await kube.deploys("pos-orders")

    code, _, complaint = await cli_runner.run(environment, "deploy", "status", "order", "--wait", "1m")

    assert code == 3
    assert "There is no deployment called “pos-order” in namespace positivity. Did you mean “pos-orders”?" in complaint


async def test_a_right_that_is_missing_is_named(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    await kube.deploys("pos-order")
    kube.forbids(cluster.BOT_TOKEN, "list", "replicasets")

    code, _, complaint = await processes.run(environment, "deploy", "history", "order")

    assert code == 3
    assert 'apiGroups: ["apps"], resources: ["replicasets"], verbs: ["list"]' in complaint


@pytest.mark.parametrize("command", ["status", "verify", "history"])
async def test_a_password_in_the_name_of_an_image_is_not_taken_for_its_tag(
    kube: cluster.Cluster, environment: dict[str, str], command: str
) -> None:
    await kube.deploys("pos-order", replicas=1, image="https://user:hunter2pass@registry.example/pos-order:1")

    _, output, _ = await cli_runner.run(environment, "deploy", command, "pos-order")

    assert "pos-order" in output
    assert "hunter2pass" not in output
