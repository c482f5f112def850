"""Checks of a deployment's verification: rollout, pods, health, build, restarts and events (runbook section 2.2)."""

import dataclasses
import datetime
import re
from collections.abc import Sequence

from bot.health import status as health
from bot.kubernetes import model as kubernetes
from bot.model import durations, reports
from bot.rollouts import sections, status

RECENT_RESTART = datetime.timedelta(minutes=10)
"""A container that restarted within that time has yet to prove stable."""
HEALTH_GROUPS = ("readiness", "liveness")
_RELEASE = re.compile(r"v?(\d+(?:\.\d+)+)")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Result of one check."""

    name: str
    verdict: reports.Verdict
    detail: str
    is_required: bool = True
    """Whether it counts towards the verdict of the deployment."""
    may_change: bool = True
    """Whether checking again later may give another result."""

    @property
    def may_recover(self) -> bool:
        """Return whether waiting may turn it into a success."""
        is_bad = self.verdict in {reports.Verdict.FAILED, reports.Verdict.UNKNOWN}
        return self.is_required and self.may_change and is_bad


def run_checks(
    snapshot: status.RolloutSnapshot,
    reading: health.ServiceHealth,
    build: health.Build,
    container: str,
    now: datetime.datetime,
) -> tuple[Check, ...]:
    """Return all checks; *container* is the service's own."""
    return (
        Check(name="rollout", verdict=snapshot.progress.verdict, detail=_rollout_detail(snapshot.progress)),
        _check_pods(snapshot),
        *_check_health(reading),
        _check_build(build, snapshot, container),
        _check_restarts(snapshot.new_pods, now),
        _check_events(snapshot),
    )


def overall_verdict(checks: Sequence[Check]) -> reports.Verdict:
    """Return the worst verdict of the required checks."""
    return reports.Verdict.worst(check.verdict for check in checks if check.is_required)


def worst(checks: Sequence[Check]) -> Check:
    """Return the first of the worst required checks."""
    return max((check for check in checks if check.is_required), key=lambda check: reports.SEVERITY[check.verdict])


def _rollout_detail(progress: status.Progress) -> str:
    return f"{progress.stage}, {progress.detail}"


def _check_pods(snapshot: status.RolloutSnapshot) -> Check:
    pods, desired = snapshot.new_pods, snapshot.deployment.desired
    ready = sum(pod.is_ready for pod in pods)
    if desired == 0:
        return Check(name="pods", verdict=reports.Verdict.FAILED, detail="none: scaled to 0")
    has_revision = snapshot.newest is not None and snapshot.has_desired_revision
    revision = (
        f"revision {snapshot.newest.revision}" if snapshot.newest is not None and has_revision else "a new revision"
    )
    detail = f"{ready} of {desired} of {revision} ready"
    if ready >= desired and ready == len(pods):
        return Check(name="pods", verdict=reports.Verdict.OK, detail=detail)
    reason, progress = sections.not_ready_reason(snapshot), snapshot.progress
    is_expected = not reason and not progress.is_final and progress.verdict is not reports.Verdict.FAILED
    return Check(
        name="pods",
        verdict=reports.Verdict.WARNING if is_expected else reports.Verdict.FAILED,
        detail=f"{detail}: {reason}" if reason else detail,
    )


def _check_health(reading: health.ServiceHealth) -> list[Check]:
    if reading.finding is health.Finding.NO_ENDPOINT:
        detail = f"not checked: {reading.root.explanation}"
        return [Check(name="health", verdict=reports.Verdict.UNKNOWN, detail=detail, may_change=False)]
    root = Check(name="health", verdict=reading.root.finding.verdict, detail=reading.root.explanation)
    groups = dict(reading.groups)
    return [root, *(_check_group(name, groups.get(name), reading.root) for name in HEALTH_GROUPS)]


def _check_group(name: str, probe: health.EndpointHealth | None, root: health.EndpointHealth) -> Check:
    if probe is not None:
        return Check(name=name, verdict=probe.finding.verdict, detail=probe.explanation)
    detail = f"no health group {name}" if root.is_document else "unknown"
    return Check(name=name, verdict=reports.Verdict.UNKNOWN, detail=detail, may_change=not root.is_document)


