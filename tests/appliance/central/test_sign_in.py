"""Sign-ins and their counts on both databases, also where several processes of central count together."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import event, func, select

from appliance import sessions
from appliance.central import accounts
from appliance.central.account_states import digest_of_states, list_account_states
from appliance.central.models import KnownDeviceRow, SessionRow, ThrottleRow
from appliance.central.sessions import CentralSessions
from appliance.central.sign_in import PAGES, CentralSignIn, prune_known_devices, room_origin
from appliance.protocol import Account
from appliance.sign_in_throttle import ACCOUNT_TRIES, KNOWN_DEVICE_DAYS, SOURCE_TRIES, SignInOrigin, TooManyTries
from tests.fakes.postgres import database_url
from tests.fakes.school import PASSWORD, FakeSchool

WRONG = "not the password"


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def school(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeSchool]:
    with ExitStack() as stack:
        url = stack.enter_context(database_url(request.param))
        made = FakeSchool(tmp_path_factory.mktemp("central"), database=url)
        stack.callback(made.close)
        yield made


@pytest.fixture
def named(school: FakeSchool, request: pytest.FixtureRequest) -> str:
    """An account of the test's own."""
    username = f"user-{abs(hash(request.node.name)) % 10**9}"
    school.account(username, "coordinator")
    return username


def at(source: str, device: str = "") -> SignInOrigin:
    return SignInOrigin(place=PAGES, source=source, device=device)


def test_processes_count_together_and_a_burst_counts_whole(school: FakeSchool, named: str) -> None:
    """Each object stands for a process: they share the database, and no lock."""
    processes = [CentralSignIn(school.store, school.clock, school.central.keys) for _ in range(4)]

    def guess(number: int) -> object:
        return processes[number % 4].sign_in(at(f"of {named}"), named, WRONG)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(guess, range(40)))
    assert answers.count(None) == SOURCE_TRIES.amount
    assert sum(isinstance(one, TooManyTries) for one in answers) == 40 - SOURCE_TRIES.amount


def test_a_clock_that_was_days_ahead_shuts_nobody_out_once_it_is_right(school: FakeSchool, named: str) -> None:
    central = CentralSignIn(school.store, school.clock, school.central.keys)
    before = school.clock.time
    school.clock.time += timedelta(days=1461)
    for _ in range(SOURCE_TRIES.amount + 1):
        last = central.sign_in(at(f"of {named}"), named, WRONG)
    assert isinstance(last, TooManyTries)
    school.clock.time = before
    assert isinstance(central.sign_in(at(f"of {named}"), named, PASSWORD), Account)
    answers = [central.sign_in(at(f"of {named}"), named, WRONG) for _ in range(SOURCE_TRIES.amount + 1)]
    assert isinstance(answers[-1], TooManyTries), "and counts from then on"


def test_a_clock_that_jumps_forgets_no_device_on_which_somebody_has_signed_in(
    school: FakeSchool, named: str
) -> None:
    """Else whoever guesses at the account could keep its owner out."""
    central = CentralSignIn(school.store, school.clock, school.central.keys)
    own, other = at(f"own of {named}", "a" * 32), at(f"other of {named}", "b" * 32)
    assert isinstance(central.sign_in(own, named, PASSWORD), Account)
    school.clock.jump(timedelta(days=1461))
    assert isinstance(central.sign_in(other, named, PASSWORD), Account)
    school.clock.jump(-timedelta(days=1461))
    for number in range(ACCOUNT_TRIES.amount + 1):
        last = central.sign_in(at(f"guesser {number} of {named}", "c" * 32), named, WRONG)
    assert isinstance(last, TooManyTries)
    assert isinstance(central.sign_in(own, named, PASSWORD), Account)


def test_a_device_on_which_nobody_signs_in_for_half_a_year_is_forgotten(school: FakeSchool, named: str) -> None:
    central = CentralSignIn(school.store, school.clock, school.central.keys)
    device = at(f"of {named}", "d" * 32)
    central.sign_in(device, named, PASSWORD)
    known = device.known_device(named)
    for days, is_kept in ((KNOWN_DEVICE_DAYS, True), (KNOWN_DEVICE_DAYS + 1, False)):
        with school.store.write_session(affects_rooms=False) as session:
            prune_known_devices(session, school.clock() + timedelta(days=days))
        with school.store.read_session() as session:
            assert (session.get(KnownDeviceRow, known) is not None) == is_kept


def test_a_window_that_is_over_leaves_nothing(school: FakeSchool, named: str) -> None:
    central = CentralSignIn(school.store, school.clock, school.central.keys)
    for _ in range(SOURCE_TRIES.amount + 1):
        last = central.sign_in(at(f"of {named}"), named, WRONG)
    assert isinstance(last, TooManyTries)
    assert 0 < last.wait_seconds <= 300
    school.clock.time += timedelta(hours=1)
    assert isinstance(central.sign_in(at(f"of {named}"), named, PASSWORD), Account)
    with school.store.read_session() as session:
        oldest = session.scalar(select(func.min(ThrottleRow.expires)))
    assert oldest is None or oldest > school.clock()


