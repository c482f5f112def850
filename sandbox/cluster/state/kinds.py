"""The kinds of objects that the cluster serves, and what may be asked of each."""

import dataclasses
from typing import Any

Json = dict[str, Any]
"""An object as the API shows it. What the store gives out is never changed, only replaced."""

READ = ("get", "list", "watch")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of object."""

    name: str
    """In the singular and with a capital, as in `kind: Pod`."""
    plural: str
    group: str = ""
    """Empty for the core group."""
    version: str = "v1"
    is_namespaced: bool = True
    verbs: tuple[str, ...] = READ
    fields: tuple[str, ...] = ()
    """What a fieldSelector may name beside metadata.name and metadata.namespace."""

    @property
    def api_version(self) -> str:
        """Return what stands as `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def full_name(self) -> str:
        """Return what refusals call it: `pods`, `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


_POD_FIELDS = (
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "status.phase",
    "status.podIP",
)
_EVENT_FIELDS = (
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
)

NAMESPACES = Kind(name="Namespace", plural="namespaces", is_namespaced=False, fields=("status.phase",))
NODES = Kind(name="Node", plural="nodes", is_namespaced=False, fields=("spec.unschedulable",))
PODS = Kind(name="Pod", plural="pods", fields=_POD_FIELDS)
EVENTS = Kind(name="Event", plural="events", fields=_EVENT_FIELDS)
CONFIG_MAPS = Kind(name="ConfigMap", plural="configmaps")
SECRETS = Kind(name="Secret", plural="secrets", fields=("type",))
DEPLOYMENTS = Kind(name="Deployment", plural="deployments", group="apps")
REPLICA_SETS = Kind(name="ReplicaSet", plural="replicasets", group="apps", fields=("status.replicas",))
POD_METRICS = Kind(name="PodMetrics", plural="pods", group="metrics.k8s.io", version="v1beta1", verbs=("get", "list"))

ALL = (NAMESPACES, NODES, PODS, EVENTS, CONFIG_MAPS, SECRETS, DEPLOYMENTS, REPLICA_SETS, POD_METRICS)

SUBRESOURCES = (("pods", "log"),)
"""Beside the objects themselves."""


def find(group: str, version: str, plural: str) -> Kind | None:
    """Return the kind that a path names."""
    wanted = (group, version, plural)
    return next((kind for kind in ALL if (kind.group, kind.version, kind.plural) == wanted), None)


def name_of(document: Json) -> str:
    """Return an object's name."""
    name: str = document["metadata"]["name"]
    return name


def namespace_of(document: Json) -> str:
    """Return an object's namespace; empty for one outside of any."""
    namespace: str = document["metadata"].get("namespace", "")
    return namespace
