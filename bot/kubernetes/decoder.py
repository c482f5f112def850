"""Kubernetes' JSON decoded into the values of `bot.kubernetes.model`."""

import datetime
from collections.abc import Mapping
from typing import Any

from bot.kubernetes import model as kubernetes

_TEMPLATE_HASH = "pod-template-hash"
_REVISION = "deployment.kubernetes.io/revision"
_FORMER_REVISIONS = "deployment.kubernetes.io/revision-history"
_CHANGE_CAUSE = "kubernetes.io/change-cause"

Json = Mapping[str, Any]


def decode_deployment(item: Json) -> kubernetes.Deployment:
    """Return a deployment."""
    spec, status, meta = item.get("spec") or {}, item.get("status") or {}, item["metadata"]
    return kubernetes.Deployment(
        name=meta["name"],
        selector=_selector(spec.get("selector") or {}),
        generation=meta.get("generation", 0),
        observed_generation=status.get("observedGeneration", 0),
        desired=spec.get("replicas", 1),
        updated=status.get("updatedReplicas", 0),
        total=status.get("replicas", 0),
        ready=status.get("readyReplicas", 0),
        available=status.get("availableReplicas", 0),
        revision=int((meta.get("annotations") or {}).get(_REVISION, 0)),
        is_paused=bool(spec.get("paused")),
        images=_images(spec.get("template") or {}),
        conditions=tuple(_condition(condition) for condition in status.get("conditions") or ()),
    )


def _selector(selector: Json) -> str:
    labels = [f"{name}={value}" for name, value in (selector.get("matchLabels") or {}).items()]
    return ",".join(labels + [_expression(requirement) for requirement in selector.get("matchExpressions") or ()])


def _expression(requirement: Json) -> str:
    key = str(requirement["key"])
    values = ",".join(requirement.get("values") or ())
    match requirement["operator"]:
        case "In":
            return f"{key} in ({values})"
        case "NotIn":
            return f"{key} notin ({values})"
        case "Exists":
            return key
    return f"!{key}"


def _condition(condition: Json) -> kubernetes.Condition:
    return kubernetes.Condition(
        type=condition.get("type", ""),
        is_true=condition.get("status") == "True",
        reason=condition.get("reason") or "",
        message=condition.get("message") or "",
        changed_at=_time(condition.get("lastUpdateTime") or condition.get("lastTransitionTime")),
    )


def decode_replica_set(item: Json) -> kubernetes.ReplicaSet:
    """Return a ReplicaSet."""
    spec, status, meta = item.get("spec") or {}, item.get("status") or {}, item["metadata"]
    annotations = meta.get("annotations") or {}
    return kubernetes.ReplicaSet(
        name=meta["name"],
        revision=int(annotations.get(_REVISION, 0)),
        images=_images(spec.get("template") or {}),
        change_cause=annotations.get(_CHANGE_CAUSE, ""),
        created_at=_required_time(meta.get("creationTimestamp")),
        template_hash=(meta.get("labels") or {}).get(_TEMPLATE_HASH, ""),
        replicas=status.get("replicas", 0),
        ready=status.get("readyReplicas", 0),
        owner=next((one["name"] for one in meta.get("ownerReferences") or () if one.get("controller")), ""),
        former_revisions=tuple(
            int(number) for number in annotations.get(_FORMER_REVISIONS, "").split(",") if number.isdecimal()
        ),
    )


def _images(template: Json) -> tuple[str, ...]:
    return tuple(one.get("image", "") for one in (template.get("spec") or {}).get("containers") or ())


def decode_pod(item: Json) -> kubernetes.Pod:
    """Return a pod with its containers."""
    spec, status, meta = item.get("spec") or {}, item.get("status") or {}, item["metadata"]
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    scheduled, ready = conditions.get("PodScheduled", {}), conditions.get("Ready", {})
    is_ready = ready.get("status") == "True"
    return kubernetes.Pod(
        name=meta["name"],
        phase=status.get("phase", "Unknown"),
        created_at=_required_time(meta.get("creationTimestamp")),
        reason=status.get("reason") or "",
        message=status.get("message") or "",
        node=spec.get("nodeName") or "",
        ip=status.get("podIP") or "",
        template_hash=(meta.get("labels") or {}).get(_TEMPLATE_HASH, ""),
        is_terminating=bool(meta.get("deletionTimestamp")),
        is_ready=is_ready,
        ready_since=_time(ready.get("lastTransitionTime")) if is_ready else None,
        unschedulable_reason=(scheduled.get("message") or "") if scheduled.get("status") == "False" else "",
        unready_reason=_reason_of(ready) if ready.get("status") == "False" else "",
        containers=(*_containers(spec, status, is_init=True), *_containers(spec, status, is_init=False)),
    )


