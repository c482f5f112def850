"""Which log a request means: its options, the container and the run, refused in the words of a real cluster."""

import dataclasses
import datetime
import re
import urllib.parse
from collections.abc import Iterator, Mapping

from sandbox.cluster.state import cluster_state
from sandbox.cluster.state import errors as cluster_errors
from sandbox.cluster.state.kinds import Json, name_of, namespace_of

KUBELET_PORT = 10250
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_PULLING = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is wanted of a log."""

    container: str = ""
    is_followed: bool = False
    is_previous: bool = False
    has_timestamps: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None
    since_seconds: int | None = None
    since_time: datetime.datetime | None = None


def options(name: str, query: Mapping[str, str]) -> Options:
    """
    Read the options of a request for the log of the pod *name*.

    Raises:
        cluster_errors.Refusal: they cannot be read, or make no sense.
    """
    read = Options(
        container=query.get("container", ""),
        is_followed=_switch(query.get("follow")),
        is_previous=_switch(query.get("previous")),
        has_timestamps=_switch(query.get("timestamps")),
        tail_lines=_number(query.get("tailLines")),
        limit_bytes=_number(query.get("limitBytes")),
        since_seconds=_number(query.get("sinceSeconds")),
        since_time=_moment(query.get("sinceTime")),
    )
    problems = list(_problems(read))
    if problems:
        raise cluster_errors.invalid_log_options(name, problems)
    return read


def container_of(pod: Json, wanted: str) -> str:
    """
    Return the container that is meant: the one named, or the only one there is.

    Raises:
        cluster_errors.Refusal: there is none of that name, or none is named and there are several.
    """
    containers = [one["name"] for one in pod["spec"]["containers"]]
    names = [one["name"] for one in pod["spec"].get("initContainers", [])] + containers
    if wanted and wanted not in names:
        raise cluster_errors.bad_request(f"container {wanted} is not valid for pod {name_of(pod)}")
    if not wanted and len(containers) > 1:
        message = f"a container name must be specified for pod {name_of(pod)}, choose one of: [{' '.join(names)}]"
        raise cluster_errors.bad_request(message)
    return wanted or containers[0]


def check_node(pod: Json, container: str, query: str, world: cluster_state.ClusterState) -> None:
    """
    Look whether the kubelet answers.

    Raises:
        cluster_errors.Refusal: it does not.
    """
    node = pod["spec"]["nodeName"]
    if node in world.dead_nodes:
        address = f"{pod['status'].get('hostIP', '10.0.1.1')}:{KUBELET_PORT}"
        asked = urllib.parse.urlencode(sorted(urllib.parse.parse_qsl(query)))
        path = f"/containerLogs/{namespace_of(pod)}/{name_of(pod)}/{container}"
        url = f"https://{address}{path}" + (f"?{asked}" if asked else "")
        raise cluster_errors.server_error(f'Get "{url}": dial tcp {address}: connect: connection refused')


def run_of(pod: Json, container: str, *, is_previous: bool) -> str:
    """
    Return the id of the run whose log is meant.

    Raises:
        cluster_errors.Refusal: it has not started, or there is none.
    """
    status = _status_of(pod, container)
    where = f'container "{container}" in pod "{name_of(pod)}"'
    if status is None:
        raise cluster_errors.bad_request(f"{where} is not available")
    last = status["lastState"].get("terminated")
    last_id: str = (last or {}).get("containerID", "")
    if is_previous:
        if not last_id:
            raise cluster_errors.bad_request(f"previous terminated {where} not found")
        return last_id
    now_id = _present_run(status)
    if now_id or last_id:
        return now_id or last_id
    if last or "terminated" in status["state"]:
        raise cluster_errors.bad_request(f"{where} is terminated")
    raise cluster_errors.bad_request(f"{where} is waiting to start{_why(status)}")


def _status_of(pod: Json, container: str) -> Json | None:
    status = pod["status"]
    statuses = [*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])]
    return next((one for one in statuses if one["name"] == container), None)


def _present_run(status: Json) -> str:
    if "running" in status["state"]:
        return str(status["containerID"])
    return str(status["state"].get("terminated", {}).get("containerID", ""))


def _why(status: Json) -> str:
    reason = status["state"].get("waiting", {}).get("reason")
    return f": {_PULLING.get(reason, reason)}" if reason else " - no logs yet"


def _problems(read: Options) -> Iterator[tuple[str, str]]:
    """Find what makes no sense: the field, and what is wrong with it."""
    tail, limit, seconds = read.tail_lines, read.limit_bytes, read.since_seconds
    if tail is not None and tail < 0:
        yield "tailLines", f"Invalid value: {tail}: must be greater than or equal to 0"
    if limit is not None and limit < 1:
        yield "limitBytes", f"Invalid value: {limit}: must be greater than 0"
    if seconds is not None and read.since_time is not None:
        yield "[]", "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
    elif seconds is not None and seconds < 1:
        yield "sinceSeconds", f"Invalid value: {seconds}: must be greater than 0"


def _switch(text: str | None) -> bool:
    return text is not None and text.lower() not in ("false", "0")


def _number(text: str | None) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[+-]?\d+", text):
        raise cluster_errors.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def _moment(text: str | None) -> datetime.datetime | None:
    """Read a moment; fractions of a second are lost on the way to the kubelet."""
    if not text:
        return None
    if not _RFC3339.fullmatch(text):
        layout = "2006-01-02T15:04:05Z07:00"
        raise cluster_errors.bad_request(f'parsing time "{text}" as "{layout}": cannot parse "{text}" as "2006"')
    try:
        return datetime.datetime.fromisoformat(text).replace(microsecond=0)
    except ValueError as error:
        part = next((word for word in ("month", "day", "hour", "minute", "second") if word in str(error)), "day")
        raise cluster_errors.bad_request(f'parsing time "{text}": {part} out of range') from error
