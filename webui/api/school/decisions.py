"""Rooms, requests, openings, rules, sites and reports."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import msgspec

from appliance.central import (
    permanent_openings,
    policies,
    reports,
    request_expiry,
    requests,
    room_copies,
    room_life,
    rooms,
    rule_preview,
    rules,
    site_search,
    statistics,
    unblocks,
    undo,
)
from appliance.central.decision_preview import SitePreview
from appliance.central.delegations import KIND as DELEGATIONS
from appliance.central.lists import source_use, sources
from appliance.central.models import RequestRow, RuleRow, SiteReportRow, UnblockRow
from appliance.central.rules import RuleFields
from appliance.central.school_settings import BUNDLES_KIND, PLANS_KIND
from appliance.central.school_settings import KIND as SETTINGS
from appliance.central.site_names import checked_site
from appliance.script_interface import decisions
from appliance.script_interface.values import MAX_LISTED
from webui.api.school.call import SchoolCall, Shaped

_SILENT = timedelta(minutes=2)
_ROOM_STEPS: Mapping[str, Callable[..., object]] = MappingProxyType(
    {
        "retire": room_life.retire_room,
        "put-back": room_life.put_back_room,
        "revoke": room_life.revoke_room,
        "keep-running": room_copies.keep_running,
        "admit-stopped": room_copies.admit_stopped,
    }
)
_UNDONE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "openings": frozenset({unblocks.KIND}),
        "rules": frozenset({rules.KIND, BUNDLES_KIND, PLANS_KIND}),
        "profiles": undo.PROFILE_KINDS,
        "settings": frozenset({SETTINGS}),
        "delegations": frozenset({DELEGATIONS}),
        "lists": source_use.KINDS | {sources.KIND},
    }
)


def undo_school_change(call: SchoolCall, *, change_id: str, feature: str) -> Any:
    """Put back what a change of a feature replaced."""
    what = undo.undo_change(
        call.session, call.now, change=change_id, by=call.by, kinds=_UNDONE[feature], on_behalf_of=call.owner,
        check_opening=call.central.preview.require_opening,
    )  # fmt: skip
    if feature == "lists":
        call.afterwards.append(call.central.publisher.adopt_files)  # or a file that is back would be held back
        call.build_lists()
    return {"what": what}


def list_school_rooms(call: SchoolCall) -> Any:
    """Return the rooms."""
    published = policies.latest_publication(call.session)
    index = published.hash if published is not None else ""
    return [
        Shaped(
            room,
            is_connected=room.last_seen is not None and call.now - room.last_seen <= _SILENT,
            is_up_to_date=rooms.is_in_step(room, index),
            version=str((room.health or {}).get("version", "")),
            conditions=list((room.health or {}).get("conditions", ())),
        )
        for room in rooms.list_rooms(call.session)
    ]


def rename_school_room(call: SchoolCall, message: decisions.RoomRename, room_id: int) -> None:
    """Give a room another name."""
    room_life.rename_room(
        call.session, call.now, room_id=room_id, name=message.name, by=call.by, instead_of=message.instead_of
    )


def change_school_room(call: SchoolCall, *, room_id: int, step: decisions.RoomStep) -> None:
    """End a room, put it back, or decide between two cards."""
    _ROOM_STEPS[step](call.session, call.now, room_id=room_id, by=call.by)


def list_school_requests(call: SchoolCall, *, state: str) -> Any:
    """Return requests: those that wait, or those decided last."""
    if state == "decided":
        found = requests.list_decided_requests(call.session, MAX_LISTED)
    else:
        found = requests.list_waiting_requests(call.session)[:MAX_LISTED]
    return [_request(one) for one in found]


def approve_school_request(call: SchoolCall, message: decisions.Approval, request_id: str) -> Any:
    """Open what a request asks for."""
    _require_opening(call, request_id, message.groups, message.also)
    unblock = requests.approve_request(
        call.session, call.now, request_id=request_id, by=call.by, minutes=message.minutes, scope=message.scope,
        answer=message.answer, groups=message.groups, since=message.since, also=message.also,
        on_behalf_of=call.owner,
    )  # fmt: skip
    return _openings(call, [unblock])[0]


def deny_school_request(call: SchoolCall, message: decisions.Denial, request_id: str) -> Any:
    """Leave closed what a request asks for."""
    requests.deny_request(call.session, call.now, request_id=request_id, by=call.by, answer=message.answer)
    return _request(requests.get_request(call.session, request_id))


def pass_school_request_on(call: SchoolCall, message: decisions.PassedRequest, request_id: str) -> Any:
    """Ask a colleague to decide a request."""
    requests.pass_request_on(
        call.session, call.now, request_id=request_id, by=call.by, to=message.to, note=message.note
    )
    return _request(requests.get_request(call.session, request_id))


def reopen_school_request(call: SchoolCall, *, request_id: str) -> Any:
    """Have a request wait again."""
    requests.reopen_request(call.session, call.now, request_id=request_id, by=call.by)
    return _request(requests.get_request(call.session, request_id))


def open_school_request_for_good(call: SchoolCall, message: decisions.Denial, request_id: str) -> Any:
    """Open for good what a request asks for."""
    _require_opening(call, request_id)
    permanent_openings.make_request_permanent(
        call.session, call.now, request_id=request_id, by=call.by, answer=message.answer, on_behalf_of=call.owner
    )
    return _request(requests.get_request(call.session, request_id))


def undo_school_request_rule(call: SchoolCall, *, request_id: str) -> Any:
    """Take the rules away that were made of a request."""
    permanent_openings.undo_permanent_request(call.session, call.now, request_id=request_id, by=call.by)
    return _request(requests.get_request(call.session, request_id))


def set_school_request_wait(call: SchoolCall, message: decisions.RequestWait) -> None:
    """Say how long requests wait."""
    request_expiry.set_request_days(call.session, call.now, days=message.school_days, by=call.by)


def list_school_openings(call: SchoolCall) -> Any:
    """Return what is open, or will be."""
    return _openings(call, unblocks.list_active_unblocks(call.session, call.now)[:MAX_LISTED])


def open_school_site(call: SchoolCall, message: decisions.NewOpening) -> Any:
    """Open a site that nobody asked for."""
    site = checked_site(message.site)
    if call.is_preview:
        found = call.central.preview.preview_site(call.session, site, message.also, message.groups)
        return Shaped(found, why=_why_closed(found))
    call.central.preview.require_opening(call.session, site, message.also, message.groups)
    unblock = unblocks.open_site(
        call.session, call.now, site=site, minutes=message.minutes, also=message.also, room=message.room,
        groups=message.groups, device=message.device, since=message.since, by=call.by,
    )  # fmt: skip
    return _openings(call, [unblock])[0]


def change_school_opening(call: SchoolCall, message: decisions.OpeningTimeChange, opening_id: int) -> Any:
    """Give an opening another time."""
    unblock = unblocks.change_unblock(
        call.session, call.now, unblock_id=opening_id, by=call.by, until=message.until, since=message.since,
        on_behalf_of=call.owner, check_opening=call.central.preview.require_opening,
    )  # fmt: skip
    return _openings(call, [unblock])[0]


def end_school_opening(call: SchoolCall, *, opening_id: int) -> Any:
    """Close early what was opened."""
    done = unblocks.end_unblock(call.session, call.now, unblock_id=opening_id, by=call.by)
    return {"change": done}


def explain_school_site(call: SchoolCall, *, site: str) -> Any:
    """Return why a site is closed or open."""
    found = site_search.search_site(call.session, call.central.preview, call.now, written=site)
    groups = [
        Shaped(
            one,
            category=one.found.category,
            source=one.found.source,
            entry=one.found.entry,
            steps=[step.text for step in one.found.steps],
        )
        for one in found.groups
    ]
    return Shaped(found, groups=groups, openings=_openings(call, found.openings))


def list_school_rules(call: SchoolCall) -> Any:
    """Return the school's own rules."""
    return rules.list_rules(call.session)


