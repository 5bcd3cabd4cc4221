import pytest

from appliance.central import delegations, profiles, undo
from appliance.central.delegations import NeedsConfirmation
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import SchoolRow
from tests.appliance.central.factories import document
from tests.fakes.school import FakeSchool


@pytest.fixture(autouse=True)
def one_room(school: FakeSchool) -> None:
    school.enrol()


def delegate(school: FakeSchool, category: str, minutes: int = 30, *groups: str, confirmed: bool = False) -> str:
    with school.store.write_session() as session:
        return delegations.delegate_category(
            session, school.clock(), category=category, minutes=minutes, per_day=5, by="coordinator",
            groups=groups, confirmed=confirmed,
        )  # fmt: skip


def end(school: FakeSchool, category: str, group: str = "") -> str:
    with school.store.write_session() as session:
        return delegations.end_delegation(
            session, school.clock(), category=category, group=group, by="coordinator"
        )


def undo_change(school: FakeSchool, change: str) -> None:
    with school.store.write_session() as session:
        undo.undo_change(session, school.clock(), change=change, by="coordinator")


def test_what_is_delegated_reaches_the_rooms_until_it_is_ended(school: FakeSchool) -> None:
    delegate(school, "games")
    delegate(school, "games", 10)
    (told,) = document(school).delegations
    assert (told.categories, told.minutes, told.per_day, told.groups) == (("games",), 10, 5, ())
    end(school, "games")
    assert document(school).delegations == ()


def test_a_category_is_delegated_for_some_groups_each_with_its_own_time(school: FakeSchool) -> None:
    delegate(school, "games", 10, "pupils")
    delegate(school, "games", 60, "staff")
    told = {one.groups: one.minutes for one in document(school).delegations}
    assert told == {("pupils",): 10, ("staff",): 60}
    end(school, "games", "staff")
    assert [one.groups for one in document(school).delegations] == [("pupils",)]


def test_what_is_locked_or_unknown_cannot_be_delegated(school: FakeSchool) -> None:
    with pytest.raises(NotPossible, match="is locked"):
        delegate(school, "malware", confirmed=True)
    with pytest.raises(NotPossible, match="no category"):
        delegate(school, "gamblign")
    with pytest.raises(NotFound, match="no group 'year 9'"):
        delegate(school, "games", 30, "year 9")


@pytest.mark.parametrize("category", ["extremism", "self_harm", "violence", "drugs", "gambling", "circumvention"])
def test_what_harms_is_delegated_only_by_somebody_who_was_warned(school: FakeSchool, category: str) -> None:
    with pytest.raises(NeedsConfirmation, match="safeguarding lead agrees"):
        delegate(school, category)
    assert document(school).delegations == ()
    assert delegate(school, category, confirmed=True)
    assert [one.categories for one in document(school).delegations] == [(category,)]


def test_what_is_not_delegated_cannot_be_ended(school: FakeSchool) -> None:
    with pytest.raises(NotFound):
        end(school, "games")


def test_an_undo_puts_every_delegation_back(school: FakeSchool) -> None:
    delegate(school, "games", 30, "pupils")
    before = document(school).delegations
    undo_change(school, delegate(school, "games", 60, "pupils", "staff"))
    assert document(school).delegations == before
    undo_change(school, end(school, "games", "pupils"))
    assert document(school).delegations == before
    assert delegate(school, "games", 30, "pupils") == "", "a double click"


def test_an_undo_delegates_nothing_that_was_locked_since(school: FakeSchool) -> None:
    delegate(school, "games")
    ended = end(school, "games")
    with school.store.write_session() as session:
        session.get_one(SchoolRow, 1).locked_categories = ["games"]
    with pytest.raises(NotPossible, match="locked by now"):
        undo_change(school, ended)
    assert document(school).delegations == ()


def test_an_undo_brings_no_group_back_that_is_gone(school: FakeSchool) -> None:
    with school.store.write_session() as session:
        profiles.copy_profile(session, school.clock(), name="pupils", new_name="year 9", by="cora")
    delegate(school, "games", 10, "year 9")
    change = end(school, "games", "year 9")
    with school.store.write_session() as session:
        profiles.remove_profile(session, school.clock(), name="year 9", by="cora")
    with pytest.raises(NotPossible, match="the group year 9 is gone"):
        undo_change(school, change)
