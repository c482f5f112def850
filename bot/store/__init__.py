"""
What posbot remembers: tables, transactions and migrations, in SQLite or PostgreSQL.

What belongs here: one module per kind of record, with functions that read and write it whole. SQLAlchemy is known
nowhere else. A record is a noun of `bot.model` or a plain frozen value; rows do not leave this package.
"""
