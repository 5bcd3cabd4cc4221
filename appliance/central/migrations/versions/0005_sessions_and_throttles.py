"""Sessions, devices that are known and counts of wrong passwords get tables; accounts are not locked any more."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables. What was counted before falls: it locked accounts, which anybody could do."""
    op.create_table(
        "sessions",
        sa.Column("id_hash", sa.String(64), primary_key=True),
        sa.Column("username", sa.String(64), sa.ForeignKey("users.username"), nullable=False),
        sa.Column("issued", TIME, nullable=False),
        sa.Column("last_used", TIME, nullable=False),
        sa.Column("device", sa.String(60), nullable=False),
        sa.Column("valid_after", TIME),
        sa.Column("ended", TIME),
    )
    op.create_index("ix_sessions_username", "sessions", ["username"])
    op.create_index("ix_sessions_issued", "sessions", ["issued"])
    op.create_table(
        "known_devices",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("last_used", TIME, nullable=False),
    )
    op.create_index("ix_known_devices_username", "known_devices", ["username"])
    op.create_table(
        "throttles",
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("expires", TIME, nullable=False),
    )
    op.create_index("ix_throttles_expires", "throttles", ["expires"])
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("valid_after", TIME))
        users.drop_column("failures")
        users.drop_column("locked_until")


def downgrade() -> None:
    """Drop them."""
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
        users.add_column(sa.Column("locked_until", TIME))
        users.drop_column("valid_after")
    for table in ("throttles", "known_devices", "sessions"):
        op.drop_table(table)
