"""By what a room is told from a copy of its card: its links, its process and its board."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

WORDS = ("link", "process", "board", "copy_board")


def upgrade() -> None:
    """Add them."""
    for name in WORDS:
        op.add_column("rooms", sa.Column(name, sa.String(length=64), nullable=False, server_default=""))
    op.add_column("rooms", sa.Column("stopped_links", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("rooms", sa.Column("copy_seen_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drop them."""
    with op.batch_alter_table("rooms") as rooms:
        for name in (*WORDS, "stopped_links", "copy_seen_at"):
            rooms.drop_column(name)
