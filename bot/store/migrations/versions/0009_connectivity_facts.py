"""Rewrite stored runs: the names of the facts of `connectivity`, which pending steps still have to save."""

import json
import zlib
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_RUNS = sa.table(
    "runs", sa.column("id", sa.String), sa.column("frozen", sa.LargeBinary), sa.column("progress", sa.LargeBinary)
)
_BATCH = 200
_COMMAND = "connectivity"
_FACTS = {
    "name": "dns",
    "path": "endpoint",
    "without_login": "unauthenticated_request",
    "with_login": "authenticated_request",
    "troubled": "problems",
    "not_asked": "skipped",
}
_SKIPPED = ("not asked", "skipped")
"""Value of the fact of a check that was not made, before and after."""

Document = dict[str, Any]


def upgrade() -> None:
    """Rename the facts."""
    _rewrite(_FACTS, _SKIPPED)


def downgrade() -> None:
    """Restore the earlier names of the facts."""
    before, after = _SKIPPED
    _rewrite({new: old for old, new in _FACTS.items()}, (after, before))


def _rewrite(facts: Mapping[str, str], skipped: tuple[str, str]) -> None:
    connection, last = op.get_bind(), ""
    while True:
        chosen = sa.select(_RUNS).where(_RUNS.c.id > last).order_by(_RUNS.c.id).limit(_BATCH)
        rows = connection.execute(chosen).mappings().all()
        if not rows:
            return
        for row in rows:
            try:
                values = _renamed(_unpack(row["frozen"]), _unpack(row["progress"]), facts, skipped)
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError, zlib.error):
                # A damaged run stays what it is: unreadable by both versions, and no reason not to start.
                continue
            if values:
                connection.execute(sa.update(_RUNS).where(_RUNS.c.id == row["id"]).values(values))
        last = rows[-1]["id"]


def _renamed(
    frozen: Document, progress: Document, facts: Mapping[str, str], skipped: tuple[str, str]
) -> dict[str, bytes]:
    """Return both documents with the other names, or nothing where the run has no step `connectivity`."""
    procedure = frozen["procedure"]
    lists = {key: procedure[key] for key in ("steps", "finally") if key in procedure}
    own = {step["id"] for steps in lists.values() for step in steps if step["uses"] == _COMMAND}
    if not own:
        return {}
    before, after = skipped

    def rename(step: Document) -> Document:
        changes = {}
        if step["id"] in own and step.get("save"):
            changes["save"] = {name: facts.get(fact, fact) for name, fact in step["save"].items()}
        if step.get("when"):
            changes["when"] = step["when"].replace(f"'{before}'", f"'{after}'")
        return {**step, **changes}

    records = [
        {**record, "saved": {name: after if value == before else value for name, value in record["saved"].items()}}
        if record["id"] in own and record.get("saved")
        else record
        for record in progress["steps"]
    ]
    renamed = {key: [rename(step) for step in steps] for key, steps in lists.items()}
    return {
        "frozen": _pack({**frozen, "procedure": {**procedure, **renamed}}),
        "progress": _pack({**progress, "steps": records}),
    }


def _pack(document: Document) -> bytes:
    return zlib.compress(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"))


def _unpack(packed: bytes) -> Document:
    document: Document = json.loads(zlib.decompress(packed))
    return document
