"""Accounts from their first day to their last, and the links by which passwords are set."""

from datetime import timedelta

import pytest

from appliance.central import account_links, account_management, accounts
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import UserRow
from appliance.rights import SCHOOL_ROLES, Right, Role
from tests.fakes.school import PASSWORD, FakeSchool

NEW = "a new long password"


def sign_in(school: FakeSchool, username: str, password: str = PASSWORD) -> bool:
    return accounts.authenticate(school.store, school.clock(), username, password) is not None


def make_link(school: FakeSchool, username: str = "ada") -> str:
    with school.store.write_session() as session:
        return account_links.make_link(session, school.clock(), username=username, by="cora").token


def use(school: FakeSchool, token: str) -> str:
    with school.store.write_session() as session:
        return account_links.use_link(session, school.clock(), token=token, password=NEW)


def end(school: FakeSchool, username: str = "ada") -> None:
    with school.store.write_session() as session:
        account_management.end_account(session, school.clock(), username=username, by="cora")


def end_where_somebody_is_left(school: FakeSchool, username: str) -> None:
    with school.store.write_session() as session:
        account_management.end_account(session, school.clock(), username=username, by="ada")
        session.flush()
        account_management.require_editor_left(session, school.clock())


def change(school: FakeSchool, *roles: Role, days: int = 0, room_ids: tuple[int, ...] = ()) -> None:
    with school.store.write_session() as session:
        account_management.change_account(
            session, school.clock(), username="ada", name="Ada", roles=roles, room_ids=room_ids, by="cora",
            ends=school.clock() + timedelta(days=days) if days else None,
        )  # fmt: skip


def test_a_link_sets_a_password_once(school: FakeSchool) -> None:
    school.account("ada", "teacher")
    token = make_link(school)
    assert use(school, token) == "ada"
    assert sign_in(school, "ada", NEW)
    assert not sign_in(school, "ada")
    with pytest.raises(NotFound, match="does not work any more"):
        use(school, token)


def test_a_link_that_is_only_looked_at_stays(school: FakeSchool) -> None:
    school.account("ada", "teacher")
    token = make_link(school)
    with school.store.read_session() as session:
        for _ in range(2):
            found = account_links.find_account(session, school.clock(), token)
            assert found is not None
            assert found.username == "ada"
    assert use(school, token)


@pytest.mark.parametrize("what", ["too old", "replaced", "account ended", "other roles", "guessed"])
def test_a_link_that_is_dead_sets_nothing(school: FakeSchool, what: str) -> None:
    school.account("ada", "supply")
    token = make_link(school)
    if what == "too old":
        school.clock.pass_minutes(account_links.LINK_TIME.total_seconds() / 60)
    elif what == "replaced":
        make_link(school)
    elif what == "account ended":
        end(school)
    elif what == "other roles":
        change(school, "coordinator")
    else:
        token = token[:-1] + ("A" if token[-1] != "A" else "B")
    with pytest.raises(NotFound):
        use(school, token)
    assert not sign_in(school, "ada", NEW)


def test_an_invited_account_has_no_password_until_its_owner_sets_one(school: FakeSchool) -> None:
    with school.store.write_session() as session:
        accounts.add_account(
            session, school.clock(), username="ada", name="Ada", roles=("teacher",), password=None, by="cora"
        )
    assert not sign_in(school, "ada", "")
    use(school, make_link(school))
    assert sign_in(school, "ada", NEW)


def test_an_account_cannot_end_in_the_past(school: FakeSchool) -> None:
    school.account("ada", "teacher")
    with pytest.raises(NotPossible, match="that day is over"):
        change(school, "teacher", days=-1)
    with pytest.raises(NotPossible, match="that day is over"), school.store.write_session() as session:
        accounts.add_account(
            session, school.clock(), username="ben", name="Ben", roles=("teacher",), password=PASSWORD, by="cora",
            ends=school.clock(),
        )  # fmt: skip


def test_a_supply_teacher_has_an_end_within_a_year(school: FakeSchool) -> None:
    school.account("ada", "teacher")
    for days, says in ((0, "needs the day"), (400, "within a year")):
        with pytest.raises(NotPossible, match=says):
            change(school, "supply", days=days)
    change(school, "supply", days=14)


def test_other_roles_or_rooms_end_the_sessions_of_before_and_another_name_does_not(school: FakeSchool) -> None:
    school.enrol()
    school.account("ada", "teacher")

    def valid_after() -> object:
        with school.store.read_session() as session:
            return session.get_one(UserRow, "ada").valid_after

    change(school, "teacher")
    assert valid_after() is None
    change(school, "teacher", "head")
    after_roles = valid_after()
    assert after_roles is not None
    change(school, "teacher", "head", room_ids=(school.room().id,))
    assert valid_after() != after_roles
    with pytest.raises(NotFound, match="no such room"):
        change(school, "teacher", room_ids=(999,))


def test_ending_an_account_can_be_undone_for_an_hour_with_its_password(school: FakeSchool) -> None:
    school.account("ada", "teacher")
    end(school)
    assert not sign_in(school, "ada")
    with school.store.write_session() as session:
        account_management.undo_end(session, school.clock(), username="ada", ends=None, by="cora")
    assert sign_in(school, "ada")
    end(school)
    school.clock.pass_minutes(61)
    with pytest.raises(NotPossible, match="too long ago"), school.store.write_session() as session:
        account_management.undo_end(session, school.clock(), username="ada", ends=None, by="cora")


def test_an_ended_name_returns_and_its_old_password_does_not(school: FakeSchool) -> None:
    school.account("ada", "teacher")
    with pytest.raises(NotPossible, match="has not ended"), school.store.write_session() as session:
        account_management.return_account(session, school.clock(), username="ada", ends=None, by="cora")
    end(school)
    with pytest.raises(NotPossible, match="has ended"):
        make_link(school)
    with school.store.write_session() as session:
        account_management.return_account(session, school.clock(), username="ada", ends=None, by="cora")
    assert not sign_in(school, "ada")
    use(school, make_link(school))
    assert sign_in(school, "ada", NEW)


def test_the_last_who_may_change_accounts_stays(school: FakeSchool) -> None:
    school.account("cora", "coordinator")
    school.account("ada", "head")
    with pytest.raises(NotPossible, match="somebody has to remain"):
        end_where_somebody_is_left(school, "cora")
    assert sign_in(school, "cora")


def test_the_office_manages_supply_teachers_and_nobody_who_is_more(school: FakeSchool) -> None:
    managed = {roles for role in SCHOOL_ROLES for roles in ((role,), ("supply", role)) if
               account_management.may_manage(("office",), sorted(set(roles)))}  # fmt: skip
    assert managed == {("supply",), ("supply", "supply")}
    assert all(account_management.may_manage(("coordinator",), (role,)) for role in SCHOOL_ROLES)
    others = set(SCHOOL_ROLES) - {"office", "coordinator", "deputy_coordinator"}
    assert not any(account_management.may_manage((one,), ("supply",)) for one in others)


def test_the_roles_that_a_school_has_to_name_are_missed_until_somebody_has_them(school: FakeSchool) -> None:
    school.account("tess", ("technician", "governor"))
    with school.store.read_session() as session:
        missing = account_management.list_missing_roles(session, school.clock())
        assert missing == ["Safeguarding lead", "Leadership"]
        assert account_management.list_holders(session, school.clock(), Right.SEE_ROOMS) == ["tess"]
