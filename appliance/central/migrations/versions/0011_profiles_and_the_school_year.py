"""Profiles say all that a room's policy can; the school has a week, terms and holidays; changes can be undone.

Profiles of before go on as they did. What was delegated is for every group, as before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
SCHOOL_WEEK = '["mon", "tue", "wed", "thu", "fri"]'


def upgrade() -> None:
    """Add the columns, and the table of changes."""
    with op.batch_alter_table("profiles") as profiles:
        profiles.add_column(sa.Column("youtube", sa.String(8), nullable=False, server_default="strict"))
        profiles.add_column(sa.Column("safe_search_except", sa.JSON(), nullable=False, server_default="[]"))
        profiles.add_column(sa.Column("strip_ech", sa.Boolean(), nullable=False, server_default=sa.false()))
        profiles.add_column(sa.Column("refusal", sa.String(8), nullable=False, server_default="null"))
        profiles.add_column(sa.Column("timetable", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("school") as school:
        school.add_column(sa.Column("school_week", sa.JSON(), nullable=False, server_default=SCHOOL_WEEK))
        school.add_column(sa.Column("terms", sa.JSON(), nullable=False, server_default="[]"))
        school.add_column(sa.Column("holidays", sa.JSON(), nullable=False, server_default="[]"))
    op.create_table(
        "setting_changes",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("at", TIME, nullable=False),
    )
    op.create_index("ix_setting_changes_at", "setting_changes", ["at"])
    _replace_delegations(
        sa.Column("group_name", sa.String(64), primary_key=True), "category, '', minutes, per_day"
    )


def downgrade() -> None:
    """Drop them. What was delegated to some groups alone is delegated to nobody."""
    op.execute("DELETE FROM delegations WHERE group_name <> ''")
    _replace_delegations(None, "category, minutes, per_day")
    op.drop_table("setting_changes")
    with op.batch_alter_table("school") as school:
        for column in ("holidays", "terms", "school_week"):
            school.drop_column(column)
    with op.batch_alter_table("profiles") as profiles:
        for column in ("timetable", "refusal", "strip_ech", "safe_search_except", "youtube"):
            profiles.drop_column(column)


def _replace_delegations(group: sa.Column[str] | None, kept: str) -> None:
    """Make the table anew: SQLite cannot give one another primary key."""
    op.create_table(
        "new_delegations",
        sa.Column("category", sa.String(64), primary_key=True),
        *(() if group is None else (group,)),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("per_day", sa.Integer(), nullable=False),
    )
    op.execute(f"INSERT INTO new_delegations SELECT {kept} FROM delegations")  # noqa: S608 (words of this file)
    op.drop_table("delegations")
    op.rename_table("new_delegations", "delegations")
