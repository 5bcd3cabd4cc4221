"""What a room's key and certificate open at central, and what a token does not: real processes, real TLS."""

import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.central.models import RoomRow
from appliance.central.room_keys import find_authority
from appliance.central.room_life import enrol_room, retire_room, revoke_room
from appliance.central.rooms_authority import unseal_authority
from appliance.central.rooms_tls_files import FOLDER
from appliance.central.service import Central, open_central
from appliance.central.x509_certificates import make_authority, sign_room
from appliance.pinned_tls import HELLO_BYTES, UNRECOGNIZED_NAME, find_authority_id, needed_hello_bytes
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from tests.e2e.school import Process, answers, until
from tests.fakes.pinned_room import PinnedRoom, call_plain
from tests.fakes.ports import free_port
from tests.fakes.programs import HALLPASS
from webui.api.app import create_rooms_app

pytestmark = pytest.mark.xdist_group("room certificates")
SOON_SECONDS = 10.0


class Served:
    """Central in processes of its own, without a certificate for pages."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, pages = folder, free_port(), free_port()
        self.config = folder / "central.toml"
        self.config.write_text(
            f'[central]\nschool = "Example Primary"\ndata = "central"\nlisten = "127.0.0.1:{pages}"\n'
            f'rooms_listen = "127.0.0.1:{self.port}"\n'
        )
        self.process = Process(folder, "central", *HALLPASS, "central", "--config", str(self.config))
        until("central", lambda: answers(f"http://127.0.0.1:{self.port}"), 60)
        self.central: Central = open_central(load_settings(self.config, CentralSettings))
        self._rooms = 0

    def enrol(self, name: str) -> str:
        with self.central.store.write_session() as session:
            return enrol_room(session, self.central.now(), name=name, by="test", replace=True)

    def token(self) -> tuple[str, str]:
        """Return a new room's name and its token."""
        self._rooms += 1
        return (name := f"Room {self._rooms}"), self.enrol(name)

    def room(self) -> tuple[str, str, PinnedRoom]:
        """Return a new room that has called with its certificate."""
        name, token = self.token()
        room = self.card()
        assert room.enrol(token) == 200
        assert room.call("GET", "requests") == (200, [])
        return name, token, room

    def card(self) -> PinnedRoom:
        self._rooms += 1
        return PinnedRoom(self.folder / f"card {self._rooms}", self.port)

    def certificate(self, room: PinnedRoom, *, ended_days_ago: float) -> str:
        """Return a certificate of central's own for a room's key, which ended so long ago."""
        with self.central.store.read_session() as session:
            row = find_authority(session)
        assert row is not None
        at = datetime.now(UTC) - timedelta(days=30 + ended_days_ago)
        return sign_room(unseal_authority(self.central.keys, row), at, room.key.public_key(), 1)[0]

    def read(self, name: str) -> RoomRow:
        with self.central.store.read_session() as session:
            return session.query(RoomRow).filter_by(name=name).one()

    def close(self) -> None:
        self.central.store.close()
        self.process.stop()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    one = Served(tmp_path_factory.mktemp("served"))
    yield one
    one.close()


def kind(answer: tuple[int, Any]) -> tuple[int, str]:
    status, problem = answer
    return status, problem["type"].rpartition(":")[2]


def ends_soon(feed: ssl.SSLSocket) -> None:
    feed.settimeout(SOON_SECONDS)
    with contextlib.suppress(ConnectionResetError, ssl.SSLEOFError):
        while feed.recv(65536):
            pass


def test_a_token_and_a_signing_request_give_a_certificate_that_opens_everything(served: Served) -> None:
    name, token, room = served.room()
    assert room.call("GET", "policy")[1]["room"] == name
    ends = served.read(name).certificate_ends
    assert ends is not None
    assert timedelta(days=29) < ends - datetime.now(UTC) < timedelta(days=31)
    with room.feed():
        assert kind(call_plain(served.port, "GET", "requests", token)) == (401, "certificate-needed")


