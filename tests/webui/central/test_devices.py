"""Devices and groups, as the coordinator sees them at central."""

import re
from typing import Any

import pytest

from appliance.central.devices import inventory, sightings
from appliance.central.models import DeviceRow
from appliance.protocol import SeenDevice, SeenDevices
from tests.e2e.browser import Browser
from tests.fakes.school import PASSWORD
from tests.webui.central.pages import document, press, said, state

MAC, OTHER_MAC = "00:00:5e:00:53:01", "00:00:5e:00:53:02"


@pytest.fixture
def olga(school: Any, cora: Browser) -> Any:
    school.account("olga", "coordinator")
    with Browser(school.url) as browser:
        yield browser.sign_in("olga", PASSWORD)


def add(cora: Browser, name: str, addresses: str, group: str = "", note: str = "") -> Browser:
    form = cora.open("/devices/new").form_with("name", "addresses")
    cora.send(form, name=name, addresses=addresses, group=group, note=note)
    return press(cora, "/devices/new", "1") if 'name="confirmed"' in cora.text else cora


def members(school: Any) -> dict[str, list[str]]:
    return {one.name: list(one.members) for one in document(school).groups}


def upload(cora: Browser, content: str) -> Browser:
    form = cora.open("/devices").form_with(action="/devices/import")
    return cora.send(form, files={"file": ("devices.csv", content.encode())})


def test_a_device_gets_its_name_and_group_after_it_was_shown_what_that_opens(cora: Browser, school: Any) -> None:
    form = cora.open("/devices/new").form_with("name", "addresses")
    cora.send(form, name="Office laptop", addresses="00-00-5E-00-53-01", group="staff")
    assert "Nothing is saved yet" in cora.text
    assert "Social networks" in cora.text
    assert members(school)["staff"] == []
    press(cora, "/devices/new", "1")
    assert "Office laptop has its name" in said(cora)
    assert members(school)["staff"] == ["Office laptop"]
    press(cora, "/remove")
    assert members(school)["staff"] == []
    press(cora, "/restore")
    assert members(school)["staff"] == ["Office laptop"]


def test_a_mistake_leaves_the_form_filled(cora: Browser) -> None:
    add(cora, "First", MAC)
    form = cora.open("/devices/new").form_with("name", "addresses")
    cora.send(form, name="Second", addresses=f"{MAC}, 192.0.2.4", note="in the hall", group="pupils")
    assert f"{MAC} belongs to First already" in said(cora)
    again = cora.form_with("name", "addresses")
    assert (again.fields["name"], again.fields["note"], again.fields["group"]) == (
        "Second",
        "in the hall",
        "pupils",
    )
    cora.send(again, name="192.0.2.0/24")
    assert "is an address, and no name" in said(cora)


def test_a_device_is_renamed_and_that_is_undone(cora: Browser, school: Any) -> None:
    add(cora, "Laptop", MAC, "pupils")
    link = re.search(r'href="(/devices/\d+)"', cora.open("/devices").text)
    assert link
    form = cora.open(link[1]).form_with("name", "edition")
    cora.send(form, name="Class laptop")
    assert [one.name for one in document(school).devices] == ["Class laptop"]
    press(cora, "/devices/")
    assert [one.name for one in document(school).devices] == ["Laptop"]


def test_of_two_people_who_edit_at_once_the_later_one_is_told_and_keeps_the_form(
    cora: Browser, olga: Browser, school: Any
) -> None:
    add(cora, "Laptop", MAC, "pupils")
    link = re.search(r'href="(/devices/\d+)"', cora.open("/devices").text)
    assert link
    hers, mine = olga.open(link[1]).form_with("name", "edition"), cora.open(link[1]).form_with("name", "edition")
    olga.send(hers, name="Her laptop")
    cora.send(mine, name="My laptop")
    assert "olga has changed Her laptop in the meantime" in said(cora)
    assert cora.form_with("name", "edition").fields["name"] == "My laptop"
    assert [one.name for one in document(school).devices] == ["Her laptop"]


