"""Verification of a rollout from values: which version runs, and which conditions still hold."""

import dataclasses
import datetime
from typing import Any, cast

import pytest

from bot import runbook_data
from bot.health import actuator
from bot.health import status as health
from bot.kubernetes import decoder, subject, workloads
from bot.kubernetes import model as kubernetes
from bot.kubernetes import reports as kubernetes_reports
from bot.model import reports
from bot.rollouts import reports as rollout_reports
from sandbox import runbook_folder

pytestmark = pytest.mark.anyio

NOW = datetime.datetime(2026, 11, 27, 12, tzinfo=datetime.UTC)
OLD, NEW = "registry.example/pos-order:1.4.2", "registry.example/pos-order:1.5.0"


def before(seconds: float) -> datetime.datetime:
    return NOW - datetime.timedelta(seconds=seconds)


def a_deployment(image: str = NEW, *, ready: int = 2, updated: int = 2, **changes: Any) -> kubernetes.Deployment:
    values = {
        "name": "pos-order",
        "selector": "app=pos-order",
        "generation": 4,
        "observed_generation": 4,
        "desired": 2,
        "updated": updated,
        "total": 2,
        "ready": ready,
        "available": ready,
        "revision": 4,
        "is_paused": False,
        "images": (image,),
    }
    return kubernetes.Deployment(**values | changes)


def a_revision(number: int, image: str) -> kubernetes.ReplicaSet:
    return kubernetes.ReplicaSet(
        name=f"pos-order-{number}",
        revision=number,
        images=(image,),
        change_cause="",
        created_at=before(600),
        template_hash=str(number),
        replicas=2,
        ready=2,
        owner="pos-order",
    )


def a_container(**changes: Any) -> kubernetes.Container:
    state = kubernetes.ContainerState(kind=kubernetes.StateKind.RUNNING, started_at=before(580))
    return kubernetes.Container(**{"name": "pos-order", "image": NEW, "is_ready": True, "state": state} | changes)


def a_pod(name: str, revision: int = 4, **changes: Any) -> kubernetes.Pod:
    values = {
        "name": name,
        "phase": "Running",
        "created_at": before(590),
        "node": "node-1",
        "template_hash": str(revision),
        "is_ready": True,
        "ready_since": before(560),
        "containers": (a_container(),),
    }
    return kubernetes.Pod(**values | changes)


