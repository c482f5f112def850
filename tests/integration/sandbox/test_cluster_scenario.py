"""
What befalls pods and deployments shows in their states, events and logs, as in a real cluster.
"""

from typing import Any

import pytest

from sandbox import cluster
from sandbox.cluster import spring_logs
from sandbox.cluster.scenario.deployments import Deployment
from sandbox.cluster.scenario.failures import Pod
from sandbox.cluster.state import clocks, kinds
from sandbox.cluster.state import events as state_events

pytestmark = pytest.mark.anyio


@pytest.fixture
async def order(kube: cluster.Cluster) -> Deployment:
    return await kube.deploys(
        "pos-order", image="registry.example/pos-order:1.4.2", git="5f3c1e2", port=9007, change_cause="release 1.4.2"
    )


@pytest.fixture
async def pod(order: Deployment) -> Pod:
    return order.pods[0]


def status_of(pod: Pod) -> dict[str, Any]:
    status: dict[str, Any] = pod.document["status"]["containerStatuses"][0]
    return status


def condition(document: dict[str, Any], kind: str) -> tuple[str, str]:
    found = next(one for one in document["status"]["conditions"] if one["type"] == kind)
    return found["status"], found.get("reason", "")


def told(kube: cluster.Cluster, name: str) -> dict[str, dict[str, Any]]:
    """Return the events of an object by reason and message."""
    return {f"{event['reason']}: {event['message']}": event for event in kube.events(name)}


async def test_deployed_service_is_ready_and_configured(order: Deployment, pod: Pod) -> None:
    container = pod.document["spec"]["containers"][0]

    assert [one.is_ready for one in order.pods] == [True] * 3
    assert len({one.node for one in order.pods}) == 3
    assert (pod.document["status"]["phase"], container["name"]) == ("Running", "pos-order")
    assert container["env"][2]["valueFrom"]["secretKeyRef"] == {"name": "pos-secrets", "key": "DB_URL"}
    assert container["readinessProbe"]["httpGet"]["port"] == 9007
    assert pod.document["metadata"]["annotations"]["app.positivity/git-commit"] == "5f3c1e2"
    assert order.document["status"]["availableReplicas"] == 3
    assert condition(order.document, "Progressing") == ("True", "NewReplicaSetAvailable")


async def test_restart_remembers_how_container_ended(kube: cluster.Cluster, pod: Pod) -> None:
    pod.restarts(exit_code=137, reason="OOMKilled", previous_log=spring_logs.out_of_memory())

    last = status_of(pod)["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"], status_of(pod)["restartCount"]) == (137, "OOMKilled", 1)
    assert "running" in status_of(pod)["state"]
    assert told(kube, pod.name)["Started: Started container pos-order"]["count"] == 2
    assert pod.is_ready


async def test_crash_loop_waits_longer_and_longer(kube: cluster.Cluster, order: Deployment, pod: Pod) -> None:
    pod.crash_loops("out of luck", back_off_seconds=40, times=3)

    state = status_of(pod)["state"]["waiting"]
    where = f"pod={pod.name}_positivity({pod.uid})"
    assert state == {
        "reason": "CrashLoopBackOff",
        "message": f"back-off 40s restarting failed container=pos-order {where}",
    }
    assert status_of(pod)["lastState"]["terminated"]["message"] == "out of luck"
    assert status_of(pod)["restartCount"] == 3
    event = next(event for event in kube.events(pod.name) if event["reason"] == "BackOff")
    assert (event["type"], event["count"], event["eventTime"]) == ("Warning", 12, None)
    assert event["firstTimestamp"] < event["lastTimestamp"]
    assert order.document["status"]["readyReplicas"] == 2
    assert order.document["status"]["unavailableReplicas"] == 1


async def test_missing_key_is_named(kube: cluster.Cluster, pod: Pod) -> None:
    pod.misses_config(kind="secretKeyRef", name="pos-secrets", key="DB_URL")

    message = "couldn't find key DB_URL in Secret positivity/pos-secrets"
    assert status_of(pod)["state"]["waiting"] == {"reason": "CreateContainerConfigError", "message": message}
    assert pod.document["status"]["phase"] == "Pending"
    assert told(kube, pod.name)[f"Failed: Error: {message}"]["type"] == "Warning"

    pod.misses_config(kind="configMapKeyRef", name="pos-config", key="")
    assert status_of(pod)["state"]["waiting"]["message"] == 'configmap "pos-config" not found'


