"""Keep the earlier attempts of a run that is retried."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column; of runs that were retried before, only the last attempt is known."""
    op.add_column("runs", sa.Column("earlier", sa.LargeBinary))


def downgrade() -> None:
    """Drop the earlier attempts, which the older version cannot show."""
    op.drop_column("runs", "earlier")
