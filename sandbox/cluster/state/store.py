"""Objects, their versions, and the history that watches are served from."""

import asyncio
import dataclasses
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from sandbox.cluster.state import clocks
from sandbox.cluster.state.kinds import Json, Kind, name_of, namespace_of

Key = tuple[Kind, str, str]
_FIRST_VERSION = 1000
_MAX_CHANGES = 20_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of one object at one version of the store."""

    version: int
    kind: Kind | None
    """None where nothing changed and watches are only told how far they have come."""
    was: Json | None
    """None where the object is new."""
    now: Json | None
    """None where the object is gone."""


class Store:
    """All objects of the cluster. Every change gives them, and the store, a higher version."""

    def __init__(self, clock: clocks.Clock) -> None:
        self._clock = clock
        self._objects: dict[Key, Json] = {}
        self._changes: list[Change] = []
        self._changed = asyncio.Event()
        self.version = _FIRST_VERSION
        self.oldest_version = _FIRST_VERSION
        """Changes after this one are remembered."""
        self.era = 0
        """Watches and lists that were begun in an earlier era are too old to go on."""

    def put(self, kind: Kind, document: Json) -> Json:
        """Add an object, or replace the one of the same name; give it as stored."""
        return self._keep(kind, _copied(document))

    def change(self, kind: Kind, namespace: str, name: str, edit: Callable[[Json], None]) -> Json:
        """Replace an object by an edited copy of it; without a difference, nothing happens."""
        was = self._objects[kind, namespace, name]
        edited: Json = _copied(was)
        edit(edited)
        return was if edited == was else self._keep(kind, edited)

    def remove(self, kind: Kind, namespace: str, name: str) -> None:
        """Take an object away."""
        was = self._objects.pop((kind, namespace, name))
        self._note(kind, was, None)

    def find(self, kind: Kind, namespace: str, name: str) -> Json | None:
        """Return the object of that name."""
        return self._objects.get((kind, namespace, name))

    def list(self, kind: Kind, namespace: str = "") -> list[Json]:
        """Return the objects of a kind as etcd orders them; of all namespaces where none is given."""
        chosen = [key for key in self._objects if key[0] is kind and namespace in ("", key[1])]
        return [self._objects[key] for key in sorted(chosen, key=lambda key: (key[1], key[2]))]

    def changes_after(self, version: int) -> Iterable[Change]:
        """Return what has happened since; complete only from `oldest_version` on."""
        return [change for change in self._changes if change.version > version]

    def forget(self) -> None:
        """Forget the history, as etcd does when it is compacted: watches and lists from before are too old."""
        self._changes.clear()
        self.version += 1
        self.oldest_version = self.version
        self.era += 1
        self._wake()

    def mark(self) -> None:
        """Let watches be told how far they have come."""
        self._note(None, None, None)

    async def wait_for_change(self, version: int) -> None:
        """Return once the store is beyond *version*."""
        while self.version <= version:
            await self._changed.wait()

    def _keep(self, kind: Kind, stored: Json) -> Json:
        key = (kind, namespace_of(stored), name_of(stored))
        was = self._objects.get(key)
        born = was["metadata"] if was else self._birth(key)
        meta = stored["metadata"]
        meta["uid"] = born["uid"]
        meta.setdefault("creationTimestamp", born["creationTimestamp"])
        meta["resourceVersion"] = str(self.version + 1)
        self._objects[key] = {"kind": kind.name, "apiVersion": kind.api_version} | stored
        self._note(kind, was, self._objects[key])
        return self._objects[key]

    def _birth(self, key: Key) -> Json:
        uid = uuid.uuid5(uuid.NAMESPACE_OID, f"{key[0].full_name} {key[1:]} {self.version}")
        return {"uid": str(uid), "creationTimestamp": clocks.stamp(self._clock.now())}

    def _note(self, kind: Kind | None, was: Json | None, now: Json | None) -> None:
        self.version += 1
        self._changes.append(Change(version=self.version, kind=kind, was=was, now=now))
        if len(self._changes) > _MAX_CHANGES:
            self.oldest_version = self._changes[_MAX_CHANGES // 2].version
            del self._changes[: _MAX_CHANGES // 2 + 1]
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _copied(value: Any) -> Any:
    """Copy JSON; `copy.deepcopy` knows more kinds of values and takes four times as long."""
    if isinstance(value, dict):
        return {key: _copied(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_copied(one) for one in value]
    return value
