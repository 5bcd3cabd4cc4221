"""Accounts can have a second factor, and a school can ask it of roles."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table, and say of everybody that they have none."""
    op.add_column("users", sa.Column("has_second_factor", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("school", sa.Column("second_factor_roles", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("school", sa.Column("second_factor_from", TIME, nullable=True))
    op.create_table(
        "second_factors",
        sa.Column("username", sa.String(64), sa.ForeignKey("users.username"), primary_key=True),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("confirmed_at", TIME, nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("recovery_hashes", sa.JSON(), nullable=False),
        sa.Column("unnoted_codes", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("second_factors")
    with op.batch_alter_table("school") as school:
        school.drop_column("second_factor_roles")
        school.drop_column("second_factor_from")
    with op.batch_alter_table("users") as users:
        users.drop_column("has_second_factor")
