from appliance.central.incidents.search import IncidentFilter, list_groups
from tests.appliance.central.incidents.conftest import Notice, group_row
from tests.fakes.school import FakeSchool


def listed(school: FakeSchool, whose: str = "pupils") -> list[tuple[str, str, int]]:
    with school.store.read_session() as session:
        found = list_groups(session, IncidentFilter(whose=whose)).groups  # type: ignore[arg-type]  # one of the two
        return sorted((one.device, one.kind, one.count) for one in found)


def test_repeated_incidents_of_one_device_and_kind_are_one_until_it_is_closed(
    school: FakeSchool, notice: Notice
) -> None:
    first = notice("d1")
    school.clock.pass_minutes(60)
    notice("d1")
    notice("d1", "bypass")
    notice("d2")
    assert listed(school) == [("d1", "bypass", 1), ("d1", "many-refusals", 2), ("d2", "many-refusals", 1)]
    group = group_row(school, first)
    assert (group.last_at - group.first_at).total_seconds() == 3600
    with school.store.write_session() as session:
        session.merge(group).state = "closed"
    notice("d1")
    assert ("d1", "many-refusals", 1) in listed(school)
    school.clock.pass_minutes(8 * 24 * 60)
    notice("d1")
    assert listed(school).count(("d1", "many-refusals", 1)) == 2, "a week later it is another story"


def test_what_names_no_device_stays_by_itself(school: FakeSchool, notice: Notice) -> None:
    notice("", "told-a-grown-up")
    notice("", "told-a-grown-up")
    assert listed(school) == [("", "told-a-grown-up", 1)] * 2


def test_one_device_in_two_rooms_is_two_devices(school: FakeSchool, notice: Notice) -> None:
    school.enrol("Room 5")
    notice("d1")
    notice("d1", room="Room 5")
    assert listed(school) == [("d1", "many-refusals", 1)] * 2


def test_incidents_of_staff_devices_are_apart_from_those_of_pupils(school: FakeSchool, notice: Notice) -> None:
    notice("d1", group="staff")
    notice("d1", group="pupils")
    notice("d1", group="")
    assert listed(school, "staff") == [("d1", "many-refusals", 1)]
    assert listed(school, "pupils") == [("d1", "many-refusals", 2)]


def test_each_kind_has_its_due_time_and_what_a_child_told_the_shortest(school: FakeSchool, notice: Notice) -> None:
    hours = {
        kind: (group_row(school, notice("d9", kind)).due_at - school.clock()).total_seconds() / 3600
        for kind in ("told-a-grown-up", "locked-category", "bypass", "tunnel", "many-refusals")
    }
    assert hours == {
        "told-a-grown-up": 4, "locked-category": 8, "bypass": 48, "tunnel": 48, "many-refusals": 120
    }  # fmt: skip
