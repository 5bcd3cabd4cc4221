"""The audit's entries are counted by day: by central, a part every hour. Until then reports count the entries."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "audit_days",
        sa.Column("day", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("is_claim", sa.Boolean(), primary_key=True),
        sa.Column("what", sa.String(64), primary_key=True),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("newest", sa.Integer(), nullable=False),
    )
    op.create_index("ix_audit_days_newest", "audit_days", ["newest"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("audit_days")
