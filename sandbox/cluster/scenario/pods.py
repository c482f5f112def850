"""One pod: how it starts, runs and ends."""

from collections.abc import Callable

from sandbox.cluster.scenario import manifests, statuses, text
from sandbox.cluster.state import clocks, cluster_state, container_logs, events, kinds
from sandbox.cluster.state.kinds import Json


class Pod(text.LogWriter):
    """One pod. Every method changes it at once, with the events and the log that belong to it."""

    def __init__(
        self,
        world: cluster_state.ClusterState,
        document: Json,
        *,
        settle: Callable[[], None],
        forget: Callable[["Pod"], None],
    ) -> None:
        super().__init__(world, document)
        self.is_gone = False
        self._settle = settle
        self._forget = forget
        self._runs = 0
        self._number = int(self.uid[:2], 16)

    @property
    def node(self) -> str:
        """Return the node that it runs on; empty for none."""
        return str(self.document["spec"].get("nodeName", ""))

    @property
    def is_ready(self) -> bool:
        """Return whether it gets traffic."""
        return statuses.is_ready(self.document)

    @property
    def restarts_count(self) -> int:
        """Return how often its own container was started again."""
        return int(statuses.find(self.document, self.container)["restartCount"])

    def is_scheduled(self, node: str, *, ago_seconds: float = 0.0) -> None:
        """Get a node; the containers are being created."""
        number = manifests.NODES.index(node) + 1

        def edit(pod: Json) -> None:
            pod["spec"]["nodeName"] = node
            specs = pod["spec"]["containers"], pod["spec"].get("initContainers", [])
            own, first = ([statuses.container(one) for one in some] for some in specs)
            pod["status"].update(
                hostIP=f"10.0.1.{number}",
                podIP=f"10.244.{number}.{self._number}",
                podIPs=[{"ip": f"10.244.{number}.{self._number}"}],
                startTime=clocks.stamp(self._world.clock.before(ago_seconds)),
                containerStatuses=own,
            )
            if first:
                pod["status"]["initContainerStatuses"] = first

        self._changes(edit)
        message = f"Successfully assigned {self.namespace}/{self.name} to {node}"
        self._notes("Scheduled", message, component=events.SCHEDULER, ago_seconds=ago_seconds)

    def starts(
        self, *, ago_seconds: float = 0.0, is_ready: bool = True, log: container_logs.Content | None = None
    ) -> None:
        """Run all containers, those first that go before, and be ready where *is_ready*."""
        for spec in self.document["spec"]["containers"]:
            is_own = spec["name"] == self.container
            lines = (self._usual_log(ago_seconds) if log is None else log) if is_own else ["started"]
            self.begins(spec["name"], ago_seconds=ago_seconds, is_ready=is_ready, log=lines)

    def begins(
        self,
        container: str = "",
        *,
        ago_seconds: float = 0.0,
        is_ready: bool = True,
        log: container_logs.Content = (),
    ) -> None:
        """Start one container on its next run, after those that go before it."""
        name = container or self.container
        self._gets_through_init(name, ago_seconds)
        self._runs += 1
        run = manifests.container_id(f"{self.uid} {name} {self._runs}")
        self._world.logs[run] = fresh = container_logs.Log()
        started = self._world.clock.before(ago_seconds)
        lines = container_logs.written(
            log, self._world.clock.before(max(ago_seconds - text.START_SECONDS, 0)), apart_seconds=0.1
        )
        fresh.append(lines)
        self._changes(lambda pod: statuses.begin(statuses.find(pod, name), run, started, is_ready=is_ready))
        self.uses()
        image = statuses.find(self.document, name)["image"]
        for reason, message in (
            ("Pulled", f'Container image "{image}" already present on machine'),
            ("Created", f"Created container: {name}"),
            ("Started", f"Started container {name}"),
        ):
            self._notes(reason, message, container=name, ago_seconds=ago_seconds)

    def becomes_ready(self) -> None:
        """Pass all probes."""

        def edit(pod: Json) -> None:
            for status in pod["status"]["containerStatuses"]:
                if "running" in status["state"]:
                    status.update(ready=True, started=True)

        self._changes(edit)

    def begins_to_end(self, *, grace_seconds: int = 30) -> None:
        """Be asked to end, and still run."""

        def edit(pod: Json) -> None:
            pod["metadata"]["deletionTimestamp"] = clocks.stamp(self._world.clock.before(-grace_seconds))
            pod["metadata"]["deletionGracePeriodSeconds"] = grace_seconds

        self._changes(edit)
        self._notes("Killing", f"Stopping container {self.container}", container=self.container)

    def ends(self) -> None:
        """End and be gone: those who follow its log are told that it is over."""
        if "deletionTimestamp" not in self.document["metadata"]:
            self.begins_to_end()
        self._close_logs()
        self.is_gone = True
        self.uses_nothing()
        self._world.objects.remove(kinds.PODS, self.namespace, self.name)
        self._forget(self)
        self._settle()

    def uses(self, *, cpu: str = "120m", memory: str = "512Mi") -> None:
        """Use so much of each, as metrics.k8s.io tells it."""
        usage = {"cpu": cpu, "memory": memory}
        containers = [{"name": one["name"], "usage": usage} for one in self.document["spec"]["containers"]]
        self._world.objects.put(
            kinds.POD_METRICS,
            {
                "metadata": {
                    "name": self.name,
                    "namespace": self.namespace,
                    "labels": self.document["metadata"]["labels"],
                },
                "timestamp": clocks.stamp(self._world.clock.now()),
                "window": "15s",
                "containers": containers,
            },
        )

    def _gets_through_init(self, container: str, ago_seconds: float) -> None:
        """Let the init containers that have not succeeded do so, unless *container* is one of them."""
        first = self.document["status"].get("initContainerStatuses", [])
        names = [one["name"] for one in first if not statuses.has_succeeded(one)]
        if container in [one["name"] for one in first]:
            return
        for name in names:
            self.begins(name, ago_seconds=ago_seconds, log=[f"{name}: done"])
            self._ends_run(name, exit_code=0, reason="Completed", ago_seconds=ago_seconds)

    def uses_nothing(self) -> None:
        """Be absent from metrics.k8s.io, like a pod that does not run."""
        if self._world.objects.find(kinds.POD_METRICS, self.namespace, self.name) is not None:
            self._world.objects.remove(kinds.POD_METRICS, self.namespace, self.name)

    def _ends_run(
        self, container: str, *, exit_code: int, reason: str, message: str = "", ago_seconds: float = 0.0
    ) -> None:
        """End the present run of a container."""
        self.log_of(container).end()
        at = self._world.clock.before(ago_seconds)
        self._changes(
            lambda pod: statuses.end(
                statuses.find(pod, container), at, exit_code=exit_code, reason=reason, message=message
            )
        )

    def _changes(self, edit: Callable[[Json], None]) -> None:
        def edit_and_conclude(pod: Json) -> None:
            edit(pod)
            statuses.conclude(pod, self._world.clock.now())

        self._world.objects.change(kinds.PODS, self.namespace, self.name, edit_and_conclude)
        self._settle()

    def _notes(
        self,
        reason: str,
        message: str,
        *,
        is_warning: bool = False,
        component: str = "kubelet",
        container: str = "",
        count: int = 1,
        over_seconds: float = 0.0,
        ago_seconds: float = 0.0,
    ) -> None:
        """Write an event about the pod; nothing has happened to it before it was there."""
        happening = events.EventSpec(
            reason=reason,
            message=message,
            is_warning=is_warning,
            component=component,
            container=container,
            count=count,
            over_seconds=min(over_seconds, max(self._age_seconds - ago_seconds, 0.0)),
            ago_seconds=ago_seconds,
        )
        self._world.happenings.note(self.document, happening)

    @property
    def _age_seconds(self) -> float:
        born = clocks.moment(self.document["metadata"]["creationTimestamp"])
        return (self._world.clock.now() - born).total_seconds()
