"""Figures of a year, and of a week by category or site, are found without reading every row."""

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_requests_asked_at", "requests", ["asked_at"]),
    ("ix_requests_site", "requests", ["site"]),
    ("ix_incidents_happened_at", "incidents", ["happened_at"]),
    ("ix_counts_category", "counts", ["category", "hour"]),
    ("ix_seen_devices_mac", "seen_devices", ["mac"]),
)


def upgrade() -> None:
    """Make the indexes."""
    for name, table, columns in INDEXES:
        op.create_index(name, table, columns)


def downgrade() -> None:
    """Drop them."""
    for name, table, _ in reversed(INDEXES):
        op.drop_index(name, table)
