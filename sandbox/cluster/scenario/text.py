"""What a pod writes: the logs of its containers, run by run."""

import datetime
from collections.abc import Iterable, Sequence

from sandbox.cluster.scenario import spring_lines, statuses
from sandbox.cluster.state import cluster_state, container_logs, kinds
from sandbox.cluster.state.kinds import Json

START_SECONDS = 12.0
"""From the start of a container to the last line of a good start."""
_WRITING = datetime.timedelta(seconds=3)


class LogWriter:
    """A pod as the one who writes its logs."""

    def __init__(self, world: cluster_state.ClusterState, document: Json) -> None:
        self.name = kinds.name_of(document)
        self.namespace = kinds.namespace_of(document)
        self.container: str = document["spec"]["containers"][0]["name"]
        """Its own container, called like the deployment."""
        self._world = world

    @property
    def document(self) -> Json:
        """Return the pod as the API shows it."""
        found = self._world.objects.find(kinds.PODS, self.namespace, self.name)
        if found is None:
            raise LookupError(f"the pod {self.name} is gone")
        return found

    @property
    def uid(self) -> str:
        """Return the pod's own id."""
        return str(self.document["metadata"]["uid"])

    def log_of(self, container: str = "", *, previous: bool = False) -> container_logs.Log:
        """Return the log of the present run of a container, or of the one before."""
        status = statuses.find(self.document, container or self.container)
        last = status["lastState"].get("terminated", {}).get("containerID", "")
        now = status["state"].get("terminated", status).get("containerID", "")
        return self._world.logs[last if previous else now]

    def logs(
        self,
        lines: Sequence[container_logs.Line] | container_logs.Content,
        container: str = "",
        *,
        previous: bool = False,
    ) -> None:
        """
        Let the log of the present run, or of the one before, be these lines and nothing else.

        Plain words get times that end now; a `logbook.Repeated` is taken as it is, and made when it is read.
        """
        log = self.log_of(container, previous=previous)
        log.clear()
        log.append(lines if isinstance(lines, container_logs.Repeated) else self._written(lines))

    def says(self, *lines: str | bytes, container: str = "") -> None:
        """Add lines to the log of the present run, now."""
        self.log_of(container).append(self._written(lines))

    def rotates_log(self, container: str = "") -> None:
        """Let the node begin a new log file: older lines can no longer be read, and followers go on."""
        self.log_of(container).rotate()

    def loses_log(self, container: str = "", *, previous: bool = False) -> None:
        """Let the node have removed a log, as it does to make room: it answers 200 with a sentence instead."""
        self.log_of(container, previous=previous).is_removed = True

    def _close_logs(self) -> None:
        for status in self.document["status"].get("containerStatuses", []):
            log = self._world.logs.get(status.get("containerID", ""))
            if log is not None:
                log.end()

    def _usual_log(self, ago_seconds: float = 0.0) -> list[str]:
        """Return what a Spring Boot application writes that starts well."""
        ready = self._world.clock.before(max(ago_seconds - START_SECONDS, 0))
        return spring_lines.normal_start(self.container, at=ready - _WRITING)

    def _written(self, lines: Iterable[str | bytes | container_logs.Line]) -> list[container_logs.Line]:
        stamped = list(lines)
        if all(isinstance(line, container_logs.Line) for line in stamped):
            return [line for line in stamped if isinstance(line, container_logs.Line)]
        words = [line for line in stamped if not isinstance(line, container_logs.Line)]
        return container_logs.written(words, self._world.clock.now())
