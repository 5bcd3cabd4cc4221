"""What rooms have kept of the audit: taken in, compared at once, and there for `hallpass central audit verify`.

A room that contradicts the audit is written into it, once for each head that it contradicts with. Central keeps
what a room said last; who could change the audit could change that too, which is why the check can also compare
with a file that comes from the room itself.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.audit_chain import DATABASE_RESTORED
from appliance.central.audit_verification import compare_heads
from appliance.central.models import AuditRow, AuditWitnessRow, RoomRow
from appliance.central.room_life import require_room
from appliance.protocol import MAX_KEPT_HEADS, KeptHead, KeptHeads

CONTRADICTED = "audit contradicted"


def receive_heads(session: Session, now: datetime, room: RoomRow, said: KeptHeads) -> None:
    """Take in what a room has kept; write down where it contradicts what stands in the audit."""
    known = {(row.number, row.hash) for row in _rows(session, room.id)}
    fresh = {(one.number, one.hash): one for one in said.heads if (one.number, one.hash) not in known}
    if not fresh:
        return
    session.add_all(
        AuditWitnessRow(room_id=room.id, number=one.number, hash=one.hash, at=one.at) for one in fresh.values()
    )
    session.flush()
    for row in _rows(session, room.id)[MAX_KEPT_HEADS:]:
        session.delete(row)
    heads = sorted(fresh.values(), key=lambda one: (one.number, one.at))
    named = session.scalars(select(AuditRow).where(AuditRow.id.in_([one.number for one in heads])))
    hashes = {row.id: row.hash for row in named}
    restores = session.scalars(select(AuditRow).where(audit.is_own_entry(DATABASE_RESTORED)).order_by(AuditRow.id))
    restored = {row.id: row.at for row in restores}
    newest = audit.read_head(session).number
    finding, forks = compare_heads(heads, hashes, restored, newest=newest)
    claim = audit.RoomClaim(room.name)
    if finding is not None:
        detail = f"entry {finding.number} was {finding.kind}: {finding.words}"
        audit.record_audit(session, now, claim, CONTRADICTED, detail)
    for fork in forks:
        detail = f"the room knows entries {fork.first} to {fork.newest} of before the database was put back"
        audit.record_audit(session, now, claim, CONTRADICTED, detail)


def list_kept_heads(session: Session, room_name: str) -> list[KeptHead]:
    """Return the heads that a room has kept, as it said them last. Raises NotFound."""
    room = require_room(session, room_name)
    return [KeptHead(number=row.number, hash=row.hash, at=row.at) for row in _rows(session, room.id)]


def list_all_kept_heads(session: Session) -> dict[str, list[KeptHead]]:
    """Return what every room that has kept heads said last, by the name of the room."""
    found: dict[str, list[KeptHead]] = {}
    query = select(RoomRow.name, AuditWitnessRow).join(RoomRow, RoomRow.id == AuditWitnessRow.room_id)
    for name, row in session.execute(query.order_by(RoomRow.name)):
        found.setdefault(name, []).append(KeptHead(number=row.number, hash=row.hash, at=row.at))
    return found


def _rows(session: Session, room_id: int) -> Sequence[AuditWitnessRow]:
    """Return what a room said, the newest first."""
    of_room = select(AuditWitnessRow).where(AuditWitnessRow.room_id == room_id)
    return session.scalars(of_room.order_by(AuditWitnessRow.at.desc(), AuditWitnessRow.number.desc())).all()
