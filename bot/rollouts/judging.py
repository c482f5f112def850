"""How far a rollout is, by the rules of `kubectl rollout status`, and what those leave out."""

import dataclasses
import enum

from bot.model import reports, workloads

_LATE = "ProgressDeadlineExceeded"
_CAME_THROUGH = "NewReplicaSetAvailable"


class Stage(enum.StrEnum):
    """Where a rollout stands."""

    UNOBSERVED = "not begun"
    PAUSED = "paused"
    STUCK = "stuck"
    MAKING = "making new pods"
    ENDING = "ending old pods"
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


def judge(deployment: workloads.Deployment) -> Progress:
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
        is_fine = deployment.wanted > 0 and not deployment.is_paused
        return _progress(stage, reports.Verdict.OK if is_fine else reports.Verdict.WARNING, words)
    if deployment.is_paused:
        return _progress(Stage.PAUSED, reports.Verdict.WARNING, words)
    has_fallen = stage is Stage.WAITING and progressing is not None and progressing.reason == _CAME_THROUGH
    if has_fallen:
        words = f"{words}, although the rollout had come through"
    is_away = has_fallen and deployment.available == 0
    return _progress(stage, reports.Verdict.FAILED if is_away else reports.Verdict.WARNING, words)


def _counted(deployment: workloads.Deployment) -> tuple[Stage, str]:
    """Give what the counts say, in kubectl's order."""
    wanted, updated, available = deployment.wanted, deployment.updated, deployment.available
    if updated < wanted:
        return Stage.MAKING, f"{updated} of {wanted} new pods made"
    old = deployment.total - updated
    if old > 0:
        return Stage.ENDING, f"{wanted} of {wanted} new pods made, {old} old one{'s' * (old > 1)} still to end"
    if available < updated:
        return Stage.WAITING, f"{available} of {wanted} new pods available"
    if wanted == 0:
        return Stage.COMPLETE, "complete, and scaled to 0 pods: nothing runs"
    words = f"complete, {available} of {wanted} pods available"
    return Stage.COMPLETE, f"{words}; paused, so the next change will wait" if deployment.is_paused else words


def _progress(stage: Stage, verdict: reports.Verdict, words: str) -> Progress:
    return Progress(stage=stage, verdict=verdict, words=words)
