"""What the controllers do about one deployment: make pods, replace those that are gone, count, and tell."""

import dataclasses
import functools

from sandbox.cluster.scenario import controller_status, failures, manifests, pods
from sandbox.cluster.state import cluster_state, container_logs, events, kinds
from sandbox.cluster.state.kinds import Json

_CONTROLLER = "deployment-controller"
_REPLICA_SETS = "replicaset-controller"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FirstStart:
    """How the pods of a deployment begin."""

    ago_seconds: float = 0.0
    log: container_logs.Content | None = None
    """None for the log of a Spring Boot application that starts well."""


class DeploymentController:
    """A deployment as its controllers keep it."""

    def __init__(self, world: cluster_state.ClusterState, namespace: str, name: str, beginning: FirstStart) -> None:
        self.name = name
        self.namespace = namespace
        self.pods: list[failures.Pod] = []
        """All that exist, oldest first, of whichever revision."""
        self._world = world
        self._beginning = beginning
        self._born = 0
        self._is_settling = False
        self._progress = controller_status.Progress.DONE
        self._is_observed = True

    @property
    def document(self) -> Json:
        """Return the deployment as the API shows it."""
        found = self._world.objects.find(kinds.DEPLOYMENTS, self.namespace, self.name)
        if found is None:
            raise LookupError(f"the deployment {self.name} is gone")
        return found

    @property
    def revision(self) -> int:
        """Return the number of the newest revision."""
        return int(self.document["metadata"]["annotations"][controller_status.REVISION])

    @property
    def replica_sets(self) -> list[Json]:
        """Return all revisions as the API shows them, oldest first."""
        own = self.document["metadata"]["uid"]
        listed = self._world.objects.list(kinds.REPLICA_SETS, self.namespace)
        mine = [one for one in listed if one["metadata"]["ownerReferences"][0]["uid"] == own]
        return sorted(mine, key=controller_status.revision_of)

    @property
    def new_pods(self) -> list[failures.Pod]:
        """Return the pods of the newest revision, oldest first."""
        return self._pods_of(self.replica_sets[-1])

    @property
    def old_pods(self) -> list[failures.Pod]:
        """Return the pods of all other revisions, oldest first."""
        new = self.new_pods
        return [pod for pod in self.pods if pod not in new]

    def settle(self) -> None:
        """Do what the controllers do after any change: replace pods that are gone, count, and tell."""
        if self._is_settling:
            return
        self._is_settling = True
        try:
            for one in self.replica_sets:
                while len(self._active_pods_of(one)) < one["spec"]["replicas"]:
                    self._adds_pod(one).starts(log=self._beginning.log)
            self._count()
        finally:
            self._is_settling = False

    def first_pods(self) -> None:
        """Begin with the first revision, all of its pods ready."""
        replica_set = self._replica_set_of_template()
        self._is_settling = True
        self._resize(replica_set, int(self.document["spec"]["replicas"]))
        for _ in range(self.document["spec"]["replicas"]):
            self._adds_pod(replica_set, self._beginning.ago_seconds).starts(
                ago_seconds=self._beginning.ago_seconds, log=self._beginning.log
            )
        self._is_settling = False
        self.settle()

    def _replica_set_of_template(self) -> Json:
        document = self.document
        number = max(map(controller_status.revision_of, self.replica_sets), default=0) + 1
        template_hash = manifests.letters(f"{self.name} {document['spec']['template']} {number}", 10)
        written = manifests.replica_set(document, template_hash, revision=number)
        if number == 1:
            written["metadata"]["creationTimestamp"] = document["metadata"]["creationTimestamp"]
        return self._world.objects.put(kinds.REPLICA_SETS, written)

    def _begins(self, replica_set: Json) -> None:
        """Make a ReplicaSet the newest."""
        self._is_observed = True
        number = max(map(controller_status.revision_of, self.replica_sets)) + (replica_set != self.replica_sets[-1])
        for kind, name in (
            (kinds.REPLICA_SETS, kinds.name_of(replica_set)),
            (kinds.DEPLOYMENTS, self.name),
        ):
            self._world.objects.change(
                kind, self.namespace, name, lambda one: controller_status.set_revision(one, number)
            )
        self._progress = controller_status.Progress.UNDER_WAY

    def _resize(self, replica_set: Json, replicas: int) -> None:
        name = kinds.name_of(replica_set)
        before = self._world.objects.find(kinds.REPLICA_SETS, self.namespace, name) or replica_set
        self._world.objects.change(
            kinds.REPLICA_SETS, self.namespace, name, lambda one: one["spec"].update(replicas=replicas)
        )
        direction = "up" if replicas > before["spec"]["replicas"] else "down"
        told = f"Scaled {direction} replica set {name} from {before['spec']['replicas']} to {replicas}"
        self._tells(self.document, "ScalingReplicaSet", told, _CONTROLLER)

    def _adds_pod(self, replica_set: Json, ago_seconds: float = 0.0) -> failures.Pod:
        self._born += 1
        written = manifests.pod(replica_set, manifests.letters(f"{self.namespace} {self.name} {self._born}", 5))
        written["metadata"]["creationTimestamp"] = controller_status.stamp(self._world.clock.before(ago_seconds))
        document = self._world.objects.put(kinds.PODS, written)
        pod = failures.Pod(self._world, document, settle=self.settle, forget=self._forget)
        self.pods.append(pod)
        self._tells(replica_set, "SuccessfulCreate", f"Created pod: {pod.name}", _REPLICA_SETS)
        pod.is_scheduled(manifests.NODES[self._born % len(manifests.NODES)], ago_seconds=ago_seconds)
        return pod

    def _drops_pod(self, pod: failures.Pod, owner: Json) -> None:
        self._tells(owner, "SuccessfulDelete", f"Deleted pod: {pod.name}", _REPLICA_SETS)
        pod.ends()

    def _forget(self, gone: pods.Pod) -> None:
        self.pods = [pod for pod in self.pods if pod is not gone]

    def _pods_of(self, replica_set: Json) -> list[failures.Pod]:
        own = replica_set["metadata"]["uid"]
        return [pod for pod in self.pods if pod.document["metadata"]["ownerReferences"][0]["uid"] == own]

    def _active_pods_of(self, replica_set: Json) -> list[failures.Pod]:
        return [pod for pod in self._pods_of(replica_set) if controller_status.is_active(pod.document)]

    def _count(self) -> None:
        for one in self.replica_sets:
            counts = controller_status.count_replicas([pod.document for pod in self._active_pods_of(one)])
            show = functools.partial(controller_status.set_replica_set_status, counted=counts)
            self._world.objects.change(kinds.REPLICA_SETS, self.namespace, kinds.name_of(one), show)
        newest = self.replica_sets[-1]
        all_counts = controller_status.count_replicas(
            [pod.document for pod in self.pods if controller_status.is_active(pod.document)]
        )
        new_counts = controller_status.count_replicas([pod.document for pod in self._active_pods_of(newest)])
        told = controller_status.ProgressReport(
            progress=self._progress,
            newest=kinds.name_of(newest),
            is_observed=self._is_observed,
            at=controller_status.stamp(self._world.clock.now()),
        )
        self._world.objects.change(
            kinds.DEPLOYMENTS,
            self.namespace,
            self.name,
            lambda one: controller_status.set_deployment_status(one, all_counts, new_counts, told),
        )

    def _edit(self, edit: controller_status.Edit) -> None:
        """Change what is wanted: a new generation, which the controller has yet to observe."""

        def edit_and_count(document: Json) -> None:
            edit(document)
            document["metadata"]["generation"] += 1

        self._world.objects.change(kinds.DEPLOYMENTS, self.namespace, self.name, edit_and_count)

    def _tells(self, about: Json, reason: str, message: str, component: str) -> None:
        happening = events.EventSpec(reason=reason, message=message, component=component)
        self._world.happenings.note(about, happening)
