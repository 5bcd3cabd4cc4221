"""Which groups are the staff's stands in the school's row, so that another name for one changes nothing of it."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column: until now it was the group `staff`."""
    op.add_column("school", sa.Column("staff_groups", sa.JSON(), nullable=False, server_default='["staff"]'))


def downgrade() -> None:
    """Drop it: a group that was renamed is the staff's no more."""
    with op.batch_alter_table("school") as school:
        school.drop_column("staff_groups")
