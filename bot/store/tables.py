"""The tables, as the newest migration leaves them."""

import sqlalchemy
from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

from bot.store import database

metadata = MetaData()
_FREE = sqlalchemy.text("worker IS NULL")

invocations = Table(
    "invocations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("delivery_key", String(255), unique=True),
    Column("received_at", database.UtcDateTime, nullable=False),
    Column("source", String(16), nullable=False),
    Column("actor_id", String(64), nullable=False),
    Column("actor_name", String(128), nullable=False),
    Column("team_id", String(32)),
    Column("conversation_kind", String(16), nullable=False),
    Column("conversation_id", String(64), nullable=False),
    Column("conversation_name", String(128), nullable=False),
    Column("text", Text, nullable=False),
    Column("command", String(64)),
    Column("status", String(16)),
    Column("verdict", String(16)),
    Column("headline", Text),
    Column("duration_ms", Integer),
    Column("report", LargeBinary),
    Column("stop_requested_at", database.UtcDateTime),
    Column("stop_requested_by", String(128)),
    Column("stop_requested_by_id", String(64)),
    Column("is_public", Boolean),
    Index("invocations_by_time", "received_at"),
    Index("invocations_by_actor", "actor_id", "received_at"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("invocation", String(32), nullable=False, unique=True),
    Column("procedure", String(40), nullable=False),
    Column("digest", String(12), nullable=False),
    Column("service", String(64)),
    Column("requester_id", String(64), nullable=False),
    Column("conversation_kind", String(16), nullable=False),
    Column("created_at", database.UtcDateTime, nullable=False),
    Column("frozen", LargeBinary, nullable=False),
    Column("state", String(32), nullable=False),
    Column("progress", LargeBinary, nullable=False),
    Column("version", Integer, nullable=False),
    Column("question", String(16)),
    Column("ended_at", database.UtcDateTime),
    Column("cancelled_by", String(128)),
    Column("cancelled_by_id", String(64)),
    Column("cancelled_at", database.UtcDateTime),
    Column("earlier", LargeBinary),
    # No index may name a column that changes with every step: PostgreSQL would then rewrite all of them each time.
    Index("runs_by_state", "state"),
    Index("runs_by_time", "created_at"),
)

questions = Table(
    "run_questions",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("run", String(32), nullable=False),
    Column("asked", LargeBinary, nullable=False),
    Column("answer", String(150)),
    Column("answered_by", String(128)),
    Column("answered_by_id", String(64)),
    Column("answered_at", database.UtcDateTime),
    Column("comment", Text),
    Index("run_questions_by_run", "run"),
)

workers = Table(
    "workers",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("heartbeat", Integer, nullable=False),
    Column("capabilities", String(255), nullable=False),
)

claims = Table(
    "claims",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("subject", String(96), primary_key=True),
    Column("worker", String(32)),
    Column("signal", Integer, nullable=False),
    Column("offered_at", database.UtcDateTime, nullable=False),
    # On PostgreSQL the migration gives it the same condition; named here, it would load that dialect for SQLite, too.
    Index("claims_free", "kind", "offered_at", sqlite_where=_FREE),
    Index("claims_by_worker", "worker"),
)

timers = Table(
    "timers",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("subject", String(96), primary_key=True),
    Column("scheduled_at", database.UtcDateTime, nullable=False),
    Column("due_at", database.UtcDateTime, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Index("timers_by_time", "due_at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("subject", String(48), primary_key=True),
    Column("occurrence", String(32), primary_key=True),
    Column("payload", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("attempted_at", database.UtcDateTime),
    Column("ended_at", database.UtcDateTime),
    Column("result", Text),
)

live_messages = Table(
    "live_messages",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("subject", String(48), primary_key=True),
    Column("purpose", String(32), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("shown_version", Integer, nullable=False),
    Column("channel", String(32)),
    Column("timestamp", String(32)),
    Column("digest", String(16)),
    Column("attempted_in", String(32)),
    Column("attempted_at", database.UtcDateTime),
    Column("is_done", Boolean, nullable=False),
)

locks = Table(
    "locks",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("owner_kind", String(32), nullable=False),
    Column("owner", String(48), nullable=False),
    Column("taken_at", database.UtcDateTime, nullable=False),
)
