"""Which right each route asks for, written out: who comes in where hangs on that as on the table of rights.

`test_access.py` tries every route with every role, and takes the right that a route names as given. Here a route
that names another one than it did, by mistake or on purpose, is seen.
"""

from pathlib import Path

from flask import Flask

from appliance.operations import OPERATIONS
from appliance.operations.trust import TRUST_OPERATIONS
from appliance.operations.trust_scripts import TRUST_SCRIPT_OPERATIONS
from appliance.rights import Right
from tests.fakes.trust import FakeTrust
from tests.webui.shared.test_access import app, school, site  # noqa: F401 (fixtures)
from webui.shared.access import find_right

# The right of a feature's routes; beside it those of single ones.
CENTRAL = {
    "": "VISIT", "account_sign_ins": "MANAGE_SUPPLY_ACCOUNTS", "accounts": "MANAGE_SUPPLY_ACCOUNTS",
    "audit": "READ_AUDIT", "bootstrap": "VISIT", "delegations": "DELEGATE", "device_imports": "EDIT_DEVICES",
    "devices": "EDIT_DEVICES", "events": "HEAR_NEWS", "first_start": "SET_UP_SCHOOL", "groups": "EDIT_DEVICES",
    "help": "MANAGE_OWN_SIGN_INS", "home": "SEE_HOME", "incidents": "HANDLE_INCIDENTS", "languages": "VISIT",
    "lesson_plans": "EDIT_RULES", "lists": "EDIT_LISTS", "lookups": "LOOK_UP_DEVICES",
    "made_links": "MANAGE_SUPPLY_ACCOUNTS", "new_password": "VISIT", "openid": "VISIT",
    "own_email": "MANAGE_OWN_SIGN_INS", "own_password": "MANAGE_OWN_SIGN_INS", "page_certificates": "ENROL_ROOMS",
    "profiles": "EDIT_PROFILES", "reports": "HANDLE_REPORTS", "requests": "DECIDE_REQUESTS",
    "room_cards": "ENROL_ROOMS", "room_sign_in": "VISIT", "rooms": "ENROL_ROOMS", "rules": "EDIT_RULES",
    "school_settings": "EDIT_SCHOOL", "script_keys": "MAKE_SCRIPT_KEYS", "second_factor": "MANAGE_OWN_SIGN_INS",
    "second_factor_rule": "EDIT_ACCOUNTS", "shared": "VISIT", "sign_ins": "MANAGE_OWN_SIGN_INS",
    "site_bundles": "EDIT_RULES", "site_search": "DECIDE_REQUESTS", "staff_incidents": "HANDLE_STAFF_INCIDENTS",
    "staff_lookups": "LOOK_UP_STAFF_DEVICES", "start": "SIGN_IN", "statistics": "READ_REPORTS",
    "style_guide": "MANAGE_OWN_SIGN_INS", "timetables": "EDIT_PROFILES", "unblocks": "DECIDE_REQUESTS",
    "webhooks": "CONNECT_SERVICES",
}  # fmt: skip
ROOM = {
    "": "VISIT", "asks": "REQUEST_UNBLOCKS", "block_page": "VISIT", "bootstrap": "VISIT", "events": "HEAR_NEWS",
    "help": "MANAGE_OWN_SIGN_INS", "languages": "VISIT", "lessons": "LEAD_LESSONS", "log": "SEE_ROOM",
    "plans": "LEAD_LESSONS", "poster": "SEE_ROOM", "shared": "VISIT", "sign_in_at_central": "VISIT",
    "sign_ins": "MANAGE_OWN_SIGN_INS", "style_guide": "MANAGE_OWN_SIGN_INS", "today": "REQUEST_UNBLOCKS",
}  # fmt: skip
SINGLE = {
    "audit.export": "EXPORT_AUDIT", "devices.show": "SEE_DEVICES", "devices.list_unknown": "SEE_DEVICES",
    "requests.undo_permanent": "EDIT_RULES", "requests.set_days": "DELEGATE", "rooms.show": "SEE_ROOMS",
    "rooms.show_room": "SEE_ROOMS", "plans.ask_for_plan": "REQUEST_UNBLOCKS", "today.show": "SEE_ROOM",
    "today.report_site": "REPORT_SITES", "api.unknown": "FOLLOW_SCHOOL", "schools.show": "SEE_TRUST",
    "schools.show_school": "SEE_TRUST", "entries.show": "SEE_TRUST", "trust_api.unknown": "FOLLOW_TRUST",
}  # fmt: skip
OF_OPERATIONS = {
    "FOLLOW_SCHOOL": {
        "get_feed", "request_certificate", "get_page_certificate", "sign_page_certificate", "get_policy",
        "get_index", "get_list_signature", "get_requests", "get_incidents", "get_lookups", "get_accounts",
        "get_log_key",
    },
    "DELIVER_MESSAGES": {
        "put_request", "delete_request", "put_report", "put_incident", "put_lookup", "put_action", "put_actions",
        "put_health", "put_counts", "put_audit_heads", "put_seen_devices",
    },
    "CHECK_PASSWORDS": {"sign_in", "start_sign_in", "redeem_ticket"},
    "SEE_ROOMS": {"list_school_rooms"},
    "ENROL_ROOMS": {"rename_school_room", "change_school_room"},
    "DECIDE_REQUESTS": {
        "list_school_requests", "approve_school_request", "deny_school_request",
        "pass_school_request_on", "reopen_school_request", "list_school_openings", "open_school_site",
        "preview_open_school_site", "change_school_opening", "end_school_opening", "explain_school_site",
        "undo_openings_change",
    },
    "EDIT_RULES": {
        "open_school_request_for_good", "undo_school_request_rule", "list_school_rules",
        "add_school_rule", "preview_add_school_rule", "remove_school_rule", "list_school_bundles",
        "get_school_bundle", "put_school_bundle", "preview_put_school_bundle", "remove_school_bundle",
        "list_school_plans", "add_school_plan", "preview_add_school_plan", "change_school_plan",
        "remove_school_plan", "undo_rules_change",
    },
    "DELEGATE": {
        "set_school_request_wait", "list_school_delegations", "delegate_school_category",
        "end_school_delegation", "undo_delegations_change",
    },
    "READ_REPORTS": {"get_school_report", "list_school_months"},
    "HANDLE_REPORTS": {
        "list_site_reports", "export_site_reports", "write_site_report", "pass_site_report_on",
        "answer_site_report", "resolve_site_report", "reopen_site_report",
    },
    "SEE_DEVICES": {"list_school_devices", "list_unnamed_devices", "list_school_groups"},
    "EDIT_DEVICES": {
        "add_school_device", "preview_add_school_device", "change_school_device",
        "preview_change_school_device", "remove_school_device", "restore_school_device",
        "move_school_devices", "preview_move_school_devices", "send_school_devices",
        "preview_send_school_devices", "set_group_networks", "preview_set_group_networks",
        "set_group_of_room", "preview_set_group_of_room",
    },
    "EDIT_PROFILES": {
        "list_school_profiles", "list_ready_profiles", "add_school_profile", "set_school_profile",
        "preview_set_school_profile", "remove_school_profile", "set_default_profile",
        "get_school_timetable", "get_timetable_week", "put_timetable_row", "preview_put_timetable_row",
        "remove_timetable_row", "get_school_year", "set_school_week", "add_school_days",
        "remove_school_days", "undo_profiles_change",
    },
    "EDIT_SCHOOL": {
        "get_school_settings", "set_school_settings", "preview_set_school_settings",
        "undo_settings_change",
    },
    "EDIT_LISTS": {
        "list_school_lists", "add_school_list", "set_school_list_use", "preview_set_school_list_use",
        "remove_school_list", "accept_list_download", "refuse_list_download", "set_builtin_list",
        "preview_set_builtin_list", "list_ready_sets", "add_ready_set", "build_school_lists",
        "undo_lists_change",
    },
    "HANDLE_INCIDENTS": {
        "list_pupil_incidents", "export_pupil_incidents", "get_pupil_incident", "change_pupil_incident",
        "undo_pupil_incident", "add_pupil_incident_note", "hold_pupil_incident",
        "release_pupil_incident",
    },
    "HANDLE_STAFF_INCIDENTS": {
        "list_staff_incidents", "export_staff_incidents", "get_staff_incident", "change_staff_incident",
        "undo_staff_incident", "add_staff_incident_note", "hold_staff_incident",
        "release_staff_incident",
    },
    "LOOK_UP_DEVICES": {"list_pupil_lookups", "ask_pupil_lookup", "get_pupil_lookup", "delete_pupil_lookup"},
    "LOOK_UP_STAFF_DEVICES": {
        "list_staff_lookups", "ask_staff_lookup", "get_staff_lookup", "delete_staff_lookup",
    },
    "READ_AUDIT": {"list_audit_entries"},
    "EXPORT_AUDIT": {"export_audit_entries"},
    "MANAGE_SUPPLY_ACCOUNTS": {
        "list_supply_accounts", "add_supply_account", "change_supply_account", "end_supply_account",
        "return_supply_account", "make_supply_link",
    },
}  # fmt: skip


