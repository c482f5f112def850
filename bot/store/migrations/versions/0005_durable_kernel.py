"""One mechanism for what must survive: workers, claims, timers, deliveries, live messages and locks of any kind."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_FREE = sa.text("worker IS NULL")
_BEHIND = sa.text("posted_version < version")
_TIME = sa.DateTime(timezone=True)
_NO_PAYLOAD = b"x\x9c\xab\xae\x05\x00\x01u\x00\xf9"
"""An empty JSON object, packed."""


def upgrade() -> None:
    """Make the tables of the kernel and carry over what the columns and tables of runs have said so far."""
    _make_tables()
    _carry_over()
    op.drop_index("runs_behind", "runs")
    op.drop_index("runs_by_state", "runs")
    for column in ("claimed_by", "wake_at", "posted_version", "posted_by"):
        op.drop_column("runs", column)
    op.create_index("runs_by_state", "runs", ["state"])
    for table in ("run_workers", "run_locks", "run_posts"):
        op.drop_table(table)


def _make_tables() -> None:
    op.create_table(
        "workers",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("heartbeat", sa.Integer, nullable=False),
        sa.Column("capabilities", sa.String(255), nullable=False),
    )
    op.create_table(
        "claims",
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("subject", sa.String(96), primary_key=True),
        sa.Column("worker", sa.String(32)),
        sa.Column("signal", sa.Integer, nullable=False),
        sa.Column("offered_at", _TIME, nullable=False),
    )
    op.create_index("claims_free", "claims", ["kind", "offered_at"], sqlite_where=_FREE, postgresql_where=_FREE)
    op.create_index("claims_by_worker", "claims", ["worker"])
    op.create_table(
        "timers",
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("subject", sa.String(96), primary_key=True),
        sa.Column("scheduled_at", _TIME, nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )
    op.create_index("timers_by_time", "timers", ["due_at"])
    op.create_table(
        "deliveries",
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("subject", sa.String(48), primary_key=True),
        sa.Column("occurrence", sa.String(32), primary_key=True),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("attempted_at", _TIME),
        sa.Column("ended_at", _TIME),
        sa.Column("result", sa.Text),
    )
    op.create_table(
        "live_messages",
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("subject", sa.String(48), primary_key=True),
        sa.Column("purpose", sa.String(32), primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("shown_version", sa.Integer, nullable=False),
        sa.Column("channel", sa.String(32)),
        sa.Column("timestamp", sa.String(32)),
        sa.Column("digest", sa.String(16)),
        sa.Column("attempted_in", sa.String(32)),
        sa.Column("attempted_at", _TIME),
        sa.Column("is_done", sa.Boolean, nullable=False),
    )
    op.create_table(
        "locks",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("owner_kind", sa.String(32), nullable=False),
        sa.Column("owner", sa.String(48), nullable=False),
        sa.Column("taken_at", _TIME, nullable=False),
    )


def _carry_over() -> None:
    # A worker of the older version that is still registered keeps its runs until its heartbeat stands still.
    op.execute("INSERT INTO workers (id, heartbeat, capabilities) SELECT id, beat, 'run live_message' FROM run_workers")
    op.execute(
        "INSERT INTO claims (kind, subject, worker, signal, offered_at)"
        " SELECT 'run', id, claimed_by, 0, created_at FROM runs WHERE state = 'running'"
    )
    op.execute(
        "INSERT INTO claims (kind, subject, worker, signal, offered_at)"
        " SELECT 'live_message', 'run/' || id, NULL, 0, created_at FROM runs WHERE posted_version < version"
    )
    timers = sa.text(
        "INSERT INTO timers (kind, subject, scheduled_at, due_at, payload)"
        " SELECT 'question', question, created_at, wake_at, :payload FROM runs"
        " WHERE state = 'waiting' AND question IS NOT NULL AND wake_at IS NOT NULL"
    )
    op.get_bind().execute(timers, {"payload": _NO_PAYLOAD})
    op.execute(
        "INSERT INTO live_messages (kind, subject, purpose, position, version, shown_version, channel, timestamp,"
        " digest, attempted_in, attempted_at, is_done)"
        " SELECT 'run', run, purpose, caused_by, runs.version, coalesce(runs.posted_version, 0), channel, timestamp,"
        " shown, tried_in, tried_at, is_settled FROM run_posts JOIN runs ON runs.id = run_posts.run"
    )
    op.execute("INSERT INTO locks (name, owner_kind, owner, taken_at) SELECT name, 'run', run, taken_at FROM run_locks")


def downgrade() -> None:
    """Put what concerns runs back where the older version looks for it; other kinds are forgotten."""
    op.create_table("run_workers", sa.Column("id", sa.String(32), primary_key=True), sa.Column("beat", sa.Integer))
    op.create_table(
        "run_locks",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("run", sa.String(32), nullable=False),
        sa.Column("taken_at", _TIME, nullable=False),
    )
    op.create_table(
        "run_posts",
        sa.Column("run", sa.String(32), primary_key=True),
        sa.Column("purpose", sa.String(32), primary_key=True),
        sa.Column("caused_by", sa.Integer, nullable=False),
        sa.Column("channel", sa.String(32)),
        sa.Column("timestamp", sa.String(32)),
        sa.Column("shown", sa.String(16)),
        sa.Column("tried_in", sa.String(32)),
        sa.Column("tried_at", _TIME),
        sa.Column("is_settled", sa.Boolean, nullable=False),
    )
    op.drop_index("runs_by_state", "runs")
    op.add_column("runs", sa.Column("claimed_by", sa.String(32)))
    op.add_column("runs", sa.Column("wake_at", _TIME))
    op.add_column("runs", sa.Column("posted_version", sa.Integer))
    op.add_column("runs", sa.Column("posted_by", sa.String(32)))
    op.create_index("runs_by_state", "runs", ["state", "claimed_by"])
    op.create_index("runs_behind", "runs", ["id"], sqlite_where=_BEHIND, postgresql_where=_BEHIND)
    op.execute("UPDATE runs SET posted_version = 0 WHERE place_kind <> 'terminal'")
    op.execute(
        "UPDATE runs SET wake_at = (SELECT due_at FROM timers WHERE kind = 'question' AND subject = runs.question)"
        " WHERE state = 'waiting'"
    )
    op.execute("INSERT INTO run_locks SELECT name, owner, taken_at FROM locks WHERE owner_kind = 'run'")
    op.execute(
        "INSERT INTO run_posts SELECT subject, purpose, position, channel, timestamp, digest, attempted_in,"
        " attempted_at, is_done FROM live_messages WHERE kind = 'run'"
    )
    for table in ("workers", "claims", "timers", "deliveries", "live_messages", "locks"):
        op.drop_table(table)
