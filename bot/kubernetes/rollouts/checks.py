"""The check after a deployment, point by point: section 2.2 of the runbook, and what its readers look at beside it."""

import dataclasses
import datetime
import re
from collections.abc import Sequence

from bot.health import status
from bot.kubernetes import model as kubernetes
from bot.kubernetes.rollouts import reports as rollout_reports
from bot.kubernetes.rollouts import status as rollouts_status
from bot.model import durations, reports

QUIET = datetime.timedelta(minutes=10)
"""A service that was started again within that time has yet to show that it stays up."""
_GROUPS = ("readiness", "liveness")
_RELEASE = re.compile(r"v?(\d+(?:\.\d+)+)")
_NOT_SETTLED = frozenset({reports.Verdict.FAILED, reports.Verdict.UNKNOWN})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was checked."""

    name: str
    verdict: reports.Verdict
    words: str
    counts: bool = True
    """Whether it says anything about the whole; what a service need not tell says nothing."""
    may_change: bool = True
    """Whether it is worth asking again later."""

    @property
    def is_open(self) -> bool:
        """Tell whether waiting may still mend it."""
        return self.counts and self.may_change and self.verdict in _NOT_SETTLED


def run_checks(
    sight: rollouts_status.RolloutSnapshot,
    reading: status.ServiceHealth,
    build: status.Build,
    container: str,
    now: datetime.datetime,
) -> tuple[Check, ...]:
    """Give all points; *container* is the service's own."""
    return (
        _rollout(sight),
        _pods(sight),
        *_health(reading),
        _build(build, sight, container),
        _restarts(sight.new_pods, now),
        _warnings(sight),
    )


def verdict_of(checked: Sequence[Check]) -> reports.Verdict:
    """Give the verdict of the whole: the worst that counts."""
    return reports.Verdict.worst(point.verdict for point in checked if point.counts)


def worst(checked: Sequence[Check]) -> Check:
    """Give the first of the worst points that count."""
    return max((point for point in checked if point.counts), key=lambda point: point.verdict.severity)


def _rollout(sight: rollouts_status.RolloutSnapshot) -> Check:
    progress = sight.progress
    words = progress.words if progress.is_complete else f"{progress.stage}: {progress.words}"
    return Check(name="rollout", verdict=progress.verdict, words=words)


def _pods(sight: rollouts_status.RolloutSnapshot) -> Check:
    pods, wanted = sight.new_pods, sight.deployment.desired
    ready = sum(pod.is_ready for pod in pods)
    if wanted == 0:
        return Check(name="pods", verdict=reports.Verdict.FAILED, words="none: it is scaled to 0")
    revision = f"revision {sight.newest.revision}" if sight.newest is not None and sight.is_made else "a new revision"
    words = f"{ready} of {wanted} of {revision} ready"
    if ready >= wanted and ready == len(pods):
        return Check(name="pods", verdict=reports.Verdict.OK, words=words)
    trouble = rollout_reports.failure_sections(sight)
    is_expected = not trouble and not sight.progress.is_over and sight.progress.verdict is not reports.Verdict.FAILED
    return Check(
        name="pods",
        verdict=reports.Verdict.WARNING if is_expected else reports.Verdict.FAILED,
        words=f"{words}: {trouble}" if trouble else words,
    )


def _health(reading: status.ServiceHealth) -> list[Check]:
    if reading.finding is status.Finding.NO_ENDPOINT:
        words = f"{reading.root.explanation}, so nothing can be asked"
        return [Check(name="health", verdict=reports.Verdict.UNKNOWN, words=words, may_change=False)]
    root = Check(name="health", verdict=reading.root.finding.verdict, words=reading.root.explanation)
    groups = dict(reading.groups)
    return [root, *(_group(name, groups.get(name), reading.root) for name in _GROUPS)]


def _group(name: str, probe: status.EndpointHealth | None, root: status.EndpointHealth) -> Check:
    if probe is not None:
        return Check(name=name, verdict=probe.finding.verdict, words=probe.explanation)
    words = f"the service has no {name} group" if root.is_document else "not told either"
    return Check(name=name, verdict=reports.Verdict.UNKNOWN, words=words, may_change=not root.is_document)


def _build(build: status.Build, sight: rollouts_status.RolloutSnapshot, container: str) -> Check:
    if build.unavailable_reason:
        return Check(name="build", verdict=reports.Verdict.UNKNOWN, words=build.unavailable_reason, counts=False)
    built = f", built {build.built_at:%Y-%m-%d %H:%M}" if build.built_at is not None else ""
    words = f"{build.name}{built}".removeprefix(", ")
    tag = rollout_reports.tag_of(sight.image_of(container))
    if sight.progress.is_complete and _differ(build.version, tag):
        words = f"{words}, but the image is tagged {tag}"
        return Check(name="build", verdict=reports.Verdict.WARNING, words=words)
    return Check(name="build", verdict=reports.Verdict.OK, words=words)


def _differ(version: str, tag: str) -> bool:
    """Tell whether both are numbers of releases, and not of the same; other names cannot be compared."""
    told, tagged = _RELEASE.fullmatch(version), _RELEASE.fullmatch(tag)
    return told is not None and tagged is not None and told[1] != tagged[1]


def _restarts(pods: Sequence[kubernetes.Pod], now: datetime.datetime) -> Check:
    if not pods:
        return Check(name="restarts", verdict=reports.Verdict.UNKNOWN, words="there is no pod of it yet")
    restarted = [pod for pod in pods if pod.restarts]
    if not restarted:
        return Check(name="restarts", verdict=reports.Verdict.OK, words="none since the rollout began")
    ends = [end for pod in restarted for container in pod.containers for end in _ends(container)]
    last = max(ends, key=lambda end: end[0], default=None)
    count = sum(pod.restarts for pod in restarted)
    where = restarted[0].name if len(restarted) == 1 else f"{len(restarted)} pods"
    words = (
        f"{count} in {where}, the last {last[1]} {durations.brief(now - last[0])} ago"
        if last
        else f"{count} in {where}"
    )
    is_recent = last is not None and now - last[0] <= QUIET
    is_down = any(not pod.is_ready for pod in restarted)
    return Check(
        name="restarts",
        verdict=reports.Verdict.FAILED if is_recent or is_down else reports.Verdict.WARNING,
        words=words,
    )


def _ends(container: kubernetes.Container) -> list[tuple[datetime.datetime, str]]:
    """Give when and how its runs ended, as far as the cluster still knows; one that has run once well has no end."""
    if not container.restarts:
        return []
    known = (container.last, container.state)
    return [(one.finished_at, f"{one.reason or 'ended'} ({one.exit_code})") for one in known if one and one.finished_at]


def _warnings(sight: rollouts_status.RolloutSnapshot) -> Check:
    if sight.events_missing:
        return Check(name="events", verdict=reports.Verdict.UNKNOWN, words=sight.events_missing)
    if not sight.events:
        return Check(name="events", verdict=reports.Verdict.OK, words="no warnings since the rollout began")
    newest = sight.events[0]
    others = f", and {len(sight.events) - 1} more" if len(sight.events) > 1 else ""
    words = f"{newest.reason} of {newest.name}: {rollout_reports.short(newest.message)}{others}"
    return Check(name="events", verdict=reports.Verdict.WARNING, words=words)
