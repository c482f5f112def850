"""Pods, deployments, events: Kubernetes' JSON → the nouns of `bot.model.workloads`, page by page."""

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

PAGE = 500
"""Objects a page: larger ones block the loop for as long as parsing takes."""
_WATCH_AGAIN_SECONDS = 1.0
_AWAY_SECONDS = 60.0
"""How long an API server that was there may be away, as while it is renewed."""
_HASH = "pod-template-hash"
_REVISION = "deployment.kubernetes.io/revision"
_FORMER_REVISIONS = "deployment.kubernetes.io/revision-history"
_CAUSE = "kubernetes.io/change-cause"

Json = Mapping[str, Any]


class Workloads:
    """What runs in one namespace of a cluster."""

    def __init__(self, api: client.Cluster, namespace: str) -> None:
        self.api = api
        self.namespace = namespace
        self.core = f"/api/v1/namespaces/{namespace}"
        self._apps = f"/apis/apps/v1/namespaces/{namespace}"

    async def deployment(self, name: str) -> kubernetes.Deployment:
        """
        Give the deployment called *name*.

        Raises:
            errors.Missing: there is none; the message names those that are there.
            errors.Refused, errors.Unavailable
        """
        try:
            return _deployment(await self.api.get(f"{self._apps}/deployments/{name}"))
        except errors.MissingResource as error:
            near = str(errors.NotFound("deployment", name, await self._deployments_if_allowed(), where=self.namespace))
            raise errors.MissingResource(near, hint=error.hint) from error

    async def _deployments_if_allowed(self) -> list[str]:
        """Give the names to suggest; none where the account may not list them, which is no part of the answer."""
        with contextlib.suppress(errors.BotError):
            return [item["metadata"]["name"] for item in await self._list(f"{self._apps}/deployments")]
        return []

    async def pods(self, selector: str) -> tuple[kubernetes.Pod, ...]:
        """
        Give the pods that *selector* chooses, oldest first.

        Raises:
            errors.Refused, errors.Unavailable
        """
        items = await self._list(f"{self.core}/pods", labelSelector=selector)
        return tuple(sorted((_pod(item) for item in items), key=lambda pod: (pod.created_at, pod.name)))

    async def replica_sets(self, selector: str) -> tuple[kubernetes.ReplicaSet, ...]:
        """
        Give the revisions behind *selector*, newest first.

        Raises:
            errors.Refused, errors.Unavailable
        """
        items = await self._list(f"{self._apps}/replicasets", labelSelector=selector)
        return tuple(sorted((_replica_set(item) for item in items), key=lambda one: -one.revision))

    async def events(self, names: frozenset[str]) -> tuple[kubernetes.Event, ...]:
        """
        Give the events of the objects called *names*: warnings first, newest first.

        Raises:
            errors.Refused, errors.Unavailable
        """
        items = await self._list(f"{self.core}/events")
        events = [_event(item) for item in items if item.get("involvedObject", {}).get("name") in names]
        return tuple(sorted(events, key=lambda event: (not event.is_warning, -event.last_at.timestamp())))

    async def usage(self, selector: str) -> dict[str, tuple[tuple[str, str], ...]] | None:
        """
        Give what each pod uses, by name; None where the cluster has no metrics API or the bot may not read it.

        Raises:
            errors.Unavailable
        """
        path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{self.namespace}/pods"
        try:
            items = await self._list(path, labelSelector=selector)
        except errors.Refused:
            return None
        return {item["metadata"]["name"]: _usage(item) for item in items}

    def log(
        self,
        pod: str,
        container: str,
        *,
        is_previous: bool = False,
        newest: int | None = None,
        since_seconds: int | None = None,
        since: datetime.datetime | None = None,
        follows: bool = False,
        idle_seconds: float = client.IDLE_SECONDS,
    ) -> contextlib.AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """
        Give the bytes of a container's log, each line behind its time stamp.

        The API server cuts *since* to whole seconds and includes that second; *newest* counts lines and is applied
        before it. A connection that breaks at the node ends like a log that is complete.

        Raises:
            errors.Missing, errors.Refused, errors.Unavailable
        """
        query: dict[str, str | int | bool | None] = {
            "container": container,
            "timestamps": True,
            "previous": is_previous or None,
            "follow": follows or None,
            "tailLines": newest,
            "sinceSeconds": since_seconds,
            "sinceTime": since.strftime("%Y-%m-%dT%H:%M:%SZ") if since else None,
        }
        return self.api.stream(f"{self.core}/pods/{pod}/log", query, idle_seconds=idle_seconds)

    async def watch_pods(self, selector: str) -> AsyncIterator[tuple[kubernetes.Pod, bool]]:
        """
        Give each pod that *selector* chooses, and again whenever it changes, with whether it is there.

        Goes on until the caller stops; where the cluster has forgotten the version (410), the list is read again, and
        an API server that was there before may be away for a minute.

        Raises:
            errors.Refused, errors.Unavailable
        """
        known: dict[str, kubernetes.Pod] = {}
        last_seen = -math.inf
        while True:
            page = await self._listed_again(selector, last_seen)
            there = {pod.name: pod for pod in map(_pod, page.get("items") or ())}
            for pod in [pod for name, pod in known.items() if name not in there]:
                # It went while nobody watched.
                yield pod, False
            known = there
            for pod in there.values():
                yield pod, True
            version = (page.get("metadata") or {}).get("resourceVersion")
            query = {"labelSelector": selector, "watch": True, "resourceVersion": version, "timeoutSeconds": 300}
            try:
                async with self.api.stream(f"{self.core}/pods", query) as pieces:
                    async for change in _changes(pieces):
                        pod, is_there = _pod(change["object"]), change["type"] != "DELETED"
                        known[pod.name] = pod
                        if not is_there:
                            del known[pod.name]
                        yield pod, is_there
            except errors.Unavailable:
                # Outdated among them: what changed meanwhile is in the list.
                await asyncio.sleep(_WATCH_AGAIN_SECONDS)
            last_seen = time.monotonic()

    async def _listed_again(self, selector: str, last_seen: float) -> Json:
        while True:
            try:
                return await self.api.get(f"{self.core}/pods", {"labelSelector": selector})
            except errors.Unavailable:
                if time.monotonic() - last_seen > _AWAY_SECONDS:
                    raise
                await asyncio.sleep(_WATCH_AGAIN_SECONDS)

    async def _list(self, path: str, **query: str) -> list[Json]:
        try:
            return await self._pages(path, query)
        except errors.Outdated:
            # It took so long to read the pages that the cluster has forgotten where they went on.
            return await self._pages(path, query)

    async def _pages(self, path: str, query: Mapping[str, str]) -> list[Json]:
        items: list[Json] = []
        following: str | None = None
        while True:
            page = await self.api.get(path, {**query, "limit": PAGE, "continue": following})
            items += page.get("items") or ()
            following = (page.get("metadata") or {}).get("continue")
            if not following:
                return items


