"""The second factor at every door of central, on both databases: codes, recovery codes, guesses, the rule."""

import hashlib
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest
from sqlalchemy import select

from appliance.central import accounts, second_factor, second_factor_rule
from appliance.central.account_states import list_account_states
from appliance.central.errors import NotPossible
from appliance.central.key_file import KeyFileUnusable
from appliance.central.models import AuditRow, SecondFactorRow
from appliance.central.sign_in import PAGES, CodeNeeded, FactorMissing, WrongCode, room_origin
from appliance.protocol import Account
from appliance.sign_in_throttle import CODE_TRIES, CODE_TRIES_OF_A_DAY, SignInOrigin, TooManyTries
from tests.fakes.code_app import code_of
from tests.fakes.postgres import database_url
from tests.fakes.school import PASSWORD, FakeSchool

_names = itertools.count()


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def school(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeSchool]:
    with ExitStack() as stack:
        url = stack.enter_context(database_url(request.param))
        made = FakeSchool(tmp_path_factory.mktemp("central"), database=url)
        stack.callback(made.close)
        made.enrol()
        yield made


class Person:
    """Somebody with an account, and an app on their phone."""

    def __init__(self, school: FakeSchool) -> None:
        self.school, self.username, self.secret = school, f"cora-{next(_names)}", ""
        school.account(self.username, "coordinator")

    def set_up(self) -> list[str]:
        """Set a second factor up, and return the recovery codes."""
        who, keys, now = self.username, self.school.central.keys, self.school.clock()
        with self.school.store.write_session() as session:
            second_factor.begin(session, keys, now, username=who)
            found = second_factor.find_set_up(session, keys, now, username=who, school="Example Primary")
            assert found is not None
            self.secret = found.secret
        with self.school.store.write_session() as session:
            second_factor.confirm(session, keys, now, username=who, code=self.code(-1))
            return second_factor.list_unnoted_codes(session, keys, now, username=who)

    def code(self, steps: int = 0) -> str:
        return code_of(self.secret, self.school.clock(), steps=steps)

    def ask(self, origin: SignInOrigin | None = None) -> str:
        answer = self.school.central.sign_in.sign_in(origin or at(), self.username, PASSWORD)
        assert isinstance(answer, CodeNeeded), answer
        return answer.step

    def bring(self, code: str, origin: SignInOrigin | None = None, step: str = "") -> object:
        origin = origin or at()
        return self.school.central.sign_in.sign_in_with_code(origin, step or self.ask(origin), code)


def at(device: str = "", source: str = "192.0.2.1") -> SignInOrigin:
    return SignInOrigin(place=PAGES, source=source, device=device)


@pytest.fixture
def cora(school: FakeSchool) -> Person:
    person = Person(school)
    person.set_up()
    return person


def audit(school: FakeSchool, who: str) -> list[str]:
    with school.store.read_session() as session:
        return list(session.scalars(select(AuditRow.what).where(AuditRow.who == who).order_by(AuditRow.id)))


def test_a_password_alone_signs_nobody_in_and_each_code_signs_in_once(school: FakeSchool, cora: Person) -> None:
    assert isinstance(cora.bring(cora.code()), Account)
    assert isinstance(cora.bring(cora.code()), WrongCode), "a code that was seen is worth nothing"
    assert isinstance(cora.bring(cora.code(-1)), WrongCode), "nor is one of before"
    assert isinstance(cora.bring(f" {cora.code(1)[:3]} {cora.code(1)[3:]} "), Account)
    assert isinstance(cora.bring(cora.code(2)), WrongCode)
    school.clock.time += timedelta(seconds=90)
    assert isinstance(cora.bring(cora.code(-2)), WrongCode)
    assert isinstance(cora.bring(cora.code(-1)), Account), "a clock that is one step behind"
    assert audit(school, cora.username).count("signed in") == 3


def test_a_recovery_code_signs_in_once_and_stands_nowhere_in_the_clear(school: FakeSchool) -> None:
    cora = Person(school)
    codes = cora.set_up()
    assert len(set(codes)) == 10
    with school.store.read_session() as session:
        row = session.get_one(SecondFactorRow, cora.username)
        assert hashlib.sha256(codes[0].replace("-", "").encode()).hexdigest() in row.recovery_hashes
        kept = f"{row.secret} {row.unnoted_codes} {row.recovery_hashes}"
    assert not [one for one in (*codes, cora.secret) if one in kept]
    assert isinstance(cora.bring(codes[3].upper()), Account)
    assert isinstance(cora.bring(codes[3]), WrongCode)
    assert isinstance(cora.bring(codes[4].replace("-", "")), Account)
    with school.store.read_session() as session:
        assert second_factor.count_recovery_codes(session, username=cora.username) == 8
    school.clock.pass_minutes(61)
    with school.store.read_session() as session:
        keys, now = school.central.keys, school.clock()
        assert second_factor.list_unnoted_codes(session, keys, now, username=cora.username) == []


def test_of_eight_who_bring_one_code_at_once_one_comes_in(cora: Person) -> None:
    step, code = cora.ask(), cora.code()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda number: cora.bring(code, at(f"device {number}"), step), range(8)))
    assert sum(isinstance(one, Account) for one in answers) == 1


