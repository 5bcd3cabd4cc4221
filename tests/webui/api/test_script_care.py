"""Where a script could do harm: what it reads of people, what it decides for its maker, what it undoes."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from appliance import protocol
from appliance.central import audit, lookups, requests, unblocks
from appliance.central.devices import inventory
from appliance.central.devices.inventory import DeviceFields
from appliance.central.incidents.intake import receive_incident
from appliance.central.lists import source_use
from appliance.central.models import UnblockRow
from appliance.rights import Right
from tests.fakes.furnished import FurnishedSchool
from tests.webui.api.test_script_operations import EVERY_RIGHT, OF_SCRIPTS, Caller

DEVICE = "e2" * 6
SITE = "private.example.org"


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FurnishedSchool]:
    made = FurnishedSchool(tmp_path_factory.mktemp("care"))
    made.account("ops", EVERY_RIGHT)
    yield made
    made.close()


def ask(script: Caller, operation: str, body: object = None, **given: Any) -> Any:
    return script.call(OF_SCRIPTS[operation], given, body)


def notice(school: FurnishedSchool, group: str) -> str:
    """Have an incident of a device of a group; return its id."""
    found = uuid4().hex
    with school.store.write_session() as session:
        receive_incident(
            session, school.clock(), session.merge(school.room()),
            protocol.Incident(
                id=found, kind="many-refusals", happened_at=school.clock(), device=uuid4().hex[:12], group=group,
                evidence=(SITE,),
            ),
        )  # fmt: skip
    return found


def newest_entry(school: FurnishedSchool) -> tuple[str, str, str]:
    with school.store.read_session() as session:
        (entry,) = audit.list_audit_entries(session, 1)
    return entry.who, entry.what, entry.detail


def test_incidents_of_staff_are_nowhere_for_a_key_to_those_of_pupils(school: FurnishedSchool) -> None:
    staff, pupil = notice(school, "staff"), notice(school, "pupils")
    lead = Caller(school, Right.HANDLE_INCIDENTS, Right.LOOK_UP_DEVICES)
    head = Caller(school, Right.HANDLE_STAFF_INCIDENTS, Right.LOOK_UP_STAFF_DEVICES)
    for script, own, others, whose in ((lead, pupil, staff, "pupil"), (head, staff, pupil, "staff")):
        assert ask(script, f"get_{whose}_incident", incident_id=own).status_code == 200
        steps = {"get": None, "change": {"state": "seen"}, "undo": {}, "hold": {"reason": "why"}, "release": None}
        for name, body in steps.items():
            refused = ask(script, f"{name}_{whose}_incident", body, incident_id=others)
            assert refused.status_code == 404, name
        note = {"id": uuid4().hex, "text": "why"}
        assert ask(script, f"add_{whose}_incident_note", note, incident_id=others).status_code == 404
        listed = ask(script, f"list_{whose}_incidents", state="all").text
        assert own in listed
        assert others not in listed
    assert SITE in ask(lead, "export_pupil_incidents").text


def test_what_no_text_may_hold_is_nowhere_and_comes_to_no_database(school: FurnishedSchool) -> None:
    script = Caller(school)
    for operation in ("end_supply_account", "make_supply_link", "get_school_bundle"):
        answer = ask(script, operation, username="su%00pply", site="exa%00mple.org")
        assert (answer.status_code, "has this form" in answer.text) == (404, True), operation


def test_whatever_is_read_of_a_device_stands_in_the_audit_with_whose_script_it_was(
    school: FurnishedSchool,
) -> None:
    pupil, staff = notice(school, "pupils"), notice(school, "staff")
    script = Caller(school)
    for operation, what, given in (
        ("list_pupil_incidents", "incidents read", {}),
        ("get_pupil_incident", "incident read", {"incident_id": pupil}),
        ("get_staff_incident", "incident read", {"incident_id": staff}),
        ("list_pupil_lookups", "look-ups read", {}),
        ("get_pupil_lookup", "look-up read", {"lookup_id": school.arguments["lookup_id"]}),
        ("export_audit_entries", "audit exported", {}),
    ):
        assert ask(script, operation, **given).status_code == 200
        who, said, detail = newest_entry(school)
        assert (said, "(made by ops)" in who) == (what, True), operation
        assert SITE not in detail
        if "staff" in operation:
            assert detail == f"of a staff device ({staff[:8]})", "nothing of which, nor where"
    before = newest_entry(school)
    assert ask(script, "get_pupil_incident", incident_id="f" * 32).status_code == 404
    assert newest_entry(school) == before, "what is not there was not read"


@pytest.mark.parametrize("whose", ["pupil", "staff"])
def test_a_change_that_changes_nothing_is_in_the_audit_as_what_it_read(
    school: FurnishedSchool, whose: str
) -> None:
    script, found = Caller(school), notice(school, "staff" if whose == "staff" else "pupils")
    note = {"id": uuid4().hex, "text": "seen by me"}
    for operation, body in (
        (f"release_{whose}_incident", None),
        (f"hold_{whose}_incident", {"reason": "why"}),
        (f"change_{whose}_incident", {"state": "seen"}),
        (f"add_{whose}_incident_note", note),
    ):
        ask(script, operation, body, incident_id=found)
        before = newest_number(school)
        again = ask(script, operation, body, incident_id=found)
        assert (again.status_code, SITE in again.text) == (200, True), operation
        assert newest_number(school) == before + 1, operation
        assert newest_entry(school)[1] == "incident read", operation


def newest_number(school: FurnishedSchool) -> int:
    with school.store.read_session() as session:
        return audit.list_audit_entries(session, 1)[0].id


def test_a_device_has_its_name_for_who_may_see_devices_and_a_token_everywhere_else(
    school: FurnishedSchool,
) -> None:
    with school.store.write_session() as session:
        fields = DeviceFields(name="Laptop of Sam Example", addresses=("00:00:5e:00:53:77",))
        inventory.add_device(session, school.clock(), fields, by="cora")
    seen = Caller(school, Right.SEE_DEVICES)
    assert "Sam Example" in ask(seen, "list_school_devices", search="Sam").text
    others = Caller(
        school, *(one for one in {row.right for row in OF_SCRIPTS.values()} if "DEVICE" not in one.name)
    )
    for operation in OF_SCRIPTS.values():
        if operation.method == "GET" and operation.id != "export_audit_entries":
            told = ask(
                others, operation.id, **school.arguments, kind="weekly", site="example.org", profile="staff"
            )
            assert "Sam Example" not in told.text or operation.right is Right.READ_AUDIT, operation.id


def test_an_undone_change_of_the_lists_takes_the_file_of_before_into_use_as_the_page_does(
    school: FurnishedSchool, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    for name in ("adopt_files", "request_build"):
        monkeypatch.setattr(school.central.publisher, name, partial(done.append, name))
    with school.store.write_session() as session:
        is_used = not source_use.has_builtin_list(session)
        change = source_use.set_builtin_list(session, school.clock(), is_used=is_used, by="cora")
    assert ask(Caller(school, Right.EDIT_LISTS), "undo_lists_change", change_id=change).status_code == 200
    assert done == ["adopt_files", "request_build"]


def test_a_look_up_is_asked_once_with_its_reason_and_its_answer_is_read_by_its_right_alone(
    school: FurnishedSchool,
) -> None:
    script = Caller(school, Right.LOOK_UP_DEVICES)
    now, wanted = school.clock(), uuid4().hex
    question = {
        "id": wanted, "room": "Room 4", "device": DEVICE, "since": (now - timedelta(hours=1)).isoformat(),
        "until": now.isoformat(), "reason": "Told a friend of self-harm",
    }  # fmt: skip
    assert ask(script, "ask_pupil_lookup", question | {"reason": "x"}).status_code == 409
    assert ask(script, "ask_pupil_lookup", question | {"room": "Room 99"}).status_code == 404
    assert ask(script, "ask_pupil_lookup", question).status_code == 201
    who, what, detail = newest_entry(school)
    assert (what, "self-harm" in detail, "made by ops" in who) == ("device looked up", True, True)
    assert ask(script, "ask_pupil_lookup", question).status_code == 201, "sent twice"
    line = protocol.LookupEntry(
        second=int(now.timestamp()) - 60, name=SITE, type="A", verdict="refused", category="games", count=1
    )
    with school.store.write_session() as session:
        room = session.merge(school.room())
        assert len([one for one in lookups.list_questions(session, now, room.id) if one.id == wanted]) == 1
        said = protocol.LookupAnswer(id=wanted, entries=(line,))
        assert lookups.receive_answer(session, now, school.central.keys, room, said)
    assert ask(script, "get_pupil_lookup", lookup_id=wanted).json["answer"]["entries"][0]["name"] == SITE
    assert newest_entry(school)[2].endswith("its answer")
    assert SITE not in ask(script, "list_pupil_lookups").text
    head = Caller(school, Right.LOOK_UP_STAFF_DEVICES)
    assert ask(head, "get_staff_lookup", lookup_id=wanted).status_code == 404
    assert ask(head, "delete_staff_lookup", lookup_id=wanted).status_code == 404
    assert ask(script, "delete_pupil_lookup", lookup_id=wanted).status_code == 204
    assert ask(script, "get_pupil_lookup", lookup_id=wanted).json["answer"] is None


def test_a_script_grants_lengthens_and_puts_back_nothing_that_its_maker_asked_for(school: FurnishedSchool) -> None:
    own = msgspec.structs.replace(school.unblock_request("own.example.org"), teacher="ops")
    with school.store.write_session() as session:
        requests.submit_request(session, school.clock(), session.merge(school.room()), own)
    script = Caller(school)
    assert "yourself" in ask(script, "approve_school_request", {}, request_id=own.id).json["detail"]
    with school.store.write_session() as session:
        opened = requests.approve_request(session, school.clock(), request_id=own.id, by="cora", minutes=5)
        number, until = opened.id, opened.until
    longer = {"until": (until + timedelta(minutes=30)).isoformat()}
    assert "yourself" in ask(script, "change_school_opening", longer, opening_id=number).json["detail"]
    assert "yourself" in ask(script, "open_school_request_for_good", {}, request_id=own.id).json["detail"]
    with school.store.read_session() as session:
        assert session.get_one(UnblockRow, number).until == until
    with school.store.write_session() as session:
        ended = unblocks.end_unblock(session, school.clock(), unblock_id=number, by="cora")
    assert "yourself" in ask(script, "undo_openings_change", change_id=ended).json["detail"]


def test_what_one_right_has_changed_another_does_not_undo(school: FurnishedSchool) -> None:
    script = Caller(school)
    rule = {"name": "undone.example.org", "action": "block"}
    change = ask(script, "add_school_rule", rule).json["change"]
    for feature in ("openings", "profiles", "settings", "delegations", "lists"):
        assert ask(script, f"undo_{feature}_change", change_id=change).status_code == 404
    assert ask(script, "undo_rules_change", change_id=change).status_code == 200


def test_accounts_are_those_of_supply_teachers_and_of_nobody_else(school: FurnishedSchool) -> None:
    script = Caller(school, Right.MANAGE_SUPPLY_ACCOUNTS)
    made = ask(script, "add_supply_account", {"username": "sue", "name": "Sue", "last_day": "2026-12-18"})
    assert made.json["path"].startswith("/new-password/")
    for day, words in (("2026-11-01", "over"), ("2028-01-01", "within a year"), ("2026-02-30", "no day")):
        refused = ask(script, "add_supply_account", {"username": "sol", "name": "Sol", "last_day": day})
        assert words in refused.json["detail"]
    assert {one["username"] for one in ask(script, "list_supply_accounts").json} == {"supply", "sue"}
    for operation, body in (
        ("change_supply_account", {"name": "x", "last_day": "2026-12-18"}), ("end_supply_account", None),
        ("return_supply_account", {"last_day": "2026-12-18"}), ("make_supply_link", None),
    ):  # fmt: skip
        for username in ("cora", "head", "ops", "nobody"):
            assert ask(script, operation, body, username=username).status_code == 404, (operation, username)


def test_a_note_whose_id_another_incident_has_is_refused_and_not_lost(school: FurnishedSchool) -> None:
    script, note = Caller(school, Right.HANDLE_INCIDENTS), {"id": uuid4().hex, "text": "seen by me"}
    first, second = notice(school, "pupils"), notice(school, "pupils")
    for found, status in ((first, 200), (first, 200), (second, 409)):
        assert ask(script, "add_pupil_incident_note", note, incident_id=found).status_code == status


def test_of_many_devices_all_are_saved_or_none_and_what_was_seen_has_to_be_so_still(
    school: FurnishedSchool,
) -> None:
    script = Caller(school, Right.EDIT_DEVICES, Right.SEE_DEVICES)
    good = {"name": '=Cart 1, "left"', "addresses": ["00:00:5e:00:53:a1"]}
    bad = {"name": "Cart 2", "addresses": ["00:00:5e:00:53:a2"], "group": "nowhere"}
    looked = ask(script, "preview_send_school_devices", {"devices": [good, bad]}).json
    assert (looked["added"], "nowhere" in looked["errors"][0]) == (1, True)
    assert "nowhere" in ask(script, "send_school_devices", {"devices": [good, bad]}).json["detail"]
    assert ask(script, "list_school_devices", search="Cart").json["total"] == 0
    assert ask(script, "send_school_devices", {"devices": [good]}).json["added"] == 1
    again = ask(script, "send_school_devices", {"devices": [good]}).json
    assert (again["added"], again["unchanged"]) == (0, 1)
    (cart,) = ask(script, "list_school_devices", search="Cart").json["devices"]
    assert (cart["name"], cart["addresses"]) == (good["name"], good["addresses"])
    changed = good | {"note": "repaired", "edition": cart["edition"]}
    assert ask(script, "change_school_device", changed, device_id=cart["id"]).status_code == 200
    assert ask(script, "change_school_device", changed | {"note": "x"}, device_id=cart["id"]).status_code == 409
    group = next(one for one in ask(script, "list_school_groups").json if one["name"] == "staff")
    networks = {"group": "staff", "networks": ["192.0.2.0/25"], "revision": group["revision"]}
    assert ask(script, "set_group_networks", networks).status_code == 200
    assert ask(script, "set_group_networks", networks | {"networks": []}).status_code == 409


def test_a_category_that_harms_is_unlocked_only_when_that_is_said(school: FurnishedSchool) -> None:
    script = Caller(school, Right.EDIT_SCHOOL)
    locked = ask(script, "get_school_settings").json["locked_categories"]
    looked = ask(script, "preview_set_school_settings", {"locked_categories": []}).json
    assert locked
    assert looked["warning"]
    assert ask(script, "set_school_settings", {"locked_categories": []}).status_code == 409
    done = ask(script, "set_school_settings", {"locked_categories": [], "confirmed": True})
    assert done.status_code == 200
    assert ask(script, "undo_settings_change", change_id=done.json["change"]).status_code == 200
    assert ask(script, "get_school_settings").json["locked_categories"] == locked


def test_nothing_is_said_to_be_open_that_stays_closed(school: FurnishedSchool) -> None:
    script, wanted = (
        Caller(school, Right.DECIDE_REQUESTS, Right.EDIT_RULES),
        school.request(site="games.example.org"),
    )
    before = ask(script, "list_school_openings").json
    opening = {"site": "games.example.org", "minutes": 5}
    looked = ask(script, "preview_open_school_site", opening).json
    assert (looked["is_closed"], looked["would_open"]) == (True, False)
    for operation, body in (
        ("open_school_site", opening), ("approve_school_request", {}), ("open_school_request_for_good", {}),
    ):  # fmt: skip
        refused = ask(script, operation, body, request_id=wanted)
        assert "stays closed" in refused.json["detail"], operation
    assert ask(script, "list_school_openings").json == before
    assert wanted in ask(script, "list_school_requests").text, "it still waits"
    with_locked = {"site": "fine.example.org", "minutes": 5, "also": ["games.example.org"]}
    assert "games.example.org stays closed" in ask(script, "open_school_site", with_locked).json["detail"]
    (group, *_) = ask(script, "explain_school_site", site="https://games.example.org/play").json["groups"]
    assert (group["is_closed"], group["can_open"]) == (True, False)


def test_a_day_begins_and_ends_by_the_schools_clock(school: FurnishedSchool) -> None:
    script = Caller(school)
    assert ask(script, "set_school_settings", {"timezone": "Pacific/Auckland"}).status_code == 200
    school.clock.pass_minutes(180)  # noon in UTC, and in Auckland one o'clock of the next day
    assert ask(script, "list_audit_entries", since="2026-11-25").json["entries"] == []
    assert ask(script, "export_audit_entries").status_code == 200
    (entry,) = ask(script, "list_audit_entries", since="2026-11-25").json["entries"]
    assert entry["at"].startswith("2026-11-24T12:")
    (first, *_) = ask(script, "get_timetable_week", profile="pupils").json
    assert first["day"] == "2026-11-23"
    made = ask(script, "add_supply_account", {"username": "zoe", "name": "Zoe", "last_day": "2026-11-25"})
    assert made.status_code == 201
    (zoe,) = [one for one in ask(script, "list_supply_accounts").json if one["username"] == "zoe"]
    assert zoe["ends"].startswith("2026-11-25T10:59:59")


def test_a_preview_of_an_opening_says_why_a_site_is_closed_and_stays_so(school: FurnishedSchool) -> None:
    script = Caller(school, Right.DECIDE_REQUESTS)
    locked = ask(script, "preview_open_school_site", {"site": "games.example.org", "minutes": 5}).json
    assert (locked["is_closed"], locked["would_open"], bool(locked["why"])) == (True, False, True)
    is_open = ask(script, "preview_open_school_site", {"site": "maps.example.org", "minutes": 5}).json
    assert is_open == {"is_closed": False, "why": "", "would_open": True, "why_not": ""}
