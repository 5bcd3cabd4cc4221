"""Devices get names, and groups of devices their networks and rooms."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables, and the columns."""
    op.add_column("profiles", sa.Column("only_from", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("rooms", sa.Column("default_group", sa.String(64), nullable=False, server_default=""))
    op.create_table(
        "devices",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("name_key", sa.String(256), nullable=False),
        sa.Column("addresses", sa.Text(), nullable=False),
        sa.Column("device_group", sa.String(64), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("changed_by", sa.String(64), nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("removed_at", TIME),
    )
    op.create_index("ix_devices_name_key", "devices", ["name_key"])
    op.create_table(
        "device_imports",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
    )
    op.create_table(
        "seen_devices",
        sa.Column("room_id", sa.Integer(), sa.ForeignKey("rooms.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("mac", sa.String(17), primary_key=True),
        sa.Column("addresses", sa.Text(), nullable=False),
        sa.Column("first_seen", TIME, nullable=False),
        sa.Column("last_seen", TIME, nullable=False),
        sa.Column("returned_at", TIME),
    )
    op.create_index("ix_seen_devices_last_seen", "seen_devices", ["last_seen"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("seen_devices")
    op.drop_table("device_imports")
    op.drop_table("devices")
    with op.batch_alter_table("rooms") as rooms:
        rooms.drop_column("default_group")
    with op.batch_alter_table("profiles") as profiles:
        profiles.drop_column("only_from")
