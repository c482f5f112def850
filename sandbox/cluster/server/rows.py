"""What kubectl prints of each kind: the columns, and the cells of one object."""

import dataclasses
import datetime
from collections.abc import Callable, Mapping, Sequence

from sandbox.cluster.server import durations
from sandbox.cluster.state import clocks
from sandbox.cluster.state.kinds import Json

_NONE = "<none>"
_UNKNOWN = "<unknown>"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The columns of a kind; titles in brackets are wide ones."""

    columns: tuple[str, ...]
    cells: Callable[[Json, datetime.datetime], list[object]]


def _plain(document: Json, now: datetime.datetime) -> list[object]:
    return [document["metadata"]["name"], _age(document["metadata"].get("creationTimestamp"), now)]


def _pod(pod: Json, now: datetime.datetime) -> list[object]:
    statuses = pod["status"].get("containerStatuses") or []
    ready = sum(one["ready"] and "running" in one["state"] for one in statuses)
    return [
        pod["metadata"]["name"],
        f"{ready}/{len(pod['spec']['containers'])}",
        _pod_status(pod, statuses),
        _restarts(_counted(pod, statuses), now),
        _age(pod["metadata"]["creationTimestamp"], now),
        pod["status"].get("podIP", _NONE),
        pod["spec"].get("nodeName", _NONE),
        _NONE,
        _NONE,
    ]


def _pod_status(pod: Json, statuses: Sequence[Json]) -> str:
    shown = str(pod["status"].get("reason") or pod["status"]["phase"])
    for one in reversed(statuses):
        waiting, terminated = one["state"].get("waiting"), one["state"].get("terminated")
        if waiting and waiting.get("reason"):
            shown = waiting["reason"]
        elif terminated:
            shown = terminated.get("reason") or f"ExitCode:{terminated['exitCode']}"
    for position, one in enumerate(pod["status"].get("initContainerStatuses") or []):
        waiting, terminated = one["state"].get("waiting"), one["state"].get("terminated")
        if terminated and not terminated["exitCode"]:
            continue
        found = (waiting or terminated or {}).get("reason", "PodInitializing")
        total = len(pod["spec"]["initContainers"])
        shown = f"Init:{position}/{total}" if found == "PodInitializing" else f"Init:{found}"
        break
    return "Terminating" if "deletionTimestamp" in pod["metadata"] else shown


def _counted(pod: Json, statuses: Sequence[Json]) -> Sequence[Json]:
    """Give the containers whose restarts are shown: the first ones as long as they are not through."""
    first = pod["status"].get("initContainerStatuses") or []
    is_through = all("terminated" in one["state"] and not one["state"]["terminated"]["exitCode"] for one in first)
    return statuses if is_through else first


def _restarts(statuses: Sequence[Json], now: datetime.datetime) -> str:
    count = sum(one["restartCount"] for one in statuses)
    ends = [one["lastState"]["terminated"]["finishedAt"] for one in statuses if one["lastState"]]
    return f"{count} ({_age(max(ends), now)} ago)" if count and ends else str(count)


def _deployment(document: Json, now: datetime.datetime) -> list[object]:
    status = document["status"]
    return [
        document["metadata"]["name"],
        f"{status.get('readyReplicas', 0)}/{document['spec']['replicas']}",
        str(status.get("updatedReplicas", 0)),
        str(status.get("availableReplicas", 0)),
        _age(document["metadata"]["creationTimestamp"], now),
        *_template(document),
    ]


def _replica_set(document: Json, now: datetime.datetime) -> list[object]:
    return [
        document["metadata"]["name"],
        str(document["spec"]["replicas"]),
        str(document["status"].get("replicas", 0)),
        str(document["status"].get("readyReplicas", 0)),
        _age(document["metadata"]["creationTimestamp"], now),
        *_template(document),
    ]


def _template(document: Json) -> list[object]:
    containers = document["spec"]["template"]["spec"]["containers"]
    labels = document["spec"]["selector"]["matchLabels"]
    return [
        ",".join(one["name"] for one in containers),
        ",".join(one["image"] for one in containers),
        ",".join(f"{key}={value}" for key, value in labels.items()),
    ]


def _event(event: Json, now: datetime.datetime) -> list[object]:
    about, series = event["involvedObject"], event.get("series") or {}
    first = event["firstTimestamp"] or event["eventTime"]
    last = series.get("lastObservedTime") or event["lastTimestamp"] or first
    source = event["source"] or {"component": event["reportingComponent"]}
    return [
        _age(last, now),
        event["type"],
        event["reason"],
        f"{about['kind'].lower()}/{about['name']}",
        about.get("fieldPath", ""),
        ", ".join(source.values()),
        event["message"].strip(),
        _age(first, now),
        str(series.get("count") or event.get("count") or 1),
        event["metadata"]["name"],
    ]


def _namespace(document: Json, now: datetime.datetime) -> list[object]:
    name, age = _plain(document, now)
    return [name, document["status"]["phase"], age]


def _node(document: Json, now: datetime.datetime) -> list[object]:
    ready = next(one for one in document["status"]["conditions"] if one["type"] == "Ready")
    name, age = _plain(document, now)
    status = "Ready" if ready["status"] == "True" else "NotReady"
    return [name, status, _NONE, age, document["status"]["nodeInfo"]["kubeletVersion"]]


def _config_map(document: Json, now: datetime.datetime) -> list[object]:
    name, age = _plain(document, now)
    return [name, str(len(document["data"])), age]


def _secret(document: Json, now: datetime.datetime) -> list[object]:
    name, age = _plain(document, now)
    return [name, document["type"], str(len(document["data"])), age]


def _age(text: str | None, now: datetime.datetime) -> str:
    return durations.human((now - clocks.moment(text)).total_seconds()) if text else _UNKNOWN


_WIDE_WORKLOAD = ("[Containers]", "[Images]", "[Selector]")
_WIDE_POD = ("[IP]", "[Node]", "[Nominated Node]", "[Readiness Gates]")
_EVENT_COLUMNS = ("Last Seen", "Type", "Reason", "Object", "[Subobject]", "[Source]", "Message")

PLAIN = Shape(columns=("Name", "Age"), cells=_plain)
SHAPES: Mapping[str, Shape] = {
    "pods": Shape(columns=("Name", "Ready", "Status", "Restarts", "Age", *_WIDE_POD), cells=_pod),
    "deployments": Shape(
        columns=("Name", "Ready", "Up-to-date", "Available", "Age", *_WIDE_WORKLOAD), cells=_deployment
    ),
    "replicasets": Shape(columns=("Name", "Desired", "Current", "Ready", "Age", *_WIDE_WORKLOAD), cells=_replica_set),
    "events": Shape(columns=(*_EVENT_COLUMNS, "[First Seen]", "[Count]", "[Name]"), cells=_event),
    "namespaces": Shape(columns=("Name", "Status", "Age"), cells=_namespace),
    "nodes": Shape(columns=("Name", "Status", "Roles", "Age", "Version"), cells=_node),
    "configmaps": Shape(columns=("Name", "Data", "Age"), cells=_config_map),
    "secrets": Shape(columns=("Name", "Type", "Data", "Age"), cells=_secret),
}
