"""The tables, as the newest migration leaves them."""

import datetime
import json
import zlib

import sqlalchemy
from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text


class UtcDateTime(sqlalchemy.types.TypeDecorator[datetime.datetime]):
    """An aware datetime, stored in UTC; SQLite would otherwise return it without its zone."""

    impl = sqlalchemy.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self,
        value: datetime.datetime | None,
        dialect: sqlalchemy.Dialect,  # noqa: ARG002
    ) -> datetime.datetime | None:
        """Return *value* in UTC."""
        return value.astimezone(datetime.UTC) if value is not None else None

    def process_result_value(
        self,
        value: datetime.datetime | None,
        dialect: sqlalchemy.Dialect,  # noqa: ARG002
    ) -> datetime.datetime | None:
        """Return the stored time with its zone."""
        return value.replace(tzinfo=datetime.UTC) if value is not None and value.tzinfo is None else value


def pack(document: object) -> bytes:
    """Return a JSON document as it is stored; not a column type, which would pack it on the event loop."""
    return zlib.compress(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"))


def unpack(packed: bytes) -> object:
    """Return the document that `pack` has packed."""
    document: object = json.loads(zlib.decompress(packed))
    return document


def strip_unsupported(text: str) -> str:
    """Return *text* without what PostgreSQL or UTF-8 cannot hold: NUL, lone surrogates."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


metadata = MetaData()
_FREE = sqlalchemy.text("worker IS NULL")

invocations = Table(
    "invocations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("delivery_key", String(255), unique=True),
    Column("received_at", UtcDateTime, nullable=False),
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
    Column("stop_requested_at", UtcDateTime),
    Column("stop_requested_by", String(128)),
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
    Column("created_at", UtcDateTime, nullable=False),
    Column("frozen", LargeBinary, nullable=False),
    Column("state", String(32), nullable=False),
    Column("progress", LargeBinary, nullable=False),
    Column("version", Integer, nullable=False),
    Column("question", String(16)),
    Column("ended_at", UtcDateTime),
    Column("cancelled_by", String(128)),
    Column("cancelled_at", UtcDateTime),
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
    Column("answered_at", UtcDateTime),
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
    Column("offered_at", UtcDateTime, nullable=False),
    Index("claims_free", "kind", "offered_at", sqlite_where=_FREE, postgresql_where=_FREE),
    Index("claims_by_worker", "worker"),
)

timers = Table(
    "timers",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("subject", String(96), primary_key=True),
    Column("scheduled_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
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
    Column("attempted_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
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
    Column("attempted_at", UtcDateTime),
    Column("is_done", Boolean, nullable=False),
)

locks = Table(
    "locks",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("owner_kind", String(32), nullable=False),
    Column("owner", String(48), nullable=False),
    Column("taken_at", UtcDateTime, nullable=False),
)
