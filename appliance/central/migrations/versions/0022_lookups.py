"""Questions to rooms about a device get a table, and rooms two numbers by which they hear of news for them."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table, and the numbers."""
    for name in ("lookups_changed", "incidents_changed"):
        op.add_column("rooms", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "lookups",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("room_id", sa.Integer(), sa.ForeignKey("rooms.id"), nullable=False),
        sa.Column("is_staff", sa.Boolean(), nullable=False),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("answered_at", TIME),
        sa.Column("error", sa.String(500), nullable=False),
        sa.Column("answer", sa.Text()),
    )
    op.create_index("ix_lookups_is_staff", "lookups", ["is_staff"])
    op.create_index("ix_lookups_state", "lookups", ["state"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("lookups")
    with op.batch_alter_table("rooms") as rooms:
        rooms.drop_column("lookups_changed")
        rooms.drop_column("incidents_changed")
