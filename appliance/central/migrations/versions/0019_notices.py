"""Who wants to hear of requests by mail: nobody, until they choose it."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "notices",
        sa.Column("username", sa.String(64), sa.ForeignKey("users.username"), primary_key=True),
        sa.Column("on_request", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.String(10), nullable=False),
        sa.Column("digest_due", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("ix_notices_digest_due", "notices", ["digest_due"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("notices")
