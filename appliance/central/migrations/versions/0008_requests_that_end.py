"""A request waits only for a time; openings have a start, and may be for one device.

What waits already gets the end that a request of its day would have had at the latest: four days after it was
asked, which is the end of the next school day wherever a weekend lies between.
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_WAITING_DAYS = 4


def upgrade() -> None:
    """Add the columns, and give what waits an end."""
    op.add_column("school", sa.Column("request_days", sa.Integer(), nullable=False, server_default="1"))
    for column in (
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("device", sa.String(length=64), nullable=False, server_default=""),
        sa.Column("urgent", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("seen_with", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_permanent", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("passed_to", sa.String(length=64), nullable=False, server_default=""),
        sa.Column("passed_by", sa.String(length=64), nullable=False, server_default=""),
        sa.Column("passed_note", sa.Text(), nullable=False, server_default=""),
    ):
        op.add_column("requests", column)
    op.create_index("ix_requests_expires_at", "requests", ["expires_at"])
    op.create_index("ix_requests_room_id", "requests", ["room_id"])
    op.create_index("ix_requests_decided_at", "requests", ["decided_at"])
    op.add_column("unblocks", sa.Column("device", sa.String(length=64), nullable=False, server_default=""))
    _end_what_waits()


def _end_what_waits() -> None:
    requests = sa.table(
        "requests",
        sa.column("id", sa.String),
        sa.column("state", sa.String),
        sa.column("asked_at", sa.DateTime(timezone=True)),
        sa.column("expires_at", sa.DateTime(timezone=True)),
    )
    connection = op.get_bind()
    found = sa.select(requests.c.id, requests.c.asked_at).where(requests.c.state == "waiting")
    for request_id, asked_at in connection.execute(found).all():
        asked: datetime = asked_at if asked_at.tzinfo is not None else asked_at.replace(tzinfo=UTC)
        end = asked.astimezone(UTC) + timedelta(days=_WAITING_DAYS)
        connection.execute(sa.update(requests).where(requests.c.id == request_id).values(expires_at=end))


def downgrade() -> None:
    """Drop them. Not by making the tables anew (Alembic's way on SQLite): other tables' rows point at theirs."""
    for name in ("expires_at", "room_id", "decided_at"):
        op.drop_index(f"ix_requests_{name}", "requests")
    op.execute("ALTER TABLE unblocks DROP COLUMN device")
    for name in (
        "passed_note", "passed_by", "passed_to", "is_permanent", "expires_at", "seen_with", "urgent", "device",
        "since",
    ):  # fmt: skip
        op.execute(f"ALTER TABLE requests DROP COLUMN {name}")
    op.execute("ALTER TABLE school DROP COLUMN request_days")
