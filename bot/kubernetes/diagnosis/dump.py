"""
A cluster dump in place of an API server: the folder that `kubectl cluster-info dump --output-directory` writes.

It holds `NAMESPACE/KIND.json` for each kind, and `NAMESPACE/POD/logs.txt` with the current logs of the pod's
containers, between lines that kubectl adds (pkg/cmd/clusterinfo/clusterinfo_dump.go). It holds no previous logs; for a
container that waits for its restart, the current log is that of its last run.
"""

import asyncio
import collections
import contextlib
import datetime
import json
import pathlib
import re
import shlex
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from bot import errors
from bot.config import catalog
from bot.kubernetes import subject
from bot.kubernetes.diagnosis import deployment, rules
from bot.kubernetes.diagnosis import reports as diagnosis_reports
from bot.kubernetes.logs import parser
from bot.model import reports

MAX_FILE_BYTES = 500_000_000
_BOUNDARY = re.compile(rb"==== (START|END) logs for container (\S{1,300}) of pod \S{1,600} ====$")
_LOG_ERRORS = (b"Request log error: ", b"Create log request error: ")
_NODE_TIMESTAMP = b"2000-01-01T00:00:00Z "
"""Logs of an API server are read with the node's timestamps, which a dump does not have."""
_TIME_KEYS = ("Timestamp", "Time", "At")
_TERM = re.compile(r"(?P<not>!?)(?P<key>[^,\s=!()]+)(?: ?(?P<operator>=|in|notin) ?(?P<values>\([^)]*\)|[^,]*))?")

Json = dict[str, Any]
Query = Mapping[str, str | int | bool | None]


async def diagnose(
    service: catalog.Service,
    folder: pathlib.Path,
    preferred_namespace: str,
    ruleset: rules.Rules,
    point_to: diagnosis_reports.PointTo,
) -> reports.Report:
    """
    Return the causes for which the service did not start when the dump in *folder* was written.

    Raises:
        errors.UsageError: the folder is no dump, or cannot be read.
    """
    # Imports Kubernetes' client, for which a diagnosis of a jar or a log need not wait.
    from bot.kubernetes import workloads  # noqa: PLC0415

    dumped = Dump(folder)
    namespace = await dumped.namespace_of(service.deployment, preferred_namespace)
    target = subject.Subject(service=service, environment="dump", workloads=workloads.Workloads(dumped, namespace))
    now = await dumped.newest_time(namespace)
    run_again = f"diagnose {service.name} --dump {shlex.quote(str(folder))}"
    return await deployment.diagnose(target, ruleset, point_to, now, run_again=run_again)


