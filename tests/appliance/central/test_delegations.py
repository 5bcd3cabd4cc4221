import pytest

from appliance.central import delegations
from appliance.central.errors import NotFound, NotPossible
from tests.appliance.central.factories import document
from tests.fakes.school import FakeSchool


@pytest.fixture(autouse=True)
def one_room(school: FakeSchool) -> None:
    school.enrol()


def delegate(school: FakeSchool, category: str, minutes: int = 30) -> None:
    with school.store.write_session() as session:
        delegations.delegate_category(
            session, school.clock(), category=category, minutes=minutes, per_day=5, by="coordinator"
        )


def test_what_is_delegated_reaches_the_rooms_until_it_is_ended(school: FakeSchool) -> None:
    delegate(school, "games")
    delegate(school, "games", minutes=10)
    (told,) = document(school).delegations
    assert (told.categories, told.minutes, told.per_day) == (("games",), 10, 5)
    with school.store.write_session() as session:
        delegations.end_delegation(session, school.clock(), category="games", by="coordinator")
    assert document(school).delegations == ()


def test_what_is_locked_or_unknown_cannot_be_delegated(school: FakeSchool) -> None:
    with pytest.raises(NotPossible, match="is locked"):
        delegate(school, "malware")
    with pytest.raises(NotPossible, match="no category"):
        delegate(school, "gamblign")


def test_what_is_not_delegated_cannot_be_ended(school: FakeSchool) -> None:
    with pytest.raises(NotFound), school.store.write_session() as session:
        delegations.end_delegation(session, school.clock(), category="games", by="coordinator")
