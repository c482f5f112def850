"""Pods, containers, deployments, revisions and events as values, independent of the API's JSON."""

import dataclasses
import datetime
import enum

_READINESS_GATES = "ReadinessGatesNotReady"


class StateKind(enum.StrEnum):
    """The three states of a container."""

    WAITING = "waiting"
    RUNNING = "running"
    TERMINATED = "terminated"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ContainerState:
    """State of a container, or of its last termination."""

    kind: StateKind
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    signal: int | None = None
    started_at: datetime.datetime | None = None
    finished_at: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A startup, readiness or liveness probe."""

    kind: str
    """liveness, readiness or startup."""
    target: str
    """What it requests, such as `GET :9007/actuator/health/liveness`."""
    initial_delay_seconds: int = 0
    period_seconds: int = 10
    timeout_seconds: int = 1
    failure_threshold: int = 3

    @property
    def failure_after_seconds(self) -> int:
        """Seconds after a container's start at which Kubernetes acts on a probe that never succeeded."""
        return self.initial_delay_seconds + self.period_seconds * self.failure_threshold


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container of a pod."""

    name: str
    image: str
    image_digest: str = ""
    """Of the image that it runs, such as sha256:…, once the node has reported it."""
    is_init: bool = False
    is_ready: bool = False
    restarts: int = 0
    state: ContainerState | None = None
    """None until the node has reported it."""
    last_termination: ContainerState | None = None
    """None if it was never restarted."""
    limits: tuple[tuple[str, str], ...] = ()
    requests: tuple[tuple[str, str], ...] = ()
    probes: tuple[Probe, ...] = ()

    @property
    def is_waiting(self) -> bool:
        """Return whether it has not started."""
        return self.state is None or self.state.kind is StateKind.WAITING


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """One pod."""

    name: str
    phase: str
    created_at: datetime.datetime
    reason: str = ""
    message: str = ""
    node: str = ""
    ip: str = ""
    template_hash: str = ""
    """The pod-template-hash of its ReplicaSet."""
    is_terminating: bool = False
    is_ready: bool = False
    ready_since: datetime.datetime | None = None
    """None if it is not ready."""
    unschedulable_reason: str = ""
    """The scheduler's message while no node fits."""
    unready_reason: str = ""
    """Reason and message of the condition Ready while it is false; empty if its node controller set it."""
    containers: tuple[Container, ...] = ()
    """Init containers first, in the order of the spec."""

    @property
    def restarts(self) -> int:
        """Restarts of all its containers."""
        return sum(container.restarts for container in self.containers)

    @property
    def status(self) -> str:
        """STATUS as kubectl shows it: the most specific reason, else the phase."""
        if self.is_terminating:
            return "Terminating"
        if self.reason:
            return self.reason
        for container in self.containers:
            state = container.state
            if state is not None and state.kind is StateKind.WAITING and state.reason:
                return f"Init:{state.reason}" if container.is_init else state.reason
            if state is not None and state.kind is StateKind.TERMINATED and not container.is_init:
                return state.reason or f"ExitCode:{state.exit_code}"
        return self.phase

    @property
    def blocked_by(self) -> tuple[str, ...]:
        """Why it does not run or is not ready, in the cluster's words, without duplicates."""
        waiting = (container.state.message for container in self.containers if container.is_waiting and container.state)
        node = f"Its node {self.node} is not ready." if self.is_node_unready else ""
        reason, _, gates = self.unready_reason.partition(": ")
        others = (node, gates if reason == _READINESS_GATES else "")
        return tuple(dict.fromkeys(filter(None, (self.message, self.unschedulable_reason, *waiting, *others))))

    @property
    def is_node_unready(self) -> bool:
        """
        Return whether its node does not report: all its containers are ready, and the pod is not.

        The node lifecycle controller then sets the condition Ready to false and leaves its reason empty
        (MarkPodsNotReady in kubernetes/pkg/controller/util/node/controller_utils.go).
        """
        own = [container for container in self.containers if not container.is_init]
        has_ready_containers = self.phase == "Running" and bool(own) and all(one.is_ready for one in own)
        return has_ready_containers and not (self.is_ready or self.is_terminating or self.unready_reason)

    def find_container(self, name: str) -> Container | None:
        """Return the container called *name*, or None."""
        return next((container for container in self.containers if container.name == name), None)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSet:
    """One revision of a deployment."""

    name: str
    revision: int
    images: tuple[str, ...]
    change_cause: str
    created_at: datetime.datetime
    template_hash: str
    replicas: int
    ready: int
    owner: str = ""
    """The deployment it is a revision of."""
    former_revisions: tuple[int, ...] = ()
    """The numbers it had before: a rollback gives a revision a new number."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition of a deployment."""

    type: str
    is_true: bool
    reason: str
    message: str
    changed_at: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployment: what is desired, and its status."""

    name: str
    selector: str
    """As the value of a labelSelector query."""
    generation: int
    observed_generation: int
    desired: int
    updated: int
    total: int
    ready: int
    available: int
    revision: int
    is_paused: bool
    images: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()

    def find_condition(self, condition_type: str) -> Condition | None:
        """Return the condition of that type, or None."""
        return next((condition for condition in self.conditions if condition.type == condition_type), None)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event of an object, repeats aggregated."""

    is_warning: bool
    reason: str
    message: str
    kind: str
    """Of the object: Pod, ReplicaSet, Deployment …"""
    name: str
    count: int
    first_at: datetime.datetime
    last_at: datetime.datetime
    source: str = ""
