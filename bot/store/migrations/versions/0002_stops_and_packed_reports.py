"""Let invocations be stopped from elsewhere, and keep reports compressed: logs have made them large."""

import json
import zlib
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ROWS_AT_ONCE = 200


def upgrade() -> None:
    """Add who asked for the end, and compress what was recorded so far."""
    op.add_column("invocations", sa.Column("stop_requested_at", sa.DateTime(timezone=True)))
    op.add_column("invocations", sa.Column("stop_requested_by", sa.String(128)))
    _convert_reports(sa.JSON(none_as_null=True), sa.LargeBinary(), _compressed)


def downgrade() -> None:
    """Forget who asked for the end, and store reports as they are."""
    _convert_reports(sa.LargeBinary(), sa.JSON(none_as_null=True), _decompressed)
    with op.batch_alter_table("invocations") as batch:
        batch.drop_column("stop_requested_by")
        batch.drop_column("stop_requested_at")


def _convert_reports(
    old: sa.types.TypeEngine[Any], new: sa.types.TypeEngine[Any], convert: Callable[[Any], object]
) -> None:
    op.add_column("invocations", sa.Column("converted", new))
    table = sa.table("invocations", sa.column("id", sa.String), sa.column("report", old), sa.column("converted", new))
    connection, last = op.get_bind(), ""
    while True:
        # Some at a time: together they may not fit into memory.
        chosen = sa.select(table.c.id, table.c.report).where(table.c.id > last, table.c.report.is_not(None))
        rows = connection.execute(chosen.order_by(table.c.id).limit(_ROWS_AT_ONCE)).all()
        if not rows:
            break
        for identity, report in rows:
            update = sa.update(table).where(table.c.id == identity)
            connection.execute(update.values(converted=convert(report)))
        last = rows[-1].id
    with op.batch_alter_table("invocations") as batch:
        batch.drop_column("report")
        batch.alter_column("converted", new_column_name="report")


def _compressed(document: object) -> bytes:
    return zlib.compress(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())


def _decompressed(packed: bytes) -> object:
    document: object = json.loads(zlib.decompress(packed))
    return document
