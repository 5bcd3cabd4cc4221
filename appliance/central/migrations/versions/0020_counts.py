"""Rooms' counts get tables: hours, and days from a month on."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    for table, *columns in (
        ("counts", ("verdict", 16, True), ("category", 64, True)),
        ("refused_sites", ("site", 253, True), ("category", 64, False)),
    ):
        op.create_table(
            table,
            sa.Column("room_id", sa.Integer(), sa.ForeignKey("rooms.id", ondelete="CASCADE"), primary_key=True),
            sa.Column("hour", sa.Integer(), primary_key=True),
            *(
                sa.Column(name, sa.String(length), primary_key=is_key, nullable=False)
                for name, length, is_key in columns
            ),
            sa.Column("answers", sa.BigInteger(), nullable=False),
            sa.Column("is_day", sa.Boolean(), nullable=False),
        )
        op.create_index(f"ix_{table}_hour", table, ["hour"])


def downgrade() -> None:
    """Drop them."""
    for table in ("refused_sites", "counts"):
        op.drop_table(table)
