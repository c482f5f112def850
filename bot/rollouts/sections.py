"""Sections of rollout reports: revisions, history, and why new pods are not ready."""

import datetime
import re
from collections.abc import Sequence

from bot import errors
from bot.kubernetes import messages
from bot.kubernetes import model as kubernetes
from bot.model import durations, reports
from bot.rollouts import status

_BACK_OFF = "BackOff"
"""The event of a pod whose status is CrashLoopBackOff or ImagePullBackOff."""
_MAX_REASONS = 6
MOVING_TAG = "latest"
"""Names another image tomorrow, so it says nothing of the version."""
_MAX_EVENTS = 3
_MAX_REASON_LENGTH = 300
_SHORT_DIGEST_LENGTH = 12
_DIGEST = re.compile(r"[a-z0-9+._-]+:[0-9a-f]+")


def revisions_table(snapshot: status.RolloutSnapshot, now: datetime.datetime) -> reports.Table:
    """Return the revisions that have pods, newest first."""
    shown = [one for one in snapshot.revisions if one.replicas or one == snapshot.newest]
    return reports.Table(
        title="Revisions",
        columns=("revision", "ready", "image", "age"),
        rows=tuple(_revision_row(one, snapshot, now) for one in shown),
        figures=("ready", "age"),
    )


def history_table(snapshot: status.RolloutSnapshot, now: datetime.datetime) -> reports.Table:
    """Return all revisions that the cluster keeps, newest first."""
    return reports.Table(
        columns=("revision", "former", "images", "change cause", "ready", "age"),
        rows=tuple(
            reports.Row(
                cells=(
                    f"{one.revision} (current)" if one == snapshot.newest else str(one.revision),
                    ", ".join(map(str, one.former_revisions)),
                    ", ".join(one.images),
                    one.change_cause,
                    f"{one.ready}/{one.replicas}",
                    durations.brief(now - one.created_at),
                )
            )
            for one in snapshot.revisions
        ),
        figures=("ready", "age"),
    )


def not_ready_sections(snapshot: status.RolloutSnapshot) -> list[reports.Section]:
    """Return why new pods are not ready: conditions, states of pods, newest warnings; nothing once all are ready."""
    if snapshot.progress.is_complete and all(pod.is_ready for pod in snapshot.new_pods):
        return []
    pairs = [*_failed_conditions(snapshot.deployment), *_unready_pods(snapshot.new_pods)]
    newest: dict[str, kubernetes.Event] = {}
    has_back_off = any(pod.status.endswith(_BACK_OFF) for pod in snapshot.new_pods)
    for event in snapshot.warnings:
        if event.reason != _BACK_OFF or not has_back_off:
            newest.setdefault(event.reason, event)
    pairs += [(event.reason, shorten(event.message)) for event in list(newest.values())[:_MAX_EVENTS]]
    if snapshot.events_unavailable_reason:
        pairs.append(("events", snapshot.events_unavailable_reason))
    return [reports.Fields(title="Not ready because", pairs=tuple(dict.fromkeys(pairs)))] if pairs else []


def not_ready_reason(snapshot: status.RolloutSnapshot) -> str:
    """Return the most specific reason for which new pods are not ready; empty while they only start."""
    of_pods = next(filter(None, map(status.not_ready_reason, snapshot.new_pods)), "")
    if of_pods:
        return of_pods
    if any(condition == "ReplicaFailure" for condition, _ in _failed_conditions(snapshot.deployment)):
        return "pods cannot be created"
    is_stuck = snapshot.progress.stage is status.Stage.STUCK
    is_unready = any(pod.status == "Running" and not pod.is_ready for pod in snapshot.new_pods)
    return "new pods running but not ready" if is_stuck and is_unready else ""


def image_tag(image: str) -> str:
    """Return the tag of *image*, else the beginning of its digest, else nothing."""
    name, _, digest = image.partition("@")
    if digest and not _DIGEST.fullmatch(digest):
        # Not an image name: what precedes the @ may be a password.
        return ""
    algorithm, _, value = digest.partition(":")
    tag = name.rpartition("/")[2].partition(":")[2]
    return tag or (f"{algorithm}:{value[:_SHORT_DIGEST_LENGTH]}" if value else "")


def running_image(snapshot: status.RolloutSnapshot, container: str) -> str:
    """Return the tag of the desired image; of a tag that is moved, the digest that the new pods run as well."""
    tag = image_tag(snapshot.image_of(container))
    if tag != MOVING_TAG:
        return tag
    own = [one for pod in snapshot.new_pods for one in pod.containers if one.name == container]
    digests = {one.image_digest.partition(":")[2][:_SHORT_DIGEST_LENGTH] for one in own} - {""}
    return f"image tag {tag}{f', digest {digests.pop()}' if len(digests) == 1 else ''}"


def shorten(text: str) -> str:
    """Return *text* on one line, shortened, without pod and UID."""
    return errors.shorten(messages.brief(text), _MAX_REASON_LENGTH)


def _revision_row(
    revision: kubernetes.ReplicaSet, snapshot: status.RolloutSnapshot, now: datetime.datetime
) -> reports.Row:
    is_new = revision == snapshot.newest and snapshot.has_desired_revision
    kind = "new" if is_new else "old" if snapshot.has_desired_revision else "unchanged"
    is_fine = revision.ready == revision.replicas and (not is_new or snapshot.progress.is_complete)
    unfinished = snapshot.progress.verdict if is_new else reports.Verdict.WARNING
    return reports.Row(
        cells=(
            f"{revision.revision} ({kind})",
            f"{revision.ready}/{revision.replicas}",
            ", ".join(revision.images),
            durations.brief(now - revision.created_at),
        ),
        verdict=reports.Verdict.OK if is_fine else unfinished,
    )


def _failed_conditions(deployment: kubernetes.Deployment) -> list[tuple[str, str]]:
    failure, progressing = deployment.find_condition("ReplicaFailure"), deployment.find_condition("Progressing")
    pairs = [(failure.type, shorten(failure.message))] if failure is not None and failure.is_true else []
    if progressing is not None and not progressing.is_true and progressing.message:
        pairs.append((progressing.reason, shorten(progressing.message)))
    return pairs


def _unready_pods(pods: Sequence[kubernetes.Pod]) -> list[tuple[str, str]]:
    """Return each reason once, with the first pod that has it and the number of others."""
    names_by_reason: dict[str, list[str]] = {}
    for pod in pods:
        if not pod.is_ready:
            names_by_reason.setdefault(_describe(pod), []).append(pod.name)
    pairs = [
        (names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more", reason)
        for reason, names in names_by_reason.items()
    ]
    return pairs[:_MAX_REASONS]


def _describe(pod: kubernetes.Pod) -> str:
    last = next((one.last_termination for one in pod.containers if one.last_termination is not None), None)
    blocked = f": {shorten(' '.join(pod.blocked_by))}" if pod.blocked_by else ""
    terminated = f"; last termination: {last.reason or 'Unknown'} ({last.exit_code})" if last is not None else ""
    return f"{'Running, not ready' if pod.status == 'Running' else pod.status}{blocked}{terminated}"
