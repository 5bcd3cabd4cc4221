"""An account may have several roles; a supply teacher's may be for some rooms only."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# What an account becomes for a version that knows one role, the first that it has of these, and no others.
_KNOWN_BEFORE = ("coordinator", "teacher", "safeguarding", "head", "governor", "technician")
_BECOMES = {"supply": "teacher", "deputy_coordinator": "teacher"}


def upgrade() -> None:
    """Keep each account's role as its only one."""
    op.add_column("users", sa.Column("roles", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("users", sa.Column("room_ids", sa.JSON(), nullable=False, server_default="[]"))
    users = sa.table("users", sa.column("username"), sa.column("role"), sa.column("roles", sa.JSON()))
    connection = op.get_bind()
    for username, role in connection.execute(sa.select(users.c.username, users.c.role)).all():
        connection.execute(sa.update(users).where(users.c.username == username).values(roles=[role]))
    with op.batch_alter_table("users") as table:
        table.drop_column("role")


def downgrade() -> None:
    """Keep the most that the version before knows of, and less where it knows of nothing."""
    op.add_column("users", sa.Column("role", sa.String(length=20), nullable=False, server_default="governor"))
    users = sa.table("users", sa.column("username"), sa.column("role"), sa.column("roles", sa.JSON()))
    connection = op.get_bind()
    for username, kept in connection.execute(sa.select(users.c.username, users.c.roles)).all():
        roles = {_BECOMES.get(role, role) for role in (json.loads(kept) if isinstance(kept, str) else kept)}
        role = next((one for one in _KNOWN_BEFORE if one in roles), "governor")
        connection.execute(sa.update(users).where(users.c.username == username).values(role=role))
    with op.batch_alter_table("users") as table:
        table.drop_column("roles")
        table.drop_column("room_ids")
