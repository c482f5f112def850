"""The status of a pod: its containers' states, and the phase and conditions that follow from them."""

import datetime

from sandbox.cluster.state import clocks
from sandbox.cluster.state.kinds import Json

_TERMINATED = "terminated"


def container(spec: Json) -> Json:
    """Return the status of a container that has not started."""
    return {
        "name": spec["name"],
        "image": spec["image"],
        "imageID": "",
        "ready": False,
        "started": False,
        "restartCount": 0,
        "state": {"waiting": {"reason": "ContainerCreating"}},
        "lastState": {},
    }


def begin(status: Json, run: str, at: datetime.datetime, *, is_ready: bool) -> None:
    """Let a container run."""
    status.update(
        containerID=run,
        imageID=f"{status['image'].rpartition(':')[0]}@sha256:{run[-64:]}",
        ready=is_ready,
        started=is_ready,
        state={"running": {"startedAt": clocks.stamp(at)}},
    )


def end(status: Json, at: datetime.datetime, *, exit_code: int, reason: str, message: str = "") -> None:
    """Let a running container end."""
    started_at = status["state"].get("running", {}).get("startedAt", clocks.stamp(at))
    ended = {
        "exitCode": exit_code,
        "reason": reason,
        "message": message,
        "startedAt": started_at,
        "finishedAt": clocks.stamp(at),
        "containerID": status["containerID"],
    }
    known = {key: value for key, value in ended.items() if value != ""}
    status.update(ready=False, started=False, state={_TERMINATED: known})


def replace_run(status: Json) -> None:
    """Let the run that has ended be the one before, and count a restart."""
    status["lastState"] = {_TERMINATED: status["state"][_TERMINATED]}
    status["restartCount"] += 1


def wait(status: Json, reason: str, message: str = "") -> None:
    """Let a container wait."""
    waiting = {"reason": reason} | ({"message": message} if message else {})
    status.update(ready=False, started=False, state={"waiting": waiting})


def find(pod: Json, name: str) -> Json:
    """Return the status of one container, init containers included."""
    statuses = [*pod["status"].get("initContainerStatuses", []), *pod["status"]["containerStatuses"]]
    found: Json = next(one for one in statuses if one["name"] == name)
    return found


def conclude(pod: Json, now: datetime.datetime) -> None:
    """Set phase and conditions to what the containers' states mean."""
    status, at = pod["status"], clocks.stamp(now)
    if status["phase"] not in ("Failed", "Succeeded"):
        status["phase"] = _phase(status)
    unready = [one["name"] for one in status.get("containerStatuses", []) if not one["ready"]]
    unfinished = [one["name"] for one in status.get("initContainerStatuses", []) if not has_succeeded(one)]
    _set(status, at, "Initialized", _problem("ContainersNotInitialized", "incomplete", unfinished))
    _set(status, at, "Ready", _problem("ContainersNotReady", "unready", unready))
    _set(status, at, "ContainersReady", _problem("ContainersNotReady", "unready", unready))
    _set(status, at, "PodScheduled", None if pod["spec"].get("nodeName") else _known(status, "PodScheduled"))


def unschedulable(pod: Json, now: datetime.datetime, message: str) -> None:
    """Say that there is no node for a pod, as the scheduler does."""
    _set(pod["status"], clocks.stamp(now), "PodScheduled", {"reason": "Unschedulable", "message": message})


def is_ready(pod: Json) -> bool:
    """Return whether a pod gets traffic."""
    conditions = pod["status"].get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def has_succeeded(status: Json) -> bool:
    """Return whether a container has ended well."""
    terminated = status["state"].get(_TERMINATED)
    return terminated is not None and terminated["exitCode"] == 0


def _phase(status: Json) -> str:
    statuses = status.get("containerStatuses", [])
    if any(not has_succeeded(one) for one in status.get("initContainerStatuses", [])):
        return "Pending"
    has_begun = any("waiting" not in one["state"] or one["lastState"] for one in statuses)
    return "Running" if has_begun else "Pending"


def _problem(reason: str, adjective: str, names: list[str]) -> Json | None:
    if not names:
        return None
    return {"reason": reason, "message": f"containers with {adjective} status: [{' '.join(names)}]"}


def _known(status: Json, kind: str) -> Json:
    found: Json = next((one for one in status.get("conditions", []) if one["type"] == kind), {})
    return {key: found[key] for key in ("reason", "message") if key in found}


def _set(status: Json, at: str, kind: str, problem: Json | None) -> None:
    """Set one condition; the time of its last transition changes only with its truth."""
    conditions = status.setdefault("conditions", [])
    before = next((one for one in conditions if one["type"] == kind), None)
    truth = "True" if problem is None else "False"
    since = before["lastTransitionTime"] if before is not None and before["status"] == truth else at
    after = {"type": kind, "status": truth, "lastProbeTime": None, "lastTransitionTime": since, **(problem or {})}
    if before is None:
        conditions.append(after)
    else:
        conditions[conditions.index(before)] = after
