"""The verbs get and list; all pages of a list show one moment."""

import itertools
import re
from collections.abc import Mapping

from sandbox.cluster.server import targets
from sandbox.cluster.state import cluster_state, selectors
from sandbox.cluster.state import errors as cluster_errors
from sandbox.cluster.state.kinds import Json, Kind

_MAX_OPEN_LISTS = 1000


class Lists:
    """Answers get and list, and keeps the remaining pages of open lists."""

    def __init__(self, world: cluster_state.ClusterState) -> None:
        self._world = world
        self._left: dict[str, tuple[int, int, list[Json]]] = {}
        self._tokens = itertools.count(1)

    def one(self, target: targets.Target) -> Json:
        """
        Return one object.

        Raises:
            cluster_errors.Refusal: no object of that name exists.
        """
        namespace = target.namespace if target.kind.is_namespaced else ""
        found = self._world.objects.find(target.kind, namespace, target.name)
        if found is None:
            raise cluster_errors.not_found(target.kind, target.name)
        return found

    def many(self, target: targets.Target, query: Mapping[str, str]) -> Json:
        """
        Return a list, or its next page.

        Raises:
            cluster_errors.Refusal: the query is invalid, or its continue token has expired.
        """
        limit = _whole_number(query.get("limit") or "0")
        if query.get("continue"):
            era, version, items = self._continued(query["continue"])
        else:
            era, version, items = self._begun(target, query)
        meta: Json = {"resourceVersion": str(version)}
        if 0 < limit < len(items):
            meta["continue"] = self._keep(era, version, items[limit:])
            if not (query.get("labelSelector") or query.get("fieldSelector")):
                meta["remainingItemCount"] = len(items) - limit
            items = items[:limit]
        return _document(target.kind, items, meta)

    def _begun(self, target: targets.Target, query: Mapping[str, str]) -> tuple[int, int, list[Json]]:
        objects = self._world.objects
        wanted = _version(query.get("resourceVersion") or "0")
        if wanted > objects.version:
            raise cluster_errors.too_large_version(wanted, objects.version)
        chosen = selectors.chooser(target.kind, query.get("labelSelector", ""), query.get("fieldSelector", ""))
        items = [item for item in objects.list(target.kind, target.namespace) if chosen(item)]
        return objects.era, objects.version, items

    def _continued(self, token: str) -> tuple[int, int, list[Json]]:
        if token not in self._left:
            raise cluster_errors.bad_request(
                "invalid continue token: continue key is not valid: illegal base64 data at input byte 0"
            )
        era, version, items = self._left[token]
        if era != self._world.objects.era:
            raise cluster_errors.too_old_continue()
        return era, version, items

    def _keep(self, era: int, version: int, items: list[Json]) -> str:
        token = f"continue-{version}-{next(self._tokens)}"
        self._left[token] = (era, version, items)
        if len(self._left) > _MAX_OPEN_LISTS:
            del self._left[next(iter(self._left))]
        return token


def _document(kind: Kind, items: list[Json], meta: Json) -> Json:
    """Return a list document; its items do not repeat their kind."""
    bare = [{key: value for key, value in item.items() if key not in ("kind", "apiVersion")} for item in items]
    return {"kind": f"{kind.name}List", "apiVersion": kind.api_version, "metadata": meta, "items": bare}


def _whole_number(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d+", text):
        raise cluster_errors.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def _version(text: str) -> int:
    if not text.isdecimal():
        problem = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        raise cluster_errors.bad_request(f"invalid resource version: {problem}")
    return int(text)
