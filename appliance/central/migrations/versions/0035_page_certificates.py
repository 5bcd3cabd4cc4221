"""Certificates for rooms' pages come from central."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make their table: rooms go on with what stands on their cards."""
    op.create_table(
        "page_certificates",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("room_id", sa.Integer(), sa.ForeignKey("rooms.id"), nullable=True, unique=True),
        sa.Column("name", sa.String(253), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("sealed_key", sa.Text(), nullable=False),
        sa.Column("publicly_trusted", sa.Boolean(), nullable=False),
        sa.Column("ends", sa.DateTime(timezone=True), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(64), nullable=False),
    )


def downgrade() -> None:
    """Drop it. Rooms keep the certificate that they have, until it ends."""
    op.drop_table("page_certificates")
