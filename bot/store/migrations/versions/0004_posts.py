"""Remember how much of a run Slack shows, who sees to that, and what may stand there without our knowing."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_BEHIND = sa.text("posted_version < version")


def upgrade() -> None:
    """Make the table anew, which nothing has written into so far, and let a run say whether Slack is behind it."""
    op.drop_table("run_posts")
    op.create_table(
        "run_posts",
        sa.Column("run", sa.String(32), primary_key=True),
        sa.Column("purpose", sa.String(32), primary_key=True),
        sa.Column("caused_by", sa.Integer, nullable=False),
        sa.Column("channel", sa.String(32)),
        sa.Column("timestamp", sa.String(32)),
        sa.Column("shown", sa.String(16)),
        sa.Column("tried_in", sa.String(32)),
        sa.Column("tried_at", sa.DateTime(timezone=True)),
        sa.Column("is_settled", sa.Boolean, nullable=False),
    )
    op.add_column("runs", sa.Column("posted_version", sa.Integer))
    op.add_column("runs", sa.Column("posted_by", sa.String(32)))
    op.create_index("runs_behind", "runs", ["id"], sqlite_where=_BEHIND, postgresql_where=_BEHIND)


def downgrade() -> None:
    """Forget what Slack shows."""
    op.drop_index("runs_behind", "runs")
    op.drop_column("runs", "posted_by")
    op.drop_column("runs", "posted_version")
    op.drop_table("run_posts")
    op.create_table(
        "run_posts",
        sa.Column("run", sa.String(32), primary_key=True),
        sa.Column("purpose", sa.String(32), primary_key=True),
        sa.Column("channel", sa.String(32)),
        sa.Column("timestamp", sa.String(32)),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("claimed_by", sa.String(32)),
    )
