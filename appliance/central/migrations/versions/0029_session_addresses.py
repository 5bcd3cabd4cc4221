"""A session says from which address it began."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of sessions of before it is not known."""
    op.add_column("sessions", sa.Column("address", sa.String(45), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop it."""
    with op.batch_alter_table("sessions") as sessions:
        sessions.drop_column("address")