def _check_build(build: health.Build, snapshot: status.RolloutSnapshot, container: str) -> Check:
    if build.unavailable_reason:
        detail = build.unavailable_reason
        return Check(name="build", verdict=reports.Verdict.UNKNOWN, detail=detail, is_required=False)
    built = f", built {build.built_at:%Y-%m-%d %H:%M}" if build.built_at is not None else ""
    detail = f"{build.name}{built}".removeprefix(", ")
    tag = sections.image_tag(snapshot.image_of(container))
    is_other = _is_other_release(build.version, tag)
    if snapshot.has_old_pods and is_other:
        return Check(name="build", verdict=reports.Verdict.FAILED, detail=f"{detail}, still running instead of {tag}")
    if snapshot.has_old_pods and build.version != tag.removeprefix("v"):
        detail = f"{detail}, of an old or a new pod"
        return Check(name="build", verdict=reports.Verdict.UNKNOWN, detail=detail)
    if is_other:
        detail = f"{detail}, but the image tag is {tag}"
        return Check(name="build", verdict=reports.Verdict.WARNING, detail=detail)
    return Check(name="build", verdict=reports.Verdict.OK, detail=detail)


def _is_other_release(version: str, tag: str) -> bool:
    """Return whether both are release numbers and differ; other names cannot be compared."""
    built, tagged = _RELEASE.fullmatch(version), _RELEASE.fullmatch(tag)
    return built is not None and tagged is not None and built[1] != tagged[1]


def _check_restarts(pods: Sequence[kubernetes.Pod], now: datetime.datetime) -> Check:
    if not pods:
        return Check(name="restarts", verdict=reports.Verdict.UNKNOWN, detail="no pods yet")
    restarted = [pod for pod in pods if pod.restarts]
    if not restarted:
        return Check(name="restarts", verdict=reports.Verdict.OK, detail="none since the rollout began")
    terminations = [one for pod in restarted for container in pod.containers for one in _terminations(container)]
    last = max(terminations, key=lambda termination: termination[0], default=None)
    count = sum(pod.restarts for pod in restarted)
    detail = f"{count} in {restarted[0].name if len(restarted) == 1 else f'{len(restarted)} pods'}"
    if last is not None:
        detail = f"{detail}, last termination {last[1]} {durations.brief(now - last[0])} ago"
    is_recent = last is not None and now - last[0] <= RECENT_RESTART
    is_down = any(not pod.is_ready for pod in restarted)
    return Check(
        name="restarts",
        verdict=reports.Verdict.FAILED if is_recent or is_down else reports.Verdict.WARNING,
        detail=detail,
    )


def _terminations(container: kubernetes.Container) -> list[tuple[datetime.datetime, str]]:
    """Return time and reason of the known terminations of a restarted container."""
    if not container.restarts:
        return []
    states = (container.last_termination, container.state)
    return [
        (state.finished_at, f"{state.reason or 'Unknown'} ({state.exit_code})")
        for state in states
        if state is not None and state.finished_at
    ]


def _check_events(snapshot: status.RolloutSnapshot) -> Check:
    if snapshot.events_unavailable_reason:
        return Check(name="events", verdict=reports.Verdict.UNKNOWN, detail=snapshot.events_unavailable_reason)
    if not snapshot.warnings:
        resolved = f" ({snapshot.resolved_warnings} resolved)" if snapshot.resolved_warnings else ""
        detail = f"no {'open ' if resolved else ''}warnings since the rollout began{resolved}"
        return Check(name="events", verdict=reports.Verdict.OK, detail=detail)
    newest = snapshot.warnings[0]
    others = f", and {len(snapshot.warnings) - 1} more" if len(snapshot.warnings) > 1 else ""
    detail = f"{newest.reason} on {newest.name}: {sections.shorten(newest.message)}{others}"
    return Check(name="events", verdict=reports.Verdict.WARNING, detail=detail)
