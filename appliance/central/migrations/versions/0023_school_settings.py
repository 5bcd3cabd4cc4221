"""What a school sets for all its rooms gets its column: only what is not as a school begins stands in it."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("school", sa.Column("settings", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    """Drop it: every room goes on as rooms begin."""
    with op.batch_alter_table("school") as school:
        school.drop_column("settings")
