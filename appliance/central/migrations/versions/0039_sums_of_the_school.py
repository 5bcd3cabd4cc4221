"""The counts of all rooms together are kept as sums, made here of those that there are."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

KEY = ("hour", "is_day", "verdict", "category")
_counts = sa.table("counts", *(sa.column(name) for name in (*KEY, "answers")))
_sums = sa.table("school_counts", *(sa.column(name) for name in (*KEY, "answers", "rooms")))


def upgrade() -> None:
    """Make the table, and the sums."""
    op.create_table(
        "school_counts",
        sa.Column("hour", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("is_day", sa.Boolean(), primary_key=True),
        sa.Column("verdict", sa.String(16), primary_key=True),
        sa.Column("category", sa.String(64), primary_key=True),
        sa.Column("answers", sa.BigInteger(), nullable=False),
        sa.Column("rooms", sa.Integer(), nullable=False),
    )
    key = [_counts.c[name] for name in KEY]
    sums = sa.select(*key, sa.func.sum(_counts.c.answers), sa.func.count()).group_by(*key)
    op.execute(sa.insert(_sums).from_select([*KEY, "answers", "rooms"], sums))


def downgrade() -> None:
    """Drop it."""
    op.drop_table("school_counts")
