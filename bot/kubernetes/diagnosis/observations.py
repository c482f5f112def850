"""Observations of a failed start: the texts of events and states in which rules are searched."""

import dataclasses
import datetime
from collections.abc import Iterable, Iterator

from bot.kubernetes import model as kubernetes
from bot.kubernetes.diagnosis import rules
from bot.model import durations

_INITIAL_REASONS = frozenset({"", "ContainerCreating", "PodInitializing"})
"""For which every container waits at first."""
_SIGKILL_EXIT_CODE = 137
_READINESS_GATES = "ReadinessGatesNotReady: "


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A text in which a rule may match."""

    where: rules.Location
    text: str
    source: str
    """Where to find it, such as `events of pos-order-1`."""
    pod: str = ""
    """Empty if it concerns the deployment as a whole."""


def of_deployment(deployment: kubernetes.Deployment) -> list[Observation]:
    """Return why no pod can be created."""
    failure = deployment.find_condition("ReplicaFailure")
    texts = [f"{failure.reason}: {failure.message}"] if failure is not None and failure.is_true else []
    if deployment.is_paused:
        texts.append("Paused: the deployment is paused, so changes of it create no pods")
    source = f"status of deployment {deployment.name}"
    return [Observation(where=rules.Location.STATE, text=text, source=source) for text in texts]


def current(events: Iterable[kubernetes.Event], pod: kubernetes.Pod | None = None) -> list[kubernetes.Event]:
    """
    Return the events that still hold.

    What preceded the start of the pod's containers is over, and so is a failure to create a pod once one was created.
    A node that is not ready explains only a pod that is not ready although all its containers are.
    """
    listed = list(events)
    created: dict[str, datetime.datetime] = {}
    for event in listed:
        if event.reason == "SuccessfulCreate":
            created[event.name] = max(event.last_at, created.get(event.name, event.last_at))
    started = _started_at(pod.containers) if pod is not None else None
    return [
        event
        for event in listed
        if not (event.name in created and event.last_at < created[event.name])
        and not (started is not None and event.last_at < started)
        and not (event.reason == "NodeNotReady" and pod is not None and not pod.is_node_unready)
    ]


def _started_at(containers: Iterable[kubernetes.Container]) -> datetime.datetime | None:
    """Return when the last of the containers that run began to; None if one does not run."""
    states = [one.state for one in containers if not one.is_init]
    starts = [
        state.started_at
        for state in states
        if state is not None and state.kind is kubernetes.StateKind.RUNNING and state.started_at is not None
    ]
    return max(starts) if starts and len(starts) == len(states) else None


def of_events(events: Iterable[kubernetes.Event], pod: str = "") -> list[Observation]:
    """
    Return the warnings among *events*, newest first, of *pod* or of the deployment as a whole.

    The pull of an image is one of them while nothing has happened since it began.
    """
    newest_first = sorted(events, key=lambda event: event.last_at, reverse=True)
    return [
        Observation(where=rules.Location.EVENT, text=f"{event.reason}: {event.message}", source=_event(event), pod=pod)
        for index, event in enumerate(newest_first)
        if event.is_warning or (event.reason == "Pulling" and index == 0)
    ]


def of_pod(pod: kubernetes.Pod, now: datetime.datetime) -> list[Observation]:
    """Return the status of a pod and its containers."""
    texts = [f"{pod.reason}: {pod.message}"] if pod.reason else []
    if pod.unschedulable_reason:
        texts.append(f"Unschedulable: {pod.unschedulable_reason}")
    if pod.phase == "Unknown" and not pod.reason:
        texts.append(f"Unknown: node {pod.node} does not report the pod's state")
    if pod.is_node_unready:
        texts.append(f"PodNotReady: on node {pod.node}")
    elif pod.unready_reason.startswith(_READINESS_GATES):
        texts.append(pod.unready_reason)
    texts += [text for container in pod.containers for text in _of_container(container, now)]
    return [
        Observation(where=rules.Location.STATE, text=text, source=f"status of {pod.name}", pod=pod.name)
        for text in texts
    ]


def _event(event: kubernetes.Event) -> str:
    times = f" ({event.count} times)" if event.count > 1 else ""
    return f"events of {event.name}{times}"


def _of_container(container: kubernetes.Container, now: datetime.datetime) -> Iterator[str]:
    """Yield the states of a container; kubectl's prefix Init: marks an init container."""
    first = "Init:" if container.is_init else ""
    state, last = container.state, container.last_termination
    if state is not None and state.kind is kubernetes.StateKind.WAITING and state.reason not in _INITIAL_REASONS:
        ending = f"; it last ended with {_ending(last)}" if last is not None else ""
        yield f"{first}{state.reason}: {state.message}{ending}"
    if (
        state is not None
        and state.kind is kubernetes.StateKind.RUNNING
        and container.is_init
        and not container.is_ready
    ):
        since = f"running for {durations.brief(now - state.started_at)}" if state.started_at else "running"
        yield f"Init:Running: container={container.name} {since}"
    ended = [one for one in (state, last) if one is not None and one.kind is kubernetes.StateKind.TERMINATED]
    for one in ended:
        if one.exit_code or one.reason not in {"Completed", ""}:
            yield f"{first}{one.reason or 'Error'}: {_terminated(container, one)}"


def _terminated(container: kubernetes.Container, ended: kubernetes.ContainerState) -> str:
    limit = dict(container.limits).get("memory")
    against = f"; its memory limit is {limit}" if limit else "; it has no memory limit"
    said = f"; {ended.message}" if ended.reason in {"ContainerCannotRun", "StartError"} else ""
    return f"container={container.name} ended with {_ending(ended)}{against}{said}"


def _ending(ended: kubernetes.ContainerState) -> str:
    by_force = ", killed" if ended.exit_code == _SIGKILL_EXIT_CODE else ""
    return f"{ended.reason or 'Error'} (exit code {ended.exit_code}{by_force})"
