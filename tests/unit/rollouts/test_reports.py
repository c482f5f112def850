"""Reports of a rollout from values: durations in headlines, and what waiting adds to them."""

import dataclasses
import datetime
from typing import cast

import pytest

from bot import runbook_data
from bot.health import actuator
from bot.kubernetes import model as kubernetes
from bot.kubernetes import subject, workloads
from bot.model import invocations, reports
from bot.rollouts import reports as rollout_reports
from bot.rollouts import status as rollout_status
from sandbox import runbook_folder

pytestmark = pytest.mark.anyio

NOW = datetime.datetime(2026, 11, 27, 12, tzinfo=datetime.UTC)
IMAGE = "registry.example/pos-order:1.5.0"
DEPLOYMENT = kubernetes.Deployment(
    name="pos-order",
    selector="app=pos-order",
    generation=2,
    observed_generation=2,
    desired=2,
    updated=1,
    total=2,
    ready=1,
    available=1,
    revision=2,
    is_paused=False,
    images=(IMAGE,),
)


@dataclasses.dataclass(frozen=True)
class OneDeployment:
    """Workloads that hold one deployment, without pods and events."""

    only: kubernetes.Deployment

    async def deployment(self, _: str) -> kubernetes.Deployment:
        return self.only

    async def replica_sets(self, _: str) -> tuple[kubernetes.ReplicaSet, ...]:
        return ()

    async def pods(self, _: str) -> tuple[kubernetes.Pod, ...]:
        return ()

    async def events(self, _: frozenset[str]) -> tuple[kubernetes.Event, ...]:
        return ()


class Progress:
    """A display that keeps the headlines of progress."""

    def __init__(self) -> None:
        self.headlines: list[str] = []

    async def progress(self, report: reports.Report) -> None:
        self.headlines.append(report.headline)


def reporter_of(deployment: kubernetes.Deployment) -> rollout_reports.RolloutReporter:
    data = runbook_data.load(runbook_folder.PROJECT / "runbook_data")
    return rollout_reports.RolloutReporter(
        subject=subject.Subject(
            service=data.catalog.find("pos-order"),
            environment="prod",
            workloads=cast("workloads.Workloads", OneDeployment(deployment)),
        ),
        environment=data.environments.find("prod"),
        actuator=actuator.Actuator(),
        runbook=data.runbook,
        now=lambda: NOW,
    )


def stuck(ago: datetime.timedelta) -> kubernetes.Deployment:
    condition = kubernetes.Condition(
        type="Progressing",
        is_true=False,
        reason="ProgressDeadlineExceeded",
        message="it has timed out progressing",
        changed_at=NOW - ago,
    )
    return dataclasses.replace(DEPLOYMENT, conditions=(condition,))


@pytest.mark.parametrize(
    ("ago", "duration"),
    [
        pytest.param(datetime.timedelta(seconds=0), "", id="now"),
        pytest.param(datetime.timedelta(minutes=12, seconds=5), " for 12 min", id="minutes"),
        pytest.param(datetime.timedelta(hours=7), " for 7 h", id="hours"),
    ],
)
async def test_headline_says_how_long_a_rollout_is_stuck(ago: datetime.timedelta, duration: str) -> None:
    poll = await reporter_of(stuck(ago)).status(True)

    detail = "(1 of 2 new pods created, progress deadline exceeded)"
    assert poll.report.headline == f"pos-order · prod: rollout of 1.5.0 (revision 2) stuck{duration} {detail}"


@pytest.mark.parametrize("deployment", [DEPLOYMENT, stuck(datetime.timedelta(minutes=3))], ids=["timeout", "stuck"])
async def test_final_headline_never_counts_zero_seconds(deployment: kubernetes.Deployment) -> None:
    display = Progress()

    report = await rollout_reports.wait(
        reporter_of(deployment).status, datetime.timedelta(seconds=1), cast("invocations.Display", display)
    )

    assert " 0 s" not in report.headline
    assert report.headline.endswith(" · timed out after 1 s") == bool(display.headlines)


def a_revision(number: int, *, ready: int) -> kubernetes.ReplicaSet:
    return kubernetes.ReplicaSet(
        name=f"pos-order-{number}",
        revision=number,
        images=(IMAGE,),
        change_cause="",
        created_at=NOW,
        template_hash=f"{number}",
        replicas=ready,
        ready=ready,
        owner="pos-order",
    )


@pytest.mark.parametrize(
    ("revisions", "rollback"),
    [
        ([], None),
        ([a_revision(1, ready=2)], None),
        ([a_revision(2, ready=0), a_revision(1, ready=2)], 1),
        # The one before failed as well, and the pods of an older one still serve.
        ([a_revision(4, ready=0), a_revision(3, ready=0), a_revision(2, ready=2), a_revision(1, ready=0)], 2),
        # The new pods are unhealthy but ready, so that the old ones are gone.
        ([a_revision(3, ready=2), a_revision(2, ready=0), a_revision(1, ready=0)], 2),
    ],
    ids=["none", "first", "stuck", "two bad ones", "rolled out"],
)
def test_rollback_goes_to_the_revision_that_serves_else_to_the_one_before(
    revisions: list[kubernetes.ReplicaSet], rollback: int | None
) -> None:
    snapshot = rollout_status.RolloutSnapshot(deployment=DEPLOYMENT, revisions=tuple(revisions))

    assert snapshot.rollback_revision == rollback
