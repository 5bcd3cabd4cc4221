"""What scripts ask about incidents, look-ups and the audit. Whatever they read here stands in the audit.

There are two sets of incidents and of look-ups, of one make: those of pupils' devices, and those of staff's, for
the head alone. Each has its right, and finds nothing of the other.
"""

from collections.abc import Callable
from typing import Any

from appliance.operations.operation import Answer, Operation
from appliance.operations.scripts.table import CSV, OVER, of_script
from appliance.problem_details import ProblemType
from appliance.rights import Right
from appliance.script_interface import incidents
from appliance.script_interface.values import DayWanted, PageNumber, Words

_INCIDENT = {"incident_id": incidents.IncidentId}
_LOOKUP = {"lookup_id": incidents.LookupId}
_FILTER = {"state": incidents.IncidentsShown, "search": Words}
_AUDIT_FILTER = {"person": Words, "kind": Words, "since": DayWanted, "until": DayWanted, "words": Words}
_IN_FULL = ("The incident.", incidents.IncidentInFull)


def _row_of_set(what: str, whose: str, right: Right) -> Callable[..., Operation]:
    """Return how an operation of one set is written: `{kind}` in its id is what and whose; sets share views."""
    fixed = {"whose": "staff" if whose == "staff" else "pupils"}

    def row(name: str, address: str, summary: str, answer: object, **more: Any) -> Operation:
        kind, view = name.format(kind=f"{whose}_{what}"), name.format(kind=what)
        return of_script(kind, address, right, summary, answer, view=view, fixed=fixed, **more)

    return row


def _incidents(whose: str, right: Right) -> tuple[Operation, ...]:
    """Return the operations of one set."""
    row = _row_of_set("incident", whose, right)
    path = f"/{'staff-' if whose == 'staff' else ''}incidents"
    one = f"{path}/{{incident_id}}"
    return (
        row(
            "list_{kind}s", f"GET {path}", "Incidents, 25 on a page. That it was read stands in the audit.",
            ("The incidents, what nobody has looked at first.", incidents.IncidentList),
            query=_FILTER | {"page": PageNumber}, writes="audit",
        ),
        row(
            "export_{kind}s", f"GET {path}/export", "The same, with evidence, as a table.", CSV, query=_FILTER,
            writes="audit",
        ),
        row(
            "get_{kind}", f"GET {one}",
            "An incident with its evidence and history. That it was read stands in the audit.", _IN_FULL,
            parameters=_INCIDENT, writes="audit",
        ),
        row(
            "change_{kind}", f"POST {one}/state", "Says what becomes of an incident.", _IN_FULL,
            parameters=_INCIDENT, body=incidents.IncidentStep,
        ),
        row(
            "undo_{kind}", f"POST {one}/undo", "Takes the last change of an incident back.", _IN_FULL,
            parameters=_INCIDENT, body=incidents.IncidentUndo,
        ),
        row(
            "add_{kind}_note", f"POST {one}/notes", "Adds a note to an incident; sent twice, once.", _IN_FULL,
            parameters=_INCIDENT, body=incidents.IncidentNote,
        ),
        row(
            "hold_{kind}", f"PUT {one}/hold", "Keeps an incident beyond its time.", _IN_FULL,
            parameters=_INCIDENT, body=incidents.IncidentHold,
        ),
        row(
            "release_{kind}", f"DELETE {one}/hold", "Lets an incident go when its time has come.", _IN_FULL,
            parameters=_INCIDENT,
        ),
    )  # fmt: skip


def _lookups(whose: str, right: Right) -> tuple[Operation, ...]:
    """Return the operations of one set."""
    row = _row_of_set("lookup", whose, right)
    path = f"/{'staff-' if whose == 'staff' else ''}look-ups"
    one = f"{path}/{{lookup_id}}"
    return (
        row(
            "list_{kind}s", f"GET {path}", "What rooms were asked, without their answers.",
            ("The look-ups, the newest first; at most 50.", list[incidents.ScriptLookup]), writes="audit",
        ),
        row(
            "ask_{kind}", f"POST {path}",
            "Asks a room what one of its devices asked for; the reason stands in the audit before that.",
            ("What is asked.", incidents.ScriptLookup), body=incidents.NewLookup, is_made=True,
        ),
        row(
            "get_{kind}", f"GET {one}", "What a room said. That it was read stands in the audit.",
            ("The look-up.", incidents.AnsweredLookup), parameters=_LOOKUP, writes="audit",
        ),
        row(
            "delete_{kind}", f"DELETE {one}", "Forgets what a room said, or takes the question back.", OVER,
            parameters=_LOOKUP,
        ),
    )  # fmt: skip


INCIDENTS = (
    *_incidents("pupil", Right.HANDLE_INCIDENTS),
    *_incidents("staff", Right.HANDLE_STAFF_INCIDENTS),
    *_lookups("pupil", Right.LOOK_UP_DEVICES),
    *_lookups("staff", Right.LOOK_UP_STAFF_DEVICES),
    of_script(
        "list_audit_entries", "GET /audit", Right.READ_AUDIT,
        "Who did what, a hundred entries on a page: the newest, or those `before` or `after` a number.",
        ("The entries, the newest first.", incidents.AuditList),
        query=_AUDIT_FILTER | {"before": incidents.EntryNumber, "after": incidents.EntryNumber},
        problems=(ProblemType.NOT_POSSIBLE,),
    ),
    of_script(
        "export_audit_entries", "GET /audit/export", Right.EXPORT_AUDIT,
        "Every entry that is meant, the oldest first, a line each. That it was taken along stands in the audit.",
        {200: Answer(words="The entries.", media_type="application/x-ndjson")},
        query=_AUDIT_FILTER, writes="audit", problems=(ProblemType.NOT_POSSIBLE,),
    ),
)  # fmt: skip
