"""A token that was never used ends. Those of before are in use, or are taken to be."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add when that is."""
    op.add_column("rooms", sa.Column("unused_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drop it."""
    with op.batch_alter_table("rooms") as rooms:
        rooms.drop_column("unused_until")
