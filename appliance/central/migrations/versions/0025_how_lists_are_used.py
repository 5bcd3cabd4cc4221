"""A list can open instead of close, and may be let close whole endings: two columns of its source."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns: every list closes, and may be as wide as the catalogue says."""
    op.add_column("sources", sa.Column("action", sa.String(5), nullable=False, server_default="block"))
    op.add_column("sources", sa.Column("allow_wide", sa.Boolean()))


def downgrade() -> None:
    """Drop them, and the lists that open: a version without the column would close what they name."""
    op.execute("DELETE FROM sources WHERE action = 'allow'")
    with op.batch_alter_table("sources") as sources:
        sources.drop_column("action")
        sources.drop_column("allow_wide")
