"""
Kubernetes' JSON decoded into the values of `bot.kubernetes.model`.

Annotations are anybody's text, and a dump or an API server in between may hold anything: a value of another type or
range than the API's counts as absent.
"""

import contextlib
import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from bot import errors
from bot.kubernetes import model as kubernetes

_TEMPLATE_HASH = "pod-template-hash"
_REVISION = "deployment.kubernetes.io/revision"
_FORMER_REVISIONS = "deployment.kubernetes.io/revision-history"
_CHANGE_CAUSE = "kubernetes.io/change-cause"
_MAX_NUMBER = 2**63 - 1
"""Revisions and generations are int64, all other numbers int32."""
_MAX_DIGITS = 19
_MAX_CAUSE_LENGTH = 500
"""People write a sentence; an annotation may have 256 KiB."""

Json = Mapping[str, Any]


def decode_deployment(item: Json) -> kubernetes.Deployment:
    """
    Return a deployment.

    Raises:
        errors.Refused: its selector is invalid, so nobody knows which pods are its own.
    """
    spec, status, meta = _object(item, "spec"), _object(item, "status"), _object(item, "metadata")
    return kubernetes.Deployment(
        name=_text(meta, "name"),
        selector=_selector(_object(spec, "selector")),
        generation=_count(meta, "generation"),
        observed_generation=_count(status, "observedGeneration"),
        desired=_count(spec, "replicas", 1),
        updated=_count(status, "updatedReplicas"),
        total=_count(status, "replicas"),
        ready=_count(status, "readyReplicas"),
        available=_count(status, "availableReplicas"),
        revision=_revision(_text(_object(meta, "annotations"), _REVISION)) or 0,
        is_paused=bool(spec.get("paused")),
        images=_images(spec),
        conditions=tuple(_condition(condition) for condition in _objects(status, "conditions")),
    )


def _selector(selector: Json) -> str:
    labels, requirements = selector.get("matchLabels") or {}, selector.get("matchExpressions") or []
    if isinstance(labels, Mapping) and isinstance(requirements, list) and (labels or requirements):
        pairs = [_pair(name, value) for name, value in labels.items()]
        return ",".join([*pairs, *map(_expression, requirements)])
    # An empty selector of a query matches every pod of the namespace.
    raise _invalid_selector()


