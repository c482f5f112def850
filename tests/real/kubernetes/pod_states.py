"""
What becomes of pods: the statuses that a kubelet would write, for pods whose container does something worth telling.

    await pod_states.put(cluster, "default", "pos-order-1", pod_states.crash_looping, restarts=7)

The pod runs already, or it has the annotation manifests.BY_HAND and stays as it was made until a test says otherwise.
"""

import datetime
from collections.abc import Callable
from typing import Any

from tests.real.kubernetes import control_plane

State = Callable[..., dict[str, Any]]
"""Returns the status of a pod, from the pod and the values that the state leaves open."""

OUT_OF_MEMORY = {"exitCode": 137, "reason": "OOMKilled"}
FAILED = {"exitCode": 1, "reason": "Error"}

_RESTART_LIMIT = "back-off 5m0s restarting failed container={container} pod={pod}_{namespace}({uid})"


async def put(cluster: control_plane.ControlPlane, namespace: str, name: str, state: State, **what: Any) -> None:
    """
    Put a pod into a state.
    """
    path = f"/api/v1/namespaces/{namespace}/pods/{name}"
    await cluster.set_status(path, state(await cluster.fetch(path), **what))


def running(pod: dict[str, Any], *, restarts: int = 0, ended: dict[str, Any] = FAILED) -> dict[str, Any]:
    """
    All containers run and are ready; those that were restarted ended as told, such as OUT_OF_MEMORY.
    """
    return _status(pod, "Running", [_running(pod, name, restarts, ended) for name in _names(pod)], is_ready=True)


def not_ready(pod: dict[str, Any]) -> dict[str, Any]:
    """
    The containers run, but their readiness probes fail.
    """
    statuses = [_running(pod, name, 0, FAILED) | {"ready": False} for name in _names(pod)]
    return _status(pod, "Running", statuses)


def crash_looping(pod: dict[str, Any], *, restarts: int, ended: dict[str, Any] = FAILED) -> dict[str, Any]:
    """
    The first container ends each time soon after its start, and waits for its next one.
    """
    first, *others = _names(pod)
    metadata = pod["metadata"]
    message = _RESTART_LIMIT.format(
        container=first, pod=metadata["name"], namespace=metadata["namespace"], uid=metadata["uid"]
    )
    looping = _waiting(pod, first, "CrashLoopBackOff", message) | {
        "containerID": _id(pod, first, restarts),
        "restartCount": restarts,
        "lastState": {"terminated": _terminated(pod, first, restarts, ended)},
    }
    return _status(pod, "Running", [looping, *[_running(pod, name, 0, FAILED) for name in others]])


def image_pull_back_off(pod: dict[str, Any]) -> dict[str, Any]:
    """
    No image can be had for any container.
    """
    return _never_started(pod, "ImagePullBackOff", 'Back-off pulling image "{image}": ErrImagePull: not found')


def container_config_error(pod: dict[str, Any], *, message: str = 'secret "pos-order" not found') -> dict[str, Any]:
    """
    What the containers are to be configured with does not exist.
    """
    return _never_started(pod, "CreateContainerConfigError", message)


def container_creating(pod: dict[str, Any]) -> dict[str, Any]:
    """
    The pod is on a node, and its containers are being made.
    """
    return _never_started(pod, "ContainerCreating", "")


def completed(pod: dict[str, Any], *, ended: dict[str, Any] | None = None) -> dict[str, Any]:
    """
    All containers have ended for good, well if not told otherwise.
    """
    how = ended or {"exitCode": 0, "reason": "Completed"}
    statuses = [
        _container(pod, name)
        | {"state": {"terminated": _terminated(pod, name, 0, how)}, "containerID": _id(pod, name, 0)}
        for name in _names(pod)
    ]
    return _status(pod, "Failed" if how["exitCode"] else "Succeeded", statuses)


def evicted(pod: dict[str, Any]) -> dict[str, Any]:
    """
    The node has thrown the pod out, and of its containers nothing is left.
    """
    message = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi. "
    return _status(pod, "Failed", []) | {"reason": "Evicted", "message": message}


def _never_started(pod: dict[str, Any], reason: str, message: str) -> dict[str, Any]:
    images = {each["name"]: each["image"] for each in pod["spec"]["containers"]}
    statuses = [_waiting(pod, name, reason, message.format(image=images[name])) for name in _names(pod)]
    return _status(pod, "Pending", statuses)


def _status(
    pod: dict[str, Any], phase: str, containers: list[dict[str, Any]], *, is_ready: bool = False
) -> dict[str, Any]:
    ready = {"status": "True"} if is_ready else {"status": "False", "reason": "ContainersNotReady"}
    conditions = [
        {"type": "PodScheduled", "status": "True"},
        {"type": "PodReadyToStartContainers", "status": "True"},
        {"type": "Initialized", "status": "True"},
        {"type": "ContainersReady"} | ready,
        {"type": "Ready"} | ready,
    ]
    return {
        # What an earlier state has said is taken back.
        "reason": None,
        "message": None,
        "phase": phase,
        "startTime": pod["metadata"]["creationTimestamp"],
        "conditions": [{"lastTransitionTime": _now()} | each for each in conditions],
        "containerStatuses": containers,
    }


def _container(pod: dict[str, Any], name: str) -> dict[str, Any]:
    [image] = [each["image"] for each in pod["spec"]["containers"] if each["name"] == name]
    return {"name": name, "image": image, "imageID": "", "ready": False, "started": False, "restartCount": 0}


def _running(pod: dict[str, Any], name: str, restarts: int, ended: dict[str, Any]) -> dict[str, Any]:
    last = {"terminated": _terminated(pod, name, restarts - 1, ended)} if restarts else {}
    return _container(pod, name) | {
        "containerID": _id(pod, name, restarts),
        "ready": True,
        "started": True,
        "restartCount": restarts,
        "state": {"running": {"startedAt": _now()}},
        "lastState": last,
    }


def _waiting(pod: dict[str, Any], name: str, reason: str, message: str) -> dict[str, Any]:
    why = {"reason": reason} | ({"message": message} if message else {})
    return _container(pod, name) | {"state": {"waiting": why}}


def _terminated(pod: dict[str, Any], name: str, attempt: int, ended: dict[str, Any]) -> dict[str, Any]:
    times = {"startedAt": pod["metadata"]["creationTimestamp"], "finishedAt": _now()}
    return times | {"containerID": _id(pod, name, attempt)} | ended


def _id(pod: dict[str, Any], name: str, attempt: int) -> str:
    """
    Name one attempt of a container, as stages.yaml names the first.
    """
    return f"containerd://{pod['metadata']['uid']}-{name}-{attempt}"


def _names(pod: dict[str, Any]) -> list[str]:
    return [each["name"] for each in pod["spec"]["containers"]]


def _now() -> str:
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
