"""Brings the database to the shape that this version of the code expects."""

import pathlib

import alembic.command
import alembic.config
import alembic.migration
import alembic.script
import sqlalchemy

from bot import errors
from bot.store import database

MIGRATION_SECONDS = 60.0
_SCRIPTS = pathlib.Path(__file__).parent / "migrations"


async def migrate(db: database.Database, seconds: float = MIGRATION_SECONDS) -> str | None:
    """
    Bring *db* to the newest revision within *seconds*; give that revision, or None where it was there already.

    All steps are one transaction, so a database is never left half-way.

    Raises:
        errors.BadConfiguration: the database was written by a newer version of posbot.
        errors.Unavailable: the database cannot be reached.
    """
    async with db.transaction(seconds) as connection:
        return await connection.run_sync(_upgrade)


def _upgrade(connection: sqlalchemy.Connection) -> str | None:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    script = alembic.script.ScriptDirectory.from_config(config)
    # Two processes may start at the same moment: the second waits here and then finds the work done.
    if connection.dialect.name == "postgresql":
        connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(20260101)"))
    else:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    current = alembic.migration.MigrationContext.configure(connection).get_current_revision()
    newest = script.get_current_head()
    if current == newest:
        return None
    if current is not None and current not in {revision.revision for revision in script.walk_revisions()}:
        raise errors.BadConfiguration(
            f"The database is newer than this posbot (it is at revision {current}, this version knows up to {newest}):"
            " start the version that wrote it, or a later one."
        )
    alembic.command.upgrade(config, "head")
    return newest
