import pytest

from appliance.central import profiles
from appliance.central.errors import NotFound, NotPossible
from tests.appliance.central.factories import document
from tests.fakes.school import FakeSchool


@pytest.fixture(autouse=True)
def one_room(school: FakeSchool) -> None:
    school.enrol()


def test_categories_closed_for_a_profile_reach_the_rooms(school: FakeSchool) -> None:
    with school.store.write_session() as session:
        profiles.set_blocked_categories(
            session, school.clock(), profile="staff", blocked=["gambling"], by="coordinator"
        )
    (staff,) = [profile for profile in document(school).profiles if profile.name == "staff"]
    assert staff.closed == ("gambling",)


def test_a_category_that_nobody_knows_cannot_be_closed(school: FakeSchool) -> None:
    with pytest.raises(NotPossible, match="no category 'gamblign'"), school.store.write_session() as session:
        profiles.set_blocked_categories(
            session, school.clock(), profile="staff", blocked=["gamblign"], by="coordinator"
        )


def test_a_profile_that_is_not_there_cannot_be_changed(school: FakeSchool) -> None:
    with pytest.raises(NotFound), school.store.write_session() as session:
        profiles.set_blocked_categories(session, school.clock(), profile="nobody", blocked=[], by="coordinator")
