"""
Events: the legacy ones of the kubelet and the controllers, and the newer ones of the scheduler.

The former carry count, first and last time and an `eventTime` of null. The latter carry `eventTime` instead, no
count, and a `series` once they repeat. Clients of core/v1 meet both.
"""

import dataclasses
import datetime

from sandbox.cluster.state import clocks, store
from sandbox.cluster.state.kinds import EVENTS, Json, name_of, namespace_of

SCHEDULER = "default-scheduler"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EventSpec:
    """What is to be told of an object."""

    reason: str
    message: str
    is_warning: bool = False
    component: str = "kubelet"
    count: int = 1
    over_seconds: float = 0.0
    """How long before the last one the first of *count* was."""
    ago_seconds: float = 0.0
    """How long ago the last one was."""
    container: str = ""


class EventRecorder:
    """Writes events; what happens again is counted, not written again."""

    def __init__(self, objects: store.Store, clock: clocks.Clock) -> None:
        self._objects = objects
        self._clock = clock
        self._names: dict[tuple[object, ...], str] = {}

    def note(self, about: Json, happening: EventSpec) -> Json:
        """Tell that something happened to the object *about*."""
        last = self._clock.before(happening.ago_seconds)
        first = last - datetime.timedelta(seconds=happening.over_seconds)
        involved = _involved(about, happening)
        key = (tuple(involved.items()), happening.reason, happening.message, happening.component)
        namespace = namespace_of(about) or "default"
        known = self._objects.find(EVENTS, namespace, self._names.get(key, ""))
        if known is not None:
            return self._objects.change(
                EVENTS, namespace, name_of(known), lambda event: _repeat(event, happening, last)
            )
        name = f"{name_of(about)}.{int(first.timestamp() * 1e9) + len(self._names):x}"
        self._names[key] = name
        return self._objects.put(EVENTS, _document(name, namespace, about, happening, (first, last)))


def _involved(about: Json, happening: EventSpec) -> Json:
    meta = about["metadata"]
    involved = {
        "kind": about["kind"],
        "namespace": meta.get("namespace"),
        "name": meta["name"],
        "uid": meta["uid"],
        "apiVersion": about["apiVersion"],
        "fieldPath": f"spec.containers{{{happening.container}}}" if happening.container else None,
    }
    return {key: value for key, value in involved.items() if value}


def _document(
    name: str, namespace: str, about: Json, happening: EventSpec, times: tuple[datetime.datetime, datetime.datetime]
) -> Json:
    first, last = times
    document: Json = {
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": clocks.stamp(first)},
        "involvedObject": _involved(about, happening) | {"resourceVersion": about["metadata"]["resourceVersion"]},
        "reason": happening.reason,
        "message": happening.message,
        "type": "Warning" if happening.is_warning else "Normal",
    }
    if happening.component == SCHEDULER:
        return document | _newer(happening, first, last)
    return document | _legacy(about, happening, first, last)


def _legacy(about: Json, happening: EventSpec, first: datetime.datetime, last: datetime.datetime) -> Json:
    host = about.get("spec", {}).get("nodeName", "") if happening.component == "kubelet" else ""
    return {
        "source": {"component": happening.component} | ({"host": host} if host else {}),
        "firstTimestamp": clocks.stamp(first),
        "lastTimestamp": clocks.stamp(last),
        "count": happening.count,
        "eventTime": None,
        "reportingComponent": happening.component,
        "reportingInstance": host,
    }


def _newer(happening: EventSpec, first: datetime.datetime, last: datetime.datetime) -> Json:
    document: Json = {
        "source": {},
        "firstTimestamp": None,
        "lastTimestamp": None,
        "eventTime": clocks.micro_stamp(first),
        "action": "Scheduling" if happening.is_warning else "Binding",
        "reportingComponent": happening.component,
        "reportingInstance": f"{happening.component}-control-plane",
    }
    if happening.count > 1:
        document["series"] = {"count": happening.count, "lastObservedTime": clocks.micro_stamp(last)}
    return document


def _repeat(event: Json, happening: EventSpec, last: datetime.datetime) -> None:
    if event["eventTime"] is None:
        event["count"] += happening.count
        event["lastTimestamp"] = clocks.stamp(last)
    else:
        seen = event.get("series", {"count": 1})["count"]
        event["series"] = {"count": seen + happening.count, "lastObservedTime": clocks.micro_stamp(last)}
