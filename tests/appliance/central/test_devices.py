"""Devices with names, in groups: what is kept, who is told, and what reaches the rooms."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from appliance.central.devices import csv_file, fields, groups, imports, inventory
from appliance.central.devices.inventory import DeviceFields
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import AuditRow, DeviceRow, ProfileRow
from dns.policy.compiled_policy import CompiledPolicy
from tests.appliance.central.factories import document
from tests.fakes.blocked_names import FakeBlocklist
from tests.fakes.school import FakeSchool

MAC, OTHER_MAC = "00:00:5e:00:53:01", "00:00:5e:00:53:02"


def add(school: FakeSchool, name: str, addresses: str, group: str = "", *, note: str = "") -> int:
    with school.store.write_session() as session:
        wanted = inventory.check_fields(session, name=name, addresses=addresses, group=group, note=note)
        device = inventory.add_device(session, school.clock(), wanted, by="cora")
        session.flush()
        return device.id


def change(school: FakeSchool, device_id: int, edition: int | None, **what: str) -> DeviceFields:
    with school.store.write_session() as session:
        before = inventory.to_fields(inventory.get_device(session, device_id))
        typed = {"name": before.name, "addresses": " ".join(before.addresses), "group": before.group} | what
        wanted = inventory.check_fields(session, **typed)
        return inventory.change_device(session, school.clock(), device_id, wanted, by="olga", edition=edition)


def load(school: FakeSchool, text: str | bytes) -> imports.ImportPlan:
    with school.store.write_session() as session:
        content = text if isinstance(text, bytes) else text.encode()
        plan = imports.plan_import(session, csv_file.decode_csv(content))
        if not plan.errors:
            imports.save_plan(session, school.clock(), plan, by="cora")
        return plan


def listed(school: FakeSchool) -> list[tuple[str, str, str]]:
    with school.store.read_session() as session:
        return [(one.name, one.addresses.strip(), one.group) for one in inventory.list_devices(session)]


def group_of(school: FakeSchool, address: str, mac: str | None = None, room: str = "Room 4") -> str:
    neighbours = {address: mac} if mac else {}
    return CompiledPolicy(document(school, room), FakeBlocklist(), mac_of=neighbours.get).view(address).group


@pytest.fixture
def room(school: FakeSchool) -> FakeSchool:
    school.enrol()
    return school


def test_a_device_put_into_a_group_belongs_to_it_in_the_rooms(room: FakeSchool) -> None:
    add(room, "Office laptop", "00-00-5E-00-53-01", "staff")
    add(room, "Printer", "192.0.2.9", "staff")
    assert group_of(room, "192.0.2.7", MAC) == "staff"
    assert group_of(room, "192.0.2.7", OTHER_MAC) == "pupils"
    assert group_of(room, "192.0.2.9") == "staff"
    assert [one.name for one in document(room).devices] == ["Office laptop", "Printer"]


def test_a_device_that_was_removed_is_unknown_and_can_be_put_back(room: FakeSchool) -> None:
    device = add(room, "Office laptop", MAC, "staff")
    with room.store.write_session() as session:
        inventory.remove_device(session, room.clock(), device, by="cora")
    assert group_of(room, "192.0.2.7", MAC) == "pupils"
    with room.store.write_session() as session:
        inventory.restore_device(session, room.clock(), device, by="cora")
    assert group_of(room, "192.0.2.7", MAC) == "staff"


def test_a_removed_device_whose_address_was_given_away_is_not_put_back(school: FakeSchool) -> None:
    device = add(school, "Office laptop", MAC)
    with school.store.write_session() as session:
        inventory.remove_device(session, school.clock(), device, by="cora")
    add(school, "Another laptop", MAC)
    with (
        pytest.raises(NotPossible, match=f"{MAC} belongs to Another laptop"),
        school.store.write_session() as session,
    ):
        inventory.restore_device(session, school.clock(), device, by="cora")


@pytest.mark.parametrize(
    "name", ["Office laptop", "OFFICE LAPTOP", " office  laptop ", "Office\u00a0laptop", "O\ufb03ce laptop"]
)
def test_two_devices_cannot_have_names_that_read_the_same(school: FakeSchool, name: str) -> None:
    add(school, "Office laptop", MAC)
    with pytest.raises(NotPossible, match="there is a device Office laptop already"):
        add(school, name, OTHER_MAC)


def test_an_address_belongs_to_one_device_in_whatever_spelling(school: FakeSchool) -> None:
    add(school, "Office laptop", f"{MAC}, 2001:db8::1")
    for spelling in ("0000.5e00.5301", "2001:DB8:0::1"):
        with pytest.raises(NotPossible, match="belongs to Office laptop already"):
            add(school, "Another", spelling)
    add(school, "Third", "2001:db8::11, 192.0.2.1")
    add(school, "Fourth", "192.0.2.11")  # part of no other address


def test_of_two_people_who_edit_a_device_at_once_the_later_one_is_told(school: FakeSchool) -> None:
    device = add(school, "Laptop", MAC)
    with school.store.read_session() as session:
        edition = inventory.get_device(session, device).edition
    change(school, device, edition, name="Office laptop")
    with pytest.raises(NotPossible, match="olga has changed Office laptop in the meantime"):
        change(school, device, edition, group="staff")
    with school.store.write_session() as session:
        inventory.remove_device(session, school.clock(), device, by="cora")
    with pytest.raises(NotPossible, match="was removed by cora"):
        change(school, device, None, group="staff")


def test_what_was_done_with_devices_stands_in_the_audit(school: FakeSchool) -> None:
    device = add(school, "Laptop", MAC)
    change(school, device, None, name="Office laptop")
    with school.store.write_session() as session:
        inventory.move_devices(session, school.clock(), [device], "staff", by="cora")
        inventory.remove_device(session, school.clock(), device, by="cora")
        inventory.restore_device(session, school.clock(), device, by="cora")
    with school.store.read_session() as session:
        said = [(one.who, one.what) for one in session.scalars(select(AuditRow).order_by(AuditRow.id))]
    assert said[-5:] == [
        ("cora", "device added"), ("olga", "device changed"), ("cora", "devices moved"),
        ("cora", "device removed"), ("cora", "device put back"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "needs a name"),
        (" \t\n", "needs a name"),
        ("x" * 65, "longer than 64"),
        ("\ufdfa" * 64, "longer than 64"),
        ("Laptop \u202egnp.exe", r"nobody sees \(U\+202E\)"),
        ("Lap\u200btop", r"nobody sees \(U\+200B\)"),
        ("Lap\x00top", r"nobody sees \(U\+0000\)"),
        ("\u2066Laptop\u2069", "nobody sees"),
        ("192.0.2.7", "is an address"),
        ("192.0.2.0/24", "is an address"),
        ("00-00-5E-00-53-01", "is an address"),
        ("2001:db8::1", "is an address"),
    ],
)
def test_a_name_that_would_mislead_is_refused(name: str, why: str) -> None:
    with pytest.raises(NotPossible, match=why):
        fields.parse_name(name)


@given(st.text(max_size=80))
def test_names_that_rooms_take_for_the_same_are_the_same_here(text: str) -> None:
    try:
        name = fields.parse_name(text)
    except NotPossible:
        return
    assert fields.parse_name(name) == name
    assert fields.name_key(name.lower()) == fields.name_key(name)


@pytest.mark.parametrize(
    "address",
    ["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "00:00:00:00:00:00", "0.0.0.0", "224.0.0.1", "255.255.255.255",
     "192.0.2.0/24", "fe80::1%eth0", "laptop", "00:00:5e:00:53", "::", "1.2.3.4.5", "\u0660\u0660:00:5e:00:53:01"],
)  # fmt: skip
def test_what_is_no_address_of_one_device_is_refused(address: str) -> None:
    with pytest.raises(NotPossible):
        fields.parse_addresses(address)


def test_a_room_and_a_network_make_a_group_too(room: FakeSchool) -> None:
    room.enrol("Staff room")
    with room.store.write_session() as session:
        groups.set_networks(session, room.clock(), "staff", networks="192.0.2.0/28", only_from="", by="cora")
        groups.set_room_group(session, room.clock(), "Staff room", "staff", by="cora")
    assert group_of(room, "192.0.2.7") == "staff"
    assert group_of(room, "192.0.2.77") == "pupils"
    assert group_of(room, "192.0.2.77", room="Staff room") == "staff"
    with room.store.write_session() as session:
        groups.set_room_group(session, room.clock(), "Staff room", "", by="cora")
    assert group_of(room, "192.0.2.77", room="Staff room") == "pupils"


def test_a_group_bound_to_a_network_cannot_be_imitated_from_another(room: FakeSchool) -> None:
    add(room, "Office laptop", MAC, "staff")
    with room.store.read_session() as session:
        (staff,) = [one for one in groups.list_groups(session) if one.name == "staff"]
    assert "can be imitated" in " ".join(staff.risks)
    with room.store.write_session() as session:
        groups.set_networks(session, room.clock(), "staff", networks="", only_from="198.51.100.0/24", by="cora")
    assert group_of(room, "198.51.100.7", MAC) == "staff"
    assert group_of(room, "192.0.2.7", MAC) == "pupils"
    with room.store.read_session() as session:
        (staff,) = [one for one in groups.list_groups(session) if one.name == "staff"]
    assert not staff.risks


def test_a_network_belongs_to_one_group(school: FakeSchool) -> None:
    with school.store.write_session() as session:
        groups.set_networks(session, school.clock(), "staff", networks="192.0.2.0/24", only_from="", by="cora")
    with pytest.raises(NotPossible, match="belongs to staff already"), school.store.write_session() as session:
        groups.set_networks(session, school.clock(), "pupils", networks="192.0.2.7/24", only_from="", by="cora")
    for wrong in ("everything", "0.0.0.0/0", "::/0", "192.0.2.0/33"):
        with pytest.raises(NotPossible), school.store.write_session() as session:
            groups.set_networks(session, school.clock(), "pupils", networks=wrong, only_from="", by="cora")


def test_a_default_that_is_not_the_strictest_profile_is_said(school: FakeSchool) -> None:
    with school.store.write_session() as session:
        pupils = session.get_one(ProfileRow, "pupils")
        session.add(
            ProfileRow(name="early years", closed=[*pupils.closed, "news"], safe_search=True, keywords=True,
                       members=[], only_from=[], is_default=False)
        )  # fmt: skip
    with school.store.read_session() as session:
        found = {one.name: one for one in groups.list_groups(session)}
    assert "early years closes more" in " ".join(found["pupils"].risks)


def test_a_device_in_a_group_that_is_gone_is_treated_as_one_in_none(room: FakeSchool) -> None:
    add(room, "Visitor", MAC, "staff")
    with room.store.write_session() as session:
        session.delete(session.get_one(ProfileRow, "staff"))
    assert group_of(room, "192.0.2.7", MAC) == "pupils"


def test_a_made_up_mac_address_is_said(school: FakeSchool) -> None:
    assert groups.describe_device_risks(DeviceFields(name="Phone", addresses=("02:00:5e:00:53:01",)))
    assert not groups.describe_device_risks(DeviceFields(name="Laptop", addresses=(MAC, "192.0.2.2")))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_file_from_any_spreadsheet_is_taken(school: FakeSchool, encoding: str, delimiter: str) -> None:
    lines = [
        "Device Name,MAC Address,Serial,Group",
        "Café laptop,00-00-5E-00-53-01,77,staff",
        "",
        "iPad 2,0000.5e00.5302,78,",
    ]
    plan = load(school, "\r\n".join(lines).replace(",", delimiter).encode(encoding))
    assert not plan.errors
    assert listed(school) == [("Café laptop", MAC, "staff"), ("iPad 2", OTHER_MAC, "")]


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;;;;"])
def test_the_line_by_which_excel_names_its_delimiter_is_no_device(school: FakeSchool, first: str) -> None:
    text = f"{first}\r\nname;mac;note\r\nLaptop;00-00-5E-00-53-01;one, two, three\r\nBad;x;\r\n"
    assert [one.line for one in load(school, text.encode("utf-8-sig")).errors] == [4]
    load(school, text.replace("Bad;x;\r\n", "").encode("utf-8-sig"))
    assert listed(school) == [("Laptop", MAC, "")]


def test_of_a_file_with_mistakes_nothing_is_taken_and_each_is_said_with_its_line(school: FakeSchool) -> None:
    add(school, "Old", "192.0.2.1")
    plan = load(
        school,
        "name,mac,group\nGood,00:00:5e:00:53:01,staff\nBad,00:00:5e:00:53,\n,00:00:5e:00:53:03,\n"
        "Nogroup,00:00:5e:00:53:04,stuff\ngood,00:00:5e:00:53:05,\nTwin,00:00:5e:00:53:01,\nNone,,\n",
    )
    assert [one.line for one in plan.errors] == [3, 4, 5, 6, 7, 8]
    words = " / ".join(map(str, plan.errors))
    for part in (
        "line 3: '00:00:5e:00:53' is neither",
        "line 4: a device needs a name",
        "line 5: there is no group 'stuff'",
        "line 6: good stands in line 2 already",
        "line 7: 00:00:5e:00:53:01 stands in line 2 already",
        "line 8: a new device needs a MAC or IP address",
    ):
        assert part in words
    assert listed(school) == [("Old", "192.0.2.1", "")]


def test_a_file_changes_devices_by_name_or_address_and_removes_none(school: FakeSchool) -> None:
    add(school, "Laptop", MAC, note="in the cupboard")
    add(school, "Printer", "192.0.2.9", "staff")
    add(school, "Left alone", "192.0.2.10")
    plan = load(school, "name,mac,address,group\nOffice laptop,00005e005301,,staff\nprinter,,,\n")
    assert [(one.before.name, one.wanted.name) for one in plan.changed if one.before] == [
        ("Laptop", "Office laptop"), ("Printer", "printer"),
    ]  # fmt: skip
    assert listed(school) == [
        ("Left alone", "192.0.2.10", ""), ("Office laptop", MAC, "staff"), ("printer", "192.0.2.9", ""),
    ]  # fmt: skip
    assert load(school, "name,mac\nOffice laptop,00005e005301\n").unchanged == 1


def test_a_line_that_means_two_devices_is_refused(school: FakeSchool) -> None:
    add(school, "Laptop", MAC)
    add(school, "Printer", OTHER_MAC)
    (error,) = load(school, f"name,mac\nLaptop,{OTHER_MAC}\n").errors
    assert "several devices" in str(error)


@pytest.mark.parametrize(
    "content",
    [b"", b"\xef\xbb\xbf", b"\0\1\2", b"PK\x03\x04\x00", b"just words\nmore\n", b"name\nLaptop\n",
     b"name,mac,name\na,b,c\n", b'name,mac\n"open', b"\xff\xfe", b"name,mac\n" + b"x" * 2000 + b",00005e005301\n"],
)  # fmt: skip
def test_a_file_that_is_none_is_refused_in_words(school: FakeSchool, content: bytes) -> None:
    try:
        errors = load(school, content).errors
    except NotPossible as problem:
        errors = (csv_file.LineError(0, str(problem)),)
    assert all(error.words for error in errors)
    assert errors
    assert listed(school) == []


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: f"name,mac\n{text}".encode()))
def test_no_file_raises_anything_but_words(content: bytes) -> None:
    try:
        text = csv_file.decode_csv(content)
    except NotPossible:
        return
    csv_file.read_csv(text)


@given(st.text(max_size=30))
def test_a_cell_comes_back_from_a_file_as_it_went(text: str) -> None:
    protected = csv_file.protect_cell(text)
    assert csv_file.unprotect_cell(protected) == text
    assert not protected.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_an_export_computes_nothing_in_a_spreadsheet_and_can_be_taken_in_again(school: FakeSchool) -> None:
    add(school, '=HYPERLINK("http://example.org","Laptop")', MAC, "staff", note="@SUM(1+1)")
    add(school, "'quoted", "192.0.2.1")
    with school.store.read_session() as session:
        before = [inventory.to_fields(one) for one in inventory.list_devices(session)]
    written = csv_file.write_csv(before)
    for row in csv.reader(io.StringIO(written)):
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)
    assert load(school, written).unchanged == 2


def test_a_file_that_was_looked_at_is_saved_only_as_it_was_shown(school: FakeSchool) -> None:
    with school.store.write_session() as session:
        kept = imports.keep_import(session, school.clock(), b"name,mac\nLaptop,00005e005301\n", by="cora")
        shown = imports.plan_import(session, imports.get_import(session, kept).content).digest
    add(school, "Laptop", "192.0.2.1")
    with pytest.raises(NotPossible, match="in the meantime"), school.store.write_session() as session:
        imports.save_import(session, school.clock(), kept, shown, by="cora")
    with school.store.write_session() as session:
        shown = imports.plan_import(session, imports.get_import(session, kept).content).digest
        imports.save_import(session, school.clock(), kept, shown, by="cora")
    assert listed(school) == [("Laptop", MAC, "")]
    with pytest.raises(NotFound, match="saved or thrown away"), school.store.write_session() as session:
        imports.save_import(session, school.clock(), kept, shown, by="cora")


def test_ten_thousand_devices_are_taken_found_and_sent_to_rooms(room: FakeSchool) -> None:
    lines = [f"Tablet {n},00:00:5e:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x},staff" for n in range(10_000)]
    plan = load(room, "name,mac,group\n" + "\n".join(lines))
    assert (len(plan.added), plan.errors) == (10_000, ())
    with room.store.read_session() as session:
        found = inventory.search_devices(session, text="tablet 99", page=2)
        assert (found.total, found.page, len(found.devices)) == (111, 2, 50)
        assert inventory.search_devices(session, text="00-00-5e-00-00-07").devices[0].name == "Tablet 7"
        assert inventory.search_devices(session, text="%").total == 0
        assert inventory.search_devices(session, group="staff", page=10**6).page == 200
        assert session.query(DeviceRow).count() == 10_000
    assert group_of(room, "192.0.2.7", "00:00:5e:00:27:0f") == "staff"
