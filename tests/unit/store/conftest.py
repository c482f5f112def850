"""Everything here runs on both kinds of database."""

from tests.databases import database_url, db, postgresql_folder, record

__all__ = ["database_url", "db", "postgresql_folder", "record"]