def test_a_file_is_looked_at_before_it_is_saved_and_taken_back(cora: Browser, school: Any) -> None:
    add(cora, "Old name", OTHER_MAC, "pupils")
    upload(cora, f"name,mac,group\nOffice laptop,{MAC},staff\nNew name,{OTHER_MAC},pupils\n")
    assert "1 new devices, changes 1" in cora.text
    assert "Social networks" in cora.text
    assert members(school)["staff"] == []
    press(cora, "/devices/import/", "save")
    assert "Saved: 1 new, 1 changed" in said(cora)
    assert members(school)["staff"] == ["Office laptop"]
    press(cora, "/undo")
    assert "2 devices are as they were" in said(cora)
    assert [one.name for one in document(school).devices] == ["Old name"]


def test_a_file_with_mistakes_names_each_and_cannot_be_saved(cora: Browser, school: Any) -> None:
    upload(cora, f"name,mac,group\nLaptop,{MAC},\n<b>x</b>,nonsense,\n")
    assert "line 3: &#39;nonsense&#39; is neither" in cora.text
    assert 'value="save"' not in cora.text
    cora.send(cora.form_with("shown", action="/devices/import/"), decision="save")
    assert "nothing was saved: line 3" in said(cora)
    press(cora, "/devices/import/", "drop")
    assert document(school).devices == ()
    upload(cora, "")
    assert "the file is empty" in said(cora)


def test_a_file_that_somebody_else_has_overtaken_is_shown_once_more(cora: Browser, olga: Browser) -> None:
    upload(cora, f"name,mac\nLaptop,{MAC}\n")
    form = cora.form_with("shown")
    add(olga, "Laptop", OTHER_MAC)
    cora.send(form, decision="save")
    assert "somebody has changed devices in the meantime" in said(cora)
    assert "changes 1" in cora.text
    press(cora, "/devices/import/", "save")
    assert "0 new, 1 changed" in said(cora)


def test_devices_are_searched_paged_moved_and_moved_back(cora: Browser, school: Any) -> None:
    lines = "\n".join(f"Tablet {n:03},00:00:5e:00:54:{n:02x},pupils" for n in range(120))
    upload(cora, f"name,mac,group\n{lines}\n")
    press(cora, "/devices/import/", "save")
    assert "Page 2 of 3, 120 devices" in cora.open("/devices?page=2").text
    assert "Page 3 of 3" in cora.open("/devices?page=99999").text
    assert cora.open("/devices?q=tablet+11").text.count("Choose Tablet") == 10
    assert cora.open("/devices?q=00-00-5E-00-54-07").text.count("Choose Tablet") == 1
    ids = re.findall(r'name="device" value="(\d+)"', cora.open("/devices?q=tablet+11").text)
    token = cora.form_with(action="/devices/move").fields["csrf_token"]
    data = {"csrf_token": token, "device": ids, "group": "staff"}
    moving = cora.client.post("/devices/move", data=data)
    assert "Nothing is moved yet" in moving.text
    assert members(school)["staff"] == []
    cora.response = cora.client.post("/devices/move", data=data | {"confirmed": "1"})
    assert "10 devices are moved" in said(cora)
    assert len(members(school)["staff"]) == 10
    press(cora, "/devices/move-back")
    assert members(school)["staff"] == []
    data["device"] = []
    cora.response = cora.client.post("/devices/move", data=data)
    assert "choose the devices first" in said(cora)


def test_devices_that_rooms_have_seen_are_offered_and_get_a_name(cora: Browser, school: Any) -> None:
    found = SeenDevices(
        devices=(
            SeenDevice(mac=MAC, address="192.0.2.7", seconds_ago=310.0),
            SeenDevice(mac="02:00:5e:00:53:09", address="192.0.2.9", seconds_ago=2.0),
        )
    )
    with school.store.write_session(affects_rooms=False) as session:
        sightings.receive_seen_devices(session, school.clock(), school.room(), found)
    text = cora.open("/devices").text
    assert "in Room 4, 5 minutes ago" in text
    assert "made up by the device" in text
    cora.open("/devices/unknown").open(f"/devices/new?addresses={MAC}")
    form = cora.form_with("name", "addresses")
    assert form.fields["addresses"] == MAC
    cora.send(form, name="Whiteboard")
    assert MAC not in cora.open("/devices/unknown").text


