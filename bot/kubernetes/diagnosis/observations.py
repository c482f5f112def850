"""What there is to see of a failed start, as texts that patterns are searched in."""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Sequence

from bot.kubernetes import model as kubernetes
from bot.kubernetes.diagnosis import rules
from bot.model import reports

_TRIVIAL = frozenset({"", "ContainerCreating", "PodInitializing"})
"""Reasons for which every container waits at first."""
_KILLED = 137
STARTED = re.compile(r"\bStarted \S+ in (?P<seconds>\d+(?:\.\d+)?) seconds\b")
"""Spring Boot's own line at the end of a start."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One text in which a cause may be recognised."""

    where: rules.Where
    text: str
    source: str
    """Where a person would find it, such as `events of pos-order-1`."""
    pod: str = ""
    """Empty where it concerns the service as a whole."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StartAttempt:
    """What one run of a container has written, or why that cannot be read."""

    pod: str
    container: str
    source: str
    entries: tuple[reports.LogEntry, ...] = ()
    trouble: str | None = None
    is_previous: bool = False

    @property
    def started_after_seconds(self) -> float | None:
        """Give how long the application took to start, by its own words; None where it has not said so."""
        found = [match for entry in self.entries if (match := STARTED.search(entry.text))]
        return float(found[-1]["seconds"]) if found else None

    @property
    def relevant(self) -> tuple[reports.LogEntry, ...]:
        """Give the entries since the application was started, else all: what came before did not keep it from that."""
        own = [entry for entry in self.entries if not entry.is_annotation]
        starts = [index for index, entry in enumerate(own) if STARTED.search(entry.text)]
        return tuple(own[starts[-1] + 1 :] if starts else own)


def of_attempt(attempt: StartAttempt) -> list[Observation]:
    """Give what a run of a container has written."""
    return [
        Observation(where=rules.Where.LOG, text=entry.text, source=attempt.source, pod=attempt.pod)
        for entry in attempt.relevant
    ]


def of_deployment(deployment: kubernetes.Deployment) -> list[Observation]:
    """Give why no pod can be made."""
    failure = deployment.condition("ReplicaFailure")
    if failure is None or not failure.is_true:
        return []
    text = f"{failure.reason}: {failure.message}"
    return [Observation(where=rules.Where.STATE, text=text, source=f"status of deployment {deployment.name}")]


def of_events(events: Iterable[kubernetes.Event], pod: str = "") -> list[Observation]:
    """Give the warnings among *events*, newest first; they concern *pod*, or the service as a whole."""
    newest_first = sorted(events, key=lambda event: event.last_at, reverse=True)
    return [
        Observation(where=rules.Where.EVENT, text=f"{event.reason}: {event.message}", source=_event(event), pod=pod)
        for event in newest_first
        if event.is_warning
    ]


def of_pod(pod: kubernetes.Pod) -> list[Observation]:
    """Give what the status of a pod and its containers says."""
    texts = [f"{pod.reason}: {pod.message}"] if pod.reason else []
    if pod.unscheduled_because:
        texts.append(f"Unschedulable: {pod.unscheduled_because}")
    texts += [text for container in pod.containers for text in _of_container(container)]
    source = f"status of {pod.name}"
    seen = [Observation(where=rules.Where.STATE, text=text, source=source, pod=pod.name) for text in texts]
    return seen + [
        Observation(where=rules.Where.LOG, text=words, source=f"last words of {pod.name}", pod=pod.name)
        for words in _last_words(pod.containers)
    ]


def _event(event: kubernetes.Event) -> str:
    times = f" ({event.count} times)" if event.count > 1 else ""
    return f"events of {event.name}{times}"


def _of_container(container: kubernetes.Container) -> Iterator[str]:
    """Give what the states of a container say, as kubectl puts it for one that goes before the others."""
    first = "Init:" if container.is_init else ""
    state, last = container.state, container.last
    if state is not None and state.kind is kubernetes.StateKind.WAITING and state.reason not in _TRIVIAL:
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
    by_force = ", killed" if ended.exit_code == _KILLED else ""
    return f"{ended.reason or 'Error'} (exit code {ended.exit_code}{by_force})"


def _last_words(containers: Sequence[kubernetes.Container]) -> list[str]:
    """Give what containers left as their termination messages, which may be the end of their logs."""
    states = [state for container in containers for state in (container.state, container.last) if state is not None]
    ended = [state.message for state in states if state.kind is kubernetes.StateKind.TERMINATED]
    return list(dict.fromkeys(message for message in ended if message))
