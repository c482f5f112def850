"""Pods, deployments, revisions and events of a namespace: paginated lists, watches and logs, parsed from JSON."""

import asyncio
import contextlib
import datetime
import json
import math
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from bot import errors
from bot.kubernetes import client
from bot.kubernetes import model as kubernetes

PAGE_SIZE = 500
"""Objects a page: parsing a larger one blocks the event loop."""
_WATCH_RETRY_SECONDS = 1.0
_MAX_OUTAGE_SECONDS = 60.0
"""Outage that a watch survives, such as an upgrade of the control plane."""
_TEMPLATE_HASH = "pod-template-hash"
_REVISION = "deployment.kubernetes.io/revision"
_FORMER_REVISIONS = "deployment.kubernetes.io/revision-history"
_CHANGE_CAUSE = "kubernetes.io/change-cause"

Json = Mapping[str, Any]


class Workloads:
    """The workloads of one namespace."""

    def __init__(self, api: client.Cluster, namespace: str) -> None:
        self.api = api
        self.namespace = namespace
        self.core = f"/api/v1/namespaces/{namespace}"
        self._apps = f"/apis/apps/v1/namespaces/{namespace}"

    async def deployment(self, name: str) -> kubernetes.Deployment:
        """
        Return the deployment called *name*.

        Raises:
            errors.MissingResource: there is none; the message suggests similar names.
            errors.Refused, errors.Unavailable
        """
        try:
            return _deployment(await self.api.get(f"{self._apps}/deployments/{name}"))
        except errors.MissingResource as error:
            known = await self._deployment_names()
            suggestion = str(errors.NotFound("deployment", name, known, where=self.namespace))
            raise errors.MissingResource(suggestion, hint=error.hint) from error

    async def _deployment_names(self) -> list[str]:
        """Return the names to suggest; none if posbot cannot list deployments, which must not hide the first error."""
        with contextlib.suppress(errors.BotError):
            return [item["metadata"]["name"] for item in await self._list(f"{self._apps}/deployments")]
        return []

    async def pods(self, selector: str) -> tuple[kubernetes.Pod, ...]:
        """
        Return the pods matching *selector*, oldest first.

        Raises:
            errors.Refused, errors.Unavailable
        """
        items = await self._list(f"{self.core}/pods", labelSelector=selector)
        return tuple(sorted((_pod(item) for item in items), key=lambda pod: (pod.created_at, pod.name)))

    async def replica_sets(self, selector: str) -> tuple[kubernetes.ReplicaSet, ...]:
        """
        Return the revisions matching *selector*, newest first.

        Raises:
            errors.Refused, errors.Unavailable
        """
        items = await self._list(f"{self._apps}/replicasets", labelSelector=selector)
        return tuple(sorted((_replica_set(item) for item in items), key=lambda one: -one.revision))

    async def events(self, names: frozenset[str]) -> tuple[kubernetes.Event, ...]:
        """
        Return the events of the objects called *names*: warnings first, newest first.

        Raises:
            errors.Refused, errors.Unavailable
        """
        items = await self._list(f"{self.core}/events")
        events = [_event(item) for item in items if item.get("involvedObject", {}).get("name") in names]
        return tuple(sorted(events, key=lambda event: (not event.is_warning, -event.last_at.timestamp())))

    async def usage(self, selector: str) -> dict[str, tuple[tuple[str, str], ...]] | None:
        """
        Return CPU and memory usage by pod; None without a metrics API, or if posbot cannot read it.

        Raises:
            errors.Unavailable
        """
        path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{self.namespace}/pods"
        try:
            items = await self._list(path, labelSelector=selector)
        except errors.Refused:
            return None
        return {item["metadata"]["name"]: _usage(item) for item in items}

    def stream_log(
        self,
        pod: str,
        container: str,
        *,
        is_previous: bool = False,
        tail_lines: int | None = None,
        since_seconds: int | None = None,
        since: datetime.datetime | None = None,
        follows: bool = False,
        idle_seconds: float = client.IDLE_TIMEOUT_SECONDS,
    ) -> contextlib.AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """
        Open a container's log as bytes, each line prefixed with its timestamp.

        The API server truncates *since* to whole seconds, inclusive, and applies *tail_lines* first. A connection that
        breaks at the node ends like a complete log.

        Raises:
            errors.MissingResource, errors.Refused, errors.Unavailable
        """
        query: dict[str, str | int | bool | None] = {
            "container": container,
            "timestamps": True,
            "previous": is_previous or None,
            "follow": follows or None,
            "tailLines": tail_lines,
            "sinceSeconds": since_seconds,
            "sinceTime": since.strftime("%Y-%m-%dT%H:%M:%SZ") if since else None,
        }
        return self.api.stream(f"{self.core}/pods/{pod}/log", query, idle_seconds=idle_seconds)

    async def watch_pods(self, selector: str) -> AsyncIterator[tuple[kubernetes.Pod, bool]]:
        """
        Yield each pod matching *selector*, now and after each change, with whether it exists.

        Endless. An expired resource version (410) leads to a new list; an API server that has answered before may be
        unreachable for a minute.

        Raises:
            errors.Refused, errors.Unavailable
        """
        known: dict[str, kubernetes.Pod] = {}
        last_seen = -math.inf
        while True:
            page = await self._list_for_watch(selector, last_seen)
            present = {pod.name: pod for pod in map(_pod, page.get("items") or ())}
            for pod in [pod for name, pod in known.items() if name not in present]:
                # Deleted between two watches.
                yield pod, False
            known = present
            for pod in present.values():
                yield pod, True
            version = (page.get("metadata") or {}).get("resourceVersion")
            query = {"labelSelector": selector, "watch": True, "resourceVersion": version, "timeoutSeconds": 300}
            try:
                async with self.api.stream(f"{self.core}/pods", query) as chunks:
                    async for change in _watch_events(chunks):
                        pod, exists = _pod(change["object"]), change["type"] != "DELETED"
                        known[pod.name] = pod
                        if not exists:
                            del known[pod.name]
                        yield pod, exists
            except errors.Unavailable:
                # Outdated included: the list has what changed meanwhile.
                await asyncio.sleep(_WATCH_RETRY_SECONDS)
            last_seen = time.monotonic()

    async def _list_for_watch(self, selector: str, last_seen: float) -> Json:
        while True:
            try:
                return await self.api.get(f"{self.core}/pods", {"labelSelector": selector})
            except errors.Unavailable:
                if time.monotonic() - last_seen > _MAX_OUTAGE_SECONDS:
                    raise
                await asyncio.sleep(_WATCH_RETRY_SECONDS)

    async def _list(self, path: str, **query: str) -> list[Json]:
        try:
            return await self._pages(path, query)
        except errors.Outdated:
            # The continue token expired between two pages.
            return await self._pages(path, query)

    async def _pages(self, path: str, query: Mapping[str, str]) -> list[Json]:
        items: list[Json] = []
        continue_token: str | None = None
        while True:
            page = await self.api.get(path, {**query, "limit": PAGE_SIZE, "continue": continue_token})
            items += page.get("items") or ()
            continue_token = (page.get("metadata") or {}).get("continue")
            if not continue_token:
                return items


