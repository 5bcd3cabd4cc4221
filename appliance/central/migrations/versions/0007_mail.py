"""Mail that waits to be sent gets a table, and accounts an address for it."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table, and the column."""
    op.add_column("users", sa.Column("email", sa.String(254), nullable=False, server_default=""))
    op.create_table(
        "mails",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("recipient", sa.String(254), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("queued_at", TIME, nullable=False),
        sa.Column("next_try_at", TIME),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", TIME),
        sa.Column("error", sa.String(500), nullable=False),
    )
    op.create_index("ix_mails_next_try_at", "mails", ["next_try_at"])


def downgrade() -> None:
    """Drop them: what waits is not sent."""
    op.drop_table("mails")
    with op.batch_alter_table("users") as users:
        users.drop_column("email")
