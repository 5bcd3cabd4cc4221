from datetime import timedelta

import pytest

from appliance.central import account_links, accounts
from appliance.central.errors import NotFound, NotPossible
from appliance.protocol import Account
from tests.fakes.school import PASSWORD, FakeSchool


def sign_in(school: FakeSchool, username: str, password: str) -> Account | None:
    return accounts.authenticate(school.store, school.clock(), username, password)


def test_the_right_password_tells_who_it_is(school: FakeSchool) -> None:
    school.account("ada", "teacher")
    assert sign_in(school, "ada", PASSWORD) == Account(username="ada", name="Ada", role="teacher")


def test_a_user_name_may_be_typed_in_any_case(school: FakeSchool) -> None:
    school.account("ada", "teacher")
    assert sign_in(school, " Ada ", PASSWORD)


@pytest.mark.parametrize(("username", "password"), [("ada", "wrong"), ("nobody", PASSWORD), ("", ""), ("ada", "")])
def test_anything_else_tells_nothing(school: FakeSchool, username: str, password: str) -> None:
    school.account("ada", "teacher")
    assert sign_in(school, username, password) is None


def test_a_supply_teachers_account_ends_on_its_day(school: FakeSchool) -> None:
    with school.store.write_session() as session:
        accounts.add_account(
            session, school.clock(), username="supply", name="Sam", roles=("supply",), password=PASSWORD,
            by="office", ends=school.clock() + timedelta(days=1),
        )  # fmt: skip
    assert sign_in(school, "supply", PASSWORD)
    school.clock.pass_minutes(24 * 60)
    assert sign_in(school, "supply", PASSWORD) is None


def test_an_account_that_was_ended_is_out_at_once(school: FakeSchool) -> None:
    school.account("ada", "teacher")
    with school.store.write_session() as session:
        accounts.end_account(session, school.clock(), username="ada", by="coordinator")
    assert sign_in(school, "ada", PASSWORD) is None


def test_a_new_password_replaces_the_old_one(school: FakeSchool) -> None:
    school.account("ada", "teacher")
    with school.store.write_session() as session:
        accounts.set_password(session, school.clock(), username="ada", password="another long one", by="ada")
    assert sign_in(school, "ada", PASSWORD) is None
    assert sign_in(school, "ada", "another long one")


@pytest.mark.parametrize(
    ("username", "password", "says"),
    [("ada", PASSWORD, "already"), ("Hállpass", PASSWORD, "what nobody did"),
     ("a b", PASSWORD, "no user name"), ("", PASSWORD, "no user name"),
     ("ben", "short", "10 characters")],
)  # fmt: skip
def test_what_cannot_be_added_is_said_in_words(
    school: FakeSchool, username: str, password: str, says: str
) -> None:
    school.account("ada", "teacher")
    with pytest.raises(NotPossible, match=says):
        school.account(username, "teacher", password)


def test_nobody_can_end_an_account_that_is_not_there(school: FakeSchool) -> None:
    with pytest.raises(NotFound), school.store.write_session() as session:
        accounts.end_account(session, school.clock(), username="nobody", by="coordinator")


def test_passwords_made_for_people_are_long_and_never_the_same() -> None:
    made = {accounts.generate_password() for _ in range(100)}
    assert len(made) == 100
    assert all(len(password) == 19 for password in made)


@pytest.mark.parametrize(
    "typed",
    [
        "\u0430da", "ad\u0430", "\u03b1da", "\u1d43da", "\uff41da", "\u00e1da", "AD\u00c5", "\u217fada",
        "ada\u0663", "a\u200bda", "a" * 65, ".",
    ],
)  # fmt: skip
def test_nobody_gets_a_name_that_reads_like_another_ones(school: FakeSchool, typed: str) -> None:
    school.account("ada", "coordinator")
    with pytest.raises(NotPossible, match=r"reads like|no user name"):
        school.account(typed, "teacher")


def test_a_name_with_an_accent_is_one_however_its_letters_are_typed(school: FakeSchool) -> None:
    school.account("zo\u00eb", "teacher")
    assert sign_in(school, "Zoe\u0308", PASSWORD)


def test_a_link_to_a_new_password_is_over_with_the_password_and_with_every_sign_in(school: FakeSchool) -> None:
    school.account("ada", "teacher")
    for end in ("password", "sign-ins"):
        with school.store.write_session() as session:
            link = account_links.make_link(session, school.clock(), username="ada", by="cora")
        with school.store.write_session() as session:
            if end == "password":
                accounts.set_password(
                    session, school.clock(), username="ada", password="another pass phrase", by="ada"
                )
            else:
                accounts.sign_out_everywhere(session, school.clock(), username="ada", by="ada")
        with school.store.write_session() as session, pytest.raises(NotFound, match="does not work any more"):
            account_links.use_link(session, school.clock(), token=link.token, password="a third pass phrase")
