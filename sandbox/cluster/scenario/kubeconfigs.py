"""The files that tell clients where a cluster is and who they are."""

import base64
import json
import pathlib

from sandbox.cluster.state.kinds import Json


def write(
    path: pathlib.Path, *, context: str, server: str, token: str, namespace: str, authority: bytes
) -> pathlib.Path:
    """Write a context into a kubeconfig, beside those that are in it already, and make it the current one."""
    config = json.loads(path.read_text()) if path.exists() else _empty()
    cluster = {"server": server}
    if server.startswith("https"):
        cluster["certificate-authority-data"] = base64.b64encode(authority).decode()
    wanted = {"cluster": context, "user": context, "namespace": namespace}
    for section, key, entry in (
        ("clusters", "cluster", cluster),
        ("users", "user", {"token": token}),
        ("contexts", "context", wanted),
    ):
        others = [one for one in config[section] if one["name"] != context]
        config[section] = [*others, {"name": context, key: entry}]
    config["current-context"] = context
    path.touch(mode=0o600)
    path.write_text(json.dumps(config, indent=1))  # JSON is YAML.
    return path


def _empty() -> Json:
    return {"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []}
