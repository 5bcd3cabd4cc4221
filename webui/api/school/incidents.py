"""Incidents, look-ups and the audit. Whatever is read here of a device stands in the audit, with who read it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Literal

from appliance.central import audit_search, lookups
from appliance.central.audit_search import AuditFilter
from appliance.central.incidents import export, search, states
from appliance.central.incidents.kinds import Whose, kind_of
from appliance.central.incidents.search import IncidentFilter, Shown
from appliance.central.incidents.states import StateChange
from appliance.central.incidents.tables import IncidentGroupRow
from appliance.central.models import LookupRow
from appliance.central.room_life import require_room
from appliance.script_interface import incidents
from webui.api.school.call import SchoolCall, Shaped, parse_day


def list_incidents(call: SchoolCall, *, whose: Whose, state: Shown | Literal[""], search: str, page: int) -> Any:
    """Return a page of incidents."""
    wanted = IncidentFilter(whose=whose, shown=state or "open", search=search)
    found = _list_groups(call, wanted, page or 1)
    words = f"{len(found.groups)} of {found.total} of {whose} ({wanted.shown})"
    call.note("incidents read", words)
    return Shaped(found, incidents=[_incident(one) for one in found.groups])


def export_incidents(call: SchoolCall, *, whose: Whose, state: Shown | Literal[""], search: str) -> str:
    """Return them with their evidence, as a table."""
    wanted = IncidentFilter(whose=whose, shown=state or "all", search=search)
    return export.export_groups(call.session, call.now, wanted, call.by)


def get_incident(call: SchoolCall, *, whose: Whose, incident_id: str) -> Any:
    """Return an incident with its evidence and history."""
    return _in_full(call, whose, incident_id)


def change_incident(call: SchoolCall, message: incidents.IncidentStep, *, whose: Whose, incident_id: str) -> Any:
    """Say what becomes of an incident."""
    change = StateChange(
        state=message.state, assigned_to=message.assigned_to, referred_to=message.referred_to,
        referred_on=parse_day(message.referred_on) if message.referred_on else None, outcome=message.outcome or "",
    )  # fmt: skip
    is_new = states.change_state(
        call.session, call.now, group_id=incident_id, whose=whose, change=change, by=call.by,
        version=message.version,
    )  # fmt: skip
    return _in_full(call, whose, incident_id, is_in_audit=is_new)


def undo_incident(call: SchoolCall, message: incidents.IncidentUndo, *, whose: Whose, incident_id: str) -> Any:
    """Take the last change of an incident back."""
    states.undo_change(
        call.session, call.now, group_id=incident_id, whose=whose, by=call.by, version=message.version
    )
    return _in_full(call, whose, incident_id, is_in_audit=True)


def add_incident_note(call: SchoolCall, message: incidents.IncidentNote, *, whose: Whose, incident_id: str) -> Any:
    """Add a note to an incident."""
    is_new = states.add_note(
        call.session, call.now, group_id=incident_id, whose=whose, text=message.text, by=call.by, token=message.id
    )
    return _in_full(call, whose, incident_id, is_in_audit=is_new)


def hold_incident(call: SchoolCall, message: incidents.IncidentHold, *, whose: Whose, incident_id: str) -> Any:
    """Keep an incident beyond its time."""
    is_new = states.hold_group(
        call.session, call.now, group_id=incident_id, whose=whose, reason=message.reason, by=call.by
    )
    return _in_full(call, whose, incident_id, is_in_audit=is_new)


def release_incident(call: SchoolCall, *, whose: Whose, incident_id: str) -> Any:
    """Let an incident go when its time has come."""
    is_new = states.release_group(call.session, call.now, group_id=incident_id, whose=whose, by=call.by)
    return _in_full(call, whose, incident_id, is_in_audit=is_new)


def list_lookups(call: SchoolCall, *, whose: Whose) -> Any:
    """Return what rooms were asked."""
    found = [_lookup(one) for one in lookups.list_lookups(call.session, whose)]
    call.note("look-ups read", f"{len(found)} of {whose}")
    return found


def ask_lookup(call: SchoolCall, message: incidents.NewLookup, *, whose: Whose) -> Any:
    """Ask a room what one of its devices asked for."""
    row = lookups.ask_room(
        call.session, call.now, room_id=require_room(call.session, message.room).id, device=message.device,
        since=message.since, until=message.until, reason=message.reason, by=call.by, whose=whose,
        lookup_id=message.id,
    )  # fmt: skip
    call.session.flush()
    return _lookup(row)


def get_lookup(call: SchoolCall, *, whose: Whose, lookup_id: str) -> Any:
    """Return what a room said."""
    row = lookups.get_lookup(call.session, lookup_id, whose)
    answer = lookups.open_answer(call.central.keys, row)
    whom = "of a staff device" if row.is_staff else f"{row.device} in {row.room.name}"
    call.note("look-up read", f"{whom} ({row.id[:8]}): {'its answer' if answer is not None else row.state}")
    return {"lookup": _lookup(row), "answer": answer}


def delete_lookup(call: SchoolCall, *, whose: Whose, lookup_id: str) -> None:
    """Forget what a room said, or take the question back."""
    lookups.delete_answer(call.session, call.now, lookup_id=lookup_id, by=call.by, whose=whose)


def list_audit_entries(call: SchoolCall, *, before: int, after: int, **asked: str) -> Any:
    """Return a page of the audit."""
    return audit_search.find_entries(
        call.session, _audit_filter(call, **asked), before=before or None, after=after or None
    )


def export_audit_entries(call: SchoolCall, **asked: str) -> Iterator[str]:
    """Yield every entry that is meant, a line each."""
    wanted, store = _audit_filter(call, **asked), call.central.store
    call.note(audit_search.EXPORTED, wanted.describe())

    def read_lines() -> Iterator[str]:
        with store.read_session() as session:
            yield from audit_search.render_json_lines(audit_search.iterate_entries(session, wanted))

    return read_lines()


def _audit_filter(call: SchoolCall, *, person: str, kind: str, since: str, until: str, words: str) -> AuditFilter:
    return AuditFilter(
        person=person.strip(), kind=kind.strip(), words=words.strip(),
        since=call.beginning_of(parse_day(since)) if since else None,
        until=call.beginning_of(parse_day(until) + timedelta(days=1)) if until else None,
    )  # fmt: skip


def _list_groups(call: SchoolCall, wanted: IncidentFilter, page: int) -> search.IncidentPage:
    return search.list_groups(call.session, wanted, page=page)


def _in_full(call: SchoolCall, whose: Whose, incident_id: str, *, is_in_audit: bool = False) -> Any:
    """Return all of an incident. `is_in_audit`: a change of it stands in the audit; else that it was read does."""
    call.session.flush()
    found = search.read_details(call.session, incident_id, whose)
    if not is_in_audit:
        call.note("incident read", states.describe_group(found.group))
    return {"incident": _incident(found.group), "evidence": found.incidents, "history": found.history}


def _incident(row: IncidentGroupRow) -> Shaped:
    kind = kind_of(row.kind)
    return Shaped(row, room=row.room.name, words=kind.words, is_urgent=kind.is_urgent)


def _lookup(row: LookupRow) -> Shaped:
    return Shaped(row, room=row.room.name)