def a_warning(reason: str, name: str, *, ago: float, message: str = "", is_warning: bool = True) -> kubernetes.Event:
    return kubernetes.Event(
        is_warning=is_warning,
        reason=reason,
        message=message or f"{reason} of {name}",
        kind="Pod",
        name=name,
        count=1,
        first_at=before(ago),
        last_at=before(ago),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class FakeWorkloads:
    """Workloads that hold these values."""

    one: kubernetes.Deployment
    sets: tuple[kubernetes.ReplicaSet, ...] = (a_revision(4, NEW),)
    running: tuple[kubernetes.Pod, ...] = (a_pod("a"), a_pod("b"))
    noted: tuple[kubernetes.Event, ...] = ()

    async def deployment(self, _: str) -> kubernetes.Deployment:
        return self.one

    async def replica_sets(self, _: str) -> tuple[kubernetes.ReplicaSet, ...]:
        return self.sets

    async def pods(self, _: str) -> tuple[kubernetes.Pod, ...]:
        return self.running

    async def events(self, names: frozenset[str]) -> tuple[kubernetes.Event, ...]:
        return tuple(event for event in self.noted if event.name in names)

    async def usage(self, _: str) -> None:
        return None


@dataclasses.dataclass(frozen=True)
class FakeActuator:
    """An actuator of a healthy service with this build."""

    known: health.Build

    async def read(self, service: str, url: str, *, with_groups: bool) -> health.ServiceHealth:
        del with_groups
        exchange = health.Exchange(url=url, total_seconds=0.01, status=200)
        endpoint = health.EndpointHealth(finding=health.Finding.UP, explanation="UP, 10 ms", exchange=exchange)
        groups = (("readiness", endpoint), ("liveness", endpoint))
        return health.ServiceHealth(service=service, root=endpoint, groups=groups)

    async def build(self, _: str) -> health.Build:
        return self.known


def a_subject(cluster: FakeWorkloads) -> subject.Subject:
    data = runbook_data.load(runbook_folder.PROJECT / "runbook_data")
    return subject.Subject(
        service=data.catalog.find("pos-agent-framework").model_copy(
            update={"name": "pos-order", "deployment": "pos-order", "container": "pos-order", "port": 9007}
        ),
        environment="prod",
        workloads=cast("workloads.Workloads", cluster),
    )


async def verify(cluster: FakeWorkloads, build: health.Build) -> reports.Report:
    data = runbook_data.load(runbook_folder.PROJECT / "runbook_data")
    reporter = rollout_reports.RolloutReporter(
        subject=a_subject(cluster),
        environment=data.environments.find("prod"),
        actuator=cast("actuator.Actuator", FakeActuator(build)),
        runbook=data.runbook,
        now=lambda: NOW,
    )
    return (await reporter.verify(True)).report


def checked(report: reports.Report) -> dict[str, tuple[reports.Verdict | None, str]]:
    table = next(section for section in report.sections if isinstance(section, reports.Table))
    return {row.cells[0]: (row.verdict, row.cells[1]) for row in table.rows}


def blocking(report: reports.Report) -> list[str]:
    fields = [one for one in report.sections if isinstance(one, reports.Fields) and one.title == "Not ready because"]
    return [f"{name}: {reason}" for one in fields for name, reason in one.pairs]


async def test_build_of_old_pods_is_not_that_of_the_rollout() -> None:
    waiting = kubernetes.ContainerState(
        kind=kubernetes.StateKind.WAITING, reason="CrashLoopBackOff", message="back-off"
    )
    crashing = a_pod("c", is_ready=False, ready_since=None, containers=(a_container(is_ready=False, state=waiting),))
    cluster = FakeWorkloads(
        one=a_deployment(updated=1, ready=2),
        sets=(a_revision(4, NEW), a_revision(3, OLD)),
        running=(a_pod("a", 3), a_pod("b", 3), crashing),
    )

    report = await verify(cluster, health.Build(version="1.4.2", commit="5f3c1e2"))

    assert report.headline == (
        "pos-order · prod: rolling out 1.5.0 (revision 4): CrashLoopBackOff (1 of 2 new pods created); "
        "1.4.2 is still running"
    )
    assert checked(report)["build"] == (reports.Verdict.FAILED, "1.4.2 (5f3c1e2), still running instead of 1.5.0")
    assert (report.facts["version"], report.facts["commit"]) == ("1.5.0", None)


async def test_build_that_may_be_of_an_old_pod_is_unknown() -> None:
    branch = "registry.example/pos-order:main"
    cluster = FakeWorkloads(
        one=a_deployment(branch, updated=1),
        sets=(a_revision(4, branch), a_revision(3, OLD)),
        running=(a_pod("a", 3), a_pod("b", containers=(a_container(image=branch),))),
    )

    report = await verify(cluster, health.Build(version="1.4.2"))

    assert checked(report)["build"] == (reports.Verdict.UNKNOWN, "1.4.2, of an old or a new pod")


async def test_complete_rollout_is_blocked_by_nothing() -> None:
    failed = a_warning("FailedCreate", "pos-order-4", ago=599, message="serviceaccount not found")

    report = await verify(FakeWorkloads(one=a_deployment(), noted=(failed,)), health.Build(version="1.5.0"))

    assert report.headline == "pos-order · prod: healthy on 1.5.0 (revision 4)"
    assert checked(report)["events"] == (
        reports.Verdict.OK,
        "no open warnings since the rollout began (1 resolved)",
    )
    assert blocking(report) == []


STARTING = a_pod("a", is_ready=False, ready_since=None, containers=(a_container(is_ready=False),))
WAITING = a_pod(
    "a",
    is_ready=False,
    ready_since=None,
    containers=(a_container(is_ready=False, state=kubernetes.ContainerState(kind=kubernetes.StateKind.WAITING)),),
)
REPLICA_FAILURE = kubernetes.Condition(type="ReplicaFailure", is_true=True, reason="FailedCreate", message="quota")


@pytest.mark.parametrize(
    ("pod", "event", "is_open"),
    [
        (STARTING, a_warning("FailedScheduling", "a", ago=585), False),
        (STARTING, a_warning("FailedMount", "a", ago=585), False),
        (STARTING, a_warning("FailedMount", "a", ago=100), True),
        (STARTING, a_warning("Failed", "a", ago=585, message="Failed to pull image"), False),
        (STARTING, a_warning("BackOff", "a", ago=585, message="Back-off pulling image"), False),
        (STARTING, a_warning("BackOff", "a", ago=100, message="Back-off restarting failed container"), True),
        (STARTING, a_warning("Unhealthy", "a", ago=100, message="Readiness probe failed: HTTP 503"), True),
        (WAITING, a_warning("FailedMount", "a", ago=585), True),
        (a_pod("a"), a_warning("FailedMount", "a", ago=585), False),
        (a_pod("a"), a_warning("Unhealthy", "a", ago=570, message="Readiness probe failed: HTTP 503"), False),
        (a_pod("a"), a_warning("Unhealthy", "a", ago=10, message="Liveness probe failed: HTTP 503"), True),
    ],
    ids=lambda value: value.message if isinstance(value, kubernetes.Event) else None,
)
async def test_warning_is_open_while_its_condition_holds(
    pod: kubernetes.Pod, event: kubernetes.Event, is_open: bool
) -> None:
    cluster = FakeWorkloads(one=a_deployment(ready=1), running=(pod, a_pod("b")), noted=(event,))

    report = await verify(cluster, health.Build(version="1.5.0"))

    assert (checked(report)["events"][0] is reports.Verdict.WARNING) == is_open


@pytest.mark.parametrize(
    ("conditions", "created_ago", "is_open"),
    [((), 500, False), ((), None, True), ((REPLICA_FAILURE,), 500, True)],
    ids=["created since", "none created since", "still failing"],
)
async def test_failed_create_is_over_once_a_pod_was_created(
    conditions: tuple[kubernetes.Condition, ...], created_ago: float | None, is_open: bool
) -> None:
    events = [a_warning("FailedCreate", "pos-order-4", ago=599)]
    if created_ago is not None:
        events.append(a_warning("SuccessfulCreate", "pos-order-4", ago=created_ago, is_warning=False))
    one = a_deployment(updated=1, ready=1, conditions=conditions)

    report = await verify(FakeWorkloads(one=one, running=(STARTING,), noted=tuple(events)), health.Build())

    assert any("FailedCreate of" in line for line in blocking(report)) == is_open


def test_node_controller_is_recognised_by_its_condition() -> None:
    def pod(ready: dict[str, str]) -> kubernetes.Pod:
        container = {"name": "pos-order", "ready": True, "restartCount": 0, "state": {"running": {}}}
        return decoder.decode_pod(
            {
                "metadata": {"name": "a", "creationTimestamp": "2026-11-27T11:50:00Z"},
                "spec": {"nodeName": "node-1", "containers": [{"name": "pos-order"}]},
                "status": {
                    "phase": "Running",
                    "conditions": [{"type": "Ready", "status": "False", **ready}],
                    "containerStatuses": [container],
                },
            }
        )

    gates = "the status of pod readiness gate “lb” is not “True”, but False"

    assert pod({}).blocked_by == ("Its node node-1 is not ready.",)
    assert pod({"reason": "ReadinessGatesNotReady", "message": gates}).blocked_by == (gates,)


async def test_pods_of_a_lost_node_say_so() -> None:
    lost = a_pod("a", is_ready=False, ready_since=None)
    cluster = FakeWorkloads(one=a_deployment(ready=1), running=(lost, a_pod("b")))

    report = await kubernetes_reports.pods(a_subject(cluster), NOW, ())
    verified = await verify(cluster, health.Build(version="1.5.0"))

    assert blocking(report) == ["a: Its node node-1 is not ready."]
    assert verified.headline.startswith("pos-order · prod: rolling out 1.5.0 (revision 4): NodeNotReady (")


async def test_back_off_is_told_once_and_without_its_uid() -> None:
    pod = "pos-order-4-x_positivity(ff54bf13-49c3-5877-a7d4-77d82dad60b4)"
    waiting = kubernetes.ContainerState(
        kind=kubernetes.StateKind.WAITING,
        reason="CrashLoopBackOff",
        message=f"back-off 5m0s restarting failed container=pos-order pod={pod}",
    )
    crashing = a_pod("c", is_ready=False, ready_since=None, containers=(a_container(is_ready=False, state=waiting),))
    event = a_warning("BackOff", "c", ago=5, message=f"Back-off restarting failed container pos-order in pod {pod}")
    cluster = FakeWorkloads(one=a_deployment(updated=1, ready=1), running=(crashing,), noted=(event,))

    report = await verify(cluster, health.Build(version="1.5.0"))

    assert blocking(report) == ["c: CrashLoopBackOff: back-off 5m0s restarting failed container=pos-order"]
    assert checked(report)["events"][1] == "BackOff on c: Back-off restarting failed container pos-order"


async def test_events_have_a_date_unless_it_is_today_and_an_age() -> None:
    events = (a_warning("Unhealthy", "a", ago=3 * 86_400 + 590), a_warning("BackOff", "b", ago=302))
    cluster = FakeWorkloads(one=a_deployment(), noted=events)

    report = await kubernetes_reports.events(a_subject(cluster), 20, NOW, ())

    table = report.sections[0]
    assert isinstance(table, reports.Table)
    assert [row.cells[1] for row in table.rows] == ["11-24 11:50:10 (3d)", "11:54:58 (5m)"]


LATEST = "registry.example/pos-order:latest"


@pytest.mark.parametrize(
    ("digests", "image"),
    [
        pytest.param(("", ""), "image tag latest", id="not reported yet"),
        pytest.param(
            ("sha256:5f3c1e29aa11bb22", "sha256:5f3c1e29aa11bb22"), "image tag latest, digest 5f3c1e29aa11", id="one"
        ),
        pytest.param(("sha256:5f3c1e29aa11bb22", "sha256:0a1b2c3d4e5f6a7b"), "image tag latest", id="two images"),
    ],
)
async def test_moved_tag_is_told_with_the_digest_that_runs(digests: tuple[str, str], image: str) -> None:
    pods = tuple(
        a_pod(name, containers=(a_container(image=LATEST, image_digest=digest),))
        for name, digest in zip("ab", digests, strict=True)
    )
    cluster = FakeWorkloads(one=a_deployment(LATEST), sets=(a_revision(4, LATEST),), running=pods)

    report = await verify(cluster, health.Build(unavailable_reason="no info endpoint"))

    assert report.headline == f"pos-order · prod: healthy on {image} (revision 4)"


def test_digest_is_read_from_what_the_node_reports() -> None:
    ids = {
        "docker-pullable://registry.example/pos-order@sha256:5f3c": "sha256:5f3c",
        "registry.example/pos-order@sha256:5f3c": "sha256:5f3c",
        "docker://sha256:5f3c": "sha256:5f3c",
        "": "",
    }
    found = {}
    for image_id in ids:
        statuses = {"containerStatuses": [{"name": "pos-order", "imageID": image_id}]}
        pod = decoder.decode_pod(
            {
                "metadata": {"name": "a", "creationTimestamp": "2026-11-27T12:00:00Z"},
                "spec": {"containers": [{"name": "pos-order", "image": LATEST}]},
                "status": statuses,
            }
        )
        found[image_id] = pod.containers[0].image_digest

    assert found == ids


def test_long_change_cause_is_shortened() -> None:
    annotations = {"kubernetes.io/change-cause": "a" * 200_000, "deployment.kubernetes.io/revision": "3"}

    metadata = {"name": "pos-order-1", "annotations": annotations, "creationTimestamp": "2026-11-27T09:00:00Z"}
    replica_set = decoder.decode_replica_set({"metadata": metadata})

    assert len(replica_set.change_cause) < 1_000
