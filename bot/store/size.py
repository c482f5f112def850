"""How much the database holds: measured, shown as a metric, and warned about before it is too much."""

import asyncio

import sqlalchemy
import structlog

from bot import errors, metrics
from bot.store import database, tables

log = structlog.get_logger()

_INTERVAL_SECONDS = 300.0
_WARNING_SHARE = 0.8
_ROW_BYTES = 500
"""Of a row in PostgreSQL with its index entries, beside its large columns."""
_LARGE_COLUMNS = (
    tables.invocations.c.report,
    tables.runs.c.frozen,
    tables.runs.c.progress,
    tables.runs.c.earlier,
)


def held_bytes(connection: sqlalchemy.Connection) -> int:
    """
    Return how many bytes the database holds, without the space that deleted rows have left.

    Both databases use that space again and do not return it to the disk, so a file grows to the largest value.
    """
    if connection.dialect.name == "sqlite":
        pages, free, size = (
            connection.execute(sqlalchemy.text(f"PRAGMA {name}")).scalar_one()
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)
    total = 0
    for table in (tables.invocations, tables.runs):
        sizes = [sqlalchemy.func.sum(sqlalchemy.func.pg_column_size(c)) for c in _LARGE_COLUMNS if c.table is table]
        rows, *large = connection.execute(sqlalchemy.select(sqlalchemy.func.count(), *sizes).select_from(table)).one()
        total += rows * _ROW_BYTES + sum(int(size or 0) for size in large)
    return int(total)


async def watch(db: database.Database, max_bytes: int) -> None:
    """Measure the database every few minutes; warn while it holds more than four fifths of *max_bytes*."""
    metrics.DATABASE_MAX_BYTES.set(max_bytes)
    while True:
        try:
            held = await db.work(held_bytes)
        except errors.Unavailable as error:
            log.info("database not measured", reason=str(error))
        else:
            metrics.DATABASE_BYTES.set(held)
            if held > _WARNING_SHARE * max_bytes:
                log.warning(
                    "database nearly full",
                    megabytes=round(held / 1e6),
                    max_megabytes=round(max_bytes / 1e6),
                    hint="Beyond POSBOT_DATABASE_MAX_MB the oldest responses are dropped; raise it with the volume.",
                )
        await asyncio.sleep(_INTERVAL_SECONDS)
