"""How objects are shown: as they are, or as the rows that kubectl prints."""

import dataclasses
import datetime
from collections.abc import Callable, Mapping

from sandbox.cluster.server import listing, rows
from sandbox.cluster.state.kinds import Json, Kind

_VERSION = "meta.k8s.io/v1"

Cells = Callable[[Json, datetime.datetime], list[object]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a client wants to see."""

    is_table: bool = False
    included: str = "Metadata"
    """What a row carries of its object: Metadata, Object or None."""

    def of_one(self, kind: Kind, document: Json, now: datetime.datetime) -> Json:
        """Show one object."""
        version = {"resourceVersion": document["metadata"]["resourceVersion"]}
        return self._table(kind, [document], version, now) if self.is_table else document

    def of_many(self, kind: Kind, documents: list[Json], meta: Json, now: datetime.datetime) -> Json:
        """Show a list."""
        return self._table(kind, documents, meta, now) if self.is_table else listing.document(kind, documents, meta)

    def _table(self, kind: Kind, documents: list[Json], meta: Json, now: datetime.datetime) -> Json:
        shape = rows.SHAPES.get(kind.plural if kind.version == "v1" else "", rows.PLAIN)
        return {
            "kind": "Table",
            "apiVersion": _VERSION,
            "metadata": meta,
            "columnDefinitions": [_column(column) for column in shape.columns],
            "rows": [{"cells": shape.cells(one, now), "object": self._object(one)} for one in documents],
        }

    def _object(self, document: Json) -> Json | None:
        if self.included == "Object":
            return document
        partial = {"kind": "PartialObjectMetadata", "apiVersion": _VERSION, "metadata": document["metadata"]}
        return partial if self.included == "Metadata" else None


def view(accept: str, query: Mapping[str, str]) -> View:
    """Give what a request's headers and query want to see."""
    return View(is_table="as=Table" in accept, included=query.get("includeObject") or "Metadata")


def _column(title: str) -> Json:
    """Describe a column; those in brackets are shown with `-o wide` only."""
    is_wide = title.startswith("[")
    return {
        "name": title.strip("[]"),
        "type": "string",
        "format": "name" if title == "Name" else "",
        "description": "",
        "priority": int(is_wide),
    }
