"""The life of a room: names that are unique without regard to case, retired and revoked rooms, files for cards.

Rooms of before whose names differ in case alone go on, each under its own name; no other can be given such a one.
"""

import sqlalchemy as sa
from alembic import op

from appliance.central.room_names import room_name_key

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.add_column("rooms", sa.Column("name_key", sa.String(length=400), nullable=False, server_default=""))
    op.add_column("rooms", sa.Column("state", sa.String(length=10), nullable=False, server_default="enrolled"))
    op.add_column("rooms", sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True))
    rooms = sa.table(
        "rooms", sa.column("id", sa.Integer), sa.column("name", sa.String), sa.column("name_key", sa.String)
    )
    connection = op.get_bind()
    taken: set[str] = set()
    for room_id, name in connection.execute(sa.select(rooms.c.id, rooms.c.name).order_by(rooms.c.id)).all():
        key = room_name_key(name)
        key = f"{key}\n{room_id}" if key in taken else key
        taken.add(key)
        connection.execute(rooms.update().where(rooms.c.id == room_id).values(name_key=key))
    with op.batch_alter_table("rooms") as table:
        table.create_unique_constraint("rooms_unique_name_key", ["name_key"])
        table.alter_column("log_key", existing_type=sa.String(64), type_=sa.String(200), existing_nullable=False)
    op.create_table(
        "card_secrets",
        sa.Column("room_id", sa.Integer(), sa.ForeignKey("rooms.id"), primary_key=True),
        sa.Column("sealed", sa.String(length=400), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
    )


def downgrade() -> None:
    """Drop them. Keys of logs stay wrapped: a central of before cannot use those."""
    op.drop_table("card_secrets")
    with op.batch_alter_table("rooms") as rooms:
        rooms.drop_constraint("rooms_unique_name_key", type_="unique")
        rooms.drop_column("ended_at")
        rooms.drop_column("state")
        rooms.drop_column("name_key")
