"""The API server's way with a request, from its arrival to its answer."""

import asyncio
import collections
import dataclasses
import datetime
from collections.abc import Callable, Mapping

from aiohttp import web

from sandbox.cluster.server import (
    access,
    faults,
    listing,
    log_requests,
    log_streams,
    responses,
    targets,
)
from sandbox.cluster.server import watch as server_watch
from sandbox.cluster.state import accounts, cluster_state, kinds
from sandbox.cluster.state import errors as cluster_errors

_MAX_RECORDED_REQUESTS = 10_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """A request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names are in lower case; the token is left out."""
    at: datetime.datetime


class Api:
    """Answers requests about one world."""

    def __init__(self, world: cluster_state.ClusterState, planned: faults.Faults) -> None:
        self._world = world
        self._faults = planned
        self._lists = listing.Lists(world)
        self.requests: collections.deque[Request] = collections.deque(maxlen=_MAX_RECORDED_REQUESTS)
        self._arrived = asyncio.Event()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        self._remember(request)
        target = targets.target_of(request.method, request.path, request.query)
        try:
            account = access.account_of(request, self._world.accounts)
            met = await self._faults.apply(request, (target.resource if target else "", request.path))
            if met.response is not None:
                return met.response
            if target is None:
                return self._answer_path(request, account)
            access.check(account, target)
            if not self._serves(target.kind.group):
                return responses.no_such_path()
            if not target.is_served:
                raise cluster_errors.no_such_resource()
            return await self._answer_target(request, target, met)
        except cluster_errors.Refusal as refused:
            return responses.refusal(refused)

    async def wait_for_request(self, matching: Callable[[Request], bool]) -> Request:
        """Return the first request that fits, also one that has yet to come."""
        while True:
            found = next(filter(matching, self.requests), None)
            if found is not None:
                return found
            await self._arrived.wait()

    def _serves(self, group: str) -> bool:
        return group in ("", "apps") or (group == kinds.POD_METRICS.group and self._world.settings.has_metrics)

    def _answer_path(self, request: web.BaseRequest, account: accounts.Account) -> web.Response:
        path = request.path
        access.check_path(account, request.method.lower(), path)
        if path in ("/healthz", "/livez", "/readyz"):
            return responses.text("ok")
        if path == "/version":
            return responses.document({"gitVersion": self._world.settings.version, "platform": "linux/amd64"})
        if path.startswith("/api/"):
            raise cluster_errors.no_such_resource()
        return responses.no_such_path()

    async def _answer_target(
        self, request: web.BaseRequest, target: targets.Target, met: faults.FaultResult
    ) -> web.StreamResponse:
        if target.kind is kinds.POD_METRICS and not self._world.settings.metrics_answer:
            return responses.text("service unavailable\n", status=503)
        if target.subresource == "log" and target.verb == "get":
            return await self._answer_log(request, target, met)
        match target.verb:
            case "get":
                return responses.document(self._lists.one(target))
            case "list":
                return responses.document(self._lists.many(target, request.query))
            case "watch" if "watch" in target.kind.verbs:
                watch = server_watch.Watch(self._world, target, request.query)
                return await self._stream(request, watch, target, met)
        raise cluster_errors.method_not_allowed()

    async def _answer_log(
        self, request: web.BaseRequest, target: targets.Target, met: faults.FaultResult
    ) -> web.StreamResponse:
        wanted = log_requests.options(target.name, request.query)
        pod = self._world.objects.find(target.kind, target.namespace, target.name)
        if pod is None:
            raise cluster_errors.not_found(target.kind, target.name)
        container = log_requests.container_of(pod, wanted.container)
        if not pod["spec"].get("nodeName"):
            return web.Response(status=204)
        log_requests.check_node(pod, container, request.query_string, self._world)
        run = log_requests.run_of(pod, container, is_previous=wanted.is_previous)
        log = self._world.logs.get(run)
        if log is None or log.is_removed:
            return await log_streams.removed(run, request)
        return await self._stream(request, log_streams.LogStream(log, wanted, self._world), target, met)

    async def _stream(
        self,
        request: web.BaseRequest,
        streamed: server_watch.Watch | log_streams.LogStream,
        target: targets.Target,
        met: faults.FaultResult,
    ) -> web.StreamResponse:
        self._faults.stream_opened(request, target.resource)
        try:
            return await streamed.answer(request, met.cut_after_bytes)
        except ConnectionError:
            # The client has disconnected, or was cut off.
            return web.Response()
        finally:
            self._faults.stream_closed(request)

    def _remember(self, request: web.BaseRequest) -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        headers.pop("authorization", None)
        self.requests.append(
            Request(
                method=request.method,
                path=request.path,
                query=dict(request.query),
                headers=headers,
                at=datetime.datetime.now(datetime.UTC),
            )
        )
        self._arrived.set()
        self._arrived = asyncio.Event()
