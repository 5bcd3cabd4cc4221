"""What a trust's own scripts call (`appliance.operations.trust_scripts`): each view asks a service, and answers.

Whoever acts is the script, with the name of its maker; what its maker could not do, it cannot either.
"""

from flask import Response

from appliance import trust_script_interface as messages
from appliance.central.models import TrustEntryRow
from appliance.trust import entries
from appliance.trust.school_list import list_schools
from webui.api.responses import json_response
from webui.api.script_access import script
from webui.trust.blueprints import trust


def list_trust_schools() -> Response:
    """Answer with the schools."""
    with trust().store.read_session() as session:
        behind = trust().digests.list_behind(session)
        return json_response(
            [
                messages.TrustSchool(
                    id=one.id,
                    name=one.name,
                    state=one.state,
                    is_silent=one.is_silent,
                    is_behind=one.id in behind,
                    last_seen=one.last_seen,
                    numbers=one.numbers,
                )
                for one in list_schools(session, trust().now())
            ]
        )


def list_trust_entries(state: str) -> Response:
    """Answer with what is in force, or with what was taken back."""
    with trust().store.read_session() as session:
        found = entries.list_entries(session, entries.KINDS, ended=state == "taken-back")
        return json_response([_listed(one) for one in found])


def add_trust_entry(message: messages.NewTrustEntry) -> Response:
    """Lay something down."""
    with trust().store.write_session() as session:
        made = entries.add_entry(
            session, trust().now(), kind=message.kind, content=message.content(), schools=message.schools,
            by=script().actor,
        )  # fmt: skip
        return json_response(_listed(made), 201)


def end_trust_entry(number: int) -> Response:
    """Take something back."""
    with trust().store.write_session() as session:
        return json_response(
            _listed(entries.end_entry(session, trust().now(), entry_id=number, by=script().actor))
        )


def restore_trust_entry(number: int) -> Response:
    """Put back in force what was taken back."""
    with trust().store.write_session() as session:
        return json_response(
            _listed(entries.restore_entry(session, trust().now(), entry_id=number, by=script().actor))
        )


def _listed(row: TrustEntryRow) -> messages.TrustEntry:
    return messages.TrustEntry(
        number=row.id, kind=row.kind, content=row.content, schools=row.schools, made_at=row.made_at,
        made_by=row.made_by, ended_at=row.ended_at, ended_by=row.ended_by,
    )  # fmt: skip
