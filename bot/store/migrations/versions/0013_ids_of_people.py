"""Keep the ids of people who answer, cancel and stop, and which responses everyone in their conversation saw."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0009"

_COLUMNS = (
    ("invocations", "stop_requested_by_id", sa.String(64)),
    ("invocations", "is_public", sa.Boolean()),
    ("runs", "cancelled_by_id", sa.String(64)),
    ("run_questions", "answered_by_id", sa.String(64)),
)


def upgrade() -> None:
    """Add the columns; of what was recorded before, only the names are known, and no response counts as public."""
    for table, name, kind in _COLUMNS:
        op.add_column(table, sa.Column(name, kind))


def downgrade() -> None:
    """Drop the ids, which the older version cannot show."""
    for table, name, _ in reversed(_COLUMNS):
        op.drop_column(table, name)
