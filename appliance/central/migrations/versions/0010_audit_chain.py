"""The audit's entries hold hashes; those of before are chained as they are found, and an entry says so."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from appliance.central.audit_chain import CHAIN_BEGINS, NO_HASH, hash_fields

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
_BATCH = 5000

_audit = sa.table(
    "audit", sa.column("id", sa.Integer), sa.column("at", TIME), sa.column("who", sa.String),
    sa.column("room", sa.String), sa.column("what", sa.String), sa.column("detail", sa.Text),
    sa.column("previous", sa.String), sa.column("hash", sa.String),
)  # fmt: skip
_head = sa.table(
    "audit_head",
    sa.column("id", sa.Integer),
    sa.column("number", sa.Integer),
    sa.column("hash", sa.String),
)


def upgrade() -> None:
    """Chain what is there. Nothing says whether it was changed before; from now on a change is found."""
    for name in ("previous", "hash"):
        op.add_column("audit", sa.Column(name, sa.String(64), nullable=False, server_default=""))
    op.create_index("ix_audit_who", "audit", ["who", "id"])
    op.create_index("ix_audit_what", "audit", ["what", "id"])
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "audit_witnesses",
        sa.Column("room_id", sa.Integer(), sa.ForeignKey("rooms.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("at", TIME, nullable=False),
    )
    number, found = _chain_entries(op.get_bind())
    if number:
        number, found = _begin_chain(op.get_bind(), number, found)
    op.get_bind().execute(sa.insert(_head).values(id=1, number=number, hash=found))


def downgrade() -> None:
    """Drop the hashes. The entries stay."""
    op.drop_table("audit_witnesses")
    op.drop_table("audit_head")
    op.drop_index("ix_audit_what", "audit")
    op.drop_index("ix_audit_who", "audit")
    with op.batch_alter_table("audit") as audit:
        audit.drop_column("hash")
        audit.drop_column("previous")
    if op.get_bind().dialect.name == "postgresql":  # numbers come from the sequence again
        op.execute(
            "SELECT setval(pg_get_serial_sequence('audit', 'id'), (SELECT coalesce(max(id), 1) FROM audit))"
        )


def _chain_entries(connection: Any) -> tuple[int, str]:
    """Give every entry its hashes, in the order of their numbers; return the last one's number and hash."""
    number, previous = 0, NO_HASH
    set_hashes = (
        sa.update(_audit)
        .where(_audit.c.id == sa.bindparam("of"))
        .values(previous=sa.bindparam("before"), hash=sa.bindparam("made"))
    )
    for rows in _batches(connection):
        changes = []
        for row in rows:
            at = row.at if row.at.tzinfo else row.at.replace(tzinfo=UTC)
            made = hash_fields(row.id, at, row.who, row.room, row.what, row.detail, previous)
            changes.append({"of": row.id, "before": previous, "made": made})
            number, previous = row.id, made
        connection.execute(set_hashes, changes)
    return number, previous


def _batches(connection: Any) -> Iterator[list[Any]]:
    last = 0
    while rows := connection.execute(
        sa.select(_audit).where(_audit.c.id > last).order_by(_audit.c.id).limit(_BATCH)
    ).all():
        yield rows
        last = rows[-1].id


def _begin_chain(connection: Any, last: int, previous: str) -> tuple[int, str]:
    """Add the entry that says since when a change is found."""
    number, now = last + 1, datetime.now(UTC)
    detail = f"entries up to {last} are from before, and were chained as they were found"
    made = hash_fields(number, now, "central", "", CHAIN_BEGINS, detail, previous)
    connection.execute(
        sa.insert(_audit).values(
            id=number, at=now, who="central", room="", what=CHAIN_BEGINS, detail=detail, previous=previous,
            hash=made,
        )
    )  # fmt: skip
    return number, made
