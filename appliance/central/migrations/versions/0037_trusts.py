"""A trust and its schools get tables, and a school the trust that it belongs to."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make them; the lists that a school has are its own."""
    op.create_table(
        "trust",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("trust_id", sa.String(32), nullable=False),
        sa.Column("public_key", sa.String(64), nullable=False),
        sa.Column("sealed_key", sa.String(400), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("database_epoch", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
    )
    op.create_table(
        "trust_schools",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("name_key", sa.String(400), nullable=False, unique=True),
        sa.Column("timezone", sa.String(64), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("token_hash", sa.String(64), unique=True),
        sa.Column("token_ends", TIME),
        sa.Column("token_used", sa.Boolean(), nullable=False),
        sa.Column("credential_hash", sa.String(64), unique=True),
        sa.Column("registered_at", TIME, nullable=False),
        sa.Column("enrolled_at", TIME),
        sa.Column("ended_at", TIME),
        sa.Column("last_seen", TIME),
        sa.Column("numbers", sa.JSON()),
        sa.Column("numbers_at", TIME),
    )
    op.create_table(
        "trust_entries",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("key", sa.String(300), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("schools", sa.JSON(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("made_by", sa.String(64), nullable=False),
        sa.Column("ended_at", TIME),
        sa.Column("ended_by", sa.String(64), nullable=False),
    )
    op.create_index("ix_trust_entries_key", "trust_entries", ["key"])
    op.create_table(
        "trust_membership",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("trust_id", sa.String(32), nullable=False),
        sa.Column("trust_name", sa.String(200), nullable=False),
        sa.Column("school_id", sa.String(32), nullable=False),
        sa.Column("url", sa.String(200), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("public_key", sa.String(64), nullable=False),
        sa.Column("sealed_credential", sa.String(400), nullable=False),
        sa.Column("joined_at", TIME, nullable=False),
        sa.Column("joined_by", sa.String(64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("received_at", TIME),
    )
    op.create_table(
        "trust_contact",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("reached_at", TIME, nullable=False),
        sa.Column("tried_at", TIME, nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
    )
    op.add_column("sources", sa.Column("by_trust", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Drop them; lists of a trust's stay, as the school's own."""
    with op.batch_alter_table("sources") as table:
        table.drop_column("by_trust")
    for table_name in ("trust_contact", "trust_membership", "trust_entries", "trust_schools", "trust"):
        op.drop_table(table_name)
