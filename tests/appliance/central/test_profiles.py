import msgspec
import pytest
from sqlalchemy import select

from appliance.central import profiles, unblocks, undo
from appliance.central.devices import inventory
from appliance.central.errors import NotFound, NotPossible
from appliance.central.lists import sources
from appliance.central.models import ProfileRow, RoomRow, SourceRow, UnblockRow
from appliance.central.profile_settings import ProfileSettings, TimetableRow, read_settings
from tests.appliance.central.factories import approve, document
from tests.fakes.school import FakeSchool


@pytest.fixture(autouse=True)
def one_room(school: FakeSchool) -> None:
    school.enrol()


def settings(school: FakeSchool, name: str = "staff") -> ProfileSettings:
    with school.store.read_session() as session:
        return read_settings(profiles.get_profile(session, name))


def save(school: FakeSchool, profile: str = "staff", revision: str = "", **values: object) -> str:
    wanted = msgspec.structs.replace(settings(school, profile), **values)
    with school.store.write_session() as session:
        saved = profiles.save_profile(
            session, school.clock(), name=profile, settings=wanted, by="cora", revision=revision
        )
    return saved.change


def undo_change(school: FakeSchool, change: str) -> str:
    with school.store.write_session() as session:
        return undo.undo_change(session, school.clock(), change=change, by="cora")


def test_categories_closed_for_a_profile_reach_the_rooms(school: FakeSchool) -> None:
    save(school, closed=("gambling",))
    (staff,) = [profile for profile in document(school).profiles if profile.name == "staff"]
    assert staff.closed == ("gambling",)


def test_a_category_that_nobody_knows_cannot_be_closed(school: FakeSchool) -> None:
    with pytest.raises(NotPossible, match="no category 'gamblign'"):
        save(school, closed=("gamblign",))


def test_a_category_that_a_list_of_the_schools_brings_can_be_closed_and_stays_when_the_list_goes(
    school: FakeSchool,
) -> None:
    with school.store.write_session() as session:
        sources.subscribe_source(
            session,
            school.clock(),
            name="own",
            category="football",
            location="https://lists.example.org/f",
            by="cora",
        )
    save(school, closed=("football",))
    with school.store.write_session() as session:
        session.delete(session.scalars(select(SourceRow)).one())
    save(school, keywords=True)
    assert settings(school).closed == ("football",)
    save(school, closed=())
    with pytest.raises(NotPossible, match="no category 'football'"):
        save(school, closed=("football",))


def test_a_profile_that_is_not_there_cannot_be_changed(school: FakeSchool) -> None:
    with pytest.raises(NotFound), school.store.write_session() as session:
        profiles.save_profile(
            session, school.clock(), name="nobody", settings=ProfileSettings(name="nobody"), by="cora"
        )


@pytest.mark.parametrize(
    ("name", "why"),
    [(" \u00a0 ", "needs a name"), ("x" * 65, "at most 64"), ("abc\u202etxt", "nobody can see"),
     ("Pupils", "already"), ("  pupils ", "already")],
)  # fmt: skip
def test_a_name_that_would_mislead_is_refused(school: FakeSchool, name: str, why: str) -> None:
    with pytest.raises(NotPossible, match=why):
        save(school, name=name)


def test_a_renamed_profile_keeps_its_devices_and_what_is_open_for_it(school: FakeSchool) -> None:
    with school.store.write_session() as session:
        session.get_one(ProfileRow, "staff").members = ["192.0.2.9"]
        session.scalars(select(RoomRow)).one().default_group = "staff"
    approve(school, school.request(), groups=("staff",))
    change = save(school, name="teachers")
    told = document(school)
    assert [group.members for group in told.groups if group.name == "teachers"] == [("192.0.2.9",)]
    assert [one.groups for one in told.unblocks] == [("teachers",)]
    assert told.default_group == "teachers"
    undo_change(school, change)
    assert [one.groups for one in document(school).unblocks] == [("staff",)]


def test_a_profile_that_devices_have_is_not_removed(school: FakeSchool) -> None:
    with school.store.write_session() as session:
        session.get_one(ProfileRow, "staff").members = ["192.0.2.9"]
    with pytest.raises(NotPossible, match="in use"), school.store.write_session() as session:
        profiles.remove_profile(session, school.clock(), name="staff", by="cora")


def test_an_undo_does_not_undo_what_somebody_did_since(school: FakeSchool) -> None:
    change = save(school, closed=("games",))
    save(school, closed=("gambling",))
    with pytest.raises(NotPossible, match="changed again since"):
        undo_change(school, change)
    assert settings(school).closed == ("gambling",)


def test_a_change_can_be_undone_for_a_month_and_no_longer(school: FakeSchool) -> None:
    old = save(school, closed=("games",))
    school.clock.pass_minutes(31 * 24 * 60)
    save(school, closed=("gambling",))
    with pytest.raises(NotFound, match="no longer"):
        undo_change(school, old)


def test_a_removed_profile_comes_back_whole(school: FakeSchool) -> None:
    row = TimetableRow(start="12:00", end="13:00", opens=("games",))
    save(school, closed=("games",), timetable=(row,), refusal="nxdomain")
    before = settings(school)
    with school.store.write_session() as session:
        gone = profiles.remove_profile(session, school.clock(), name="staff", by="cora")
    assert {one.name for one in document(school).profiles} == {"pupils"}
    assert undo_change(school, gone.change) == "the profile staff"
    assert settings(school) == before


def test_an_ended_opening_keeps_the_name_that_it_had(school: FakeSchool) -> None:
    unblock = approve(school, school.request(), groups=("staff",))
    with school.store.write_session() as session:
        session.get_one(UnblockRow, unblock.id).ended_at = school.clock()
    save(school, name="teachers")
    with school.store.read_session() as session:
        assert session.get_one(UnblockRow, unblock.id).groups == ["staff"]


def test_a_removed_device_keeps_no_profile_and_what_is_open_for_it_does(school: FakeSchool) -> None:
    with school.store.write_session() as session:
        wanted = inventory.check_fields(session, name="Old laptop", addresses="192.0.2.9", group="staff")
        device = inventory.add_device(session, school.clock(), wanted, by="cora")
        session.flush()
        inventory.remove_device(session, school.clock(), device.id, by="cora")
    approve(school, school.request(), groups=("staff",))
    with (
        school.store.write_session() as session,
        pytest.raises(NotPossible, match=r"games\.example\.org is open for"),
    ):
        profiles.remove_profile(session, school.clock(), name="staff", by="cora")
    with school.store.write_session() as session:
        unblocks.end_unblock(session, school.clock(), unblock_id=1, by="cora")
        profiles.remove_profile(session, school.clock(), name="staff", by="cora")
    with school.store.write_session() as session:  # its group is gone: it belongs to none
        assert not inventory.restore_device(session, school.clock(), device.id, by="cora").group
