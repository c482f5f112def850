"""The kernel alone, on both kinds of database: nothing here knows a run."""

from tests.databases import _no_thread_is_left, database_url, db, postgresql_folder

__all__ = ["_no_thread_is_left", "database_url", "db", "postgresql_folder"]
