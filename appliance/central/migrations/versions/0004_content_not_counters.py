"""What a change concerns, and the epoch of the database, by which rooms notice a restore from a backup."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.add_column("pulse", sa.Column("school_revision", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("pulse", sa.Column("epoch", sa.String(length=32), nullable=False, server_default=""))
    op.add_column("rooms", sa.Column("revision", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop them."""
    with op.batch_alter_table("rooms") as rooms:
        rooms.drop_column("revision")
    with op.batch_alter_table("pulse") as pulse:
        pulse.drop_column("epoch")
        pulse.drop_column("school_revision")
