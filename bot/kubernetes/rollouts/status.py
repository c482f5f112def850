"""
How far a rollout is, by the rules of `kubectl rollout status`, and what those leave out.

One look at a deployment: its revisions, their pods, and what the cluster says of them.
"""

import asyncio
import dataclasses
import datetime
import enum
from typing import TYPE_CHECKING

from bot import errors
from bot.kubernetes import model as kubernetes
from bot.model import reports

if TYPE_CHECKING:
    from bot.kubernetes import workloads


_LATE = "ProgressDeadlineExceeded"
_CAME_THROUGH = "NewReplicaSetAvailable"


class Stage(enum.StrEnum):
    """Where a rollout stands."""

    UNOBSERVED = "not begun"
    PAUSED = "paused"
    STUCK = "stuck"
    PROGRESSING = "making new pods"
    TERMINATING = "ending old pods"
    WAITING = "waiting for new pods"
    COMPLETE = "complete"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a rollout is."""

    stage: Stage
    verdict: reports.Verdict
    words: str
    """As a half sentence."""

    @property
    def is_complete(self) -> bool:
        """Tell whether the rollout has come through."""
        return self.stage is Stage.COMPLETE

    @property
    def is_over(self) -> bool:
        """Tell whether waiting would change nothing."""
        return self.stage in {Stage.COMPLETE, Stage.STUCK}


def evaluate(deployment: kubernetes.Deployment) -> Progress:
    """Give how far the rollout of *deployment* is."""
    if deployment.generation > deployment.observed_generation:
        seen = f"generation {deployment.generation} is wanted, {deployment.observed_generation} was seen"
        # All counts belong to what was wanted before.
        return _progress(
            Stage.UNOBSERVED, reports.Verdict.UNKNOWN, f"the cluster has not looked at the change yet: {seen}"
        )
    stage, words = _counted(deployment)
    progressing = deployment.condition("Progressing")
    if progressing is not None and progressing.reason == _LATE:
        return _progress(Stage.STUCK, reports.Verdict.FAILED, f"{words}, and nothing has moved within the deadline")
    if stage is Stage.COMPLETE:
        is_fine = deployment.desired > 0 and not deployment.is_paused
        return _progress(stage, reports.Verdict.OK if is_fine else reports.Verdict.WARNING, words)
    if deployment.is_paused:
        return _progress(Stage.PAUSED, reports.Verdict.WARNING, words)
    has_fallen = stage is Stage.WAITING and progressing is not None and progressing.reason == _CAME_THROUGH
    if has_fallen:
        words = f"{words}, although the rollout had come through"
    is_away = has_fallen and deployment.available == 0
    return _progress(stage, reports.Verdict.FAILED if is_away else reports.Verdict.WARNING, words)


def _counted(deployment: kubernetes.Deployment) -> tuple[Stage, str]:
    """Give what the counts say, in kubectl's order."""
    wanted, updated, available = deployment.desired, deployment.updated, deployment.available
    if updated < wanted:
        return Stage.PROGRESSING, f"{updated} of {wanted} new pods made"
    old = deployment.total - updated
    if old > 0:
        return Stage.TERMINATING, f"{wanted} of {wanted} new pods made, {old} old one{'s' * (old > 1)} still to end"
    if available < updated:
        return Stage.WAITING, f"{available} of {wanted} new pods available"
    if wanted == 0:
        return Stage.COMPLETE, "complete, and scaled to 0 pods: nothing runs"
    words = f"complete, {available} of {wanted} pods available"
    return Stage.COMPLETE, f"{words}; paused, so the next change will wait" if deployment.is_paused else words


def _progress(stage: Stage, verdict: reports.Verdict, words: str) -> Progress:
    return Progress(stage=stage, verdict=verdict, words=words)


