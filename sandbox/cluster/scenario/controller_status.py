"""What the controllers count and conclude: the status of ReplicaSets and deployments."""

import dataclasses
import enum
from collections.abc import Callable, Iterable

from sandbox.cluster.scenario import statuses
from sandbox.cluster.state import clocks
from sandbox.cluster.state.kinds import Json

REVISION = "deployment.kubernetes.io/revision"
FORMER_REVISIONS = "deployment.kubernetes.io/revision-history"

Edit = Callable[[Json], None]
stamp = clocks.stamp


class Progress(enum.Enum):
    """How far a rollout is: the truth, reason and message of the condition `Progressing`."""

    UNDER_WAY = ("True", "ReplicaSetUpdated", 'ReplicaSet "{name}" is progressing.')
    DONE = ("True", "NewReplicaSetAvailable", 'ReplicaSet "{name}" has successfully progressed.')
    LATE = ("False", "ProgressDeadlineExceeded", 'ReplicaSet "{name}" has timed out progressing.')
    PAUSED = ("Unknown", "DeploymentPaused", "Deployment is paused")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProgressReport:
    """What a deployment's conditions say beside the counts."""

    progress: Progress
    newest: str
    """The newest ReplicaSet."""
    is_observed: bool
    """The controller has looked at the newest generation."""
    at: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaCounts:
    """Pods that are there, and those of them that get traffic."""

    replicas: int
    ready: int


def is_active(pod: Json) -> bool:
    """Return whether a pod counts: it has neither ended nor been asked to."""
    return pod["status"]["phase"] not in ("Failed", "Succeeded") and "deletionTimestamp" not in pod["metadata"]


def count_replicas(pods: Iterable[Json]) -> ReplicaCounts:
    """Count pods."""
    listed = list(pods)
    return ReplicaCounts(replicas=len(listed), ready=sum(map(statuses.is_ready, listed)))


def set_replica_set_status(replica_set: Json, counted: ReplicaCounts) -> None:
    """Write the status of a ReplicaSet; as in Kubernetes, counts of none are left out."""
    status = {
        "replicas": counted.replicas,
        "fullyLabeledReplicas": counted.replicas,
        "readyReplicas": counted.ready,
        "availableReplicas": counted.ready,
    }
    kept = {key: value for key, value in status.items() if value or key == "replicas"}
    replica_set["status"] = kept | {"observedGeneration": replica_set["metadata"]["generation"]}


def set_deployment_status(
    deployment: Json, everything: ReplicaCounts, newest: ReplicaCounts, told: ProgressReport
) -> None:
    """Write the status of a deployment."""
    wanted = deployment["spec"]["replicas"]
    status = {
        "replicas": everything.replicas,
        "updatedReplicas": newest.replicas,
        "readyReplicas": everything.ready,
        "availableReplicas": everything.ready,
        "unavailableReplicas": max(max(wanted, everything.replicas) - everything.ready, 0),
    }
    before = deployment["status"].get("conditions", [])
    observed = deployment["metadata"]["generation"] if told.is_observed else deployment["status"]["observedGeneration"]
    is_available = everything.ready >= wanted - wanted // 4
    deployment["status"] = {key: value for key, value in status.items() if value} | {
        "observedGeneration": observed,
        "conditions": [_available(is_available, before, told.at), _progressing(before, told)],
    }


def revision_of(replica_set: Json) -> int:
    """Return the number of a revision."""
    return int(replica_set["metadata"]["annotations"][REVISION])


def set_revision(document: Json, number: int) -> None:
    """Write the number of a revision; a ReplicaSet that gets another one keeps those it had."""
    annotations = document["metadata"]["annotations"]
    before = annotations.get(REVISION, str(number))
    if document["kind"] == "ReplicaSet" and before != str(number):
        annotations[FORMER_REVISIONS] = ",".join(filter(None, (annotations.get(FORMER_REVISIONS), before)))
    annotations[REVISION] = str(number)


def bare_template(replica_set: Json) -> Json:
    """Return the template of a revision as the deployment has it: without the hash."""
    template: Json = replica_set["spec"]["template"]
    meta = template["metadata"]
    labels = {key: value for key, value in meta["labels"].items() if key != "pod-template-hash"}
    return template | {"metadata": meta | {"labels": labels}}


def renew(deployment: Json, template: Json) -> None:
    """Return a deployment another template."""
    deployment["spec"]["template"] = template


def _available(is_available: bool, before: list[Json], at: str) -> Json:
    if is_available:
        said = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        said = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    return _condition("Available", said, before, at)


def _progressing(before: list[Json], told: ProgressReport) -> Json:
    truth, reason, message = told.progress.value
    return _condition("Progressing", (truth, reason, message.format(name=told.newest)), before, told.at)


def _condition(kind: str, said: tuple[str, str, str], before: list[Json], at: str) -> Json:
    truth, reason, message = said
    known = next((one for one in before if one["type"] == kind), None)
    if known is not None and (known["status"], known["reason"], known["message"]) == said:
        return known
    since = known["lastTransitionTime"] if known is not None and known["status"] == truth else at
    return {
        "type": kind,
        "status": truth,
        "reason": reason,
        "message": message,
        "lastUpdateTime": at,
        "lastTransitionTime": since,
    }
