"""Run by Alembic: migrations use the connection, and so the transaction, of whoever started them."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
context.run_migrations()