_OVER = frozenset({"Succeeded", "Failed"})
_BEGINNING = frozenset({"Pending", "ContainerCreating", "PodInitializing", "Running"})
_STARTING = datetime.timedelta(minutes=5)
"""Probes that fail for longer after a start are more than a start."""
_START_PROBES = ("Readiness probe", "Startup probe")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSnapshot:
    """A deployment as it was at one moment; only what is its own, whatever else its selector chooses."""

    deployment: kubernetes.Deployment
    revisions: tuple[kubernetes.ReplicaSet, ...]
    """Newest first."""
    pods: tuple[kubernetes.Pod, ...] = ()
    """Of all its revisions, oldest first."""
    events: tuple[kubernetes.Event, ...] = ()
    """Warnings of the deployment, the newest revision and its pods since the rollout began, newest first."""
    events_missing: str = ""
    """Why the events could not be read; empty where they were, or were not asked for."""

    @property
    def progress(self) -> Progress:
        """Give how far its rollout is."""
        return evaluate(self.deployment)

    @property
    def newest(self) -> kubernetes.ReplicaSet | None:
        """Give the newest revision that was made."""
        return self.revisions[0] if self.revisions else None

    @property
    def is_made(self) -> bool:
        """Tell whether the newest revision is the one that is wanted, as far as the counts tell."""
        stage = self.progress.stage
        return stage is not Stage.UNOBSERVED and not (stage is Stage.PAUSED and self.deployment.updated == 0)

    @property
    def new_pods(self) -> tuple[kubernetes.Pod, ...]:
        """Give the pods of the newest revision that run or shall run; none where it is not yet made."""
        return tuple(pod for pod in self._of_newest if self.is_made and not pod.is_ending and pod.phase not in _OVER)

    @property
    def began_at(self) -> datetime.datetime:
        """
        Give when the rollout began, as near as can be told.

        A revision that is used again keeps its age; then the oldest of its pods is as old as the rollout.
        """
        if self.newest is None:
            return datetime.datetime.fromtimestamp(0, datetime.UTC)
        if self.newest.former_revisions and self._of_newest:
            return min(pod.created_at for pod in self._of_newest)
        return self.newest.created_at

    @property
    def _of_newest(self) -> list[kubernetes.Pod]:
        return [pod for pod in self.pods if self.newest is not None and pod.revision == self.newest.template_hash]

    def image_of(self, container: str) -> str:
        """Give the image of *container* in the newest revision; where it has none of that name, of its first."""
        found = (pod.find_container(container) for pod in self._of_newest[::-1])
        image = next((one.image for one in found if one is not None), "")
        images = self.newest.images if self.newest is not None else self.deployment.images
        return image or next(iter(images), "")


async def fetch(cluster: "workloads.Workloads", name: str, *, with_pods: bool = True) -> RolloutSnapshot:
    """
    Give the deployment called *name* without its events.

    Raises:
        errors.Missing: there is none.
        errors.Refused, errors.Unavailable
    """
    deployment = await cluster.deployment(name)
    listing = cluster.replica_sets(deployment.selector)
    if not with_pods:
        return RolloutSnapshot(deployment=deployment, revisions=_own(await listing, deployment))
    revisions, pods = await asyncio.gather(listing, cluster.pods(deployment.selector))
    own = _own(revisions, deployment)
    hashes = {revision.template_hash for revision in own}
    return RolloutSnapshot(
        deployment=deployment, revisions=own, pods=tuple(pod for pod in pods if pod.revision in hashes)
    )


async def with_events(cluster: "workloads.Workloads", sight: RolloutSnapshot) -> RolloutSnapshot:
    """
    Give *sight* with its events; where the bot may not read them, with the reason.

    Raises:
        errors.Unavailable
    """
    revisions = [sight.newest.name] if sight.newest is not None and sight.is_made else []
    names = frozenset([sight.deployment.name, *revisions, *(pod.name for pod in sight.new_pods)])
    try:
        events = await cluster.events(names)
    except errors.Refused as error:
        return dataclasses.replace(sight, events_missing=str(error))
    warnings = [one for one in events if one.is_warning and one.last_at >= sight.began_at]
    starts = {pod.name: pod for pod in sight.new_pods}
    told = [one for one in warnings if not _is_of_a_start(one, starts.get(one.name))]
    return dataclasses.replace(sight, events=tuple(told))


def trouble_of(pod: kubernetes.Pod) -> str:
    """Give the word for what keeps *pod* from being ready, such as ImagePullBackOff; empty where it only begins."""
    if pod.is_ready:
        return ""
    if pod.unscheduled_because:
        return "no node takes it"
    return "" if pod.status.removeprefix("Init:") in _BEGINNING else pod.status


def _own(
    revisions: tuple[kubernetes.ReplicaSet, ...], deployment: kubernetes.Deployment
) -> tuple[kubernetes.ReplicaSet, ...]:
    return tuple(one for one in revisions if one.owner == deployment.name)


def _is_of_a_start(event: kubernetes.Event, pod: kubernetes.Pod | None) -> bool:
    """Tell whether a probe failed only while the pod started: every service that takes a while to start has those."""
    if pod is None or event.reason != "Unhealthy" or not event.message.startswith(_START_PROBES):
        return False
    starts = [one.state.started_at for one in pod.containers if one.state is not None and one.state.started_at]
    is_past = pod.ready_since is not None and event.last_at <= pod.ready_since
    return is_past and bool(starts) and event.last_at - max(starts) <= _STARTING
