"""Brings the database to the newest revision, by Alembic's scripts."""

import pathlib

import alembic.command
import alembic.config
import alembic.migration
import alembic.script
import sqlalchemy

from bot import errors


def upgrade(connection: sqlalchemy.Connection, scripts: pathlib.Path) -> str | None:
    """
    Bring the database behind *connection* to the newest of *scripts*; give it, or None where it was there already.

    Raises:
        errors.BadConfiguration: the database was written by a newer version of posbot.
    """
    config = alembic.config.Config()
    config.set_main_option("script_location", str(scripts))
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