def test_what_is_downloaded_can_be_taken_in_again_and_is_in_the_audit(cora: Browser, school: Any) -> None:
    add(cora, "=1+1", MAC, "pupils", note="@x")
    token = cora.open("/devices").form_with(action="/devices/export").fields["csrf_token"]
    answer = cora.client.post("/devices/export", data={"csrf_token": token})
    assert answer.headers["Content-Disposition"] == "attachment; filename=devices.csv"
    assert answer.content.startswith(b"\xef\xbb\xbfname,mac,")
    assert b"'=1+1" in answer.content
    upload(cora, answer.content.decode())
    assert "leaves 1 as they are" in cora.text
    assert "devices exported" in cora.open("/audit").text


def test_networks_and_rooms_of_a_group_are_set_and_undone(cora: Browser, school: Any) -> None:
    form = cora.open("/groups/staff").form_with("networks", "only_from")
    cora.send(form, networks="the staff room", only_from="")
    assert "is no network" in said(cora)
    assert cora.form_with("networks").fields["networks"] == "the staff room"
    cora.send(cora.form_with("networks"), networks="192.0.2.0/28, 2001:db8::/64", only_from="192.0.2.0/24")
    assert "Nothing is saved yet" in cora.text
    assert members(school)["staff"] == []
    press(cora, "/groups/staff", "1")
    assert members(school)["staff"] == ["192.0.2.0/28", "2001:db8::/64"]
    press(cora, "/groups/staff")
    assert members(school)["staff"] == []
    cora.send(cora.form_with("room", action="/groups/staff/rooms"), room="Room 4")
    assert "Social networks" in cora.text
    assert document(school).default_group == "pupils"
    press(cora, "/groups/staff/rooms", "1")
    assert document(school).default_group == "staff"
    press(cora, "/groups/staff/rooms")
    assert document(school).default_group == "pupils"


def test_a_group_that_can_be_imitated_is_said(cora: Browser) -> None:
    add(cora, "Office laptop", MAC, "staff")
    assert "can be imitated" in cora.open("/devices").text
    form = cora.open("/groups/staff").form_with("networks", "only_from")
    cora.send(form, only_from="198.51.100.0/24")
    assert "can be imitated" not in cora.open("/devices").text


def test_an_approval_for_a_group_without_devices_is_said_to_open_for_nobody(cora: Browser, school: Any) -> None:
    school.request(site="coolmathgames.com")
    assert "staff (no device yet)" in cora.open("/").text
    cora.send(cora.form_with("minutes", "scope", "group"), decision="approve", group="staff")
    assert "would open for nobody: no device belongs to staff yet" in said(cora)
    assert state(school).state == "waiting"
    add(cora, "Office laptop", MAC, "staff")
    assert "no device yet" not in cora.open("/").text
    cora.send(cora.form_with("minutes", "scope", "group"), decision="approve", group="staff")
    assert state(school).state == "approved"


def test_what_is_not_there_is_said_on_the_page(cora: Browser) -> None:
    token = cora.open("/devices").form_with(action="/devices/export").fields["csrf_token"]
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("/devices/move", {"device": ["x", "99999999999", "-1"], "group": "staff"}),
        ("/devices/move", {"device": ["12345"], "group": "staff"}),
        ("/devices/move-back", {"before": "{"}),
        ("/devices/move-back", {"before": '{"staff":[99999999999999999999]}'}),
        ("/devices/move-back", {"before": '{"staff":[2147483648]}'}),
        ("/devices/move-back", {"before": '{"staff":["x"]}'}),
        ("/devices/4711", {"name": "x", "addresses": MAC}),
        ("/devices/4711/remove", {}),
        ("/devices/import/nothing", {"shown": "x", "decision": "save"}),
        ("/devices/import/nothing/undo", {}),
        ("/groups/nobody", {"networks": "192.0.2.0/24"}),
        ("/groups/staff/rooms", {"room": "Nowhere", "group": "staff"}),
    ]
    for path, data in wrong:
        cora.response = cora.client.post(path, data=data | {"csrf_token": token})
        assert cora.response.status_code == 200, path
        assert said(cora), path