def test_a_sign_in_waits_for_the_disk_twice(school: FakeSchool, named: str) -> None:
    """Before the password is looked at, and after: however many budgets are counted and taken back."""
    commits: list[object] = []
    count = commits.append  # one object: it is removed by its identity
    event.listen(school.store._engine, "commit", count)
    try:
        origin = room_origin(7, f"device of {named}")
        central = CentralSignIn(school.store, school.clock, school.central.keys)
        assert isinstance(central.sign_in(origin, named, PASSWORD), Account)
    finally:
        event.remove(school.store._engine, "commit", count)
    assert len(commits) == 2


def test_what_somebody_types_stands_nowhere(school: FakeSchool) -> None:
    typed = "a password in the field for names"
    CentralSignIn(school.store, school.clock, school.central.keys).sign_in(at("x"), typed, WRONG)
    with school.store.read_session() as session:
        keys = list(session.scalars(select(ThrottleRow.key)))
    assert keys
    assert not [key for key in keys if "password" in key]


def test_a_room_cannot_claim_to_be_another_rooms_device_or_centrals(school: FakeSchool, named: str) -> None:
    central = CentralSignIn(school.store, school.clock, school.central.keys)
    assert isinstance(central.sign_in(room_origin(1, "token"), named, PASSWORD), Account)
    mine, other, pages = (
        one.known_device(named) for one in (room_origin(1, "token"), room_origin(2, "token"), at("x", "token"))
    )
    assert [central._is_known(one) for one in (mine, other, pages)] == [True, False, False]


def test_odd_names_are_nobodys(school: FakeSchool) -> None:
    central = CentralSignIn(school.store, school.clock, school.central.keys)
    for name in ("", "\x00", "a\x00b", "\x1b[2J", "x" * 5000, "naïve", "\U0001f600"):
        assert central.sign_in(at(name or "-"), name, PASSWORD) is None


@pytest.mark.parametrize("what", [accounts.end_account, accounts.sign_out_everywhere])
def test_sessions_of_before_are_over_even_where_the_clock_was_set_back(
    school: FakeSchool, named: str, what: Callable[..., None]
) -> None:
    table = CentralSessions(school.store, school.clock)
    account = accounts.authenticate(school.store, school.clock(), named, PASSWORD)
    assert account is not None
    for minutes in (0, -30):
        school.clock.pass_minutes(minutes)
        session_id = table.start_session(_account(school, named), "x")
        assert table.find_session(session_id) is not None
        with school.store.write_session() as session:
            what(session, school.clock(), username=named, by="office")
        assert table.find_session(session_id) is None
        with school.store.write_session() as session:
            accounts._get_user(session, named).ends = None
    school.clock.pass_minutes(60)


def test_a_password_that_is_replaced_while_it_is_looked_at_begins_no_session(
    school: FakeSchool, named: str
) -> None:
    account = _account(school, named)
    with school.store.write_session() as session:
        accounts.set_password(session, school.clock(), username=named, password="another long one", by=named)
    table = CentralSessions(school.store, school.clock)
    assert table.find_session(table.start_session(account, "x")) is None


def test_rows_of_sessions_go_after_two_days_and_no_account_has_more_than_fifty(
    school: FakeSchool, named: str
) -> None:
    table = CentralSessions(school.store, school.clock)
    account = _account(school, named)
    first = table.start_session(account, "x")
    for _ in range(sessions.MAX_SESSIONS_OF_ACCOUNT):
        school.clock.pass_minutes(0.1)
        table.start_session(account, "x" * 500)
    assert table.find_session(first) is None
    assert len(table.list_sessions(named)) == sessions.MAX_SESSIONS_OF_ACCOUNT
    school.clock.pass_minutes(3 * 24 * 60)
    table.start_session(account, "new")
    with school.store.read_session() as session:
        assert session.scalar(select(func.count()).select_from(SessionRow)) == 1


def test_rooms_hear_of_what_ends_sign_ins_and_of_nothing_else(school: FakeSchool, named: str) -> None:
    def digest() -> str:
        with school.store.read_session() as session:
            return digest_of_states(list_account_states(session))

    before = digest()
    table = CentralSessions(school.store, school.clock)
    table.end_session(table.start_session(_account(school, named), "x"))
    assert digest() == before
    with school.store.write_session() as session:
        accounts.set_password(session, school.clock(), username=named, password="another long one", by=named)
    assert digest() != before
    with school.store.read_session() as session:
        (said,) = [one for one in list_account_states(session) if one.username == named]
    assert said.valid_after == _account(school, named, "another long one").valid_after
    assert b"password" not in msgspec.json.encode(said)


def _account(school: FakeSchool, username: str, password: str = PASSWORD) -> Account:
    account = accounts.authenticate(school.store, school.clock(), username, password)
    assert account is not None
    return account