def _reason_of(condition: Json) -> str:
    return f"{condition['reason']}: {condition.get('message') or ''}" if condition.get("reason") else ""


def _containers(spec: Json, status: Json, *, is_init: bool) -> list[kubernetes.Container]:
    declared = spec.get("initContainers" if is_init else "containers") or ()
    statuses = {
        one["name"]: one for one in status.get("initContainerStatuses" if is_init else "containerStatuses") or ()
    }
    return [_container(one, statuses.get(one["name"]) or {}, is_init=is_init) for one in declared]


def _container(spec: Json, status: Json, *, is_init: bool) -> kubernetes.Container:
    resources = spec.get("resources") or {}
    return kubernetes.Container(
        name=spec["name"],
        image=spec.get("image") or "",
        image_digest=(status.get("imageID") or "").rpartition("@")[2].rpartition("//")[2],
        is_init=is_init,
        is_ready=bool(status.get("ready")),
        restarts=status.get("restartCount", 0),
        state=_state(status.get("state") or {}),
        last_termination=_state(status.get("lastState") or {}),
        limits=tuple((resources.get("limits") or {}).items()),
        requests=tuple((resources.get("requests") or {}).items()),
        probes=tuple(
            _probe(kind, spec[f"{kind}Probe"])
            for kind in ("startup", "readiness", "liveness")
            if spec.get(f"{kind}Probe")
        ),
    )


def _state(state: Json) -> kubernetes.ContainerState | None:
    for kind in kubernetes.StateKind:
        details = state.get(kind.value)
        if details is not None:
            return kubernetes.ContainerState(
                kind=kind,
                reason=details.get("reason") or "",
                message=details.get("message") or "",
                exit_code=details.get("exitCode"),
                signal=details.get("signal"),
                started_at=_time(details.get("startedAt")),
                finished_at=_time(details.get("finishedAt")),
            )
    return None


def _probe(kind: str, probe: Json) -> kubernetes.Probe:
    get, tcp, run = probe.get("httpGet"), probe.get("tcpSocket"), probe.get("exec")
    target = f"GET :{get.get('port')}{get.get('path', '/')}" if get else f"TCP :{tcp.get('port')}" if tcp else ""
    return kubernetes.Probe(
        kind=kind,
        target=target or (" ".join(run.get("command") or ()) if run else "gRPC"),
        initial_delay_seconds=probe.get("initialDelaySeconds", 0),
        period_seconds=probe.get("periodSeconds", 10),
        timeout_seconds=probe.get("timeoutSeconds", 1),
        failure_threshold=probe.get("failureThreshold", 3),
    )


def decode_event(item: Json) -> kubernetes.Event:
    """Return an event of either API."""
    series = item.get("series") or {}
    created = (item.get("metadata") or {}).get("creationTimestamp")
    # core/v1 events leave eventTime empty, those of events.k8s.io the other two.
    first = item.get("firstTimestamp") or item.get("eventTime") or created
    last = series.get("lastObservedTime") or item.get("lastTimestamp") or item.get("eventTime") or created
    involved = item.get("involvedObject") or {}
    return kubernetes.Event(
        is_warning=item.get("type") == "Warning",
        reason=item.get("reason") or "",
        message=(item.get("message") or "").strip(),
        kind=involved.get("kind") or "",
        name=involved.get("name") or "",
        count=series.get("count") or item.get("count") or 1,
        first_at=_required_time(first),
        last_at=_required_time(last),
        source=(item.get("source") or {}).get("component") or item.get("reportingComponent") or "",
    )


def decode_usage(item: Json) -> tuple[tuple[str, str], ...]:
    """Return the usage of a pod's containers."""
    return tuple(
        (f"{one['name']} {resource}", amount)
        for one in item.get("containers") or ()
        for resource, amount in (one.get("usage") or {}).items()
    )


def _required_time(text: str | None) -> datetime.datetime:
    return _time(text) or datetime.datetime.fromtimestamp(0, datetime.UTC)


def _time(text: str | None) -> datetime.datetime | None:
    return datetime.datetime.fromisoformat(text) if text else None