async def _changes(pieces: AsyncIterator[bytes]) -> AsyncIterator[Json]:
    """Give the documents of a watch, one a line; raises Outdated where the watch says that it is."""
    held = b""
    async for piece in pieces:
        *whole, held = (held + piece).split(b"\n")
        for line in whole:
            change = _change(line)
            if change["type"] != "BOOKMARK":
                yield change


def _change(line: bytes) -> Json:
    try:
        change: Json = json.loads(line)
        is_error = change["type"] == "ERROR"
    except (ValueError, KeyError, TypeError) as error:
        raise errors.Unavailable("The cluster's watch broke off in the middle of a document.") from error
    if is_error:
        raise errors.Outdated("The cluster has forgotten that version; the list must be read again.")
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
        conditions=tuple(_condition(one) for one in status.get("conditions") or ()),
    )


def _selector(selector: Json) -> str:
    labels = [f"{name}={value}" for name, value in (selector.get("matchLabels") or {}).items()]
    return ",".join(labels + [_expression(one) for one in selector.get("matchExpressions") or ()])


def _expression(one: Json) -> str:
    key = str(one["key"])
    values = ",".join(one.get("values") or ())
    match one["operator"]:
        case "In":
            return f"{key} in ({values})"
        case "NotIn":
            return f"{key} notin ({values})"
        case "Exists":
            return key
    return f"!{key}"