async def test_image_that_cannot_be_pulled(kube: cluster.Cluster, pod: Pod) -> None:
    pod.fails_to_pull("registry.example/pos-order:nope", "unauthorized: authentication required")

    image = "registry.example/pos-order:nope"
    assert status_of(pod)["state"]["waiting"]["reason"] == "ImagePullBackOff"
    assert status_of(pod)["image"] == image
    events = told(kube, pod.name)
    assert f'Failed: Failed to pull image "{image}": unauthorized: authentication required' in events
    assert {"Failed: Error: ErrImagePull", "Failed: Error: ImagePullBackOff"} <= events.keys()


async def test_pod_without_node_is_told_of_by_scheduler(kube: cluster.Cluster, pod: Pod) -> None:
    pod.is_unschedulable("0/3 nodes are available: 3 Insufficient cpu.")

    assert condition(pod.document, "PodScheduled") == ("False", "Unschedulable")
    assert (pod.node, pod.document["status"]["phase"]) == ("", "Pending")
    event = told(kube, pod.name)["FailedScheduling: 0/3 nodes are available: 3 Insufficient cpu."]
    # The scheduler writes events of the newer kind: no count, no first and last time.
    assert (event["firstTimestamp"], event["series"]["count"]) == (None, 3)
    assert event["eventTime"] is not None
    assert "count" not in event


async def test_failed_readiness_probe_takes_pod_out_of_traffic(kube: cluster.Cluster, pod: Pod) -> None:
    pod.fails_probe("readiness", "HTTP probe failed with statuscode: 503", count=4)

    assert (pod.is_ready, pod.restarts_count) == (False, 0)
    assert condition(pod.document, "Ready") == ("False", "ContainersNotReady")
    assert (
        told(kube, pod.name)["Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503"]["count"] == 4
    )

    pod.recovers()
    assert pod.is_ready


@pytest.mark.parametrize("kind", ["liveness", "startup"])
async def test_failed_liveness_probe_kills_container(kube: cluster.Cluster, pod: Pod, kind: str) -> None:
    pod.fails_probe(kind, "Get timed out")

    assert (pod.is_ready, pod.restarts_count) == (False, 1)
    assert f"Killing: Container pos-order failed {kind} probe, will be restarted" in told(kube, pod.name)


async def test_evicted_pod_is_replaced_and_stays_as_record(order: Deployment, pod: Pod) -> None:
    pod.is_evicted()

    assert (pod.document["status"]["phase"], pod.document["status"]["reason"]) == ("Failed", "Evicted")
    assert len(order.pods) == 4
    assert order.document["status"]["readyReplicas"] == 3


async def test_pod_that_ends_is_replaced(kube: cluster.Cluster, order: Deployment, pod: Pod) -> None:
    pod.begins_to_end()
    assert "deletionTimestamp" in pod.document["metadata"]

    pod.ends()

    assert pod.is_gone
    assert len(kube.objects(kinds.PODS)) == len(order.pods) == 3
    assert "Killing: Stopping container pos-order" in told(kube, pod.name)


async def test_failing_init_container_keeps_others_from_beginning(kube: cluster.Cluster) -> None:
    price = await kube.deploys("pos-price", replicas=1, before=["migrate"])
    pod = price.pods[0]

    pod.fails_init("migrate", log=["no database"], times=2)

    first = pod.document["status"]["initContainerStatuses"][0]
    assert (first["restartCount"], first["state"]["waiting"]["reason"]) == (2, "CrashLoopBackOff")
    assert status_of(pod)["state"]["waiting"]["reason"] == "PodInitializing"
    assert condition(pod.document, "Initialized") == ("False", "ContainersNotInitialized")

    pod.recovers()
    assert pod.is_ready


async def test_rollout_goes_over_to_new_revision(kube: cluster.Cluster, order: Deployment) -> None:
    before = list(order.pods)

    await order.rolls_out(image="registry.example/pos-order:1.5.0", change_cause="release 1.5.0")

    old, new = order.replica_sets
    assert order.revision == 2
    assert (old["spec"]["replicas"], new["spec"]["replicas"], new["status"]["readyReplicas"]) == (0, 3, 3)
    assert new["metadata"]["annotations"]["kubernetes.io/change-cause"] == "release 1.5.0"
    assert old["metadata"]["annotations"]["kubernetes.io/change-cause"] == "release 1.4.2"
    assert all(pod.is_gone for pod in before)
    name = new["metadata"]["name"]
    assert f"ScalingReplicaSet: Scaled up replica set {name} from 0 to 1" in told(kube, "pos-order")


