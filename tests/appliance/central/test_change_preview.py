"""What a change of a profile would open and close, told before it is saved."""

import msgspec
import pytest

from appliance.central import change_preview, profiles
from appliance.central.change_preview import WELL_KNOWN_SITES, ProfileChange
from appliance.central.devices import inventory
from appliance.central.devices.inventory import DeviceFields
from appliance.central.profile_settings import TimetableRow, read_settings
from appliance.central.rules import add_rule
from tests.fakes.school import FakeSchool


@pytest.fixture(autouse=True)
def rules(school: FakeSchool) -> None:
    with school.store.write_session() as session:
        settings = read_settings(profiles.get_profile(session, "staff"))
        wanted = msgspec.structs.replace(settings, closed=("gambling", "games"))
        profiles.save_profile(session, school.clock(), name="staff", settings=wanted, by="cora")


def look(school: FakeSchool, **values: object) -> ProfileChange:
    with school.store.read_session() as session:
        settings = read_settings(profiles.get_profile(session, "staff"))
        return change_preview.preview_profile(
            session, school.central.preview, school.clock(), name="staff",
            changed=msgspec.structs.replace(settings, **values),
        )  # fmt: skip


def test_the_categories_that_would_open_and_close_are_counted(school: FakeSchool) -> None:
    change = look(school, closed=("games", "chat", "dating"))
    assert (change.opened, change.closed) == (("gambling",), ("chat", "dating"))


def test_what_is_locked_neither_opens_nor_closes(school: FakeSchool) -> None:
    change = look(school, closed=("gambling", "games", "malware"))
    assert (change.opened, change.closed) == ((), ())


def test_closing_everything_names_every_category_that_was_open(school: FakeSchool) -> None:
    change = look(school, closed=("*",))
    assert "dating" in change.closed
    assert "games" not in change.closed


def test_well_known_sites_are_told_with_the_reason_that_rooms_would_give(school: FakeSchool) -> None:
    change = look(school, safe_search=True, youtube="moderate")
    by_site = {one.site: one for one in change.sites}
    assert by_site["www.youtube.com"].becomes == "rewritten"
    assert "restrictmoderate.youtube.com" in by_site["www.youtube.com"].why
    assert by_site["search.yahoo.com"].becomes == "refused"
    assert "www.bbc.co.uk" not in by_site
    assert change.others == ("safe search: on, before: off", "youtube: moderate, before: strict")


def test_a_profile_is_looked_at_under_its_new_name_and_with_its_timetable(school: FakeSchool) -> None:
    row = TimetableRow(start="00:00", end="24:00", when="every-day", closes=("shopping",))
    change = look(school, name="teachers", timetable=(row,))
    assert change.others == ("name: teachers, before: staff", "timetable: 1 rows, before: 0")


def test_a_look_saves_nothing(school: FakeSchool) -> None:
    look(school, closed=())
    with school.store.read_session() as session:
        assert read_settings(profiles.get_profile(session, "staff")).closed == ("gambling", "games")


def test_a_look_decides_for_each_group_as_rooms_do_without_reading_any_device(school: FakeSchool) -> None:
    with school.store.write_session() as session:
        add_rule(session, school.clock(), name="www.bbc.co.uk", action="block", note="", locked=False, by="cora")
        for number, name in enumerate(("pupils", "staff")):
            wanted = DeviceFields(name=f"Laptop {name}", addresses=(f"00:00:5e:00:53:0{number}",), group=name)
            inventory.add_device(session, school.clock(), wanted, by="cora")
    school.enrol()
    with school.store.read_session() as session:
        told = school.central.preview.compile_document(session, school.document())
        looked = school.central.preview.current_policy(session)
    assert told.document.devices
    assert not looked.document.devices
    assert [one.name for one in looked.document.groups] == [one.name for one in told.document.groups]
    for group in looked.document.groups:
        for site in WELL_KNOWN_SITES:
            verdicts = [
                one.view_for_group(group.name).decide(site, 1, school.clock().timestamp())
                for one in (told, looked)
            ]
            assert verdicts[0] == verdicts[1]
