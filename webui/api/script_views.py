"""What a school's own scripts call (see `appliance.operations`): each view asks a service, and answers.

Whoever acts is the script, with the name of its maker; what its maker could not do, it cannot either.
"""

from datetime import timedelta

from flask import Response
from sqlalchemy.orm import Session

from appliance import script_interface
from appliance.central import policies, requests, rooms, rules, unblocks
from appliance.central.errors import NotPossible
from appliance.central.models import RequestRow, RoomRow, RuleRow, UnblockRow
from appliance.central.site_names import checked_site
from appliance.script_interface import MAX_LISTED
from webui.api.responses import json_response
from webui.api.script_access import script
from webui.api.views import central

_SILENT = timedelta(minutes=2)


def list_school_rooms() -> Response:
    """Answer with the rooms."""
    now = central().now()
    with central().store.read_session() as session:
        published = policies.latest_publication(session)
        index = published.hash if published is not None else ""
        found = rooms.list_rooms(session)
        return json_response(
            [
                script_interface.ScriptRoom(
                    id=room.id,
                    name=room.name,
                    last_seen=room.last_seen,
                    is_connected=room.last_seen is not None and now - room.last_seen <= _SILENT,
                    is_up_to_date=rooms.is_in_step(room, index),
                    version=str((room.health or {}).get("version", "")),
                    conditions=list((room.health or {}).get("conditions", ())),
                )
                for room in found
            ]
        )


def list_school_requests(state: str) -> Response:
    """Answer with requests: those that wait, or those decided last."""
    with central().store.read_session() as session:
        if state == "decided":
            found = requests.list_decided_requests(session, MAX_LISTED)
        else:
            found = requests.list_waiting_requests(session)[:MAX_LISTED]
        return json_response([_listed_request(one) for one in found])


def approve_school_request(message: script_interface.Approval, request_id: str) -> Response:
    """Open what a request asks for."""
    with central().store.write_session() as session:
        unblock = requests.approve_request(
            session, central().now(), request_id=request_id, by=script().actor, minutes=message.minutes,
            scope=message.scope, answer=message.answer, on_behalf_of=script().owner,
        )  # fmt: skip
        return json_response(_listed_opening(session, unblock))


def deny_school_request(message: script_interface.Denial, request_id: str) -> Response:
    """Leave closed what a request asks for."""
    with central().store.write_session() as session:
        requests.deny_request(
            session, central().now(), request_id=request_id, by=script().actor, answer=message.answer
        )
        return json_response(_listed_request(requests.get_request(session, request_id)))


def list_school_openings() -> Response:
    """Answer with what is open, or will be."""
    with central().store.read_session() as session:
        found = unblocks.list_active_unblocks(session, central().now())[:MAX_LISTED]
        return json_response([_listed_opening(session, one) for one in found])


def open_school_site(message: script_interface.NewOpening) -> Response:
    """Open a site that nobody asked for."""
    with central().store.write_session() as session:
        site = checked_site(message.site)
        preview = central().preview.preview_site(session, site, message.also, message.groups)
        if preview.why_not:
            raise NotPossible(f"{preview.why_not.rstrip('.')}. Nothing was opened")
        unblock = unblocks.open_site(
            session, central().now(), site=site, minutes=message.minutes, also=message.also, room=message.room,
            groups=message.groups, by=script().actor,
        )  # fmt: skip
        return json_response(_listed_opening(session, unblock), 201)


def end_school_opening(opening_id: int) -> Response:
    """Close early what was opened."""
    with central().store.write_session() as session:
        unblocks.end_unblock(session, central().now(), unblock_id=opening_id, by=script().actor)
    return Response(status=204)


def list_school_rules() -> Response:
    """Answer with the school's own rules."""
    with central().store.read_session() as session:
        return json_response([_listed_rule(one) for one in rules.list_rules(session)])


def add_school_rule(message: script_interface.NewRule) -> Response:
    """Add a rule."""
    with central().store.write_session() as session:
        rule = rules.add_rule(
            session, central().now(), name=message.name, action=message.action, note=message.note,
            by=script().actor,
        )  # fmt: skip
        return json_response(_listed_rule(rule), 201)


def remove_school_rule(rule_id: int) -> Response:
    """Take a rule away."""
    with central().store.write_session() as session:
        rules.remove_rule(session, central().now(), rule_id=rule_id, by=script().actor)
    return Response(status=204)


def get_school_report(kind: script_interface.ReportWanted) -> Response:
    """Answer with a report of the usual time."""
    from appliance.central import school_reports  # noqa: PLC0415 (seldom asked for, and much of it is words)

    with central().store.read_session() as session:
        made = school_reports.make_report(session, central().now(), central().identity.current().zone, kind)
    parts = [
        script_interface.ReportPart(
            title=one.title, columns=list(one.columns), rows=[list(row) for row in one.rows], note=one.note
        )
        for one in made.tables
    ]
    return json_response(
        script_interface.Report(kind=made.kind, title=made.title, since=made.since, until=made.until, parts=parts)
    )


def _listed_request(row: RequestRow) -> script_interface.ScriptRequest:
    return script_interface.ScriptRequest(
        id=row.id, site=row.site, also=row.also, room=row.room.name, teacher=row.teacher, reason=row.reason,
        lesson=row.lesson, minutes=row.minutes, urgent=row.urgent, state=row.state, asked_at=row.asked_at,
        since=row.since, expires_at=row.expires_at, decided_by=row.decided_by, decided_at=row.decided_at,
        answer=row.answer,
    )  # fmt: skip


def _listed_opening(session: Session, row: UnblockRow) -> script_interface.ScriptOpening:
    room = session.get(RoomRow, row.room_id) if row.room_id is not None else None
    return script_interface.ScriptOpening(
        id=row.id, site=row.site, also=row.also, room=room.name if room is not None else "", groups=row.groups,
        for_one_device=bool(row.device), since=row.since, until=row.until, by=row.by,
    )  # fmt: skip


def _listed_rule(row: RuleRow) -> script_interface.ScriptRule:
    return script_interface.ScriptRule(
        id=row.id, name=row.name, action=row.action, locked=row.locked, note=row.note, by=row.by,
        made_at=row.made_at,
    )  # fmt: skip
