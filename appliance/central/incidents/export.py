"""Incidents for elsewhere: one table with a row for each incident, safe for spreadsheets. Stands in the audit."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from appliance import spreadsheets
from appliance.central import audit
from appliance.central.errors import NotPossible
from appliance.central.incidents.kinds import AUTHORITY_WORDS, STATE_WORDS, Whose, kind_of
from appliance.central.incidents.search import IncidentFilter, list_groups
from appliance.central.incidents.states import describe_group, get_group
from appliance.central.incidents.tables import IncidentGroupRow, IncidentNoteRow, IncidentRow

MAX_GROUPS = 5000
HEADER = (
    "number", "room", "what", "device", "when (UTC)", "evidence", "state", "with", "passed to", "passed on",
    "closed because", "closed (UTC)", "held by", "notes",
)  # fmt: skip


def export_group(session: Session, now: datetime, *, group_id: str, whose: Whose, by: str) -> str:
    """Return one group as CSV. Raises NotFound."""
    group = get_group(session, group_id, whose)
    audit.record_audit(session, now, by, "incidents exported", describe_group(group))
    return _render(session, [group])


def export_groups(session: Session, now: datetime, wanted: IncidentFilter, by: str) -> str:
    """Return everything that a filter finds as CSV. Raises NotPossible where that is too much."""
    total = list_groups(session, wanted, page_size=1).total
    if total > MAX_GROUPS:
        raise NotPossible(
            f"these are {total:,} incidents, and {MAX_GROUPS:,} can be exported at once; ask for less"
        )
    found = list_groups(session, wanted, page_size=MAX_GROUPS)
    searched = f", “{wanted.search}”" if wanted.search and wanted.whose == "pupils" else ""
    words = f"{found.total} of {wanted.whose} ({wanted.shown}{searched})"
    audit.record_audit(session, now, by, "incidents exported", words)
    return _render(session, found.groups)


def record_print(session: Session, now: datetime, *, group_id: str, whose: Whose, by: str) -> None:
    """Write down that somebody has printed a group. Raises NotFound."""
    group = get_group(session, group_id, whose)
    audit.record_audit(session, now, by, "incident printed", describe_group(group))


def _render(session: Session, groups: list[IncidentGroupRow]) -> str:
    rows = []
    for start in range(0, len(groups), 500):  # a statement takes only so many values
        some = {one.id: one for one in groups[start : start + 500]}
        notes: dict[str, list[str]] = {}
        for note in session.scalars(
            select(IncidentNoteRow).where(IncidentNoteRow.group_id.in_(some)).order_by(IncidentNoteRow.id)
        ):
            notes.setdefault(note.group_id, []).append(f"{note.at:%Y-%m-%d %H:%M} {note.who}: {note.text}")
        incidents = session.scalars(
            select(IncidentRow)
            .where(IncidentRow.group_id.in_(some))
            .order_by(IncidentRow.group_id, IncidentRow.happened_at)
            .options(joinedload(IncidentRow.room))
        )
        rows += [_row(some[one.group_id], one, notes.get(one.group_id, [])) for one in incidents]
    return spreadsheets.render_csv(HEADER, rows)


def _row(group: IncidentGroupRow, incident: IncidentRow, notes: list[str]) -> tuple[str, ...]:
    return (
        group.id[:8],
        incident.room.name,
        kind_of(incident.kind).words,
        incident.device,
        f"{incident.happened_at:%Y-%m-%d %H:%M:%S}",
        "; ".join(incident.evidence),
        STATE_WORDS[group.state],
        group.assigned_to,
        AUTHORITY_WORDS.get(group.referred_to, ""),
        f"{group.referred_on:%Y-%m-%d}" if group.referred_on else "",
        group.outcome,
        f"{group.closed_at:%Y-%m-%d %H:%M:%S}" if group.closed_at else "",
        group.held_by,
        "\n".join(notes),
    )
