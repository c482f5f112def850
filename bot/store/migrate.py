"""Migrates the database to the newest revision by Alembic's scripts, imported only when it is behind."""

import pathlib

import sqlalchemy

from bot import errors
from bot.store import database

MIGRATION_SECONDS = 60.0
SCRIPTS = pathlib.Path(__file__).parent / "migrations"


async def migrate(db: database.Database, seconds: float = MIGRATION_SECONDS) -> str | None:
    """
    Bring *db* to the newest revision within *seconds*; give that revision, or None where it was there already.

    All steps are one transaction, so a database is never left half-way.

    Raises:
        errors.BadConfiguration: the database was written by a newer version of posbot.
        errors.Unavailable: the database cannot be reached.
    """
    if await db.work(_is_current, seconds, probes=True):
        return None
    return await db.work(lambda connection: _migrate(connection, seconds), seconds, probes=True)


def _is_current(connection: sqlalchemy.Connection) -> bool:
    return _revision(connection) == newest()


def _migrate(connection: sqlalchemy.Connection, seconds: float) -> str | None:
    if connection.dialect.name != "sqlite":
        return upgrade(connection, SCRIPTS)
    # Another process may be migrating a large database, which takes longer than a lock is otherwise waited for.
    patience = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
    try:
        return upgrade(connection, SCRIPTS)
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {patience}")


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
