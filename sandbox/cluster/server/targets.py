"""What a request is about, read from its method and path."""

import dataclasses
from collections.abc import Mapping

from sandbox.cluster.state import kinds

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A verb, and the object or objects that it is about."""

    verb: str
    kind: kinds.Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    is_served: bool = True
    """Roles are asked about any resource; whether there is such a one comes after."""

    @property
    def resource(self) -> str:
        """Return what roles call it: `pods`, `pods/log`."""
        return f"{self.kind.plural}/{self.subresource}" if self.subresource else self.kind.plural


def target_of(method: str, path: str, query: Mapping[str, str]) -> Target | None:
    """Return what a request is about; None where the path is no resource."""
    match path.strip("/").split("/"):
        case ["api", version, *rest]:
            return _in_group("", version, rest, method, query)
        case ["apis", group, version, *rest]:
            return _in_group(group, version, rest, method, query)
    return None


def _in_group(group: str, version: str, rest: list[str], method: str, query: Mapping[str, str]) -> Target | None:
    namespace = ""
    match rest:
        case ["namespaces", namespace, plural, *names]:
            pass
        case [plural, *names]:
            pass
        case _:
            return None
    name, subresource, *deeper = [*names, "", ""]
    kind = kinds.find(group, version, plural)
    is_served = (
        kind is not None
        and not any(deeper)
        and (kind.is_namespaced or not namespace)
        and (not name or bool(namespace) or not kind.is_namespaced)
        and (not subresource or (kind.plural, subresource) in kinds.SUBRESOURCES)
    )
    return Target(
        verb=_verb(method, name, query),
        kind=kind or kinds.Kind(name="", plural=plural, group=group, version=version),
        namespace=name if kind is kinds.NAMESPACES else namespace,
        name=name,
        subresource=subresource,
        is_served=is_served,
    )


def _verb(method: str, name: str, query: Mapping[str, str]) -> str:
    if method not in ("GET", "HEAD"):
        return _VERBS.get(method, method.lower())
    if name:
        return "get"
    return "watch" if query.get("watch") in ("true", "1") else "list"
