"""What rooms see: devices without a name, and devices that imitate one that has a name."""

import pytest
from sqlalchemy import func, select

from appliance.central import rooms
from appliance.central.devices import inventory, sightings
from appliance.central.incidents.tables import IncidentRow
from appliance.central.models import SeenDeviceRow
from appliance.protocol import SeenDevice, SeenDevices
from tests.fakes.school import FakeSchool

MAC, OTHER_MAC, RANDOM_MAC = "00:00:5e:00:53:01", "00:00:5e:00:53:02", "02:00:5e:00:53:03"


@pytest.fixture(autouse=True)
def two_rooms(school: FakeSchool) -> None:
    school.enrol("Room 4")
    school.enrol("Room 5")


def see(school: FakeSchool, *devices: tuple[str, str], room: str = "Room 4", seconds_ago: float = 1.0) -> None:
    said = tuple(SeenDevice(mac=mac, address=address, seconds_ago=seconds_ago) for mac, address in devices)
    with school.store.write_session(affects_rooms=False) as session:
        found = rooms.get_room(session, school.room(room).id)
        sightings.receive_seen_devices(session, school.clock(), found, SeenDevices(devices=said))


def name(school: FakeSchool, text: str, addresses: str) -> None:
    with school.store.write_session() as session:
        wanted = inventory.check_fields(session, name=text, addresses=addresses)
        inventory.add_device(session, school.clock(), wanted, by="cora")


def unknown(school: FakeSchool) -> list[sightings.UnknownDevice]:
    with school.store.read_session() as session:
        return sightings.list_unknown_devices(session)[0]


def told(school: FakeSchool) -> list[tuple[str, str, str]]:
    newest = select(IncidentRow).order_by(IncidentRow.happened_at.desc())
    with school.store.read_session() as session:
        return [(one.kind, one.room.name, one.device) for one in session.scalars(newest)]


def test_a_device_without_a_name_is_offered_with_its_room_until_it_has_one(school: FakeSchool) -> None:
    see(school, (MAC, "192.0.2.7"), (MAC, "2001:db8::7"), (RANDOM_MAC, "192.0.2.8"))
    school.clock.pass_minutes(5)
    see(school, (MAC, "198.51.100.7"), room="Room 5")
    found = unknown(school)
    assert [(one.mac, one.room, one.is_random) for one in found] == [
        (MAC, "Room 5", False), (RANDOM_MAC, "Room 4", True),
    ]  # fmt: skip
    name(school, "Laptop", MAC)
    assert [one.mac for one in unknown(school)] == [RANDOM_MAC]
    with school.store.read_session() as session:
        laptop = inventory.find_device(session, "Laptop")
        assert sightings.find_last_seen(session, [laptop])[laptop.id][1] == "Room 5"


def test_what_rooms_see_is_no_news_for_rooms(school: FakeSchool) -> None:
    before = school.document()
    see(school, (MAC, "192.0.2.7"))
    assert school.document() == before


def test_an_address_of_a_named_device_with_another_mac_is_an_incident_once_a_day(school: FakeSchool) -> None:
    name(school, "Office laptop", f"{MAC}, 192.0.2.7")
    see(school, (MAC, "192.0.2.7"))
    assert told(school) == []
    see(school, (OTHER_MAC, "192.0.2.7"))
    see(school, (OTHER_MAC, "192.0.2.9"))
    see(school, (OTHER_MAC, "192.0.2.7"))
    assert told(school) == [("imitated-device", "Room 4", "Office laptop")]


def test_one_device_in_two_rooms_in_turn_is_an_incident(school: FakeSchool) -> None:
    name(school, "Office laptop", MAC)
    for _ in range(2):
        assert told(school) == []
        see(school, (MAC, "192.0.2.7"), room="Room 4")
        school.clock.pass_minutes(1)
        see(school, (MAC, "198.51.100.7"), room="Room 5")
        school.clock.pass_minutes(1)
    assert told(school) == [("imitated-device", "Room 5", "Office laptop")]


def test_a_router_with_one_mac_address_in_every_network_alarms_nobody(school: FakeSchool) -> None:
    for _ in range(4):
        for room, address in (("Room 4", "192.0.2.1"), ("Room 5", "198.51.100.1")):
            see(school, (MAC, address), room=room)
            school.clock.pass_minutes(1)
    assert told(school) == []


def test_a_tablet_that_is_carried_about_is_no_incident(school: FakeSchool) -> None:
    name(school, "Tablet", MAC)
    for room, address in [("Room 4", "192.0.2.7"), ("Room 5", "198.51.100.7"), ("Room 4", "192.0.2.7")]:
        see(school, (MAC, address), room=room)
        school.clock.pass_minutes(5)
    for _ in range(3):
        see(school, (MAC, "192.0.2.7"), room="Room 4")
        school.clock.pass_minutes(20)
        see(school, (MAC, "198.51.100.7"), room="Room 5")
        school.clock.pass_minutes(20)
    assert told(school) == []


def test_rooms_on_one_network_see_the_same_devices_and_nobody_is_alarmed(school: FakeSchool) -> None:
    name(school, "Tablet", MAC)
    for _ in range(4):
        for room in ("Room 4", "Room 5"):
            see(school, (MAC, "192.0.2.7"), room=room)
            school.clock.pass_minutes(1)
    assert told(school) == []


def test_made_up_addresses_fill_no_disk_and_what_is_old_is_forgotten(school: FakeSchool) -> None:
    for batch in range(3):
        see(school, *((f"02:00:5e:{batch:02x}:{n >> 8:02x}:{n & 255:02x}", "192.0.2.7") for n in range(400)))
        school.clock.pass_minutes(1)
    with school.store.read_session() as session:
        assert session.scalar(select(func.count()).select_from(SeenDeviceRow)) == sightings.MAX_PER_ROOM
    school.clock.pass_minutes(8 * 24 * 60)
    see(school, (MAC, "192.0.2.7"))
    assert [one.mac for one in unknown(school)] == [MAC]


def test_what_is_no_address_of_a_device_is_passed_over(school: FakeSchool) -> None:
    see(school, (MAC, "::::"), ("ff:ff:ff:ff:ff:ff", "192.0.2.7"), (MAC, "224.0.0.1"))
    assert unknown(school) == []
