"""A walk through everything that a script can ask: for each operation a call that a school could make.

Later calls rest on what earlier ones made; `{name}` in an address is what an earlier answer had.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

Call = tuple[str, Mapping[str, object], Any]  # the operation, its parameters and query, the body

NO_BODY = None
PROFILE = {"name": "library", "closed": ["games"], "safe_search": True}
ROW = {"start": "12:00", "end": "13:00", "name": "lunch", "opens": ["games"]}
MAC, OTHER_MAC = "00:00:5e:00:53:11", "00:00:5e:00:53:12"
DEVICE = {"name": "Laptop 1", "addresses": [MAC], "group": "staff"}
LIST = {"name": "more-games", "location": "https://lists.example.org/games.txt", "category": "games"}
PLAN = {"title": "Rivers", "links": ["https://rivers.example.org/a"], "minutes": 45}
SUPPLY = {"username": "sid", "name": "Sid", "last_day": "2026-12-18", "rooms": ["Room 4"]}
ID = "5" * 32


def list_calls(now: datetime, arguments: dict[str, object]) -> list[Call]:
    """Return the calls in their order; `arguments`: the ids of what a furnished school has."""
    later, earlier = (now + timedelta(hours=2)).isoformat(), (now - timedelta(hours=1)).isoformat()
    asked = {"request_id": arguments["request_id"]}
    report = {"report_id": arguments["report_id"]}
    incident, lookup = {"incident_id": arguments["group_id"]}, {"lookup_id": arguments["lookup_id"]}
    return [
        *_rooms_and_requests(asked, later),
        *_rules_and_reports(report),
        *_devices(),
        *_profiles_and_year(),
        *_settings(),
        *_lists(),
        *_safeguarding(incident, lookup, earlier, now.isoformat()),
        *_people(),
    ]


def _rooms_and_requests(asked: dict[str, object], later: str) -> list[Call]:
    opening = {"site": "maps.example.org", "minutes": 30, "room": "Room 4"}
    return [
        ("list_school_rooms", {}, NO_BODY),
        ("rename_school_room", {"room_id": 2}, {"name": "Room 6"}),
        ("change_school_room", {"room_id": 2, "step": "retire"}, NO_BODY),
        ("change_school_room", {"room_id": 2, "step": "put-back"}, NO_BODY),
        ("list_school_requests", {"state": "waiting"}, NO_BODY),
        ("pass_school_request_on", asked, {"to": "deputy_coordinator", "note": "yours"}),
        ("deny_school_request", asked, {"answer": "Not today"}),
        ("reopen_school_request", asked, NO_BODY),
        ("open_school_request_for_good", asked, {"answer": "For good"}),
        ("undo_school_request_rule", asked, NO_BODY),
        ("list_school_requests", {"state": "decided"}, NO_BODY),
        ("set_school_request_wait", {}, {"school_days": 3}),
        ("approve_school_request", {"request_id": "{another}"}, {"minutes": 20, "scope": "school"}),
        ("preview_open_school_site", {}, opening),
        ("open_school_site", {}, opening),
        ("list_school_openings", {}, NO_BODY),
        ("change_school_opening", {"opening_id": "{id}"}, {"until": later}),
        ("end_school_opening", {"opening_id": "{id}"}, NO_BODY),
        ("undo_openings_change", {"change_id": "{change}"}, NO_BODY),
        ("explain_school_site", {"site": "games.example.org"}, NO_BODY),
    ]


def _rules_and_reports(report: dict[str, object]) -> list[Call]:
    rule = {"name": "chess.example.org", "action": "block", "groups": ["staff"]}
    return [
        ("preview_add_school_rule", {}, rule),
        ("add_school_rule", {}, rule),
        ("undo_rules_change", {"change_id": "{change}"}, NO_BODY),
        ("add_school_rule", {}, rule),
        ("list_school_rules", {}, NO_BODY),
        ("remove_school_rule", {"rule_id": "{id}"}, NO_BODY),
        ("get_school_report", {"kind": "weekly"}, NO_BODY),
        ("list_school_months", {}, NO_BODY),
        ("list_site_reports", {}, NO_BODY),
        ("export_site_reports", {}, NO_BODY),
        ("write_site_report", report, NO_BODY),
        ("pass_site_report_on", report, {"to": "the provider"}),
        ("answer_site_report", report, {"answer": "closed now"}),
        ("resolve_site_report", report, {}),
        ("reopen_site_report", report, NO_BODY),
    ]


def _devices() -> list[Call]:
    several = {"devices": [DEVICE | {"note": "trolley"}, {"name": "Laptop 2", "addresses": [OTHER_MAC]}]}
    networks = {"group": "staff", "networks": ["192.0.2.0/25"]}
    room = {"room": "Room 4", "group": "staff"}
    return [
        ("preview_add_school_device", {}, DEVICE),
        ("add_school_device", {}, DEVICE),
        ("preview_change_school_device", {"device_id": "{id}"}, DEVICE | {"group": "pupils"}),
        ("change_school_device", {"device_id": "{id}"}, DEVICE | {"group": "pupils", "edition": "{edition}"}),
        ("preview_move_school_devices", {}, {"devices": [1], "group": "staff"}),
        ("move_school_devices", {}, {"devices": [1], "group": "staff"}),
        ("preview_send_school_devices", {}, several),
        ("send_school_devices", {}, several),
        ("list_school_devices", {"search": "Laptop", "page": 1}, NO_BODY),
        ("list_unnamed_devices", {}, NO_BODY),
        ("remove_school_device", {"device_id": 1}, NO_BODY),
        ("restore_school_device", {"device_id": 1}, NO_BODY),
        ("list_school_groups", {}, NO_BODY),
        ("preview_set_group_networks", {}, networks),
        ("set_group_networks", {}, networks),
        ("preview_set_group_of_room", {}, room),
        ("set_group_of_room", {}, room | {"instead_of": ""}),
    ]


def _profiles_and_year() -> list[Call]:
    setting = {"profile": "library", "settings": PROFILE | {"closed": ["games", "chat"]}}
    row, days = (
        {"profile": "library", "row": ROW},
        {"kind": "holidays", "first": "2026-12-21", "last": "2027-01-01"},
    )
    return [
        ("list_ready_profiles", {}, NO_BODY),
        ("add_school_profile", {}, PROFILE),
        ("undo_profiles_change", {"change_id": "{change}"}, NO_BODY),
        ("add_school_profile", {}, PROFILE),
        ("list_school_profiles", {}, NO_BODY),
        ("preview_set_school_profile", {}, setting),
        ("set_school_profile", {}, setting),
        ("preview_put_timetable_row", {}, row),
        ("put_timetable_row", {}, row),
        ("get_school_timetable", {"profile": "library"}, NO_BODY),
        ("remove_timetable_row", {}, {"profile": "library", "row": "{row}"}),
        ("get_timetable_week", {"profile": "library", "day": "2026-11-24"}, NO_BODY),
        ("remove_school_profile", {}, {"profile": "library"}),
        ("set_default_profile", {}, {"profile": "staff"}),
        ("set_school_week", {}, {"days": ["mon", "tue", "wed", "thu"]}),
        ("add_school_days", {}, days),
        ("get_school_year", {}, NO_BODY),
        ("remove_school_days", {}, days),
    ]


def _settings() -> list[Call]:
    wanted = {"tunnels": "close", "pupil_pages": {"help_line": "Ask Ms Example"}}
    bundle, site = {"names": ["cdn.example.com"]}, {"site": "video.example.com"}
    delegation = {"category": "games", "minutes": 30, "per_day": 2}
    return [
        ("get_school_settings", {}, NO_BODY),
        ("preview_set_school_settings", {}, wanted),
        ("set_school_settings", {}, wanted),
        ("undo_settings_change", {"change_id": "{change}"}, NO_BODY),
        ("delegate_school_category", {}, delegation),
        ("list_school_delegations", {}, NO_BODY),
        ("end_school_delegation", {}, {"category": "games"}),
        ("undo_delegations_change", {"change_id": "{change}"}, NO_BODY),
        ("preview_put_school_bundle", site, bundle),
        ("put_school_bundle", site, bundle),
        ("get_school_bundle", site, NO_BODY),
        ("list_school_bundles", {}, NO_BODY),
        ("remove_school_bundle", site, NO_BODY),
        ("preview_add_school_plan", {}, PLAN),
        ("add_school_plan", {}, PLAN),
        ("list_school_plans", {}, NO_BODY),
        ("change_school_plan", {"plan_id": "{plan}"}, PLAN | {"minutes": 50}),
        ("remove_school_plan", {"plan_id": "{plan}"}, NO_BODY),
    ]


def _lists() -> list[Call]:
    return [
        ("add_school_list", {}, LIST),
        ("list_school_lists", {}, NO_BODY),
        ("preview_set_school_list_use", {"list_id": "{list}"}, {"action": "allow"}),
        ("set_school_list_use", {"list_id": "{list}"}, {"action": "allow"}),
        ("remove_school_list", {"list_id": "{list}"}, NO_BODY),
        ("undo_lists_change", {"change_id": "{change}"}, NO_BODY),
        ("preview_set_builtin_list", {}, {"is_used": False}),
        ("set_builtin_list", {}, {"is_used": False}),
        ("list_ready_sets", {}, NO_BODY),
        ("add_ready_set", {}, {"set": "{set}"}),
        ("accept_list_download", {"list_id": "{held}"}, NO_BODY),
        ("refuse_list_download", {"list_id": "{held}"}, NO_BODY),
        ("build_school_lists", {}, NO_BODY),
    ]


def _safeguarding(incident: dict[str, object], lookup: dict[str, object], since: str, until: str) -> list[Call]:
    reason = "Told a friend of self-harm"
    question = {"id": ID, "room": "Room 4", "device": "d1" * 6, "since": since, "until": until, "reason": reason}
    found: list[Call] = []
    for whose in ("pupil", "staff"):
        of = incident if whose == "pupil" else {"incident_id": "{staff incident}"}
        about = lookup if whose == "pupil" else {"lookup_id": "6" * 32}
        found += [
            (f"list_{whose}_incidents", {"state": "open"}, NO_BODY),
            (f"get_{whose}_incident", of, NO_BODY),
            (f"change_{whose}_incident", of, {"state": "seen"}),
            (f"undo_{whose}_incident", of, {}),
            (f"add_{whose}_incident_note", of, {"id": f"{len(found):032x}", "text": "spoke to them"}),
            (f"hold_{whose}_incident", of, {"reason": "the police asked"}),
            (f"release_{whose}_incident", of, NO_BODY),
            (f"export_{whose}_incidents", {}, NO_BODY),
            (f"ask_{whose}_lookup", {}, question | {"id": ("5" if whose == "pupil" else "6") * 32}),
            (f"list_{whose}_lookups", {}, NO_BODY),
            (f"get_{whose}_lookup", about, NO_BODY),
            (f"delete_{whose}_lookup", about, NO_BODY),
        ]
    return [
        *found,
        ("list_audit_entries", {"person": "cora", "since": "2026-11-24"}, NO_BODY),
        ("export_audit_entries", {}, NO_BODY),
    ]


def _people() -> list[Call]:
    change = {"name": "Sid Example", "last_day": "2026-12-11"}
    return [
        ("add_supply_account", {}, SUPPLY),
        ("list_supply_accounts", {}, NO_BODY),
        ("change_supply_account", {"username": "sid"}, change),
        ("end_supply_account", {"username": "sid"}, NO_BODY),
        ("return_supply_account", {"username": "sid"}, {"last_day": "2026-12-18"}),
        ("make_supply_link", {"username": "sid"}, NO_BODY),
    ]
