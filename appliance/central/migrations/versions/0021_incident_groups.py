"""Incidents are worked on as groups, with a state, notes and a history. Each of before is a group of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables; what was acknowledged is closed."""
    op.create_table(
        "incident_groups",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("room_id", sa.Integer(), sa.ForeignKey("rooms.id"), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("is_staff", sa.Boolean(), nullable=False),
        sa.Column("first_at", TIME, nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("unseen", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("assigned_to", sa.String(200), nullable=False),
        sa.Column("referred_to", sa.String(20), nullable=False),
        sa.Column("referred_on", sa.Date()),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("closed_at", TIME),
        sa.Column("changed_by", sa.String(64), nullable=False),
        sa.Column("changed_at", TIME),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("before", sa.JSON()),
        sa.Column("held_by", sa.String(64), nullable=False),
        sa.Column("held_at", TIME),
        sa.Column("alerted_at", TIME),
    )
    op.create_index("ix_incident_groups_same", "incident_groups", ["room_id", "device", "kind"])
    op.create_index("ix_incident_groups_listed", "incident_groups", ["is_staff", "state", "last_at"])
    op.create_table(
        "incident_notes",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("group_id", sa.String(32), sa.ForeignKey("incident_groups.id"), nullable=False),
        sa.Column("token", sa.String(32), unique=True),
        sa.Column("at", TIME, nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("is_change", sa.Boolean(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
    )
    op.create_index("ix_incident_notes_group_id", "incident_notes", ["group_id"])
    op.execute(
        sa.text(
            "INSERT INTO incident_groups (id, room_id, kind, device, is_staff, first_at, last_at, count, unseen,"
            " state, due_at, assigned_to, referred_to, outcome, closed_at, changed_by, changed_at, version,"
            " held_by)"
            " SELECT id, room_id, kind, device, :no, happened_at, happened_at, 1,"
            " CASE WHEN acknowledged_by = '' THEN 1 ELSE 0 END,"
            " CASE WHEN acknowledged_by = '' THEN 'new' ELSE 'closed' END, happened_at, '', '',"
            " CASE WHEN acknowledged_by = '' THEN '' ELSE 'acknowledged' END,"
            " CASE WHEN acknowledged_by = '' THEN NULL ELSE happened_at END, acknowledged_by,"
            " CASE WHEN acknowledged_by = '' THEN NULL ELSE happened_at END, 0, '' FROM incidents"
        ).bindparams(sa.bindparam("no", value=False, type_=sa.Boolean()))
    )
    op.add_column("incidents", sa.Column("group_id", sa.String(32)))
    op.add_column("incidents", sa.Column("device_group", sa.String(64), nullable=False, server_default=""))
    op.execute("UPDATE incidents SET group_id = id")
    with op.batch_alter_table("incidents") as incidents:
        incidents.alter_column("group_id", existing_type=sa.String(32), nullable=False)
        incidents.create_foreign_key("fk_incidents_group_id", "incident_groups", ["group_id"], ["id"])
        incidents.create_index("ix_incidents_group_id", ["group_id"])
        incidents.drop_column("acknowledged_by")


def downgrade() -> None:
    """Keep who closed each, and nothing else of it."""
    op.add_column("incidents", sa.Column("acknowledged_by", sa.String(64), nullable=False, server_default=""))
    op.execute(
        "UPDATE incidents SET acknowledged_by = coalesce((SELECT changed_by FROM incident_groups"
        " WHERE incident_groups.id = incidents.group_id AND state = 'closed'), '')"
    )
    with op.batch_alter_table("incidents") as incidents:
        incidents.drop_constraint("fk_incidents_group_id", type_="foreignkey")
        incidents.drop_index("ix_incidents_group_id")
        incidents.drop_column("group_id")
        incidents.drop_column("device_group")
    op.drop_table("incident_notes")
    op.drop_table("incident_groups")
