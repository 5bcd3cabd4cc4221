"""A site report is passed on and answered; what was made of one can be taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the columns. Of what was put away before, nobody knows when."""
    for column in (
        sa.Column("settled_at", TIME, nullable=True),
        sa.Column("closed_by_rule", sa.Integer(), nullable=True),
        sa.Column("passed_to", sa.String(200), nullable=False, server_default=""),
        sa.Column("passed_by", sa.String(64), nullable=False, server_default=""),
        sa.Column("passed_at", TIME, nullable=True),
        sa.Column("outside_answer", sa.Text(), nullable=False, server_default=""),
        sa.Column("answered_by", sa.String(64), nullable=False, server_default=""),
        sa.Column("answered_at", TIME, nullable=True),
    ):
        op.add_column("reports", column)
    op.create_index("ix_reports_settled_by", "reports", ["settled_by"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_reports_settled_by", "reports")
    for name in (
        "answered_at", "answered_by", "outside_answer", "passed_at", "passed_by", "passed_to", "closed_by_rule",
        "settled_at",
    ):  # fmt: skip
        op.execute(f"ALTER TABLE reports DROP COLUMN {name}")