TRUST = {
    "": "VISIT", "account_sign_ins": "MANAGE_SUPPLY_ACCOUNTS", "accounts": "MANAGE_SUPPLY_ACCOUNTS",
    "audit": "READ_AUDIT", "bootstrap": "VISIT", "entries": "LAY_DOWN",
    "languages": "VISIT", "made_links": "MANAGE_SUPPLY_ACCOUNTS", "new_password": "VISIT", "numbers": "SEE_TRUST",
    "own_password": "MANAGE_OWN_SIGN_INS", "schools": "MANAGE_SCHOOLS", "script_keys": "MAKE_SCRIPT_KEYS",
    "second_factor": "MANAGE_OWN_SIGN_INS",
    "shared": "VISIT", "sign_ins": "MANAGE_OWN_SIGN_INS", "start": "SIGN_IN",
}  # fmt: skip
OF_TRUST = {
    "ENROL_AT_TRUST": {"enrol_school"},
    "FOLLOW_TRUST": {"get_document", "put_numbers"},
    "SEE_TRUST": {"list_trust_schools", "list_trust_entries"},
    "LAY_DOWN": {"add_trust_entry", "end_trust_entry", "restore_trust_entry"},
}


def written(site: str, endpoint: str) -> str:  # noqa: F811 (the fixture is its value)
    """Return the right that stands here for an endpoint; "": none does."""
    feature, _, name = endpoint.rpartition(".")
    if feature == "api" and name != "unknown":
        return next((right for right, names in OF_OPERATIONS.items() if name in names), "")
    if feature == "trust_api" and name != "unknown":
        return next((right for right, names in OF_TRUST.items() if name in names), "")
    return SINGLE.get(endpoint) or {"central": CENTRAL, "room": ROOM, "trust": TRUST}[site].get(feature, "")


