"""Sees to it that the database has the shape that this version of the code expects."""

import importlib
import pathlib

import sqlalchemy

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
    async with db.transaction(seconds) as connection:
        return await connection.run_sync(_migrate)


def _migrate(connection: sqlalchemy.Connection) -> str | None:
    if _revision(connection) == newest():
        return None
    # Alembic takes a tenth of a second to load, and is wanted once in the life of a version.
    upgraded: str | None = importlib.import_module("bot.store.upgrading").upgrade(connection, SCRIPTS)
    return upgraded


def newest() -> str:
    """Give the newest revision, by the names of the scripts, which begin with theirs."""
    return max(path.name for path in (SCRIPTS / "versions").glob("*.py")).partition("_")[0]


def _revision(connection: sqlalchemy.Connection) -> str | None:
    if not sqlalchemy.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(sqlalchemy.text("SELECT version_num FROM alembic_version")).scalar()
    return found
