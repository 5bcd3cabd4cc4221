"""Rooms have keys and certificates of their own, and there are authorities that sign these."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table, and the columns of the rooms: none has a key yet."""
    op.create_table(
        "room_authorities",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("sealed_key", sa.Text(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("ended_at", TIME),
    )
    op.add_column("rooms", sa.Column("key_hash", sa.String(64)))
    op.add_column("rooms", sa.Column("key_confirmed_at", TIME))
    op.add_column("rooms", sa.Column("certificate_ends", TIME))
    op.add_column("rooms", sa.Column("authority_id", sa.String(16), nullable=False, server_default=""))
    op.create_index("ix_rooms_key_hash", "rooms", ["key_hash"], unique=True)


def downgrade() -> None:
    """Drop them: rooms whose token is spent have to be enrolled anew."""
    op.drop_index("ix_rooms_key_hash", "rooms")
    with op.batch_alter_table("rooms") as rooms:
        for name in ("authority_id", "certificate_ends", "key_confirmed_at", "key_hash"):
            rooms.drop_column(name)
    op.drop_table("room_authorities")
