"""
Objects to apply: as small as they can be, with what tests want to vary as arguments.
"""

from collections.abc import Mapping, Sequence
from typing import Any

NODES = ("node-1", "node-2")

IMAGE = "registry.test/pos/{container}:1.0.0"

BY_HAND = {"posbot.test/life": "by-hand"}
"""The annotation of pods whose status the test writes; see stages.yaml."""


def namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def node(name: str) -> dict[str, Any]:
    # The label that a kubelet gives its node.
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}}


def deployment(
    name: str,
    *,
    namespace: str,
    replicas: int = 1,
    containers: Sequence[str] = (),
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """
    Return a deployment whose pods are labelled `app: NAME`; its one container has its name, if none are named.
    """
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels, "annotations": dict(annotations or {})},
        "spec": _pod_spec(containers or [name]),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


def pod(
    name: str,
    *,
    namespace: str,
    containers: Sequence[str] = ("main",),
    init_containers: Sequence[str] = (),
    annotations: Mapping[str, str] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """
    Return a pod without an owner; `spec` adds to its spec, such as nodeSelector or nodeName.
    """
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app": name},
            "annotations": dict(annotations or {}),
        },
        "spec": _pod_spec(containers, init_containers) | spec,
    }


def account(name: str, *, namespace: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}


def role(name: str, *, namespace: str, rules: Sequence[Mapping[str, Sequence[str]]]) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": name, "namespace": namespace},
        "rules": [dict(rule) for rule in rules],
    }


def role_binding(role_name: str, *, namespace: str, account_name: str) -> dict[str, Any]:
    """
    Return a binding of a service account to a role of the same namespace.
    """
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": role_name, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role_name},
        "subjects": [{"kind": "ServiceAccount", "name": account_name, "namespace": namespace}],
    }


def secret(name: str, *, namespace: str, values: Mapping[str, str]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": dict(values)}


def volume(name: str) -> dict[str, Any]:
    """
    Return a volume for any claim without a storage class.
    """
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": f"/{name}"}}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}


def metrics_api() -> dict[str, Any]:
    """
    Return a definition that makes the API server serve the metrics API from objects that tests write.
    """
    names = {"plural": "pods", "singular": "pod", "kind": "PodMetrics", "listKind": "PodMetricsList"}
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1beta1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": "pods.metrics.k8s.io",
            "annotations": {"api-approved.kubernetes.io": "unapproved, in place of a metrics server"},
        },
        "spec": {"group": "metrics.k8s.io", "names": names, "scope": "Namespaced", "versions": [version]},
    }


def pod_metrics(pod: Mapping[str, Any], *, cpu: str, memory: str) -> dict[str, Any]:
    """
    Return the metrics of a pod, the same for each container.
    """
    told = ("name", "namespace", "labels")
    usage = {"cpu": cpu, "memory": memory}
    return {
        "apiVersion": "metrics.k8s.io/v1beta1",
        "kind": "PodMetrics",
        "metadata": {key: pod["metadata"][key] for key in told},
        "containers": [{"name": one["name"], "usage": usage} for one in pod["spec"]["containers"]],
    }


def _pod_spec(containers: Sequence[str], init_containers: Sequence[str] = ()) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [_container(name) for name in containers]}
    if init_containers:
        spec["initContainers"] = [_container(name) for name in init_containers]
    return spec


def _container(name: str) -> dict[str, Any]:
    return {"name": name, "image": IMAGE.format(container=name)}
