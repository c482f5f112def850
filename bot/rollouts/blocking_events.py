"""
Warnings of a rollout whose condition still holds.

Kubernetes keeps an event for an hour, however soon its condition is over: a ReplicaSet whose ServiceAccount was missing
for a second, a probe that failed while a container started.
"""

import dataclasses
import datetime
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bot import errors
from bot.kubernetes import model as kubernetes
from bot.rollouts import status

if TYPE_CHECKING:
    from bot.kubernetes import workloads

_MAX_START = datetime.timedelta(minutes=5)
"""Failing probes are normal for so long after a container's start."""
_START_PROBES = ("Readiness probe", "Startup probe")
_BEFORE_START = frozenset(
    {
        "Failed",
        "FailedAttachVolume",
        "FailedCreatePodSandBox",
        "FailedMount",
        "ErrImageNeverPull",
        "InspectFailed",
        "NetworkNotReady",
    }
)
"""Reasons for which a container has not started yet (kubernetes/pkg/kubelet/events/event.go)."""
_PULL_BACK_OFF = "Back-off pulling image"


async def add_warnings(cluster: "workloads.Workloads", snapshot: status.RolloutSnapshot) -> status.RolloutSnapshot:
    """
    Return *snapshot* with its warnings, or with the reason if posbot cannot list events.

    Raises:
        errors.Unavailable
    """
    revisions = [snapshot.newest.name] if snapshot.newest is not None and snapshot.has_desired_revision else []
    names = frozenset([snapshot.deployment.name, *revisions, *(pod.name for pod in snapshot.new_pods)])
    try:
        events = await cluster.events(names)
    except errors.Refused as error:
        return dataclasses.replace(snapshot, events_unavailable_reason=str(error))
    warnings = [event for event in events if event.is_warning and event.last_at >= snapshot.began_at]
    pods = {pod.name: pod for pod in snapshot.new_pods}
    open_warnings = [event for event in warnings if not _is_over(event, pods.get(event.name), events, snapshot)]
    return dataclasses.replace(
        snapshot, warnings=tuple(open_warnings), resolved_warnings=len(warnings) - len(open_warnings)
    )


def _is_over(
    event: kubernetes.Event,
    pod: kubernetes.Pod | None,
    events: Iterable[kubernetes.Event],
    snapshot: status.RolloutSnapshot,
) -> bool:
    """Return whether the condition of a warning is over, as far as *snapshot* shows."""
    if event.reason == "FailedCreate":
        return _can_create_pods(event, events, snapshot.deployment)
    if pod is None:
        return False
    if event.reason == "FailedScheduling":
        return bool(pod.node)
    if event.reason == "Unhealthy":
        return _is_start_probe(event, pod)
    if pod.ready_since is not None and event.last_at <= pod.ready_since:
        return True
    is_before_start = event.reason in _BEFORE_START or event.message.startswith(_PULL_BACK_OFF)
    return is_before_start and _have_started(pod, event.last_at)


def _can_create_pods(
    event: kubernetes.Event, events: Iterable[kubernetes.Event], deployment: kubernetes.Deployment
) -> bool:
    """Return whether a ReplicaSet that could not create pods has created one since, or all of them."""
    failure = deployment.find_condition("ReplicaFailure")
    if failure is not None and failure.is_true:
        return False
    created = (one.last_at for one in events if one.reason == "SuccessfulCreate" and one.name == event.name)
    return deployment.updated >= deployment.desired or max(created, default=event.first_at) > event.last_at


def _have_started(pod: kubernetes.Pod, since: datetime.datetime) -> bool:
    starts: Sequence[datetime.datetime | None] = [
        one.state.started_at if one.state is not None else None for one in pod.containers if not one.is_init
    ]
    return all(start is not None and start >= since for start in starts)


def _is_start_probe(event: kubernetes.Event, pod: kubernetes.Pod) -> bool:
    """Return whether a probe failed only while its container started, as with every service that takes a while."""
    if not event.message.startswith(_START_PROBES):
        return False
    starts = [one.state.started_at for one in pod.containers if one.state is not None and one.state.started_at]
    is_past = pod.ready_since is not None and event.last_at <= pod.ready_since
    return is_past and bool(starts) and event.last_at - max(starts) <= _MAX_START
