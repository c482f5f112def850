"""
Rollout status by the rules of `kubectl rollout status`, and a snapshot of the deployment it is read from.

Beyond kubectl: paused rollouts, deployments scaled to 0, and pods that became unavailable after a completed rollout.
"""

import asyncio
import dataclasses
import datetime
import enum
from typing import TYPE_CHECKING

from bot.kubernetes import model as kubernetes
from bot.model import reports

if TYPE_CHECKING:
    from bot.kubernetes import subject as report_subject


_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
_NEW_REPLICA_SET_AVAILABLE = "NewReplicaSetAvailable"
_FINISHED_PHASES = frozenset({"Succeeded", "Failed"})
_STARTING_STATUSES = frozenset({"Pending", "ContainerCreating", "PodInitializing", "Running"})


class Stage(enum.StrEnum):
    """Stage of a rollout."""

    NOT_OBSERVED = "not observed"
    PAUSED = "paused"
    STUCK = "stuck"
    CREATING = "creating new pods"
    TERMINATING = "terminating old pods"
    WAITING = "waiting for new pods"
    COMPLETE = "complete"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Progress of a rollout."""

    stage: Stage
    verdict: reports.Verdict
    detail: str
    """The counts, such as `2 of 3 new pods created`."""
    since: datetime.datetime | None = None
    """Since when it is stuck."""
    has_regressed: bool = False
    """The rollout was complete before, and pods became unavailable since."""

    @property
    def is_complete(self) -> bool:
        """Return whether the rollout is complete."""
        return self.stage is Stage.COMPLETE

    @property
    def is_final(self) -> bool:
        """Return whether waiting is pointless."""
        return self.stage in {Stage.COMPLETE, Stage.STUCK}


def evaluate(deployment: kubernetes.Deployment) -> Progress:
    """Return the progress of the rollout of *deployment*."""
    if deployment.generation > deployment.observed_generation:
        # All counts belong to the generation before.
        detail = f"generation {deployment.generation}, observed {deployment.observed_generation}"
        return Progress(stage=Stage.NOT_OBSERVED, verdict=reports.Verdict.UNKNOWN, detail=detail)
    stage, detail = _by_counts(deployment)
    progressing = deployment.find_condition("Progressing")
    reason = progressing.reason if progressing is not None else ""
    if progressing is not None and reason == _DEADLINE_EXCEEDED:
        return Progress(
            stage=Stage.STUCK,
            verdict=reports.Verdict.FAILED,
            detail=f"{detail}, progress deadline exceeded",
            since=progressing.changed_at,
        )
    if stage is Stage.COMPLETE:
        is_fine = deployment.desired > 0 and not deployment.is_paused
        return Progress(stage=stage, verdict=reports.Verdict.OK if is_fine else reports.Verdict.WARNING, detail=detail)
    if deployment.is_paused:
        return Progress(stage=Stage.PAUSED, verdict=reports.Verdict.WARNING, detail=detail)
    has_regressed = stage is Stage.WAITING and reason == _NEW_REPLICA_SET_AVAILABLE
    is_down = has_regressed and deployment.available == 0
    return Progress(
        stage=stage,
        verdict=reports.Verdict.FAILED if is_down else reports.Verdict.WARNING,
        detail=detail,
        has_regressed=has_regressed,
    )


def _by_counts(deployment: kubernetes.Deployment) -> tuple[Stage, str]:
    """Return stage and detail by the replica counts, compared in kubectl's order."""
    desired, updated, available = deployment.desired, deployment.updated, deployment.available
    if updated < desired:
        return Stage.CREATING, f"{updated} of {desired} new pods created"
    old = deployment.total - updated
    if old > 0:
        return Stage.TERMINATING, f"{desired} of {desired} new pods created, {old} old pending termination"
    if available < updated:
        return Stage.WAITING, f"{available} of {desired} new pods available"
    if desired == 0:
        return Stage.COMPLETE, "scaled to 0 pods"
    detail = f"{available} of {desired} pods available"
    return Stage.COMPLETE, f"{detail}, paused: changes do not roll out" if deployment.is_paused else detail


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSnapshot:
    """A deployment with its own revisions, pods and warnings at one moment."""

    deployment: kubernetes.Deployment
    revisions: tuple[kubernetes.ReplicaSet, ...]
    """Newest first."""
    pods: tuple[kubernetes.Pod, ...] = ()
    """Of all revisions, oldest first."""
    warnings: tuple[kubernetes.Event, ...] = ()
    """
    Of the deployment, the newest revision and its pods since the rollout began, newest first, without those whose
    condition is over.
    """
    resolved_warnings: int = 0
    """Number of warnings since the rollout began whose condition is over."""
    events_unavailable_reason: str = ""
    """Empty if events were read, or not asked for."""

    @property
    def progress(self) -> Progress:
        """Progress of the rollout."""
        return evaluate(self.deployment)

    @property
    def newest(self) -> kubernetes.ReplicaSet | None:
        """The newest revision, if there is one."""
        return self.revisions[0] if self.revisions else None

    @property
    def rollback_revision(self) -> int | None:
        """The revision to roll back to: the newest earlier one that still has ready pods, else the one before."""
        earlier = self.revisions[1:]
        serving = next((one for one in earlier if one.ready), None)
        chosen = serving or next(iter(earlier), None)
        return chosen.revision if chosen is not None else None

    @property
    def has_desired_revision(self) -> bool:
        """Return whether the newest revision is the desired one, as far as the counts show."""
        stage = self.progress.stage
        return stage is not Stage.NOT_OBSERVED and not (stage is Stage.PAUSED and self.deployment.updated == 0)

    @property
    def has_old_pods(self) -> bool:
        """Return whether pods of another than the desired revision may still serve."""
        return not self.has_desired_revision or any(
            pod not in self._newest_pods and not pod.is_terminating and pod.phase not in _FINISHED_PHASES
            for pod in self.pods
        )

    @property
    def new_pods(self) -> tuple[kubernetes.Pod, ...]:
        """The pods of the desired revision that run or will run."""
        if not self.has_desired_revision:
            return ()
        return tuple(pod for pod in self._newest_pods if not pod.is_terminating and pod.phase not in _FINISHED_PHASES)

    @property
    def began_at(self) -> datetime.datetime:
        """
        When the rollout began, approximately.

        After a rollback a revision keeps its age; then its oldest pod is as old as the rollout.
        """
        if self.newest is None:
            return datetime.datetime.fromtimestamp(0, datetime.UTC)
        if self.newest.former_revisions and self._newest_pods:
            return min(pod.created_at for pod in self._newest_pods)
        return self.newest.created_at

    @property
    def _newest_pods(self) -> list[kubernetes.Pod]:
        return [pod for pod in self.pods if self.newest is not None and pod.template_hash == self.newest.template_hash]

    def image_of(self, container: str) -> str:
        """Return the image of *container* in the newest revision, else that of its first container."""
        found = (pod.find_container(container) for pod in self._newest_pods[::-1])
        image = next((one.image for one in found if one is not None), "")
        images = self.newest.images if self.newest is not None else self.deployment.images
        return image or next(iter(images), "")