async def _watch_events(chunks: AsyncIterator[bytes]) -> AsyncIterator[Json]:
    """Yield the events of a watch, one a line; raise Outdated if the watch reports an expired version."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            change = _watch_event(line)
            if change["type"] != "BOOKMARK":
                yield change


def _watch_event(line: bytes) -> Json:
    try:
        change: Json = json.loads(line)
        is_error = change["type"] == "ERROR"
    except (ValueError, KeyError, TypeError) as error:
        raise errors.Unavailable("The watch ended in the middle of an event.") from error
    if is_error:
        raise errors.Outdated("The resource version is too old (410): the list must be read again.")
    return change


def _deployment(item: Json) -> kubernetes.Deployment:
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


def _replica_set(item: Json) -> kubernetes.ReplicaSet:
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


def _pod(item: Json) -> kubernetes.Pod:
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
        containers=(*_containers(spec, status, is_init=True), *_containers(spec, status, is_init=False)),
    )


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


def _event(item: Json) -> kubernetes.Event:
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


def _usage(item: Json) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"{one['name']} {resource}", amount)
        for one in item.get("containers") or ()
        for resource, amount in (one.get("usage") or {}).items()
    )


def _required_time(text: str | None) -> datetime.datetime:
    return _time(text) or datetime.datetime.fromtimestamp(0, datetime.UTC)


def _time(text: str | None) -> datetime.datetime | None:
    return datetime.datetime.fromisoformat(text) if text else None