def _condition(one: Json) -> kubernetes.Condition:
    return kubernetes.Condition(
        kind=one.get("type", ""),
        is_true=one.get("status") == "True",
        reason=one.get("reason") or "",
        message=one.get("message") or "",
        changed_at=_moment(one.get("lastUpdateTime") or one.get("lastTransitionTime")),
    )


def _replica_set(item: Json) -> kubernetes.ReplicaSet:
    spec, status, meta = item.get("spec") or {}, item.get("status") or {}, item["metadata"]
    annotations = meta.get("annotations") or {}
    return kubernetes.ReplicaSet(
        name=meta["name"],
        revision=int(annotations.get(_REVISION, 0)),
        images=_images(spec.get("template") or {}),
        change_cause=annotations.get(_CAUSE, ""),
        created_at=_required_moment(meta.get("creationTimestamp")),
        template_hash=(meta.get("labels") or {}).get(_HASH, ""),
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
        created_at=_required_moment(meta.get("creationTimestamp")),
        reason=status.get("reason") or "",
        message=status.get("message") or "",
        node=spec.get("nodeName") or "",
        ip=status.get("podIP") or "",
        revision=(meta.get("labels") or {}).get(_HASH, ""),
        is_ending=bool(meta.get("deletionTimestamp")),
        is_ready=is_ready,
        ready_since=_moment(ready.get("lastTransitionTime")) if is_ready else None,
        unscheduled_because=(scheduled.get("message") or "") if scheduled.get("status") == "False" else "",
        containers=(*_containers(spec, status, is_init=True), *_containers(spec, status, is_init=False)),
    )


def _containers(spec: Json, status: Json, *, is_init: bool) -> list[kubernetes.Container]:
    declared = spec.get("initContainers" if is_init else "containers") or ()
    said = {one["name"]: one for one in status.get("initContainerStatuses" if is_init else "containerStatuses") or ()}
    return [_container(one, said.get(one["name"]) or {}, is_init=is_init) for one in declared]


def _container(spec: Json, status: Json, *, is_init: bool) -> kubernetes.Container:
    resources = spec.get("resources") or {}
    return kubernetes.Container(
        name=spec["name"],
        image=spec.get("image") or "",
        is_init=is_init,
        is_ready=bool(status.get("ready")),
        restarts=status.get("restartCount", 0),
        state=_state(status.get("state") or {}),
        last=_state(status.get("lastState") or {}),
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
        said = state.get(kind.value)
        if said is not None:
            return kubernetes.ContainerState(
                kind=kind,
                reason=said.get("reason") or "",
                message=said.get("message") or "",
                exit_code=said.get("exitCode"),
                signal=said.get("signal"),
                started_at=_moment(said.get("startedAt")),
                finished_at=_moment(said.get("finishedAt")),
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
    # Events of the older API leave eventTime empty, those of the newer one the other two.
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
        first_at=_required_moment(first),
        last_at=_required_moment(last),
        source=(item.get("source") or {}).get("component") or item.get("reportingComponent") or "",
    )


def _usage(item: Json) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"{one['name']} {resource}", amount)
        for one in item.get("containers") or ()
        for resource, amount in (one.get("usage") or {}).items()
    )


def _required_moment(text: str | None) -> datetime.datetime:
    return _moment(text) or datetime.datetime.fromtimestamp(0, datetime.UTC)


def _moment(text: str | None) -> datetime.datetime | None:
    return datetime.datetime.fromisoformat(text) if text else None
