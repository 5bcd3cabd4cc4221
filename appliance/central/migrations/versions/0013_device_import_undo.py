"""A file of devices that was saved can be taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what takes it back."""
    op.add_column("device_imports", sa.Column("undo", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop it."""
    with op.batch_alter_table("device_imports") as imports:
        imports.drop_column("undo")
