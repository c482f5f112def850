"""What runs in a cluster: pods and their containers, deployments and their revisions, events. Values without a wire."""

import dataclasses
import datetime
import enum


class StateKind(enum.StrEnum):
    """The three states of a container."""

    WAITING = "waiting"
    RUNNING = "running"
    TERMINATED = "terminated"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ContainerState:
    """What a container does, or did before."""

    kind: StateKind
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    signal: int | None = None
    started_at: datetime.datetime | None = None
    finished_at: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """How Kubernetes asks a container whether it lives or may get traffic."""

    kind: str
    """liveness, readiness or startup."""
    target: str
    """What is asked, such as `GET :9007/actuator/health/liveness`."""
    initial_delay_seconds: int = 0
    period_seconds: int = 10
    timeout_seconds: int = 1
    failure_threshold: int = 3

    @property
    def patience_seconds(self) -> int:
        """Give how long after its start a container may fail the probe before Kubernetes acts."""
        return self.initial_delay_seconds + self.period_seconds * self.failure_threshold


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container of a pod."""

    name: str
    image: str
    is_init: bool = False
    is_ready: bool = False
    restarts: int = 0
    state: ContainerState | None = None
    """None until the node has said something of it."""
    last: ContainerState | None = None
    """How the one before ended, where there was one."""
    limits: tuple[tuple[str, str], ...] = ()
    requests: tuple[tuple[str, str], ...] = ()
    probes: tuple[Probe, ...] = ()

    @property
    def is_waiting(self) -> bool:
        """Tell whether it has not started."""
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
    revision: str = ""
    """The pod-template-hash of its ReplicaSet."""
    is_ending: bool = False
    is_ready: bool = False
    ready_since: datetime.datetime | None = None
    """When it became ready the last time; None where it is not."""
    unscheduled_because: str = ""
    """What the scheduler says while it finds no node."""
    containers: tuple[Container, ...] = ()
    """Init containers first, in the order of the spec."""

    @property
    def restarts(self) -> int:
        """Give how often its containers were started again."""
        return sum(container.restarts for container in self.containers)

    @property
    def status(self) -> str:
        """Give the word that kubectl shows: the most telling reason, else the phase."""
        if self.is_ending:
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
    def blockers(self) -> tuple[str, ...]:
        """Give what keeps it from running, in the cluster's words, each once."""
        waiting = (one.state.message for one in self.containers if one.is_waiting and one.state is not None)
        return tuple(dict.fromkeys(filter(None, (self.message, self.unscheduled_because, *waiting))))

    def find_container(self, name: str) -> Container | None:
        """Give the container called *name*."""
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
    """The deployment that it is a revision of."""
    former_revisions: tuple[int, ...] = ()
    """The numbers it had before: going back to a revision gives it a new one."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What Kubernetes says of a deployment under one heading."""

    kind: str
    is_true: bool
    reason: str
    message: str
    changed_at: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What should run, and how far the cluster has come."""

    name: str
    selector: str
    """As a label selector, ready for a query."""
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

    def condition(self, kind: str) -> Condition | None:
        """Give the condition called *kind*."""
        return next((condition for condition in self.conditions if condition.kind == kind), None)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to an object, once or many times."""

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
