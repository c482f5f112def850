"""The kernel alone, on both kinds of database: nothing here knows a run."""

from tests.databases import database_url, db, postgresql_folder

__all__ = ["database_url", "db", "postgresql_folder"]
