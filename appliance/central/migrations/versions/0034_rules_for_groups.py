"""Rules get all that a policy says of them: groups, one name alone, a category, leave to search unsafely."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

COLUMNS = ("subdomains", "groups", "category", "safe_search")


def upgrade() -> None:
    """Add the columns: every rule goes on as it is."""
    op.add_column("rules", sa.Column("subdomains", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("rules", sa.Column("groups", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("rules", sa.Column("category", sa.String(64), nullable=False, server_default=""))
    op.add_column("rules", sa.Column("safe_search", sa.Boolean(), nullable=False, server_default=sa.true()))


def downgrade() -> None:
    """Drop them. A rule that opens for some groups goes with them: it would open for everybody."""
    op.execute("DELETE FROM rules WHERE action = 'allow' AND CAST(groups AS VARCHAR(9)) != '[]'")
    with op.batch_alter_table("rules") as rules:
        for name in COLUMNS:
            rules.drop_column(name)
