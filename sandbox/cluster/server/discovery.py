"""What the API server says of itself: its version, and what it serves."""

from sandbox.cluster.state import kinds
from sandbox.cluster.state.cluster_state import Settings

_GROUPS = {"apps": "v1", "authorization.k8s.io": "v1", "metrics.k8s.io": "v1beta1"}
_METRICS = "metrics.k8s.io"
_REVIEWS = {
    "name": "selfsubjectaccessreviews",
    "singularName": "selfsubjectaccessreview",
    "namespaced": False,
    "kind": "SelfSubjectAccessReview",
    "verbs": ["create"],
}

PUBLIC_PATHS = ("/healthz", "/livez", "/readyz", "/version", "/version/")
"""What even strangers may read."""
KNOWN_PREFIXES = ("/api", "/openapi")
"""What every account may read besides."""


def document_at(path: str, settings: Settings, address: str) -> kinds.Json | None:
    """Give the document at a path of discovery; None where there is none."""
    match path.strip("/").split("/"):
        case ["version"]:
            return _version(settings.version)
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [_addresses(address)]}
        case ["apis"]:
            groups = [_group(name) for name in _served(settings)]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        case ["api", "v1"]:
            return _resources("", "v1")
        case ["apis", group] if group in _served(settings):
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(group)}
        case ["apis", group, version] if _served(settings).get(group) == version:
            return _resources(group, version)
    return None


def is_served(group: str, settings: Settings) -> bool:
    """Tell whether a group is there; the core group always is."""
    return not group or group in _served(settings)


def _served(settings: Settings) -> dict[str, str]:
    return {name: version for name, version in _GROUPS.items() if settings.has_metrics or name != _METRICS}


def _version(version: str) -> kinds.Json:
    major, minor = version.removeprefix("v").split(".")[:2]
    return {
        "major": major,
        "minor": minor,
        "gitVersion": version,
        "gitCommit": "59526cd4867447956156ae3a602fcbac10a2c335",
        "gitTreeState": "clean",
        "buildDate": "2025-04-22T16:02:27Z",
        "goVersion": "go1.23.6",
        "compiler": "gc",
        "platform": "linux/amd64",
    }


def _addresses(address: str) -> kinds.Json:
    return {"clientCIDR": "0.0.0.0/0", "serverAddress": address}


def _group(name: str) -> kinds.Json:
    version = {"groupVersion": f"{name}/{_GROUPS[name]}", "version": _GROUPS[name]}
    return {"name": name, "versions": [version], "preferredVersion": version}


def _resources(group: str, version: str) -> kinds.Json:
    group_version = f"{group}/{version}" if group else version
    resources = [_resource(kind) for kind in kinds.ALL if (kind.group, kind.version) == (group, version)]
    if not group:
        resources.append({"name": "pods/log", "singularName": "", "namespaced": True, "kind": "Pod", "verbs": ["get"]})
    if group == "authorization.k8s.io":
        resources.append(_REVIEWS)
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}


def _resource(kind: kinds.Kind) -> kinds.Json:
    described = {
        "name": kind.plural,
        "singularName": "" if kind is kinds.POD_METRICS else kind.name.lower(),
        "namespaced": kind.is_namespaced,
        "kind": kind.name,
        "verbs": list(kind.verbs),
    }
    return described | ({"shortNames": list(kind.short)} if kind.short else {})
