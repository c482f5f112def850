"""Failures of pods, each with the states, events and logs of a real cluster."""

from sandbox.cluster.scenario import pods, statuses
from sandbox.cluster.state import clocks, container_logs, events, kinds
from sandbox.cluster.state.kinds import Json

_ERROR = "Error"
_BACK_OFF = "CrashLoopBackOff"
_FIRST_BACK_OFF_SECONDS = 10.0
"""Each further one is twice as long."""
_MAX_BACK_OFF_SECONDS = 300.0
_RUN_SECONDS = 15.0
"""How long a service runs that ends while it starts."""
_PULL_PROBLEM = (
    'rpc error: code = NotFound desc = failed to pull and unpack image "{image}": '
    'failed to resolve reference "{image}": {image}: not found'
)
_LOW_MEMORY = (
    "The node was low on resource: memory. Threshold quantity: 100Mi, available: 81340Ki. "
    "Container {container} was using 912340Ki, request is 512Mi, has larger consumption of memory. "
)


class Pod(pods.Pod):
    """A pod that things happen to."""

    def restarts(
        self,
        *,
        exit_code: int = 137,
        reason: str = "OOMKilled",
        message: str = "",
        previous_log: container_logs.Content | None = None,
        log: container_logs.Content | None = None,
        times: int = 1,
    ) -> None:
        """
        End so and start again, ready.

        *previous_log* is what the ended run leaves, by default what it has written so far; *log* what the new one
        writes, by default what a Spring Boot application does.
        """
        for _ in range(times):
            self._dies(exit_code, reason, message, previous_log)
            self._changes(lambda pod: statuses.replace_run(statuses.find(pod, self.container)))
            self.begins(log=self._usual_log() if log is None else log)

    def crash_loops(
        self,
        message: str = "",
        *,
        back_off_seconds: int = 300,
        log: container_logs.Content = (),
        exit_code: int = 1,
        reason: str = _ERROR,
        times: int = 6,
    ) -> None:
        """
        Have ended right after each of so many starts, and wait for the next one.

        *log* is that of the last run; *message* is what the container left as its termination message.
        """
        for ago_seconds in self._ends_of_runs(times):
            self._dies(exit_code, reason, message, log, ago_seconds=ago_seconds)
            self._changes(lambda pod: statuses.replace_run(statuses.find(pod, self.container)))
        where = f"{self.name}_{self.namespace}({self.uid})"
        pause = _back_off_seconds(back_off_seconds)
        told = f"back-off {pause} restarting failed container={self.container} pod={where}"
        self._changes(lambda pod: statuses.wait(statuses.find(pod, self.container), _BACK_OFF, told))
        self.uses_nothing()
        self._warns(
            "BackOff",
            f"Back-off restarting failed container {self.container} in pod {where}",
            count=times * 4,
            over_seconds=self._ends_of_runs(times)[0],
        )

    def misses_config(self, *, kind: str = "secretKeyRef", name: str = "pos-secrets", key: str = "DB_URL") -> None:
        """Not start because a ConfigMap or Secret, or with *key* only that entry of it, is missing."""
        what = "Secret" if kind == "secretKeyRef" else "ConfigMap"
        told = f"couldn't find key {key} in {what} {self.namespace}/{name}"
        if not key:
            told = f'{what.lower()} "{name}" not found'
        self._never_begins("CreateContainerConfigError", told)
        self._notes_pulled()
        self._warns("Failed", f"Error: {told}", count=8, over_seconds=90)

    def fails_to_pull(self, image: str = "", why: str = "") -> None:
        """Not start because its image cannot be had."""
        wanted = image or str(statuses.find(self.document, self.container)["image"])
        because = why or _PULL_PROBLEM.format(image=wanted)
        told = f'Back-off pulling image "{wanted}": ErrImagePull: {because}'
        self._never_begins("ImagePullBackOff", told)
        self._changes(lambda pod: _set_image(pod, self.container, wanted))
        self._notes("Pulling", f'Pulling image "{wanted}"', container=self.container, count=4, over_seconds=90)
        self._warns("Failed", f'Failed to pull image "{wanted}": {because}', count=4, over_seconds=90)
        self._warns("Failed", "Error: ErrImagePull", count=4, over_seconds=90)
        self._notes("BackOff", f'Back-off pulling image "{wanted}"', container=self.container, count=6, over_seconds=80)
        self._warns("Failed", "Error: ImagePullBackOff", count=6, over_seconds=80)

    def is_unschedulable(self, message: str = "0/3 nodes are available: 3 Insufficient cpu.") -> None:
        """Find no node."""
        self._close_logs()
        self.uses_nothing()

        def edit(pod: Json) -> None:
            pod["spec"].pop("nodeName", None)
            pod["status"] = {"phase": "Pending", "qosClass": pod["status"]["qosClass"]}
            statuses.unschedulable(pod, self._world.clock.now(), message)

        self._world.objects.change(kinds.PODS, self.namespace, self.name, edit)
        self._settle()
        self._notes("FailedScheduling", message, is_warning=True, component=events.SCHEDULER, count=3, over_seconds=600)

    def is_stuck_creating(self, message: str = 'MountVolume.SetUp failed for volume "config": not found') -> None:
        """Stay at ContainerCreating, because a volume cannot be mounted."""
        self._never_begins("ContainerCreating", "")
        self._notes("FailedMount", message, is_warning=True, count=5, over_seconds=120)

    def fails_probe(
        self,
        kind: str = "readiness",
        message: str = "HTTP probe failed with statuscode: 503",
        *,
        count: int = 5,
        log: container_logs.Content = (),
    ) -> None:
        """
        Fail the readiness, liveness or startup probe so often.

        The former takes the pod out of traffic. The other two have the container killed and started again; *log* is
        then what the killed run leaves.
        """
        self._warns("Unhealthy", f"{kind.capitalize()} probe failed: {message}", count=count, over_seconds=10.0 * count)
        if not self._is_running:
            self.starts(is_ready=False)
        if kind == "readiness":
            self._changes(lambda pod: statuses.find(pod, self.container).update(ready=False))
            return
        killed = f"Container {self.container} failed {kind} probe, will be restarted"
        self._notes("Killing", killed, container=self.container)
        self._dies(143, _ERROR, "", log or None)
        self._changes(lambda pod: statuses.replace_run(statuses.find(pod, self.container)))
        self.begins(is_ready=False)

    def fails_init(
        self, container: str, *, log: container_logs.Content = (), exit_code: int = 1, times: int = 3
    ) -> None:
        """Have an init container that fails again and again, so that the others never begin."""
        self._never_begins("PodInitializing", "")
        for _ in range(times):
            self.begins(container, log=log)
            self._ends_run(container, exit_code=exit_code, reason=_ERROR)
            self._changes(lambda pod: statuses.replace_run(statuses.find(pod, container)))
        told = f"back-off 40s restarting failed container={container} pod={self.name}_{self.namespace}({self.uid})"
        self._changes(lambda pod: statuses.wait(statuses.find(pod, container), _BACK_OFF, told))

    def is_evicted(self, message: str = "") -> None:
        """Be put out by a node that runs short; the pod stays as a record, its containers are gone."""
        told = message or _LOW_MEMORY.format(container=self.container)
        self._close_logs()
        self.uses_nothing()

        def edit(pod: Json) -> None:
            started = pod["status"].get("startTime", clocks.stamp(self._world.clock.now()))
            pod["status"] = {"phase": "Failed", "reason": "Evicted", "message": told, "startTime": started}

        self._world.objects.change(kinds.PODS, self.namespace, self.name, edit)
        self._settle()
        self._notes("Evicted", told, is_warning=True)
        self._notes("Killing", f"Stopping container {self.container}", container=self.container)

    def recovers(self) -> None:
        """Run again, ready, whatever it was that kept it from it; the events stay."""
        if not self.node:
            self.is_scheduled("node-a")
        if self._is_running:
            self.becomes_ready()
        else:
            self.starts()

    def _dies(
        self, exit_code: int, reason: str, message: str, log: container_logs.Content | None, *, ago_seconds: float = 0.0
    ) -> None:
        if not self._is_running:
            self.begins(is_ready=False, ago_seconds=ago_seconds + _RUN_SECONDS)
        if log is not None:
            self.logs(container_logs.written(log, self._world.clock.before(ago_seconds)))
        self._ends_run(self.container, exit_code=exit_code, reason=reason, message=message, ago_seconds=ago_seconds)

    @property
    def _is_running(self) -> bool:
        return "running" in statuses.find(self.document, self.container)["state"]

    def _ends_of_runs(self, times: int) -> list[float]:
        """Return how long ago each of so many short runs ended: with growing pauses, within the pod's life."""
        pauses = [min(_FIRST_BACK_OFF_SECONDS * 2.0**number, _MAX_BACK_OFF_SECONDS) for number in range(times - 1)]
        ends = [sum(pauses[number:]) + _RUN_SECONDS * (times - number) for number in range(times)]
        shrunk = min(1.0, self._age_seconds / (ends[0] + _RUN_SECONDS))
        return [end * shrunk for end in ends]

    def _never_begins(self, reason: str, message: str) -> None:
        """Let every trace of a run be gone, and the own container wait."""
        self._close_logs()
        self.uses_nothing()

        def edit(pod: Json) -> None:
            pod["status"]["containerStatuses"] = [statuses.container(one) for one in pod["spec"]["containers"]]
            statuses.wait(statuses.find(pod, self.container), reason, message)

        self._changes(edit)

    def _notes_pulled(self) -> None:
        image = statuses.find(self.document, self.container)["image"]
        message = f'Container image "{image}" already present on machine'
        self._notes("Pulled", message, container=self.container, count=8, over_seconds=90)

    def _warns(self, reason: str, message: str, *, count: int = 1, over_seconds: float = 0.0) -> None:
        self._notes(reason, message, is_warning=True, container=self.container, count=count, over_seconds=over_seconds)


def _set_image(pod: Json, container: str, image: str) -> None:
    for some in (pod["spec"]["containers"], pod["status"]["containerStatuses"]):
        next(one for one in some if one["name"] == container)["image"] = image


def _back_off_seconds(seconds: int) -> str:
    """Write a pause as Go does: 40s, 5m0s."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