def test_each_route_asks_for_the_right_that_is_written_here(app: Flask, site: str) -> None:  # noqa: F811
    for rule in app.url_map.iter_rules():
        right = find_right(app, rule.endpoint)
        assert right is not None
        assert right.name == written(site, rule.endpoint), rule.endpoint


def test_each_route_of_a_trust_asks_for_the_right_that_is_written_here(tmp_path: Path) -> None:
    trust = FakeTrust(tmp_path / "trust")
    for rule in trust.app.url_map.iter_rules():
        right = find_right(trust.app, rule.endpoint)
        assert right is not None, rule.endpoint
        assert right.name == written("trust", rule.endpoint), rule.endpoint
    trust.close()


def test_each_operation_of_the_interface_has_the_right_that_is_written_here() -> None:
    assert {one.id: one.right.name for one in OPERATIONS} == {
        name: right for right, names in OF_OPERATIONS.items() for name in names
    }


def test_each_operation_of_a_trust_has_the_right_that_is_written_here() -> None:
    assert {one.id: one.right.name for one in (*TRUST_OPERATIONS, *TRUST_SCRIPT_OPERATIONS)} == {
        name: right for right, names in OF_TRUST.items() for name in names
    }


def test_there_is_no_right_that_no_route_asks_for() -> None:
    asked = {*CENTRAL.values(), *ROOM.values(), *TRUST.values(), *SINGLE.values(), *OF_OPERATIONS, *OF_TRUST}
    assert {right.name for right in Right} - asked == set()
