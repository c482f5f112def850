"""Failing pods of a deployment, and the logs that may show why."""

import dataclasses
import datetime
from collections.abc import Sequence

from bot.kubernetes import model as kubernetes
from bot.kubernetes.diagnosis import attempts
from bot.kubernetes.logs import parser

MAX_PODS = 6
"""Whose logs are read: pods of one revision fail alike, and states and events are read of all."""
RECENT_TERMINATION = datetime.timedelta(hours=1)
"""Events are kept for an hour as well."""
_FINISHED_PHASES = frozenset({"Succeeded", "Failed"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentState:
    """A deployment with its pods at one moment."""

    deployment: kubernetes.Deployment
    pods: tuple[kubernetes.Pod, ...]
    now: datetime.datetime

    @property
    def live(self) -> list[kubernetes.Pod]:
        """Pods that run or will run; neither terminating nor finished."""
        return [pod for pod in self.pods if not pod.is_terminating and pod.phase not in _FINISHED_PHASES]

    @property
    def ready(self) -> int:
        """Number of ready pods."""
        return sum(pod.is_ready for pod in self.live)

    @property
    def has_started(self) -> bool:
        """Return whether all desired pods exist and are ready."""
        return self.ready >= self.deployment.desired and self.ready == len(self.live)

    @property
    def is_missing_pods(self) -> bool:
        """Return whether fewer pods exist than desired."""
        return len(self.live) < self.deployment.desired

    @property
    def restarted(self) -> list[kubernetes.Pod]:
        """Ready pods with a container that terminated recently."""
        return [pod for pod in self.live if pod.is_ready and self._terminated_recently(pod)]

    @property
    def failing(self) -> list[kubernetes.Pod]:
        """
        Pods to diagnose, youngest first: those not ready, else those that restarted recently.

        A terminating pod is one only where no other is: the node of one that is lost cannot confirm its end.
        """
        if self.has_started:
            return self.restarted[::-1]
        failed = [pod for pod in self.pods if pod.phase == "Failed" and not pod.is_terminating]
        unready = [pod for pod in self.live if not pod.is_ready]
        found = [*unready[::-1], *(failed[::-1] if self.ready < self.deployment.desired else [])]
        return found or [pod for pod in self.pods if pod.is_terminating][::-1]

    def _terminated_recently(self, pod: kubernetes.Pod) -> bool:
        ends = [
            one.last_termination.finished_at
            for one in pod.containers
            if one.last_termination is not None and not one.is_init
        ]
        return any(end is not None and self.now - end <= RECENT_TERMINATION for end in ends)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogSource:
    """The log of one run of a container."""

    pod: kubernetes.Pod
    container: str
    is_previous: bool
    source: str
    exit_code: int | None = None
    """None while it runs."""


def logs_to_read(pods: Sequence[kubernetes.Pod], own: str) -> list[LogSource]:
    """Return the logs that may show why *pods* fail; *own* is the service's container."""
    return [source for pod in pods[:MAX_PODS] for container in _blocking(pod) for source in _runs(pod, container, own)]


def _blocking(pod: kubernetes.Pod) -> list[kubernetes.Container]:
    """Return the init containers that others wait for; else those not ready or terminated before."""
    first = [one for one in pod.containers if one.is_init and not _has_succeeded(one)]
    others = [one for one in pod.containers if not one.is_init]
    if first and all(one.is_waiting and one.last_termination is None for one in others):
        return first
    return [one for one in others if not one.is_ready or one.last_termination is not None]


def _has_succeeded(container: kubernetes.Container) -> bool:
    state = container.state
    return state is not None and state.kind is kubernetes.StateKind.TERMINATED and state.exit_code == 0


def _runs(pod: kubernetes.Pod, container: kubernetes.Container, own: str) -> list[LogSource]:
    """Return the previous run and the current one, as far as they exist."""
    name = pod.name if container.name == own else f"{pod.name}/{container.name}"
    runs, last, state = [], container.last_termination, container.state
    if last is not None:
        runs.append(
            LogSource(
                pod=pod,
                container=container.name,
                is_previous=True,
                source=f"previous log of {name}",
                exit_code=last.exit_code,
            )
        )
    if not container.is_waiting:
        exit_code = state.exit_code if state is not None else None
        runs.append(
            LogSource(
                pod=pod, container=container.name, is_previous=False, source=f"log of {name}", exit_code=exit_code
            )
        )
    return runs


def termination_messages(pod: kubernetes.Pod) -> list[attempts.StartAttempt]:
    """Return termination messages, each of which may be the end of a log."""
    ended = [
        (container, state)
        for container in pod.containers
        for state in (container.state, container.last_termination)
        if state is not None and state.kind is kubernetes.StateKind.TERMINATED and state.message
    ]
    return [
        attempts.StartAttempt(
            pod=pod.name,
            container=container.name,
            source=f"termination message of {pod.name}",
            entries=parser.join_lines(state.message.splitlines()),
            exit_code=state.exit_code,
        )
        for container, state in ended
    ]