class Dump:
    """The dump in a folder; answers the requests that `bot.kubernetes.workloads` makes."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._documents: dict[pathlib.Path, Json] = {}

    @property
    def namespaces(self) -> list[str]:
        """Return the namespaces that were dumped."""
        return sorted(path.parent.name for path in self._folder.glob("*/deployments.json"))

    async def namespace_of(self, deployment: str, preferred: str) -> str:
        """
        Return the namespace with that deployment: *preferred* if it was dumped, else the first.

        Raises:
            errors.UsageError: the folder is no dump.
        """
        found = self.namespaces
        if not found:
            raise errors.UsageError(
                f"{self._folder} is no cluster dump: no NAMESPACE/deployments.json in it.",
                hint="Write one with kubectl cluster-info dump --namespaces NAMESPACE --output-directory DIR.",
            )
        if preferred in found:
            return preferred
        for namespace in found:
            listed = await self._items(namespace, "deployments")
            if any(one["metadata"]["name"] == deployment for one in listed):
                return namespace
        return found[0]

    async def newest_time(self, namespace: str) -> datetime.datetime:
        """Return the newest time in the objects of *namespace*, at which the dump was written."""
        kinds = ("deployments", "replicasets", "pods", "events")
        times = [time for kind in kinds for item in await self._items(namespace, kind) for time in _times(item)]
        return max(times, default=datetime.datetime.fromtimestamp(0, datetime.UTC))

    async def get(self, path: str, query: Query | None = None) -> Json:
        """
        Return the object or list that the API server has at *path*.

        Raises:
            errors.MissingResource: the dump has no such object.
            errors.UsageError: a file cannot be read.
        """
        namespace, kind, *name = path.partition("/namespaces/")[2].split("/")
        items = await self._items(namespace, kind)
        if not name:
            selector = str((query or {}).get("labelSelector") or "")
            return {"kind": "List", "items": [item for item in items if _matches(item, selector)]}
        for item in items:
            if item["metadata"]["name"] == name[0]:
                return item
        raise errors.MissingResource(
            f"There is no {kind.removesuffix('s')} “{name[0]}” in the dump.",
            hint=f"The dump has the namespaces {', '.join(self.namespaces)}.",
        )

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, query: Query | None = None, *, idle_seconds: float = 0.0
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """
        Open the log of a container; *idle_seconds* is ignored.

        Raises:
            errors.MissingResource: the dump does not have that log.
        """
        del idle_seconds
        namespace, _, pod, _ = path.partition("/namespaces/")[2].split("/")
        asked = query or {}
        container = str(asked.get("container"))
        if asked.get("previous") and await self._is_running(namespace, pod, container):
            raise errors.MissingResource("A cluster dump holds no previous logs.")
        lines = await asyncio.to_thread(self._read_log, namespace, pod, container, int(asked.get("tailLines") or 0))
        if lines and lines[0].startswith(_LOG_ERRORS):
            raise errors.MissingResource(errors.shorten(lines[0].decode(errors="replace"), 300))
        yield _chunks(lines)

    async def _is_running(self, namespace: str, pod: str, container: str) -> bool:
        status = (await self.get(f"/namespaces/{namespace}/pods/{pod}")).get("status") or {}
        containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
        return any("running" in (one.get("state") or {}) for one in containers if one["name"] == container)

    def _read_log(self, namespace: str, pod: str, container: str, tail_lines: int) -> Sequence[bytes]:
        path = self._folder / namespace / pod / "logs.txt"
        try:
            with path.open("rb") as file:
                return collections.deque(_log_of(file, container.encode()), maxlen=tail_lines or None)
        except OSError as error:
            raise errors.MissingResource(f"The dump has no {namespace}/{pod}/logs.txt.") from error

    async def _items(self, namespace: str, kind: str) -> list[Json]:
        path = self._folder / namespace / f"{kind}.json"
        if path not in self._documents:
            self._documents[path] = await asyncio.to_thread(_read_document, path)
        return list(self._documents[path]["items"])


def _read_document(path: pathlib.Path) -> Json:
    try:
        # A device or a pipe has no size, and no end.
        if path.exists() and not path.is_file():
            raise OSError("it is no regular file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise errors.UsageError(f"{path} is larger than {MAX_FILE_BYTES // 1_000_000} MB.")
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise errors.UsageError(
            f"{path} cannot be read ({type(error).__name__}).", hint="Write the dump as JSON, kubectl's default."
        ) from error
    items = (document.get("items") or []) if isinstance(document, dict) else None
    if not isinstance(items, list) or not all(_is_object(item) for item in items):
        raise errors.UsageError(f"{path} is no list of Kubernetes objects.")
    return {"items": items}


def _is_object(item: object) -> bool:
    metadata = item.get("metadata") if isinstance(item, dict) else None
    return isinstance(metadata, dict) and isinstance(metadata.get("name"), str)


def _log_of(file: BinaryIO, container: bytes) -> Iterator[bytes]:
    """Yield the lines of a container's log."""
    is_inside = False
    while line := file.readline(parser.MAX_LINE_BYTES):
        # A log that ends without a newline has kubectl's line behind its last one.
        at = line.find(b"==== ")
        boundary = _BOUNDARY.match(line[at:].rstrip()) if at >= 0 else None
        if boundary is None:
            if is_inside:
                yield line.rstrip(b"\n")
            continue
        if is_inside and line[:at]:
            yield line[:at]
        is_inside = boundary[1] == b"START" and boundary[2] == container


async def _chunks(lines: Sequence[bytes]) -> AsyncIterator[bytes]:
    for line in lines:
        yield _NODE_TIMESTAMP + line + b"\n"


def _times(value: object, key: str = "") -> Iterator[datetime.datetime]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _times(one, name)
    elif isinstance(value, list):
        for one in value:
            yield from _times(one)
    elif isinstance(value, str) and key.endswith(_TIME_KEYS):
        with contextlib.suppress(ValueError):
            time = datetime.datetime.fromisoformat(value)
            if time.tzinfo is not None:
                yield time


def _matches(item: Mapping[str, Any], selector: str) -> bool:
    """Return whether the labels of *item* fit a selector in the form that `decoder` writes."""
    labels = (item.get("metadata") or {}).get("labels") or {}
    return all(_fits(labels, match) for match in _TERM.finditer(selector))


def _fits(labels: Mapping[str, str], term: re.Match[str]) -> bool:
    key, operator = term["key"], term["operator"]
    values = [value.strip() for value in (term["values"] or "").strip("()").split(",")]
    match operator:
        case "=" | "in":
            return labels.get(key) in values
        case "notin":
            return labels.get(key) not in values
    return (key in labels) is not bool(term["not"])
