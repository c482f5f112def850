"""Remember runs of procedures: how far they are, what they ask, which locks they hold, who works on them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    _make_runs()
    op.create_table(
        "run_questions",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("run", sa.String(32), nullable=False),
        sa.Column("asked", sa.LargeBinary, nullable=False),
        sa.Column("answer", sa.String(150)),
        sa.Column("answered_by", sa.String(128)),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.Column("comment", sa.Text),
    )
    op.create_index("run_questions_by_run", "run_questions", ["run"])
    op.create_table(
        "run_locks",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("run", sa.String(32), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "run_workers",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("beat", sa.Integer, nullable=False),
    )
    op.create_table(
        "run_posts",
        sa.Column("run", sa.String(32), primary_key=True),
        sa.Column("purpose", sa.String(32), primary_key=True),
        sa.Column("channel", sa.String(32)),
        sa.Column("timestamp", sa.String(32)),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("claimed_by", sa.String(32)),
    )


def _make_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("invocation", sa.String(32), nullable=False, unique=True),
        sa.Column("procedure", sa.String(40), nullable=False),
        sa.Column("digest", sa.String(12), nullable=False),
        sa.Column("service", sa.String(64)),
        sa.Column("requester_id", sa.String(64), nullable=False),
        sa.Column("place_kind", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("frozen", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("progress", sa.LargeBinary, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("question", sa.String(16)),
        sa.Column("wake_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("claimed_by", sa.String(32)),
        sa.Column("cancelled_by", sa.String(128)),
        sa.Column("cancelled_at", sa.DateTime(timezone=True)),
    )
    op.create_index("runs_by_state", "runs", ["state", "claimed_by"])
    op.create_index("runs_by_time", "runs", ["created_at"])


def downgrade() -> None:
    """Forget all runs."""
    for name in ("run_posts", "run_workers", "run_locks", "run_questions", "runs"):
        op.drop_table(name)