def add_school_rule(call: SchoolCall, message: decisions.NewRule) -> Any:
    """Add a rule."""
    fields = RuleFields(**msgspec.structs.asdict(message))
    if call.is_preview:
        return rule_preview.preview_rule(call.session, call.central.preview, call.now, fields=fields)
    saved = rules.create_rule(call.session, call.now, fields=fields, by=call.by)
    call.session.flush()
    return _rule(saved.rule, saved.change)


def remove_school_rule(call: SchoolCall, *, rule_id: int) -> Any:
    """Take a rule away."""
    return rules.delete_rule(call.session, call.now, rule_id=rule_id, by=call.by)


def get_school_report(call: SchoolCall, *, kind: decisions.ReportWanted) -> Any:
    """Return a report of the usual time."""
    from appliance.central import school_reports  # noqa: PLC0415 (seldom asked for, and much of it is words)

    made = school_reports.make_report(call.session, call.now, call.zone, kind)
    return Shaped(made, parts=made.tables)


def list_school_months(call: SchoolCall) -> Any:
    """Return the last months in numbers."""
    found = statistics.count_by_month(call.session, call.now, call.zone)
    return [Shaped(one, first_day=one.first_day.isoformat()) for one in found]


def list_site_reports(call: SchoolCall) -> Any:
    """Return what teachers reported."""
    return [_site_report(one) for one in reports.list_reports(call.session, MAX_LISTED)]


