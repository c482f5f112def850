"""Observations of a failed start: the texts of logs, events and states in which rules are searched."""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Sequence

from bot.kubernetes import model as kubernetes
from bot.kubernetes.diagnosis import rules
from bot.model import reports

_INITIAL_REASONS = frozenset({"", "ContainerCreating", "PodInitializing"})
"""For which every container waits at first."""
_SIGKILL_EXIT_CODE = 137
STARTED = re.compile(r"\bStarted \S+ in (?P<seconds>\d+(?:\.\d+)?) seconds\b")
"""Spring Boot's last line of a start."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A text in which a rule may match."""

    where: rules.Location
    text: str
    source: str
    """Where to find it, such as `events of pos-order-1`."""
    pod: str = ""
    """Empty if it concerns the deployment as a whole."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StartAttempt:
    """The log of one run of a container, or why it could not be read."""

    pod: str
    container: str
    source: str
    entries: tuple[reports.LogEntry, ...] = ()
    unavailable_reason: str | None = None
    is_previous: bool = False

    @property
    def started_after_seconds(self) -> float | None:
        """Start duration as the application logged it; None if it did not."""
        found = [match for entry in self.entries if (match := STARTED.search(entry.text))]
        return float(found[-1]["seconds"]) if found else None

    @property
    def relevant(self) -> tuple[reports.LogEntry, ...]:
        """Entries after a successful start, else all: what preceded a start did not prevent it."""
        own = [entry for entry in self.entries if not entry.is_annotation]
        starts = [index for index, entry in enumerate(own) if STARTED.search(entry.text)]
        return tuple(own[starts[-1] + 1 :] if starts else own)


def of_attempt(attempt: StartAttempt) -> list[Observation]:
    """Return the relevant log entries of a start attempt."""
    return [
        Observation(where=rules.Location.LOG, text=entry.text, source=attempt.source, pod=attempt.pod)
        for entry in attempt.relevant
    ]


def of_deployment(deployment: kubernetes.Deployment) -> list[Observation]:
    """Return why no pod can be created."""
    failure = deployment.find_condition("ReplicaFailure")
    if failure is None or not failure.is_true:
        return []
    text = f"{failure.reason}: {failure.message}"
    return [Observation(where=rules.Location.STATE, text=text, source=f"status of deployment {deployment.name}")]


def of_events(events: Iterable[kubernetes.Event], pod: str = "") -> list[Observation]:
    """Return the warnings among *events*, newest first, of *pod* or of the deployment as a whole."""
    newest_first = sorted(events, key=lambda event: event.last_at, reverse=True)
    return [
        Observation(where=rules.Location.EVENT, text=f"{event.reason}: {event.message}", source=_event(event), pod=pod)
        for event in newest_first
        if event.is_warning
    ]


def of_pod(pod: kubernetes.Pod) -> list[Observation]:
    """Return the status of a pod and its containers, and their termination messages."""
    texts = [f"{pod.reason}: {pod.message}"] if pod.reason else []
    if pod.unschedulable_reason:
        texts.append(f"Unschedulable: {pod.unschedulable_reason}")
    texts += [text for container in pod.containers for text in _of_container(container)]
    source = f"status of {pod.name}"
    seen = [Observation(where=rules.Location.STATE, text=text, source=source, pod=pod.name) for text in texts]
    return seen + [
        Observation(where=rules.Location.LOG, text=message, source=f"termination message of {pod.name}", pod=pod.name)
        for message in _termination_messages(pod.containers)
    ]


def _event(event: kubernetes.Event) -> str:
    times = f" ({event.count} times)" if event.count > 1 else ""
    return f"events of {event.name}{times}"


def _of_container(container: kubernetes.Container) -> Iterator[str]:
    """Yield the states of a container; kubectl's prefix Init: marks an init container."""
    first = "Init:" if container.is_init else ""
    state, last = container.state, container.last_termination
    if state is not None and state.kind is kubernetes.StateKind.WAITING and state.reason not in _INITIAL_REASONS:
        ending = f"; it last ended with {_ending(last)}" if last is not None else ""
        yield f"{first}{state.reason}: {state.message}{ending}"
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


def _termination_messages(containers: Sequence[kubernetes.Container]) -> list[str]:
    """Return termination messages, which may be the end of a log."""
    states = [
        state
        for container in containers
        for state in (container.state, container.last_termination)
        if state is not None
    ]
    ended = [state.message for state in states if state.kind is kubernetes.StateKind.TERMINATED]
    return list(dict.fromkeys(message for message in ended if message))
