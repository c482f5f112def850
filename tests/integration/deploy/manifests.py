"""
What `deploy/` ships, read as it stands there, so that no test says a second time what the files say.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from sandbox import runbook_folder

FOLDER = runbook_folder.PROJECT / "deploy"
KUBERNETES = FOLDER / "kubernetes"
POSTGRESQL = KUBERNETES / "overlays" / "postgresql"
NAMESPACE = ACCOUNT = "posbot"
SERVICES = "positivity"
"""The namespace that the services are in."""

Rule = dict[str, list[str]]


def one(kind: str) -> dict[str, Any]:
    """
    Return the one object of a kind that the base makes.
    """
    [found] = [document for document in _base() if document["kind"] == kind]
    return found


def container() -> dict[str, Any]:
    """
    Return the one container of the pod.
    """
    [only] = pod()["containers"]
    return dict(only)


def pod() -> dict[str, Any]:
    """
    Return the specification of the pod.
    """
    return dict(one("Deployment")["spec"]["template"]["spec"])


def rules() -> tuple[Rule, ...]:
    """
    Return what the Role allows.
    """
    return tuple(one("Role")["rules"])


def rights() -> tuple[tuple[str, str, str], ...]:
    """
    Return each right of the Role by itself: API group, resource, verb.
    """
    return tuple(
        (group, resource, verb)
        for rule in rules()
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    )


def rules_without(group: str, resource: str, verb: str) -> tuple[Rule, ...]:
    """
    Return what the Role would allow without one of its rights.
    """
    left = [right for right in rights() if right != (group, resource, verb)]
    if len(left) == len(rights()):
        raise ValueError(f"the Role does not allow to {verb} {resource} anyway")
    return tuple({"apiGroups": [group], "resources": [resource], "verbs": [verb]} for group, resource, verb in left)


def _base() -> Iterator[dict[str, Any]]:
    for path in sorted((KUBERNETES / "base").glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            if "kind" in document and document["kind"] != "Kustomization":
                yield document
