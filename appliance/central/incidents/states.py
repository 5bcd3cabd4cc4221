"""What becomes of a group of incidents: its state, notes, and whether it is held.

Every change names who made it, is written into the group's history and into the audit, and a change of state can
be undone until the next one. `version` is the one that somebody saw when they decided: where it is another by now,
the later one is told; the same change twice is one. The audit says nothing of what an incident of staff's is
about.
"""

from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.incidents.kinds import (
    AUTHORITIES,
    AUTHORITY_WORDS,
    STATE_WORDS,
    IncidentState,
    Whose,
    kind_of,
)
from appliance.central.incidents.tables import IncidentGroupRow, IncidentNoteRow
from appliance.control_characters import find_control_character, is_blank

MAX_NOTE_LENGTH = 4000
MAX_NAME_LENGTH = 200
_LINE_ENDS = str.maketrans("", "", "\t\r\n")
_UNDONE = ("state", "assigned_to", "referred_to", "referred_on", "outcome", "closed_at", "unseen")


class StateChange(msgspec.Struct, frozen=True, kw_only=True):
    """The state that a group shall have, and what belongs to that state."""

    state: IncidentState
    assigned_to: str = ""  # with whom it is
    referred_to: str = ""  # one of `AUTHORITIES`
    referred_on: date | None = None
    outcome: str = ""  # why it is closed


def get_group(session: Session, group_id: str, whose: Whose) -> IncidentGroupRow:
    """Return a group; one of others' is not there. Raises NotFound."""
    group = session.get(IncidentGroupRow, group_id)
    if group is None or group.is_staff != (whose == "staff"):
        raise NotFound("there is no such incident")
    return group


def change_state(
    session: Session, now: datetime, *, group_id: str, whose: Whose, change: StateChange, by: str,
    version: int | None = None,
) -> bool:  # fmt: skip
    """Give a group another state; return whether it has not been in it before. Raises NotFound or NotPossible."""
    group = get_group(session, group_id, whose)
    values = _values_of(change, now)
    if group.unseen == 0 and all(getattr(group, name) == value for name, value in values.items()):
        return False
    _require_version(group, version)
    group.before = msgspec.to_builtins({name: getattr(group, name) for name in _UNDONE})
    for name, value in values.items():
        setattr(group, name, value)
    group.unseen = 0
    group.closed_at = now if change.state == "closed" else None
    _record_change(session, now, group, by, _describe(change))
    _tell_room(group)
    return True


def undo_change(
    session: Session, now: datetime, *, group_id: str, whose: Whose, by: str, version: int | None = None
) -> None:
    """Take back the last change of a group's state. Raises NotFound or NotPossible."""
    group = get_group(session, group_id, whose)
    _require_version(group, version)
    if group.before is None:
        raise NotPossible("there is nothing to take back")
    before = msgspec.convert(group.before, _Before)
    for name in _UNDONE:
        setattr(group, name, getattr(before, name))
    group.before = None
    _record_change(session, now, group, by, f"taken back: {STATE_WORDS[group.state]} again")
    _tell_room(group)


def add_note(
    session: Session, now: datetime, *, group_id: str, whose: Whose, text: str, by: str, token: str = ""
) -> bool:
    """Add a note; return whether it was not there before. Nobody changes one afterwards.

    A form sends its `token`, so that a note that is sent twice is there once. Raises NotFound or NotPossible, also
    where it has other words by then: none is lost.
    """
    group = get_group(session, group_id, whose)
    text = checked_text("a note", text, MAX_NOTE_LENGTH)
    sent_before = select(IncidentNoteRow).where(IncidentNoteRow.token == token)
    if token and (known := session.scalar(sent_before)) is not None:
        if known.group_id != group.id:
            raise NotPossible("this is the id of a note to another incident: make up another one")
        if known.text != text:  # somebody went back to the form and wrote on
            raise NotPossible("this form was sent before with other words: send it again to add these as well")
        return False
    _add_line(session, now, group, by, text, is_change=False, token=token or None)
    audit.record_audit(session, now, by, "incident note added", describe_group(group))
    return True


