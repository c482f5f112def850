"""Migrates the database to the newest revision by Alembic's scripts, imported only when it is behind."""

import pathlib
import time

import sqlalchemy

from bot import errors
from bot.store import database, failures

MIGRATION_SECONDS = 900.0
"""20,000 runs take half a minute; one that is given up has to begin anew."""
SCRIPTS = pathlib.Path(__file__).parent / "migrations"


async def migrate(db: database.Database, seconds: float = MIGRATION_SECONDS) -> str | None:
    """
    Bring *db* to the newest revision within *seconds*; return that revision, or None where it was there already.

    All steps are one transaction, so a database is never left half-way. Where another process migrates a SQLite
    database, this one waits for it and then finds the work done.

    Raises:
        errors.BadConfiguration: the database was written by a newer version of posbot.
        errors.Unavailable: the database cannot be reached.
    """
    deadline = time.monotonic() + seconds
    if await db.work(_is_current, min(seconds, database.TRANSACTION_SECONDS), probes=True):
        return None
    while True:
        try:
            return await db.work(lambda connection: upgrade(connection, SCRIPTS), seconds, probes=True)
        except errors.Unavailable as error:
            if not failures.is_busy(error.__cause__) or time.monotonic() > deadline:
                raise


def _is_current(connection: sqlalchemy.Connection) -> bool:
    return _revision(connection) == newest()


def newest() -> str:
    """Return the newest revision, by the names of the scripts."""
    return max(path.name for path in (SCRIPTS / "versions").glob("*.py")).partition("_")[0]


def _revision(connection: sqlalchemy.Connection) -> str | None:
    if not sqlalchemy.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(sqlalchemy.text("SELECT version_num FROM alembic_version")).scalar()
    return found


def upgrade(connection: sqlalchemy.Connection, scripts: pathlib.Path) -> str | None:
    """
    Bring the database behind *connection* to the newest of *scripts*; give it, or None where it was there already.

    Raises:
        errors.BadConfiguration: the database was written by a newer version of posbot.
    """
    # Alembic takes a tenth of a second to load, and is needed once in the life of a version.
    import alembic.command  # noqa: PLC0415
    import alembic.config  # noqa: PLC0415
    import alembic.migration  # noqa: PLC0415
    import alembic.script  # noqa: PLC0415

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
