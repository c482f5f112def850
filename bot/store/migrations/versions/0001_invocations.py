"""Make the record of invocations."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table and its indexes."""
    op.create_table(
        "invocations",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("delivery_key", sa.String(255), unique=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("door", sa.String(16), nullable=False),
        sa.Column("actor_id", sa.String(64), nullable=False),
        sa.Column("actor_name", sa.String(128), nullable=False),
        sa.Column("team_id", sa.String(32)),
        sa.Column("place_kind", sa.String(16), nullable=False),
        sa.Column("place_id", sa.String(64), nullable=False),
        sa.Column("place_name", sa.String(128), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("word", sa.String(64)),
        sa.Column("ending", sa.String(16)),
        sa.Column("verdict", sa.String(16)),
        sa.Column("headline", sa.Text),
        sa.Column("duration_ms", sa.Integer),
        sa.Column("report", sa.JSON),
    )
    op.create_index("invocations_by_time", "invocations", ["received_at"])
    op.create_index("invocations_by_actor", "invocations", ["actor_id", "received_at"])


def downgrade() -> None:
    """Forget the record."""
    op.drop_table("invocations")
