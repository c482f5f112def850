"""Objects as they are written down when nothing has happened yet."""

import hashlib
from collections.abc import Iterable, Mapping

from sandbox.cluster.state.kinds import Json

CONFIG_NAME = "pos-config"
SECRET_NAME = "pos-secrets"  # noqa: S105 - a name, nothing secret
NODES = ("node-a", "node-b", "node-c")

CHANGE_CAUSE = "kubernetes.io/change-cause"
GIT_ANNOTATION = "app.positivity/git-commit"

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""What Kubernetes makes names of: no vowels, so no words."""


def letters(seed: str, length: int) -> str:
    """Return letters that look drawn by lot and are the same for the same seed."""
    digest = hashlib.sha256(seed.encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:length])


def container_id(seed: str) -> str:
    """Return the id of one run of a container."""
    return f"containerd://{hashlib.sha256(seed.encode()).hexdigest()}"


def namespace(name: str) -> Json:
    """Write a namespace."""
    labels = {"kubernetes.io/metadata.name": name}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def node(name: str, address: str, version: str) -> Json:
    """Write a node."""
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"}
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": {},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "conditions": [ready],
            "nodeInfo": {"kubeletVersion": version, "containerRuntimeVersion": "containerd://2.0.4"},
        },
    }


def config_map(name: str, namespace_name: str, entries: Mapping[str, str]) -> Json:
    """Write a ConfigMap."""
    return {"metadata": {"name": name, "namespace": namespace_name}, "data": dict(entries)}


def secret(name: str, namespace_name: str, entries: Mapping[str, str]) -> Json:
    """Write a Secret; the values are in Base64 already."""
    return {"metadata": {"name": name, "namespace": namespace_name}, "type": "Opaque", "data": dict(entries)}


def template(name: str, image: str, *, git: str, port: int, beside: Iterable[str], before: Iterable[str]) -> Json:
    """Write what the pods of a service are made from: its own container, those *beside* it, those run *before* it."""
    annotations = {
        "prometheus.io/scrape": "true",
        "prometheus.io/path": "/actuator/prometheus",
        "prometheus.io/port": str(port),
    }
    first = [_other_container(one) for one in before]
    return {
        "metadata": {
            "labels": {"app": name},
            "annotations": annotations | ({GIT_ANNOTATION: git} if git else {}),
        },
        "spec": ({"initContainers": first} if first else {})
        | {
            "containers": [_container(name, image, port), *map(_other_container, beside)],
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "default",
            "schedulerName": "default-scheduler",
            "securityContext": {},
        },
    }


def deployment(name: str, namespace_name: str, pod_template: Json, replicas: int) -> Json:
    """Write a deployment."""
    return {
        "metadata": {
            "name": name,
            "namespace": namespace_name,
            "labels": {"app": name},
            "generation": 1,
            "annotations": {"deployment.kubernetes.io/revision": "1"},
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": pod_template,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
        },
        "status": {},
    }


def replica_set(owner: Json, template_hash: str, *, revision: int) -> Json:
    """Write one revision of a deployment."""
    labels = {"app": owner["metadata"]["name"], "pod-template-hash": template_hash}
    spec = owner["spec"]
    annotations = {
        "deployment.kubernetes.io/desired-replicas": str(spec["replicas"]),
        "deployment.kubernetes.io/max-replicas": str(spec["replicas"] + 1),
        "deployment.kubernetes.io/revision": str(revision),
    }
    change_cause = owner["metadata"]["annotations"].get(CHANGE_CAUSE)
    meta = spec["template"]["metadata"]
    return {
        "metadata": {
            "name": f"{owner['metadata']['name']}-{template_hash}",
            "namespace": owner["metadata"]["namespace"],
            "labels": labels,
            "generation": 1,
            "annotations": annotations | ({CHANGE_CAUSE: change_cause} if change_cause else {}),
            "ownerReferences": [owned_by(owner)],
        },
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": spec["template"] | {"metadata": meta | {"labels": labels}},
        },
        "status": {"replicas": 0, "observedGeneration": 1},
    }


def pod(owner: Json, suffix: str) -> Json:
    """Write a pod of a ReplicaSet that is not scheduled yet."""
    made_from = owner["spec"]["template"]
    name = owner["metadata"]["name"]
    return {
        "metadata": {
            "name": f"{name}-{suffix}",
            "generateName": f"{name}-",
            "namespace": owner["metadata"]["namespace"],
            "labels": made_from["metadata"]["labels"],
            "annotations": made_from["metadata"]["annotations"],
            "ownerReferences": [owned_by(owner)],
        },
        "spec": made_from["spec"],
        "status": {"phase": "Pending", "qosClass": "Burstable"},
    }


def owned_by(owner: Json) -> Json:
    """Write a reference to the owner."""
    meta = owner["metadata"]
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _other_container(name: str) -> Json:
    return {"name": name, "image": f"registry.example/{name}:1.0", "imagePullPolicy": "IfNotPresent", "resources": {}}


def _container(name: str, image: str, port: int) -> Json:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"containerPort": port, "protocol": "TCP"}],
        "env": [
            _from("SPRING_PROFILES_ACTIVE", "configMapKeyRef", CONFIG_NAME),
            _from("EUREKA_URL", "configMapKeyRef", CONFIG_NAME),
            _from("DB_URL", "secretKeyRef", SECRET_NAME),
            _from("DB_PASSWORD", "secretKeyRef", SECRET_NAME),
        ],
        "resources": {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
        "startupProbe": _probe("liveness", port, initialDelaySeconds=0, failureThreshold=30),
        "livenessProbe": _probe("liveness", port, initialDelaySeconds=60, failureThreshold=3),
        "readinessProbe": _probe("readiness", port, initialDelaySeconds=30, failureThreshold=3),
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }


def _from(name: str, kind: str, source: str) -> Json:
    return {"name": name, "valueFrom": {kind: {"name": source, "key": name}}}


def _probe(group: str, port: int, **patience: int) -> Json:
    get = {"path": f"/actuator/health/{group}", "port": port, "scheme": "HTTP"}
    return {"httpGet": get, "timeoutSeconds": 3, "periodSeconds": 10, "successThreshold": 1, **patience}
