"""Which pods are in trouble, and which of their logs tell why."""

import dataclasses
import datetime
from collections.abc import Sequence

from bot.kubernetes import model as kubernetes

MOST_PODS = 6
"""Whose logs are read; pods of one revision fail alike, and what the cluster says is read of all."""
RECENT = datetime.timedelta(hours=1)
"""As long as the cluster keeps events."""
_OVER = frozenset({"Succeeded", "Failed"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PodState:
    """A deployment and its pods at one moment."""

    deployment: kubernetes.Deployment
    pods: tuple[kubernetes.Pod, ...]
    now: datetime.datetime

    @property
    def live(self) -> list[kubernetes.Pod]:
        """Give the pods that run or shall run; those that are ending, or stay as a record, are none of them."""
        return [pod for pod in self.pods if not pod.is_ending and pod.phase not in _OVER]

    @property
    def ready(self) -> int:
        """Count the pods that get traffic."""
        return sum(pod.is_ready for pod in self.live)

    @property
    def has_started(self) -> bool:
        """Tell whether all pods that are wanted are there and ready."""
        return self.ready >= self.deployment.desired and self.ready == len(self.live)

    @property
    def is_missing_pods(self) -> bool:
        """Tell whether fewer pods exist than are wanted."""
        return len(self.live) < self.deployment.desired

    @property
    def restarted(self) -> list[kubernetes.Pod]:
        """Give the pods that are ready, but of which a container ended a short time ago."""
        return [pod for pod in self.live if pod.is_ready and self._ended_lately(pod)]

    @property
    def failing(self) -> list[kubernetes.Pod]:
        """Give the pods to look at, the youngest first: those not ready, else those that were started again."""
        if self.has_started:
            return self.restarted[::-1]
        records = [pod for pod in self.pods if pod.phase == "Failed" and not pod.is_ending]
        unready = [pod for pod in self.live if not pod.is_ready]
        return [*unready[::-1], *(records[::-1] if self.ready < self.deployment.desired else [])]

    def _ended_lately(self, pod: kubernetes.Pod) -> bool:
        ends = [one.last.finished_at for one in pod.containers if one.last is not None and not one.is_init]
        return any(end is not None and self.now - end <= RECENT for end in ends)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogSource:
    """The log of one run of a container."""

    pod: kubernetes.Pod
    container: str
    is_previous: bool
    source: str


def logs_to_read(pods: Sequence[kubernetes.Pod], own: str) -> list[LogSource]:
    """Give the runs whose logs may tell why *pods* are in trouble; *own* is the container of the service itself."""
    return [wanted for pod in pods[:MOST_PODS] for container in _telling(pod) for wanted in _runs(pod, container, own)]


def _telling(pod: kubernetes.Pod) -> list[kubernetes.Container]:
    """Give the containers that keep the others waiting; else those that are not ready, or ended before."""
    first = [one for one in pod.containers if one.is_init and not _has_succeeded(one)]
    others = [one for one in pod.containers if not one.is_init]
    if first and all(one.is_waiting and one.last is None for one in others):
        return first
    return [one for one in others if not one.is_ready or one.last is not None]


def _has_succeeded(container: kubernetes.Container) -> bool:
    state = container.state
    return state is not None and state.kind is kubernetes.StateKind.TERMINATED and state.exit_code == 0


def _runs(pod: kubernetes.Pod, container: kubernetes.Container, own: str) -> list[LogSource]:
    """Give the run before, where there was one, and the present one, where it has begun."""
    place = f"log of {pod.name}" if container.name == own else f"log of {pod.name}/{container.name}"
    runs = []
    if container.last is not None:
        runs.append(
            LogSource(pod=pod, container=container.name, is_previous=True, source=f"{place} before its restart")
        )
    if not container.is_waiting:
        runs.append(LogSource(pod=pod, container=container.name, is_previous=False, source=place))
    return runs