def _pair(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _invalid_selector()
    return f"{name}={value}"


def _invalid_selector() -> errors.Refused:
    return errors.Refused("The deployment has an invalid selector.", hint="Read its spec.selector with kubectl get.")


def _expression(requirement: object) -> str:
    found = requirement if isinstance(requirement, Mapping) else {}
    key, values = _text(found, "key"), ",".join(_texts(found, "values"))
    match found.get("operator"):
        case "In" if key:
            return f"{key} in ({values})"
        case "NotIn" if key:
            return f"{key} notin ({values})"
        case "Exists" if key:
            return key
        case "DoesNotExist" if key:
            return f"!{key}"
    raise _invalid_selector()


def _condition(condition: Json) -> kubernetes.Condition:
    return kubernetes.Condition(
        type=_text(condition, "type"),
        is_true=condition.get("status") == "True",
        reason=_text(condition, "reason"),
        message=_text(condition, "message"),
        changed_at=_time(condition, "lastUpdateTime", "lastTransitionTime"),
    )


def decode_replica_set(item: Json) -> kubernetes.ReplicaSet:
    """Return a ReplicaSet."""
    spec, status, meta = _object(item, "spec"), _object(item, "status"), _object(item, "metadata")
    annotations = _object(meta, "annotations")
    former = map(_revision, _text(annotations, _FORMER_REVISIONS).split(","))
    return kubernetes.ReplicaSet(
        name=_text(meta, "name"),
        revision=_revision(_text(annotations, _REVISION)) or 0,
        images=_images(spec),
        change_cause=errors.shorten(_text(annotations, _CHANGE_CAUSE), _MAX_CAUSE_LENGTH),
        created_at=_required_time(meta, "creationTimestamp"),
        template_hash=_text(_object(meta, "labels"), _TEMPLATE_HASH),
        replicas=_count(status, "replicas"),
        ready=_count(status, "readyReplicas"),
        owner=next((_text(one, "name") for one in _objects(meta, "ownerReferences") if one.get("controller")), ""),
        former_revisions=tuple(number for number in former if number is not None),
    )


def _revision(text: str) -> int | None:
    """Return the revision in an annotation, which anybody with access can set; None where it is no such number."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS
    return int(text) if is_number and int(text) <= _MAX_NUMBER else None


def _images(spec: Json) -> tuple[str, ...]:
    return tuple(_text(one, "image") for one in _objects(_object(_object(spec, "template"), "spec"), "containers"))


def decode_pod(item: Json) -> kubernetes.Pod:
    """Return a pod with its containers."""
    spec, status, meta = _object(item, "spec"), _object(item, "status"), _object(item, "metadata")
    conditions = {_text(one, "type"): one for one in _objects(status, "conditions")}
    scheduled, ready = conditions.get("PodScheduled", {}), conditions.get("Ready", {})
    is_ready = ready.get("status") == "True"
    return kubernetes.Pod(
        name=_text(meta, "name"),
        phase=_text(status, "phase") or "Unknown",
        created_at=_required_time(meta, "creationTimestamp"),
        reason=_text(status, "reason"),
        message=_text(status, "message"),
        node=_text(spec, "nodeName"),
        ip=_text(status, "podIP"),
        template_hash=_text(_object(meta, "labels"), _TEMPLATE_HASH),
        is_terminating=bool(meta.get("deletionTimestamp")),
        is_ready=is_ready,
        ready_since=_time(ready, "lastTransitionTime") if is_ready else None,
        unschedulable_reason=_text(scheduled, "message") if scheduled.get("status") == "False" else "",
        unready_reason=_reason_of(ready) if ready.get("status") == "False" else "",
        containers=(*_containers(spec, status, is_init=True), *_containers(spec, status, is_init=False)),
    )


def _reason_of(condition: Json) -> str:
    reason = _text(condition, "reason")
    return f"{reason}: {_text(condition, 'message')}" if reason else ""


def _containers(spec: Json, status: Json, *, is_init: bool) -> list[kubernetes.Container]:
    declared = _objects(spec, "initContainers" if is_init else "containers")
    reported = _objects(status, "initContainerStatuses" if is_init else "containerStatuses")
    statuses = {_text(one, "name"): one for one in reported}
    return [_container(one, statuses.get(_text(one, "name"), {}), is_init=is_init) for one in declared]


def _container(spec: Json, status: Json, *, is_init: bool) -> kubernetes.Container:
    resources = _object(spec, "resources")
    probes = {kind: _object(spec, f"{kind}Probe") for kind in ("startup", "readiness", "liveness")}
    return kubernetes.Container(
        name=_text(spec, "name"),
        image=_text(spec, "image"),
        image_digest=_text(status, "imageID").rpartition("@")[2].rpartition("//")[2],
        is_init=is_init,
        is_ready=bool(status.get("ready")),
        restarts=_count(status, "restartCount"),
        state=_state(_object(status, "state")),
        last_termination=_state(_object(status, "lastState")),
        limits=_quantities(_object(resources, "limits")),
        requests=_quantities(_object(resources, "requests")),
        probes=tuple(_probe(kind, probe) for kind, probe in probes.items() if probe),
    )


def _quantities(resources: Json) -> tuple[tuple[str, str], ...]:
    """Return amounts by resource; in a manifest that is written by hand an amount may be a number."""
    return tuple((name, str(amount)) for name, amount in resources.items() if isinstance(amount, (str, int, float)))


def _state(state: Json) -> kubernetes.ContainerState | None:
    for kind in kubernetes.StateKind:
        details = state.get(kind.value)
        if isinstance(details, Mapping):
            return kubernetes.ContainerState(
                kind=kind,
                reason=_text(details, "reason"),
                message=_text(details, "message"),
                exit_code=_number(details, "exitCode"),
                signal=_number(details, "signal"),
                started_at=_time(details, "startedAt"),
                finished_at=_time(details, "finishedAt"),
            )
    return None


def _probe(kind: str, probe: Json) -> kubernetes.Probe:
    get, tcp, run = _object(probe, "httpGet"), _object(probe, "tcpSocket"), _object(probe, "exec")
    target = f"GET :{get.get('port')}{_text(get, 'path') or '/'}" if get else f"TCP :{tcp.get('port')}" if tcp else ""
    return kubernetes.Probe(
        kind=kind,
        target=target or (" ".join(_texts(run, "command")) if run else "gRPC"),
        initial_delay_seconds=_count(probe, "initialDelaySeconds"),
        period_seconds=_count(probe, "periodSeconds", 10),
        timeout_seconds=_count(probe, "timeoutSeconds", 1),
        failure_threshold=_count(probe, "failureThreshold", 3),
    )


def decode_event(item: Json) -> kubernetes.Event:
    """Return an event of either API."""
    series, involved = _object(item, "series"), _object(item, "involvedObject")
    created = _required_time(_object(item, "metadata"), "creationTimestamp")
    return kubernetes.Event(
        is_warning=item.get("type") == "Warning",
        reason=_text(item, "reason"),
        message=_text(item, "message").strip(),
        kind=_text(involved, "kind"),
        name=_text(involved, "name"),
        count=_count(series, "count") or _count(item, "count") or 1,
        # core/v1 events leave eventTime empty, those of events.k8s.io the other two.
        first_at=_time(item, "firstTimestamp", "eventTime") or created,
        last_at=_time(series, "lastObservedTime") or _time(item, "lastTimestamp", "eventTime") or created,
        source=_text(_object(item, "source"), "component") or _text(item, "reportingComponent"),
    )


def decode_usage(item: Json) -> tuple[tuple[str, str], ...]:
    """Return the usage of a pod's containers."""
    return tuple(
        (f"{_text(one, 'name')} {resource}", amount)
        for one in _objects(item, "containers")
        for resource, amount in _quantities(_object(one, "usage"))
    )


def items_of(page: Json) -> list[Json]:
    """Return the objects of a list."""
    return [item for item in _objects(page, "items") if name_of(item)]


def list_metadata(page: Json, key: str) -> str:
    """Return a value of a list's metadata, empty where there is none."""
    return _text(_object(page, "metadata"), key)


def name_of(item: object) -> str:
    """Return the name of an object, or an empty text: without one it is no object of the API."""
    return _text(_object(item, "metadata"), "name") if isinstance(item, Mapping) else ""


def _object(item: Json, key: str) -> Json:
    value = item.get(key)
    return value if isinstance(value, Mapping) else {}


def _objects(item: Json, key: str) -> Sequence[Json]:
    value = item.get(key)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _text(item: Json, key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""


def _texts(item: Json, key: str) -> Sequence[str]:
    value = item.get(key)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _number(item: Json, key: str) -> int | None:
    value = item.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _MAX_NUMBER:
        return None
    return value


def _count(item: Json, key: str, default: int = 0) -> int:
    value = _number(item, key)
    return default if value is None or value < 0 else value


def _required_time(item: Json, key: str) -> datetime.datetime:
    return _time(item, key) or datetime.datetime.fromtimestamp(0, datetime.UTC)


def _time(item: Json, *keys: str) -> datetime.datetime | None:
    """Return the first of the times called *keys* that has a UTC offset, as RFC 3339 demands."""
    for key in keys:
        with contextlib.suppress(ValueError, OverflowError):
            time = datetime.datetime.fromisoformat(_text(item, key))
            if time.tzinfo is not None:
                return time.astimezone(datetime.UTC)
    return None