def export_site_reports(call: SchoolCall) -> str:
    """Return the same as a table."""
    identity = call.central.identity.current()
    found = reports.list_reports(call.session, MAX_LISTED)
    return reports.render_reports_csv(found, school=identity.name, zone=identity.zone)


def write_site_report(call: SchoolCall, *, report_id: str) -> Any:
    """Return what to send to the provider or an authority."""
    identity, report = call.central.identity.current(), reports.get_report(call.session, report_id)
    return {"text": reports.write_report_text(report, school=identity.name, zone=identity.zone)}


def pass_site_report_on(call: SchoolCall, message: decisions.PassedReport, report_id: str) -> None:
    """Note to whom a report was passed on."""
    reports.pass_report_on(call.session, call.now, report_id=report_id, by=call.by, to=message.to)


def answer_site_report(call: SchoolCall, message: decisions.OutsideAnswer, report_id: str) -> None:
    """Keep what the provider or authority answered."""
    reports.record_outside_answer(call.session, call.now, report_id=report_id, by=call.by, answer=message.answer)


def resolve_site_report(call: SchoolCall, message: decisions.ResolvedReport, report_id: str) -> None:
    """Put a report away."""
    site = reports.get_report(call.session, report_id).site if message.close else ""
    reports.resolve_report(call.session, call.now, report_id=report_id, by=call.by, close_site=site)


def reopen_site_report(call: SchoolCall, *, report_id: str) -> None:
    """Take back that a report was put away."""
    reports.reopen_report(call.session, call.now, report_id=report_id, by=call.by)


def _require_opening(
    call: SchoolCall, request_id: str, groups: tuple[str, ...] = (), also: tuple[str, ...] | None = None
) -> None:
    """Refuse to grant what would stay closed, as the page does; `also`, left out: what was asked for with it."""
    wanted = requests.get_request(call.session, request_id)
    further = wanted.also if also is None else also
    call.central.preview.require_opening(call.session, wanted.site, further, groups)


def _why_closed(preview: SitePreview) -> str:
    steps = preview.found.steps if preview.is_closed and preview.found is not None else ()
    return next((step.text for step in steps if step.wins), "")


def _request(row: RequestRow) -> Shaped:
    return Shaped(row, room=row.room.name)


def _openings(call: SchoolCall, rows: Sequence[UnblockRow]) -> list[Shaped]:
    closed = call.central.preview.find_still_closed(call.session, rows)
    return [
        Shaped(
            row,
            room=row.room.name if row.room is not None else "",
            for_one_device=bool(row.device),
            closed_by_trust=closed[row.id].by_trust if row.id in closed else [],
            locked=closed[row.id].locked if row.id in closed else [],
        )
        for row in rows
    ]


def _rule(row: RuleRow, change: str) -> Shaped:
    return Shaped(row, change=change)


def _site_report(row: SiteReportRow) -> Shaped:
    return Shaped(row, room=row.room.name, state=reports.state_of(row), answer=row.outside_answer)