def test_guesses_of_codes_are_counted_in_all_places_together_and_the_owners_device_is_not_shut_out(
    school: FakeSchool, cora: Person
) -> None:
    home = at("cora's own")
    assert isinstance(cora.bring(cora.code(), home), Account)
    room = school.room().id
    doors = itertools.cycle((at("thief", "192.0.2.66"), room_origin(room, "a"), room_origin(room + 1, "b")))
    answers = [cora.bring("000000", next(doors)) for _ in range(CODE_TRIES.amount + 3)]
    assert sum(isinstance(one, WrongCode) for one in answers) == CODE_TRIES.amount
    assert all(isinstance(one, TooManyTries) for one in answers[CODE_TRIES.amount :])
    assert isinstance(cora.bring(cora.code(1), home), Account)
    for _ in range(10):
        school.clock.pass_minutes(16)
        answers += [cora.bring("000000", at("thief", "192.0.2.66")) for _ in range(CODE_TRIES.amount)]
    assert sum(isinstance(one, WrongCode) for one in answers) == CODE_TRIES_OF_A_DAY.amount
    said = audit(school, cora.username)
    assert "wrong code" in said
    assert "wrong codes" in said


def test_the_word_that_a_password_was_right_holds_for_its_place_its_time_and_its_password(
    school: FakeSchool, cora: Person
) -> None:
    room = room_origin(school.room().id, "x")
    assert cora.bring(cora.code(), room, cora.ask()) == CodeNeeded("")
    assert cora.bring(cora.code(), at(), cora.ask(room)) == CodeNeeded("")
    for odd in ("", "wrapped:", "wrapped:" + "A" * 900, "\x00", "\u202e", "é" * 500, "wrapped:////", "{}"):
        assert school.central.sign_in.sign_in_with_code(at(), odd, cora.code()) == CodeNeeded("")
    late, replaced = cora.ask(), cora.ask()
    with school.store.write_session() as session:
        accounts.set_password(
            session, school.clock(), username=cora.username, password="another pass phrase", by="test"
        )
    assert cora.bring(cora.code(), step=replaced) == CodeNeeded("")
    school.clock.pass_minutes(5)
    assert cora.bring(cora.code(), step=late) == CodeNeeded("")


def test_what_is_no_code_is_a_wrong_one(cora: Person) -> None:
    odd = ("", "\x00", "\u0661" * 6, "12345", "1234567", "x" * 64, "-", "\u202e123456", "\uff11" * 6)
    assert [one for one in odd if not isinstance(cora.bring(one), WrongCode)] == []


def test_whoever_takes_it_off_or_sets_it_up_ends_what_was_before_in_rooms_as_well(school: FakeSchool) -> None:
    cora = Person(school)

    def valid_after() -> object:
        with school.store.read_session() as session:
            return next(one.valid_after for one in list_account_states(session) if one.username == cora.username)

    before = valid_after()
    cora.set_up()
    since = valid_after()
    assert since > before  # type: ignore[operator]  # moments
    with school.store.write_session() as session:
        second_factor.take_off(session, school.clock(), username=cora.username, by="ben")
    assert valid_after() > since  # type: ignore[operator]  # moments
    assert isinstance(school.central.sign_in.sign_in(at(), cora.username, PASSWORD), Account)
    assert "second step taken off" in audit(school, "ben")
    with pytest.raises(NotPossible, match="no second step"), school.store.write_session() as session:
        second_factor.take_off(session, school.clock(), username=cora.username, by="ben")


def test_without_its_key_file_nobody_passes_and_no_other_key_is_made(school: FakeSchool, cora: Person) -> None:
    path = school.central.keys.path
    away = path.rename(path.with_suffix(".away"))
    try:
        with pytest.raises(KeyFileUnusable):
            school.central.sign_in.sign_in(at(), cora.username, PASSWORD)
        assert not path.exists()
    finally:
        away.rename(path)
    assert isinstance(cora.bring(cora.code()), Account)


def test_from_its_day_on_a_school_has_whom_it_asks_sign_in_in_no_room_without_one(school: FakeSchool) -> None:
    cora, room = Person(school), room_origin(school.room().id, "x")
    day = school.clock() + timedelta(days=7)
    with school.store.write_session() as session:
        second_factor_rule.ask_of_roles(session, school.clock(), roles=["coordinator"], since=day, by="head")
        assert cora.username in second_factor_rule.list_without(session, school.clock())
        ends = {one.username: one.ends for one in list_account_states(session)}
        assert ends[cora.username] == day, "what rooms keep ends with that day"
    assert isinstance(school.central.sign_in.sign_in(room, cora.username, PASSWORD), Account)
    school.clock.time = day
    try:
        assert school.central.sign_in.sign_in(room, cora.username, PASSWORD) == FactorMissing()
        assert isinstance(school.central.sign_in.sign_in(at(), cora.username, PASSWORD), Account)
        cora.set_up()
        assert isinstance(cora.bring(cora.code(), room), Account)
        for roles, since in ((["teacher"], day), (["head"], None), (["king"], day)):
            with pytest.raises(NotPossible), school.store.write_session() as session:
                second_factor_rule.ask_of_roles(session, day, roles=roles, since=since, by="head")
    finally:
        with school.store.write_session() as session:
            second_factor_rule.ask_of_roles(session, day, roles=(), since=None, by="head")
