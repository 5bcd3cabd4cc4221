"""A certificate for pages can be given back where it was taken back; it is known which cards kept its key."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns: none was taken back, and of cards that ended before nothing is known."""
    op.add_column("page_certificates", sa.Column("taken_back_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("page_certificates", sa.Column("left_on", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Drop them, with what was taken back."""
    op.execute("DELETE FROM page_certificates WHERE taken_back_at IS NOT NULL")
    with op.batch_alter_table("page_certificates") as table:
        table.drop_column("left_on")
        table.drop_column("taken_back_at")