async def fetch(subject: "report_subject.Subject", *, with_pods: bool = True) -> RolloutSnapshot:
    """
    Return the deployment of *subject*, without events.

    Raises:
        errors.MissingResource: there is none.
        errors.Refused, errors.Unavailable
    """
    cluster = subject.workloads
    deployment = await subject.deployment()
    listing = cluster.replica_sets(deployment.selector)
    if with_pods:
        replica_sets, pods = await asyncio.gather(listing, cluster.pods(deployment.selector))
    else:
        replica_sets, pods = await listing, ()
    # Another deployment may share the selector's labels.
    revisions = tuple(one for one in replica_sets if one.owner == deployment.name)
    hashes = {revision.template_hash for revision in revisions}
    return RolloutSnapshot(
        deployment=deployment, revisions=revisions, pods=tuple(pod for pod in pods if pod.template_hash in hashes)
    )


def not_ready_reason(pod: kubernetes.Pod) -> str:
    """Return why *pod* is not ready, such as ImagePullBackOff; empty if it is ready or only starting."""
    if pod.is_ready:
        return ""
    if pod.unschedulable_reason:
        return "Unschedulable"
    if pod.is_node_unready:
        return "NodeNotReady"
    return "" if pod.status.removeprefix("Init:") in _STARTING_STATUSES else pod.status
