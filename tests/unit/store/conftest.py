"""Everything here runs on both kinds of database."""

from tests.databases import _no_thread_is_left, database_url, db, postgresql_folder, record

__all__ = ["_no_thread_is_left", "database_url", "db", "postgresql_folder", "record"]
