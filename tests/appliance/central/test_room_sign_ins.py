"""Tickets with which who signed in at central is let in by a room: once, there, with one browser, soon."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

from appliance.central import accounts, room_life, room_sign_ins
from appliance.central.errors import NotPossible
from appliance.central.models import AuditRow, RoomSignInRow, UserRow
from appliance.protocol import Account, RoomSignInStart, SignInTicket
from appliance.settings.central import CentralSettings
from appliance.settings.load import SettingsInvalid, load_settings
from tests.fakes.school import FakeSchool

STATE, OTHER_STATE = "5" * 64, "6" * 64
URL = "https://central.example.org"
BACK = "http://192.0.2.4/sign-in/ticket"
TESS = Account(username="tess", name="Tess", role="teacher")


class Door:
    """A school in which Tess signs in for Room 4."""

    def __init__(self, folder: Path) -> None:
        self.school = FakeSchool(folder)
        self.school.enrol("Room 4")
        self.school.enrol("Room 5")
        self.school.account("tess", "teacher")

    def begin(self, state: str = STATE, room: str = "Room 4") -> str:
        start = RoomSignInStart(state_hash=hashlib.sha256(state.encode()).hexdigest(), return_url=BACK)
        with self.school.store.write_session() as session:
            page = room_sign_ins.begin(session, self.school.clock(), self.school.room(room), start, URL)
        assert page.url == f"{URL}/room-sign-in/{page.id}"
        return page.id

    def issue(self, sign_in_id: str, account: Account = TESS) -> SignInTicket:
        with self.school.store.write_session() as session:
            issued = room_sign_ins.issue_ticket(session, self.school.clock(), sign_in_id, account)
        assert issued.return_url == BACK
        return SignInTicket(id=sign_in_id, state=STATE, ticket=issued.ticket)

    def redeem(self, brought: SignInTicket, room: str = "Room 4") -> Account | None:
        with self.school.store.write_session() as session:
            return room_sign_ins.redeem_ticket(session, self.school.clock(), self.school.room(room), brought)

    def audit(self) -> list[tuple[str, str, str]]:
        with self.school.store.read_session() as session:
            rows = session.scalars(select(AuditRow).order_by(AuditRow.id.desc()).limit(2))
            return [(row.who, row.what, row.detail) for row in rows]


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    made = Door(tmp_path)
    yield made
    made.school.close()


def test_a_ticket_says_who_it_is_once(door: Door) -> None:
    ticket = door.issue(door.begin())
    account = door.redeem(ticket)
    assert account is not None
    assert (account.username, account.roles) == ("tess", ("teacher",))
    assert ("tess", "signed in", "in Room 4, through central's pages") in door.audit()
    assert door.redeem(ticket) is None


def test_of_tickets_and_secrets_only_hashes_are_kept(door: Door) -> None:
    ticket = door.issue(door.begin())
    with door.school.store.read_session() as session:
        (row,) = session.scalars(select(RoomSignInRow))
        kept = " ".join(str(value) for value in vars(row).values())
    assert ticket.ticket not in kept
    assert STATE not in kept


@pytest.mark.parametrize(
    "how", ["other room", "other browser", "other start", "too late", "new password", "ended"]
)
def test_a_ticket_that_is_brought_wrongly_is_used_up_by_it(door: Door, how: str) -> None:
    ticket = door.issue(door.begin())
    brought, room = ticket, "Room 4"
    if how == "other room":
        room = "Room 5"
    elif how == "other browser":
        brought = msgspec.structs.replace(ticket, state=OTHER_STATE)
    elif how == "other start":
        brought = msgspec.structs.replace(ticket, id=door.begin())
    elif how == "too late":
        door.school.clock.pass_minutes(2)
    with door.school.store.write_session() as session:
        if how == "new password":
            accounts.set_password(
                session, door.school.clock(), username="tess", password="another pass phrase", by="cora"
            )
        elif how == "ended":
            accounts.end_account(session, door.school.clock(), username="tess", by="cora")
    assert door.redeem(brought, room) is None
    assert ("tess", "ticket refused", f"brought by {room}; it is used up") in door.audit()
    assert door.redeem(ticket) is None


def test_a_ticket_that_nobody_made_is_worth_nothing(door: Door) -> None:
    sign_in_id = door.begin()
    for forged in ("0" * 64, STATE, hashlib.sha256(STATE.encode()).hexdigest()):
        assert door.redeem(SignInTicket(id=sign_in_id, state=STATE, ticket=forged)) is None
    assert door.redeem(door.issue(sign_in_id)) is not None  # a guess costs the rightful one nothing


def test_what_was_begun_is_over_after_ten_minutes_and_gives_one_ticket(door: Door) -> None:
    sign_in_id = door.begin()
    door.issue(sign_in_id)
    with pytest.raises(NotPossible, match="begin again"):
        door.issue(sign_in_id)
    late = door.begin()
    door.school.clock.pass_minutes(10)
    with pytest.raises(NotPossible, match="begin again"):
        door.issue(late)
    with pytest.raises(NotPossible, match="begin again"):
        door.issue("0" * 32)


def test_a_ticket_is_for_who_teaches_in_that_room(door: Door) -> None:
    door.school.account("gov", "governor")
    with door.school.store.write_session() as session:
        session.get_one(UserRow, "tess").room_ids = [door.school.room("Room 5").id]
    for account in (
        TESS,
        Account(username="gov", name="Gov", role="governor"),
        Account(username="no", name="", role="teacher"),
    ):
        with pytest.raises(NotPossible, match="teaches in Room 4"):
            door.issue(door.begin(), account)
    assert door.redeem(door.issue(door.begin(room="Room 5")), "Room 5") is not None


def test_a_room_that_is_out_of_use_lets_nobody_in(door: Door) -> None:
    sign_in_id = door.begin()
    with door.school.store.write_session() as session:
        room_life.revoke_room(session, door.school.clock(), room_id=door.school.room().id, by="cora")
    with pytest.raises(NotPossible, match="begin again"):
        door.issue(sign_in_id)


def test_a_flood_of_starts_takes_nobodys_ticket_and_no_more_room_than_it_may(door: Door) -> None:
    ticket, other = door.issue(door.begin()), door.begin(room="Room 5")
    first = door.begin()
    for _ in range(room_sign_ins.MOST_OF_ROOM):
        door.begin()
    with door.school.store.read_session() as session:
        rows = session.scalars(select(RoomSignInRow).where(RoomSignInRow.ticket_hash.is_(None))).all()
        assert len(rows) == room_sign_ins.MOST_OF_ROOM + 1
        assert room_sign_ins.find_begun(session, door.school.clock(), other) is not None
        assert room_sign_ins.find_begun(session, door.school.clock(), first) is None
    assert door.redeem(ticket) is not None
    door.school.clock.pass_minutes(11)
    with door.school.store.write_session() as session:
        room_sign_ins.prune_room_sign_ins(session, door.school.clock())
        assert session.scalars(select(RoomSignInRow)).all() == []


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.4/elsewhere", "http://192.0.2.4/sign-in/ticket?x=1", "http://a@192.0.2.4/sign-in/ticket",
        "javascript://192.0.2.4/sign-in/ticket", "http://192.0.2.4; report-uri x/sign-in/ticket",
        "http:///sign-in/ticket", "http://192.0.2.4/sign-in/ticket\n", "http://room 4/sign-in/ticket",
        "http://x\r\nSet-Cookie: a=b/sign-in/ticket", "//192.0.2.4/sign-in/ticket", "http://évil/sign-in/ticket",
        "http://192.0.2.4:123456/sign-in/ticket",
    ],
)  # fmt: skip
def test_no_browser_is_led_back_to_what_is_no_page_of_a_room(url: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"state_hash": "0" * 64, "return_url": url}, RoomSignInStart)


@pytest.mark.parametrize(
    "url", ["http://192.0.2.4/sign-in/ticket", "https://room-4.example.org:8443/sign-in/ticket", "http://[2001:db8::4]/sign-in/ticket"]
)  # fmt: skip
def test_a_browser_may_be_led_back_to_a_rooms_own_page(url: str) -> None:
    assert msgspec.convert({"state_hash": "0" * 64, "return_url": url}, RoomSignInStart).return_url == url


def settings_with(folder: Path, more: str) -> CentralSettings:
    file = folder / "central.toml"
    file.write_text(f'[central]\nschool = "Example Primary"\ndata = "central"\n{more}')
    return load_settings(file, CentralSettings)


TLS = '[central.tls]\ncertificate = "c.pem"\nkey = "c.key"\n'


@pytest.mark.parametrize(
    ("more", "offered"),
    [
        ("", ""),
        (f'url = "{URL}"\n', ""),
        (f'url = "{URL}/"\n{TLS}', URL),
        (f'url = "{URL}"\nroom_sign_in = true\n', URL),
        (f'url = "{URL}"\nroom_sign_in = false\n{TLS}', ""),
    ],
)
def test_it_is_offered_where_the_pages_have_a_certificate_or_the_settings_say_so(
    tmp_path: Path, more: str, offered: str
) -> None:
    assert room_sign_ins.sign_in_url(settings_with(tmp_path, more)) == offered


@pytest.mark.parametrize(
    "more", ["room_sign_in = true\n", TLS, 'room_sign_in = true\nurl = "http://central.example.org"\n']
)
def test_it_is_offered_nowhere_without_an_address_that_hides_what_is_typed(tmp_path: Path, more: str) -> None:
    with pytest.raises(SettingsInvalid, match="url: "):
        settings_with(tmp_path, more)


def test_without_an_offer_nothing_can_be_begun(door: Door) -> None:
    start = RoomSignInStart(state_hash="0" * 64, return_url=BACK)
    with door.school.store.write_session() as session, pytest.raises(NotPossible, match="room_sign_in"):
        room_sign_ins.begin(session, door.school.clock(), door.school.room(), start, "")