async def test_rollout_can_be_seen_under_way(order: Deployment) -> None:
    await order.rolls_out(image="registry.example/pos-order:1.5.0", progress=1)

    status = order.document["status"]
    counts = [status[key] for key in ("replicas", "updatedReplicas", "readyReplicas", "unavailableReplicas")]
    assert counts == [4, 2, 3, 1]
    assert condition(order.document, "Progressing") == ("True", "ReplicaSetUpdated")
    assert [pod.is_ready for pod in order.new_pods] == [True, False]

    await order.continues()
    assert order.document["status"]["updatedReplicas"] == order.document["status"]["replicas"] == 3
    assert condition(order.document, "Progressing") == ("True", "NewReplicaSetAvailable")


async def test_rollout_that_gets_stuck_exceeds_its_deadline(order: Deployment) -> None:
    await order.rolls_out(image="registry.example/pos-order:1.5.0", gets_stuck=True)
    order.new_pods[0].crash_loops(log=spring_logs.port_in_use())

    assert condition(order.document, "Progressing") == ("False", "ProgressDeadlineExceeded")
    assert condition(order.document, "Available") == ("True", "MinimumReplicasAvailable")
    assert (len(order.new_pods), len(order.old_pods)) == (1, 3)


async def test_what_is_done_earlier_is_as_old_as_that(kube: cluster.Cluster, order: Deployment) -> None:
    before = kube.clock.now()
    with kube.clock.earlier(720):
        await order.rolls_out(image="registry.example/pos-order:1.5.0", gets_stuck=True)

    born = clocks.moment(order.new_pods[0].document["metadata"]["creationTimestamp"])
    assert 710 < (before - born).total_seconds() < 730
    assert kube.clock.now() >= before


async def test_change_may_not_have_been_looked_at(order: Deployment) -> None:
    await order.rolls_out(image="registry.example/pos-order:1.5.0", is_observed=False)

    assert order.document["metadata"]["generation"] == 2
    assert order.document["status"]["observedGeneration"] == 1
    assert len(order.replica_sets) == 1

    await order.continues()
    assert order.document["status"]["observedGeneration"] == 2
    assert order.revision == 2


async def test_going_back_makes_old_revision_newest(order: Deployment) -> None:
    await order.rolls_out(image="registry.example/pos-order:1.5.0", gets_stuck=True)

    await order.rolls_back()

    assert order.revision == 3
    assert order.document["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example/pos-order:1.4.2"
    assert [one["metadata"]["annotations"]["deployment.kubernetes.io/revision"] for one in order.replica_sets] == [
        "2",
        "3",
    ]
    assert (len(order.pods), order.old_pods) == (3, [])


async def test_deployment_is_scaled_and_paused(order: Deployment) -> None:
    await order.scales(5)
    assert (len(order.pods), order.document["status"]["readyReplicas"]) == (5, 5)

    await order.scales(1)
    order.pauses()
    assert (len(order.pods), order.document["spec"]["paused"]) == (1, True)
    assert condition(order.document, "Progressing") == ("Unknown", "DeploymentPaused")


async def test_any_event_can_be_written(kube: cluster.Cluster, order: Deployment) -> None:
    happening = state_events.EventSpec(
        reason="FailedGetScale", message="no metrics", is_warning=True, component="horizontal-pod-autoscaler", count=7
    )

    for _ in range(2):
        kube.notes(order.document, happening)

    event = told(kube, "pos-order")["FailedGetScale: no metrics"]
    assert (event["count"], event["source"]) == (14, {"component": "horizontal-pod-autoscaler"})


async def test_usage_follows_pods(kube: cluster.Cluster, order: Deployment, pod: Pod) -> None:
    pod.uses(cpu="990m", memory="1000Mi")

    usage = {one["metadata"]["name"]: one["containers"][0]["usage"] for one in kube.objects(kinds.POD_METRICS)}
    assert usage[pod.name] == {"cpu": "990m", "memory": "1000Mi"}

    pod.misses_config()
    assert len(kube.objects(kinds.POD_METRICS)) == 2


@pytest.mark.parametrize("write", spring_logs.FAILURES.values(), ids=spring_logs.FAILURES.keys())
async def test_every_failing_start_reads_like_spring(write: Any) -> None:
    text = "\n".join(write())

    assert len(text) > 200
    assert any(word in text for word in ("APPLICATION FAILED TO START", "Exception", "Error"))


async def test_awkward_lines_are_awkward() -> None:
    assert spring_logs.PASSWORD in "\n".join(spring_logs.secrets())
    assert "\x1b[31m" in "\n".join(spring_logs.escapes())
    assert "<!channel>" in "\n".join(spring_logs.markup())
    assert len(spring_logs.repeated_traces(times=20)) == 20 * 6
    assert spring_logs.normal_start()[-1].endswith("(process running for 9.787)")
