"""Who signs in here for a room's page gets a table: what was started, and the tickets that were handed out."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "room_sign_ins",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("room_id", sa.Integer(), sa.ForeignKey("rooms.id", ondelete="CASCADE"), nullable=False),
        sa.Column("state_hash", sa.String(64), nullable=False),
        sa.Column("return_url", sa.String(300), nullable=False),
        sa.Column("expires", TIME, nullable=False),
        sa.Column("ticket_hash", sa.String(64), unique=True),
        sa.Column("username", sa.String(64)),
        sa.Column("valid_after", TIME),
    )
    op.create_index("ix_room_sign_ins_room_id", "room_sign_ins", ["room_id"])
    op.create_index("ix_room_sign_ins_expires", "room_sign_ins", ["expires"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("room_sign_ins")
