"""An account can be known by the school's OpenID provider."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, empty."""
    op.add_column("users", sa.Column("openid_subject", sa.String(64), nullable=False, server_default=""))
    op.create_index("ix_users_openid_subject", "users", ["openid_subject"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_users_openid_subject", "users")
    with op.batch_alter_table("users") as users:
        users.drop_column("openid_subject")
