"""The audit tells what is known from what a room says. Lines of before are left as they are."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the room."""
    op.add_column("audit", sa.Column("room", sa.String(length=100), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop it."""
    with op.batch_alter_table("audit") as audit:
        audit.drop_column("room")
