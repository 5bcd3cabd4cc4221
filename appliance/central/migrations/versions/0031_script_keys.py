"""Keys for the school's own scripts get a table."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make it."""
    op.create_table(
        "script_keys",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(24), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("owner", sa.String(64), sa.ForeignKey("users.username"), nullable=False),
        sa.Column("rights", sa.JSON(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("made_by", sa.String(64), nullable=False),
        sa.Column("ends", TIME, nullable=False),
        sa.Column("last_used", TIME),
        sa.Column("revoked_at", TIME),
        sa.Column("revoked_by", sa.String(64), nullable=False),
    )
    op.create_index("ix_script_keys_owner", "script_keys", ["owner"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("script_keys")