def test_a_stolen_token_opens_nothing_of_a_room_that_has_a_key_also_while_it_is_off(served: Served) -> None:
    _, token, _ = served.room()
    for method, path in (("GET", "feed"), ("GET", "policy"), ("GET", "log-key"), ("GET", "accounts")):
        assert kind(call_plain(served.port, method, path, token)) == (401, "certificate-needed")
    assert served.card().enrol(token) == 401


def test_with_one_token_one_key_is_named_and_no_other(served: Served) -> None:
    _, token = served.token()
    first = served.card()
    assert first.enrol(token) == 200
    assert first.enrol(token) == 200, "the answer may have been lost"
    assert served.card().enrol(token) == 409
    assert call_plain(served.port, "GET", "requests", token)[0] == 200, "the way of before, until it is used"
    assert first.call("GET", "requests") == (200, [])


def test_a_token_by_which_somebody_follows_is_cut_off_when_the_room_shows_its_certificate(served: Served) -> None:
    _, token = served.token()
    room = served.card()
    assert room.enrol(token) == 200
    with socket.create_connection(("127.0.0.1", served.port), SOON_SECONDS) as thief:
        thief.sendall(f"GET /api/v1/feed HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        assert b"200 OK" in thief.recv(65536)
        assert room.call("GET", "requests") == (200, [])
        while thief.recv(65536):
            pass


@pytest.mark.parametrize("end", [retire_room, revoke_room])
def test_the_feed_of_a_room_that_is_ended_ends_within_seconds(served: Served, end: Any) -> None:
    name, _, room = served.room()
    with room.feed() as feed:
        with served.central.store.write_session() as session:
            end(session, served.central.now(), room_id=served.read(name).id, by="test")
        ends_soon(feed)
    assert kind(room.call("GET", "policy")) == (403, "room-ended")
    assert room.renew() == 403


def test_the_key_of_an_old_card_is_worth_nothing_once_the_room_has_a_new_one(served: Served) -> None:
    name, _, old = served.room()
    with old.feed() as feed:
        token = served.enrol(name)
        ends_soon(feed)
    assert kind(old.call("GET", "policy")) == (401, "unknown-certificate")
    assert old.renew() == 401
    new = served.card()
    assert new.enrol(token) == 200
    assert new.call("GET", "policy")[0] == 200
    assert kind(old.call("GET", "policy")) == (401, "unknown-certificate")


def test_a_certificate_that_ended_opens_only_the_way_to_another_one_and_that_for_a_year(served: Served) -> None:
    _, _, room = served.room()
    room.use(served.certificate(room, ended_days_ago=60))
    assert kind(room.call("GET", "policy")) == (401, "certificate-ended")
    assert kind(room.call("GET", "feed")) == (401, "certificate-ended")
    assert room.renew() == 200
    assert room.call("GET", "policy")[0] == 200
    room.use(served.certificate(room, ended_days_ago=366))
    assert room.renew() == 401


def test_a_feed_ends_with_the_certificate_by_which_it_was_opened(served: Served) -> None:
    _, _, room = served.room()
    room.use(served.certificate(room, ended_days_ago=-5 / 86_400))
    with room.feed() as feed:
        ends_soon(feed)


def test_a_certificate_of_a_foreign_authority_opens_nothing(served: Served) -> None:
    _, _, room = served.room()
    own = room.certificate
    room.use(sign_room(make_authority(datetime.now(UTC)), datetime.now(UTC), room.key.public_key(), 1)[0])
    with pytest.raises((OSError, IndexError)):  # the connection is over before anything was answered
        room.call("GET", "policy")
    room.use(own)
    right, room.authority = room.authority, make_authority(datetime.now(UTC)).certificate
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized"):
        room.call("GET", "policy")
    room.authority = right
    assert room.call("GET", "policy")[0] == 200


def test_a_rooms_certificate_is_no_servers(served: Served) -> None:
    _, _, room = served.room()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(room._file)
    thief = socket.create_server(("127.0.0.1", 0))
    thief.settimeout(SOON_SECONDS)
    room._port = thief.getsockname()[1]

    def serve() -> None:
        with contextlib.suppress(OSError), context.wrap_socket(thief.accept()[0], server_side=True) as connection:
            connection.recv(100)

    thread = threading.Thread(target=serve)
    thread.start()
    with pytest.raises(ssl.SSLCertVerificationError):
        room.call("GET", "policy")
    thread.join()
    thief.close()


@pytest.mark.parametrize(
    "request_text",
    ["", "AAAA", "=", "\x00", "\u202e", "A" * 2001, "A" * 60_000, 7, ["AAAA"], None, "MDAw" * 300],
)  # fmt: skip
def test_what_is_no_signing_request_is_refused_in_words(served: Served, request_text: Any) -> None:
    _, token = served.token()
    status, problem = call_plain(served.port, "POST", "certificate", token, {"request": request_text})
    assert status in (400, 409)
    assert problem["detail"]


def test_a_request_of_another_key_than_it_was_signed_with_is_refused(served: Served) -> None:
    _, token = served.token()
    card = served.card()
    content = bytearray(base64.b64decode(card.signing_request()))
    content[-1] ^= 1
    sent = {"request": base64.b64encode(content).decode()}
    assert call_plain(served.port, "POST", "certificate", token, sent)[0] == 409
    other = served.room()[2]
    assert call_plain(served.port, "POST", "certificate", token, {"request": other.signing_request()})[0] == 409


def test_a_school_may_ask_for_certificates_from_the_start(served: Served) -> None:
    _, token = served.token()
    section = msgspec.structs.replace(served.central.settings.central, rooms_need_certificates=True)
    central = Central(msgspec.structs.replace(served.central.settings, central=section))
    client = create_rooms_app(central).test_client()
    headers = {"Authorization": f"Bearer {token}"}
    for path in ("feed", "policy", "requests"):
        answer = client.get(f"/api/v1/{path}", headers=headers)
        assert kind((answer.status_code, answer.get_json(force=True))) == (401, "certificate-needed")
    body = {"request": served.card().signing_request()}
    assert client.post("/api/v1/certificate", headers=headers, json=body).status_code == 200
    central.store.close()


def test_what_central_shows_its_rooms_is_its_owners_alone_and_the_key_is_sealed(served: Served) -> None:
    folder = served.folder / "central" / FOLDER
    assert all(path.stat().st_mode & 0o077 == 0 for path in (folder, *folder.iterdir()))
    with served.central.store.read_session() as session:
        row = find_authority(session)
    assert row is not None
    assert "PRIVATE" not in row.sealed_key


def test_a_first_message_is_waited_for_and_only_a_rooms_name_is_heeded() -> None:
    hello = b"\x16\x03\x01\x00\x40" + (b"0123456789abcdef.rooms.hallpass.internal").ljust(0x40, b"\0")
    assert all(needed_hello_bytes(hello[:size]) > size for size in range(len(hello)))
    assert needed_hello_bytes(hello) == needed_hello_bytes(hello[:5]) == len(hello)
    assert needed_hello_bytes(b"\x16\x03\x01\xff\xff") == HELLO_BYTES
    assert find_authority_id(hello) == "0123456789abcdef"
    assert find_authority_id(hello.replace(b"hallpass.int", b"elsewhere.in")) == ""
    assert needed_hello_bytes(b"G") == 1
    assert find_authority_id(b"GET /0123456789abcdef.rooms.hallpass.internal") == ""


def test_a_first_message_that_comes_byte_by_byte_is_answered_and_half_of_one_is_let_go(served: Served) -> None:
    hello = b"\x16\x03\x01\x00\x40" + b"0123456789abcdef.rooms.hallpass.internal".ljust(0x40, b"\0")
    with socket.create_connection(("127.0.0.1", served.port), timeout=SOON_SECONDS) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in hello:
            client.send(bytes((byte,)))
        assert client.recv(64) == UNRECOGNIZED_NAME
    for size in (0, 3, 5, len(hello) - 1):
        with socket.create_connection(("127.0.0.1", served.port), timeout=SOON_SECONDS) as client:
            client.sendall(hello[:size])
            client.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(64) == b""
