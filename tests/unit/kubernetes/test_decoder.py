"""Objects of Kubernetes with values of other types and ranges than the API's: absent, never a crash."""

import contextlib
import copy
import json
from collections.abc import AsyncIterator, Iterator, MutableMapping
from typing import Any

import pytest

from bot import errors
from bot.kubernetes import decoder, workloads
from bot.kubernetes.logs import tail_buffer

pytestmark = pytest.mark.anyio

REVISION = "deployment.kubernetes.io/revision"
TIME = "2026-11-25T10:00:00Z"
META = {
    "name": "one",
    "creationTimestamp": TIME,
    "generation": 2,
    "labels": {"pod-template-hash": "abc"},
    "annotations": {
        REVISION: "3",
        "deployment.kubernetes.io/revision-history": "1,2",
        "kubernetes.io/change-cause": "new",
    },
    "ownerReferences": [{"name": "owner", "controller": True}],
}
CONTAINER = {
    "name": "app",
    "image": "one:1",
    "resources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": 1}},
    "readinessProbe": {"httpGet": {"port": 80, "path": "/"}, "periodSeconds": 5},
    "livenessProbe": {"exec": {"command": ["true"]}},
}
DEPLOYMENT = {
    "metadata": META,
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "one"}},
        "template": {"spec": {"containers": [CONTAINER]}},
    },
    "status": {"readyReplicas": 1, "conditions": [{"type": "Available", "status": "True", "lastUpdateTime": TIME}]},
}
POD = {
    "metadata": META,
    "spec": {"nodeName": "node", "containers": [CONTAINER]},
    "status": {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": TIME}],
        "containerStatuses": [
            {
                "name": "app",
                "restartCount": 1,
                "imageID": "x@sha256:1",
                "state": {"running": {"startedAt": TIME}},
                "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": TIME}},
            }
        ],
    },
}
EVENT = {
    "metadata": META,
    "type": "Warning",
    "message": "text",
    "count": 2,
    "lastTimestamp": TIME,
    "series": {"count": 3, "lastObservedTime": TIME},
    "involvedObject": {"kind": "Pod", "name": "one"},
    "source": {"component": "kubelet"},
}
USAGE = {"metadata": META, "containers": [{"name": "app", "usage": {"cpu": "1"}}]}
FOREIGN: tuple[object, ...] = (
    *(None, True, -1, 1.5, float("inf"), 10**400, "", "abc", "-1", "1.5", "²", "9" * 5_000),
    *("2026-11-25", "2026-11-25T10:00:00", "0001-01-01T00:00:00+14:00", [], ["x"], [None], [[]], {}, {"x": 1}, [{}]),
)


def paths(value: object, *path: str | int) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from paths(one, *path, key)


def replaced(item: object, path: tuple[str | int, ...], value: object) -> Any:
    item = copy.deepcopy(item)
    place: Any = item
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return item


@pytest.mark.parametrize(
    ("decode", "item"),
    [
        (decoder.decode_deployment, DEPLOYMENT),
        (decoder.decode_replica_set, DEPLOYMENT),
        (decoder.decode_pod, POD),
        (decoder.decode_event, EVENT),
        (decoder.decode_usage, USAGE),
    ],
)
def test_any_value_of_another_type_is_absent_and_never_a_crash(decode: Any, item: MutableMapping[str, Any]) -> None:
    assert decode(item)
    for path in paths(item):
        for value in FOREIGN:
            is_selector = "selector" in path or path == ("spec",)
            with contextlib.suppress(errors.Refused) if is_selector else contextlib.nullcontext():
                assert hash(decode(replaced(item, path, value))) is not None


@pytest.mark.parametrize("text", ["abc", "", "1.5", "-1", "9" * 5_000, "²", "99999999999999999999", 3])
def test_revision_that_is_no_number_counts_as_absent(text: object) -> None:
    path = ("metadata", "annotations", REVISION)

    assert decoder.decode_deployment(replaced(DEPLOYMENT, path, text)).revision == 0
    assert decoder.decode_replica_set(replaced(DEPLOYMENT, path, text)).revision == 0


@pytest.mark.parametrize("selector", [{}, {"matchLabels": {"app": 1}}, {"matchExpressions": [{"operator": "In"}]}])
def test_invalid_selector_never_selects_all_pods(selector: object) -> None:
    with pytest.raises(errors.Refused, match="invalid selector"):
        decoder.decode_deployment(replaced(DEPLOYMENT, ("spec", "selector"), selector))


def test_items_that_are_no_objects_are_left_out_of_a_list() -> None:
    page = {"metadata": [], "items": [None, "x", {}, {"metadata": {"name": 1}}, {"metadata": {"name": "one"}}]}

    assert decoder.items_of(page) == [{"metadata": {"name": "one"}}]
    assert decoder.list_metadata(page, "continue") == ""


def test_time_without_an_offset_before_a_line_is_not_the_nodes() -> None:
    assert tail_buffer.parse_timestamp(TIME.encode()) is not None
    assert tail_buffer.parse_timestamp(b"2026-11-25T10:00:00") is None


async def watched(*chunks: bytes) -> list[tuple[str, bool]]:
    async def arriving() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return [(pod.name, exists) async for pod, exists in workloads._watch_events(arriving())]


async def test_watch_events_are_read_from_any_pieces() -> None:
    events = [{"type": "ADDED", "object": POD}, {"type": "BOOKMARK"}, {"type": "DELETED", "object": POD}]
    content = b"".join(json.dumps(event).encode() + b"\n" for event in events)

    for size in (1, 7, len(content)):
        pieces = [content[start : start + size] for start in range(0, len(content), size)]
        assert await watched(*pieces) == [("one", True), ("one", False)]


@pytest.mark.parametrize(
    "line",
    [
        *(b"{", b"1", b"null", b"{}", b'{"type": "ADDED"}', b'{"type": 1, "object": {}}', b"[" * 10_000),
        *(b'{"type": "ADDED", "object": 1}', b'{"type": "ERROR"}'),
    ],
)
async def test_malformed_watch_event_begins_the_watch_anew(line: bytes) -> None:
    with pytest.raises(errors.Unavailable):
        await watched(line + b"\n")


async def test_watch_event_without_an_end_is_bounded() -> None:
    piece = b"x" * 64_000
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += len(piece)
            yield piece

    with pytest.raises(errors.Unavailable, match="longer than any pod"):
        [event async for event in workloads._watch_events(endless())]
    assert read <= workloads._MAX_EVENT_BYTES + len(piece)
