"""Questions to a room about one of its devices: a part of its log, for a reason, for a few days.

Who asks, why, about which device and which time stands in the audit before the room is asked. The room is asked
through the feed, answers once, and only what it was asked; while it is off a question waits, for `WAITS_FOR`. An
answer is sealed by the key file, and forgotten after `lookup_days`.
"""

import re
import secrets
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload

from appliance import protocol
from appliance.central import audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.incidents.kinds import Whose
from appliance.central.incidents.states import checked_text
from appliance.central.key_file import KeyFile, KeyFileUnusable
from appliance.central.log_keys import require_key_of_database
from appliance.central.models import LookupRow, RoomRow
from appliance.central.staff_groups import read_staff_groups
from appliance.control_characters import find_control_character
from dns.errors import DECODING_FAILED

MAX_HOURS = 24
OLDEST = timedelta(days=31)  # rooms keep no longer what they refused
WAITS_FOR = timedelta(days=3)
MAX_REASON_LENGTH = 500
MIN_REASON_LENGTH = 10  # "x" is none
MAX_WAITING = 20  # for one room
_DEVICE = re.compile(r"[0-9a-f]{12}")
_ID = re.compile(r"[0-9a-f]{32}")


def ask_room(
    session: Session, now: datetime, *, room_id: int, device: str, since: datetime, until: datetime, reason: str,
    by: str, whose: Whose, lookup_id: str = "",
) -> LookupRow:  # fmt: skip
    """Ask a room. Raises NotFound or NotPossible.

    A form sends its `lookup_id`: sent twice, it asks once. One that asks something else by then is refused.
    """
    lookup_id = lookup_id if _ID.fullmatch(lookup_id) else secrets.token_hex(16)
    known = session.get(LookupRow, lookup_id)
    if known is not None:
        asked = (room_id, device.strip().lower(), since, min(until, known.asked_at), reason.strip())
        if asked != (known.room_id, known.device, known.since, known.until, known.reason):
            raise NotPossible("this form was sent before with another question: send it again to ask this as well")
        return get_lookup(session, lookup_id, whose)
    room = session.get(RoomRow, room_id)
    if room is None:
        raise NotFound("there is no such room")
    device = device.strip().lower()
    if not _DEVICE.fullmatch(device):
        raise NotPossible("a device has a short name of twelve digits and letters, as it stands with an incident")
    reason = checked_text("a reason", reason, MAX_REASON_LENGTH)
    if find_control_character(reason):
        raise NotPossible("a reason is one line")
    if len(reason) < MIN_REASON_LENGTH:
        raise NotPossible("a reason says more than that")
    until = min(until, now)
    if not timedelta(0) < until - since <= timedelta(hours=MAX_HOURS) or since < now - OLDEST:
        raise NotPossible(f"a look-up is about at most {MAX_HOURS} hours of the last {OLDEST.days} days")
    if len(list_questions(session, now, room_id)) >= MAX_WAITING:
        raise NotPossible("this room has not answered the questions of before")
    period = f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC"
    detail = f"{'staff device' if whose == 'staff' else 'device'} {device} in {room.name}, {period}: {reason}"
    audit.record_audit(session, now, by, "device looked up", detail)
    session.flush()  # it is written down before anything is asked
    row = LookupRow(
        id=lookup_id, room_id=room_id, is_staff=whose == "staff", device=device, since=since, until=until,
        reason=reason, by=by, asked_at=now, state="waiting", error="",
    )  # fmt: skip
    session.add(row)
    room.lookups_changed += 1
    return row


def list_questions(session: Session, now: datetime, room_id: int) -> list[protocol.LookupQuestion]:
    """Return what a room is asked and has not answered, the oldest first."""
    rows = session.scalars(
        select(LookupRow)
        .where(LookupRow.room_id == room_id, LookupRow.state == "waiting", LookupRow.asked_at > now - WAITS_FOR)
        .order_by(LookupRow.asked_at, LookupRow.id)
    )
    groups = tuple(sorted(read_staff_groups(session)))
    return [
        protocol.LookupQuestion(
            id=row.id, device=row.device, since=row.since, until=row.until, who=row.by, reason=row.reason,
            staff_groups=groups, of_staff=row.is_staff,
        )
        for row in rows
    ]  # fmt: skip


def receive_answer(
    session: Session, now: datetime, keys: KeyFile, room: RoomRow, answer: protocol.LookupAnswer
) -> bool:
    """Take in what a room says; return whether it is the first answer.

    Raises NotFound or NotPossible, and KeyFileUnusable where it could not be kept sealed.
    """
    row = session.get(LookupRow, answer.id)
    if row is None or row.room_id != room.id:
        raise NotFound("this room was not asked that")
    if row.state != "waiting":
        return False
    if row.asked_at <= now - WAITS_FOR:
        raise NotPossible("this was asked too long ago")
    first, last = row.since.timestamp() - 1, row.until.timestamp()
    if any(not first <= entry.second <= last for entry in answer.entries):
        raise NotPossible("this is more than was asked")
    require_key_of_database(session, keys)
    row.answered_at, row.error = now, answer.error
    row.state = "failed" if answer.error else "answered"
    row.answer = None if answer.error else keys.seal(_purpose(row), msgspec.json.encode(answer).decode())
    return True


def get_lookup(session: Session, lookup_id: str, whose: Whose) -> LookupRow:
    """Return a look-up; one of others' is not there. Raises NotFound."""
    row = session.get(LookupRow, lookup_id)
    if row is None or row.is_staff != (whose == "staff"):
        raise NotFound("there is no such look-up")
    return row


def list_lookups(session: Session, whose: Whose, limit: int = 50) -> list[LookupRow]:
    """Return look-ups, the newest first."""
    rows = session.scalars(
        select(LookupRow)
        .where(LookupRow.is_staff == (whose == "staff"))
        .order_by(LookupRow.asked_at.desc(), LookupRow.id)
        .limit(limit)
        .options(joinedload(LookupRow.room))
    )
    return list(rows)


def open_answer(keys: KeyFile, row: LookupRow) -> protocol.LookupAnswer | None:
    """Return what the room said; None where that is not there, or cannot be read any more."""
    if row.answer is None:
        return None
    try:
        return msgspec.json.decode(keys.unseal(_purpose(row), row.answer), type=protocol.LookupAnswer)
    except (KeyFileUnusable, *DECODING_FAILED):
        return None


def delete_answer(session: Session, now: datetime, *, lookup_id: str, by: str, whose: Whose) -> None:
    """Forget what a room said, or take the question back. Raises NotFound."""
    row = get_lookup(session, lookup_id, whose)
    if row.state != "deleted":
        row.state, row.answer = "deleted", None
        audit.record_audit(session, now, by, "look-up deleted", f"{row.device} ({row.id[:8]})")


def prune_lookups(session: Session, now: datetime, days: int) -> None:
    """Let go of questions that were not answered in time, and of answers that were kept for so many days."""
    waiting = LookupRow.state == "waiting", LookupRow.asked_at <= now - WAITS_FOR
    session.execute(update(LookupRow).where(*waiting).values(state="expired"))
    old = LookupRow.answer.is_not(None), LookupRow.answered_at < now - timedelta(days=days)
    session.execute(update(LookupRow).where(*old).values(state="deleted", answer=None))


def _purpose(row: LookupRow) -> str:
    return f"answer to look-up {row.id}"
