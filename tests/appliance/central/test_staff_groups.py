"""A group of staff stays one under another name: what its devices did is the head's, and nobody else's."""

from uuid import uuid4

import msgspec
import pytest
from sqlalchemy import select

from appliance.central import lookups, profiles, undo
from appliance.central.incidents import intake
from appliance.central.incidents.tables import IncidentGroupRow
from appliance.central.models import ProfileRow
from appliance.central.profile_settings import read_settings
from appliance.central.profiles import SavedChange
from appliance.protocol import Incident
from tests.fakes.school import FakeSchool

pytestmark = pytest.mark.usefixtures("rooms_of_the_school")


def rename(school: FakeSchool, name: str, new_name: str) -> SavedChange:
    with school.store.write_session() as session:
        settings = msgspec.structs.replace(read_settings(session.get_one(ProfileRow, name)), name=new_name)
        return profiles.save_profile(session, school.clock(), name=name, settings=settings, by="cora")


def is_the_heads(school: FakeSchool, group: str) -> bool:
    noticed = Incident(
        id=uuid4().hex, kind="bypass", happened_at=school.clock(), device="d1", evidence=("vpn.example.org",),
        group=group,
    )  # fmt: skip
    with school.store.write_session() as session:
        intake.receive_incident(session, school.clock(), school.room(), noticed)
    with school.store.read_session() as session:
        found = select(IncidentGroupRow.is_staff).where(IncidentGroupRow.id == noticed.id)
        return bool(session.scalar(found))


def groups_told_to_a_room(school: FakeSchool) -> tuple[str, ...]:
    now = school.clock()
    with school.store.write_session() as session:
        lookups.ask_room(
            session, now, room_id=school.room().id, device="0123456789ab", since=now.replace(hour=8), until=now,
            reason="a parent asked", by="lead", whose="pupils",
        )  # fmt: skip
    with school.store.read_session() as session:
        return lookups.list_questions(session, now, school.room().id)[0].staff_groups


def test_a_renamed_group_of_staff_stays_the_staffs(school: FakeSchool) -> None:
    rename(school, "staff", "Teachers")
    assert is_the_heads(school, "Teachers")
    assert groups_told_to_a_room(school) == ("Teachers", "staff")  # lines of before have the old name


def test_a_copy_of_the_staffs_profile_is_the_staffs_too(school: FakeSchool) -> None:
    with school.store.write_session() as session:
        profiles.copy_profile(session, school.clock(), name="staff", new_name="office", by="cora")
        profiles.copy_profile(session, school.clock(), name="pupils", new_name="year 9", by="cora")
    assert is_the_heads(school, "office")
    assert not is_the_heads(school, "year 9")


def test_an_undone_name_takes_nothing_from_the_head(school: FakeSchool) -> None:
    change = rename(school, "staff", "Teachers").change
    with school.store.write_session() as session:
        undo.undo_change(session, school.clock(), change=change, by="cora")
    assert is_the_heads(school, "staff")
    assert not is_the_heads(school, "pupils")
