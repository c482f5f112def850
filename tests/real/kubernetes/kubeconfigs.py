"""
Files that tell kubectl and other clients where the API server is and who they are.
"""

import json
import pathlib
from typing import Any

from tests.real.kubernetes import certificates

CONTEXT = "test"


def write_for_certificate(
    path: pathlib.Path, *, server: str, authority: pathlib.Path, user: certificates.Certificate
) -> pathlib.Path:
    """
    Write the file of someone whom the cluster's authority has signed for.
    """
    return _write(path, server, authority, {"client-certificate": str(user.certificate), "client-key": str(user.key)})


def write_for_token(
    path: pathlib.Path, *, server: str, authority: pathlib.Path, token: str, namespace: str = "default"
) -> pathlib.Path:
    """
    Write the file of a service account with a token.
    """
    return _write(path, server, authority, {"token": token}, namespace)


def _write(
    path: pathlib.Path, server: str, authority: pathlib.Path, user: dict[str, Any], namespace: str = "default"
) -> pathlib.Path:
    cluster = {"server": server, "certificate-authority": str(authority)}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": cluster}],
        "users": [{"name": CONTEXT, "user": user}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT, "namespace": namespace}}],
        "current-context": CONTEXT,
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(content, indent=1))  # JSON is YAML.
    return path
