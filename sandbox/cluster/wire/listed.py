"""Lists of objects."""

from sandbox.cluster.world.kinds import Json, Kind


def document(kind: Kind, items: list[Json], meta: Json) -> Json:
    """Give a list of objects, which do not name their kind in it."""
    bare = [{key: value for key, value in item.items() if key not in ("kind", "apiVersion")} for item in items]
    return {"kind": f"{kind.name}List", "apiVersion": kind.api_version, "metadata": meta, "items": bare}
