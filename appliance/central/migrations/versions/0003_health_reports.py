"""Health reports are counted by themselves: pages show them, rooms need not hear of them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the count."""
    op.add_column("pulse", sa.Column("health_reports", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop it."""
    with op.batch_alter_table("pulse") as pulse:
        pulse.drop_column("health_reports")
