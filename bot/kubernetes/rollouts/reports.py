"""A rollout as sections of a report: its revisions, and what keeps its new pods."""

import datetime
import re
from collections.abc import Sequence

from bot import errors
from bot.kubernetes import model as kubernetes
from bot.kubernetes.rollouts import status as rollouts_status
from bot.model import durations, reports

_MOST_REASONS = 6
_MOST_EVENTS = 3
_LONGEST_REASON = 300
_SHORT_DIGEST = 12
_DIGEST = re.compile(r"[a-z0-9+._-]+:[0-9a-f]+")


def running(sight: rollouts_status.RolloutSnapshot, now: datetime.datetime) -> reports.Table:
    """Give the revisions that have pods, the newest first."""
    shown = [one for one in sight.revisions if one.replicas or one == sight.newest]
    return reports.Table(
        title="Revisions running",
        columns=("revision", "pods ready", "image", "age"),
        rows=tuple(_running(one, sight, now) for one in shown),
        figures=("pods ready", "age"),
    )


def history(sight: rollouts_status.RolloutSnapshot, now: datetime.datetime) -> reports.Table:
    """Give all revisions that the cluster keeps, the newest first."""
    return reports.Table(
        columns=("revision", "was", "images", "change cause", "pods", "age"),
        rows=tuple(
            reports.Row(
                cells=(
                    f"{one.revision} (current)" if one == sight.newest else str(one.revision),
                    ", ".join(map(str, one.former_revisions)),
                    ", ".join(one.images),
                    one.change_cause,
                    f"{one.ready}/{one.replicas}",
                    durations.brief(now - one.created_at),
                )
            )
            for one in sight.revisions
        ),
        figures=("pods", "age"),
    )


def reasons(sight: rollouts_status.RolloutSnapshot) -> list[reports.Section]:
    """Give what keeps the new pods, and the newest warnings of the cluster."""
    pairs = [*_conditions(sight.deployment), *_pods(sight.new_pods)]
    pairs += [(one.reason, short(one.message)) for one in _distinct(sight.events)]
    if sight.events_missing:
        pairs.append(("events", sight.events_missing))
    return [reports.Fields(title="What keeps it", pairs=tuple(dict.fromkeys(pairs)))] if pairs else []


def failure_sections(sight: rollouts_status.RolloutSnapshot) -> str:
    """Give the word that says most of why new pods are not ready; empty where they only take their time."""
    of_pods = next(filter(None, map(rollouts_status.trouble_of, sight.new_pods)), "")
    if of_pods:
        return of_pods
    if any(kind == "ReplicaFailure" for kind, _ in _conditions(sight.deployment)):
        return "pods cannot be made"
    is_stuck = sight.progress.stage is rollouts_status.Stage.STUCK
    is_unready = any(pod.status == "Running" and not pod.is_ready for pod in sight.new_pods)
    return "new pods run but do not become ready" if is_stuck and is_unready else ""


def tag_of(image: str) -> str:
    """Give what stands behind the name of an image: its tag, else the beginning of its digest, else nothing."""
    named, _, digest = image.partition("@")
    tag = named.rpartition("/")[2].partition(":")[2]
    kind, _, value = digest.partition(":")
    if digest and not _DIGEST.fullmatch(digest):
        # No image is called so; before the @ stands somebody's password, then.
        return ""
    return tag or (f"{kind}:{value[:_SHORT_DIGEST]}" if value else "")


def short(text: str) -> str:
    """Give *text* on one line of bearable length."""
    return errors.shorten(" ".join(text.split()), _LONGEST_REASON)


def _running(one: kubernetes.ReplicaSet, sight: rollouts_status.RolloutSnapshot, now: datetime.datetime) -> reports.Row:
    is_new = one == sight.newest and sight.is_made
    kind = "new" if is_new else "old" if sight.is_made else "as before"
    is_fine = one.ready == one.replicas and (not is_new or sight.progress.is_complete)
    cells = (f"{one.revision} ({kind})", f"{one.ready}/{one.replicas}", ", ".join(one.images))
    return reports.Row(
        cells=(*cells, durations.brief(now - one.created_at)),
        verdict=reports.Verdict.OK if is_fine else _unfinished(sight, is_new=is_new),
    )


def _unfinished(sight: rollouts_status.RolloutSnapshot, *, is_new: bool) -> reports.Verdict:
    return sight.progress.verdict if is_new else reports.Verdict.WARNING


def _conditions(deployment: kubernetes.Deployment) -> list[tuple[str, str]]:
    failure, progressing = deployment.condition("ReplicaFailure"), deployment.condition("Progressing")
    pairs = [(failure.kind, short(failure.message))] if failure is not None and failure.is_true else []
    if progressing is not None and not progressing.is_true and progressing.message:
        pairs.append((progressing.reason, short(progressing.message)))
    return pairs


def _pods(pods: Sequence[kubernetes.Pod]) -> list[tuple[str, str]]:
    """Give each reason once, with the first pod that has it and how many others do."""
    told: dict[str, list[str]] = {}
    for pod in pods:
        if not pod.is_ready:
            told.setdefault(_reason(pod), []).append(pod.name)
    pairs = [(_named(names), reason) for reason, names in told.items()]
    return pairs[:_MOST_REASONS]


def _named(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _reason(pod: kubernetes.Pod) -> str:
    ended = next((one.last for one in pod.containers if one.last is not None), None)
    before = f"; it ended with {ended.reason or 'no reason'} ({ended.exit_code})" if ended is not None else ""
    why = f": {short(' '.join(pod.blockers))}" if pod.blockers else ""
    status = "runs, but is not ready" if pod.status == "Running" else pod.status
    return f"{status}{why}{before}"


def _distinct(events: Sequence[kubernetes.Event]) -> list[kubernetes.Event]:
    """Give the newest of each reason."""
    newest: dict[str, kubernetes.Event] = {}
    for event in events:
        newest.setdefault(event.reason, event)
    return list(newest.values())[:_MOST_EVENTS]