def test_ten_thousand_devices_do_not_slow_the_page(cora: Browser, school: Any) -> None:
    with school.store.write_session() as session:
        for n in range(10_000):
            mac = f"00:00:5e:01:{n >> 8:02x}:{n & 255:02x}"
            session.add(
                DeviceRow(
                    name=f"Tablet {n}", name_key=f"tablet {n}", addresses=f" {mac} ", group="pupils", note="",
                    edition=1, changed_by="x", changed_at=school.clock(), removed_at=None,
                )
            )  # fmt: skip
    text = cora.open("/devices?q=tablet").text
    assert "10000 devices" in text
    assert len(text) < 120_000


def test_an_undo_takes_back_nothing_that_somebody_else_did_since(
    cora: Browser, olga: Browser, school: Any
) -> None:
    add(cora, "Laptop", MAC, "pupils")
    link = re.search(r'href="(/devices/\d+)"', cora.open("/devices").text)
    assert link
    cora.send(cora.open(link[1]).form_with("name", "edition"), name="Class laptop")
    olga.send(olga.open(link[1]).form_with("name", "edition"), name="Her laptop")
    press(cora, "/devices/")
    assert "olga has changed Her laptop in the meantime" in said(cora)
    assert [one.name for one in document(school).devices] == ["Her laptop"]

    for browser, network in ((cora, "192.0.2.0/28"), (olga, "198.51.100.0/28")):
        browser.send(browser.open("/groups/pupils").form_with("networks"), networks=network)
    press(cora, "/groups/pupils")
    assert "somebody has changed the networks of pupils in the meantime" in said(cora)
    assert members(school)["pupils"] == ["198.51.100.0/28", "Her laptop"]

    for browser, group in ((cora, "staff"), (olga, "pupils")):
        where = f"/groups/{group}/rooms"
        browser.send(browser.open(f"/groups/{group}").form_with("room", action=where), room="Room 4")
        press(browser, where, "1")
    press(cora, "/groups/staff/rooms")
    assert "Room 4 belongs to pupils by now, somebody has put it there" in said(cora)


def test_devices_that_were_moved_on_stay_where_they_are(cora: Browser, school: Any) -> None:
    add(cora, "Laptop", MAC, "pupils")
    add(cora, "Tablet", "00:00:5e:00:53:02", "pupils")
    with school.store.read_session() as session:
        ids = [one.id for one in inventory.list_devices(session)]
    token = cora.open("/devices").form_with(action="/devices/move").fields["csrf_token"]
    data = {"csrf_token": token, "device": ids, "group": "staff", "confirmed": "1"}
    cora.response = cora.client.post("/devices/move", data=data)
    with school.store.write_session() as session:
        inventory.move_devices(session, school.clock(), ids[:1], "", by="olga")
    press(cora, "/devices/move-back")
    assert "1 of 2 were not moved back" in said(cora)
    assert members(school) == {"pupils": ["Tablet"], "staff": []}


def test_a_technician_sees_which_devices_there_are_and_can_change_none(cora: Browser, school: Any) -> None:
    add(cora, "Office laptop", MAC)
    with school.store.write_session() as session:
        seen = SeenDevices(devices=(SeenDevice(mac=OTHER_MAC, address="192.0.2.9", seconds_ago=5),))
        sightings.receive_seen_devices(session, school.clock(), session.merge(school.room()), seen)
        device_id = inventory.find_device(session, "Office laptop").id
    school.account("tech", "technician")
    with Browser(school.url) as browser:
        tech = browser.sign_in("tech", PASSWORD)
        for page, shown in (
            ("/devices", "Office laptop"),
            ("/devices", OTHER_MAC),
            ("/devices/unknown", OTHER_MAC),
        ):
            assert shown in tech.open(page).text
            links = set(re.findall(r'(?:href|action)="(/(?:devices|groups)[^"?]*)', tech.text))
            assert links <= {"/devices", "/devices/unknown"}, links
        for closed in ("/devices/new", f"/devices/{device_id}", "/groups/pupils"):
            assert tech.client.get(closed).status_code in (403, 404), closed
