"""How Alembic brings an older database to the tables of `bot.store.tables`; a released step is final."""
