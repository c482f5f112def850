"""Rename the columns of invocations and rewrite their values; the conversation of runs likewise."""

import json
import zlib
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_COLUMNS = {
    "door": "source",
    "place_kind": "conversation_kind",
    "place_id": "conversation_id",
    "place_name": "conversation_name",
    "word": "command",
    "ending": "status",
}
_KINDS = {"direct": "dm", "home": "app_home"}
_VALUES: Mapping[str, Mapping[str, str]] = {
    "source": {"home": "app_home"},
    "conversation_kind": _KINDS,
    "command": {"deploy": "rollout", "startup": "diagnose", "access": "connectivity", "runs": "run list"},
    "status": {"done": "ok", "misused": "usage_error", "refused": "denied"},
}
"""New column → the new values by the old ones; every other value stays."""
_RUNS = sa.table("runs", sa.column("id", sa.String), sa.column("frozen", sa.LargeBinary))
_BATCH = 200


def upgrade() -> None:
    """Rename the columns first, because `_VALUES` has the new names."""
    for old, new in _COLUMNS.items():
        op.execute(f"ALTER TABLE invocations RENAME COLUMN {old} TO {new}")
    op.execute("ALTER TABLE runs RENAME COLUMN place_kind TO conversation_kind")
    for column, values in _VALUES.items():
        _replace("invocations", column, values)
    _replace("runs", "conversation_kind", _KINDS)
    _rewrite_runs("place", "conversation", _KINDS)


def downgrade() -> None:
    """Restore the values, then the names of the columns."""
    _rewrite_runs("conversation", "place", _inverted(_KINDS))
    _replace("runs", "conversation_kind", _inverted(_KINDS))
    for column, values in _VALUES.items():
        _replace("invocations", column, _inverted(values))
    op.execute("ALTER TABLE runs RENAME COLUMN conversation_kind TO place_kind")
    for old, new in _COLUMNS.items():
        op.execute(f"ALTER TABLE invocations RENAME COLUMN {new} TO {old}")


def _replace(table: str, column: str, values: Mapping[str, str]) -> None:
    target = sa.table(table, sa.column(column, sa.String))
    own = target.c[column]
    op.execute(sa.update(target).where(own.in_(values)).values({column: sa.case(values, value=own, else_=own)}))


def _rewrite_runs(old_key: str, new_key: str, kinds: Mapping[str, str]) -> None:
    """Rewrite where each run was started, in the document of what never changes about it."""
    connection, last = op.get_bind(), ""
    while True:
        chosen = sa.select(_RUNS).where(_RUNS.c.id > last).order_by(_RUNS.c.id).limit(_BATCH)
        rows = connection.execute(chosen).mappings().all()
        if not rows:
            return
        for row in rows:
            try:
                document: dict[str, Any] = json.loads(zlib.decompress(row["frozen"]))
                conversation = document.pop(old_key)
                document[new_key] = {**conversation, "kind": kinds.get(conversation["kind"], conversation["kind"])}
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError, zlib.error):
                # A damaged run stays unreadable by both versions and must not prevent the start.
                continue
            text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
            packed = zlib.compress(text.encode(errors="replace"))
            connection.execute(sa.update(_RUNS).where(_RUNS.c.id == row["id"]).values(frozen=packed))
        last = rows[-1]["id"]


def _inverted(values: Mapping[str, str]) -> dict[str, str]:
    return {new: old for old, new in values.items()}