def hold_group(session: Session, now: datetime, *, group_id: str, whose: Whose, reason: str, by: str) -> bool:
    """Keep a group beyond its time, until it is released; return whether it was not held. Raises as above."""
    group = get_group(session, group_id, whose)
    reason = checked_text("a reason", reason, MAX_NOTE_LENGTH)
    if group.held_at is not None:
        return False
    group.held_by, group.held_at = by, now
    _record_change(session, now, group, by, f"held: {reason}", in_audit="held")
    return True


def release_group(session: Session, now: datetime, *, group_id: str, whose: Whose, by: str) -> bool:
    """Let a group go when its time has come; return whether it was held. Raises NotFound."""
    group = get_group(session, group_id, whose)
    if group.held_at is None:
        return False
    group.held_by, group.held_at = "", None
    _record_change(session, now, group, by, "no longer held")
    return True


def describe_group(group: IncidentGroupRow) -> str:
    """Return how the audit names a group: of staff's, neither what nor where."""
    if group.is_staff:
        return f"of a staff device ({group.id[:8]})"
    return f"{kind_of(group.kind).words} in {group.room.name} ({group.id[:8]})"


def checked_text(what: str, text: str, limit: int) -> str:
    """Return a text that somebody wrote, without blanks around it. Raises NotPossible."""
    text = text.strip()
    if is_blank(text):
        raise NotPossible(f"{what} is needed")
    if len(text) > limit:
        raise NotPossible(f"{what} has at most {limit:,} characters")
    if found := find_control_character(text.translate(_LINE_ENDS)):
        raise NotPossible(f"{what} holds a control character ({found}), which no text may")
    return text


class _Before(msgspec.Struct, frozen=True):
    state: str
    assigned_to: str
    referred_to: str
    referred_on: date | None
    outcome: str
    closed_at: datetime | None
    unseen: int


def _values_of(change: StateChange, now: datetime) -> dict[str, Any]:
    """Return what a change sets; what belongs to another state stays as it was. Raises NotPossible."""
    values: dict[str, Any] = {"state": change.state}
    match change.state:
        case "new":
            raise NotPossible("an incident that was seen is not new any more")
        case "assigned":
            values["assigned_to"] = checked_text("who deals with it", change.assigned_to, MAX_NAME_LENGTH)
        case "referred":
            if change.referred_to not in AUTHORITIES:
                raise NotPossible("say to whom it was passed")
            tomorrow = now.date() + timedelta(days=1)  # somewhere it is that already
            if change.referred_on is None or not date(2000, 1, 1) <= change.referred_on <= tomorrow:
                raise NotPossible("say on which day it was passed on; none that is to come")
            values |= {"referred_to": change.referred_to, "referred_on": change.referred_on}
        case "closed":
            values["outcome"] = checked_text("why it is closed", change.outcome, MAX_NOTE_LENGTH)
        case "seen":
            pass
    return values


def _describe(change: StateChange) -> str:
    match change.state:
        case "assigned":
            return f"with {change.assigned_to.strip()}"
        case "referred":
            return f"passed to {AUTHORITY_WORDS[change.referred_to]} on {change.referred_on:%Y-%m-%d}"
        case "closed":
            return f"closed: {change.outcome.strip()}"
    return STATE_WORDS[change.state]


def _tell_room(group: IncidentGroupRow) -> None:
    """Have the room hear what is dealt with; of staff's it hears nothing."""
    if not group.is_staff:
        group.room.incidents_changed += 1


def _require_version(group: IncidentGroupRow, version: int | None) -> None:
    if version is not None and version != group.version:
        raise NotPossible(
            f"{group.changed_by} changed this in the meantime: it is {STATE_WORDS[group.state]} now;"
            " nothing was changed"
        )


def _record_change(
    session: Session, now: datetime, group: IncidentGroupRow, by: str, text: str, *, in_audit: str = ""
) -> None:
    group.changed_by, group.changed_at = by, now
    group.version += 1
    _add_line(session, now, group, by, text, is_change=True)
    what = in_audit or text.partition(":")[0]
    audit.record_audit(session, now, by, "incident changed", f"{describe_group(group)}: {what}")


def _add_line(
    session: Session, now: datetime, group: IncidentGroupRow, by: str, text: str, *, is_change: bool,
    token: str | None = None,
) -> None:  # fmt: skip
    session.add(IncidentNoteRow(group_id=group.id, token=token, at=now, who=by, is_change=is_change, text=text))
