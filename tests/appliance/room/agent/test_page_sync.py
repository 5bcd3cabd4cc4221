"""A room takes a certificate for its pages that it can use, and keeps the one before where it cannot."""

import asyncio
import os
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.certificate_validity import read_validity
from appliance.errors import HallpassError
from appliance.protocol import PageCertificate
from appliance.room.agent.page_sync import PageSync
from appliance.room.page_certificate import page_tls, read_page
from appliance.room.paths import RoomPaths
from appliance.room.sign_in_offer import are_passwords_clear
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from appliance.settings.values import CertificateFiles
from tests.fakes.given_pages import GivenPages
from tests.fakes.page_pairs import SUFFIX, PagePairs

NOW = datetime.now(UTC)
PAIRS = PagePairs(NOW)
STAR, NAME = f"*.{SUFFIX}", f"room-4.{SUFFIX}"
SETTINGS = """[room]
name = "Room 4"
data = "data"
[dns]
upstreams = ["192.0.2.53"]
[central]
url = "https://central.example.org"
token_file = "token"
"""


class Room:
    """What a room has of central's certificate."""

    def __init__(self, folder: Path) -> None:
        (folder / "data").mkdir()
        (folder / "room.toml").write_text(SETTINGS)
        self.settings = load_settings(folder / "room.toml", RoomSettings)
        self.paths = RoomPaths.from_settings(self.settings)
        self.given, self.time = GivenPages(), NOW.timestamp()
        self.sync = PageSync(self.given, self.paths, lambda: self.time, lambda: True)  # type: ignore[arg-type]  # all that it calls

    def give(self, *names: str, name: str = NAME, days: float = 90, change: Callable[[str], str] = str) -> str:
        """Have central give a certificate from now on; return the digest that it names."""
        certificate, key = PAIRS.pair(*names, days=days)
        digest = f"{names[0]} {key[60:80]}"
        self.given.page = PageCertificate(digest=digest, name=name, certificate=change(certificate), key=key)
        return digest

    def follow(self, wanted: str) -> str:
        """Follow once; return what kept the room from it, or ""."""

        async def follow() -> str:
            self.sync.set_wanted(wanted)
            if await self.sync.is_applied(wanted):
                return ""
            try:
                await self.sync.apply(wanted)
            except HallpassError as problem:
                return str(problem)
            assert await self.sync.is_applied(wanted)
            return ""

        return asyncio.run(follow())

    def held(self) -> str:
        found = read_page(self.paths.page_certificate)
        return "" if found is None else found.digest


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_a_certificate_is_taken_once_and_let_go_when_central_has_none_any_more(room: Room) -> None:
    assert page_tls(room.settings) is None
    assert are_passwords_clear(room.settings)
    wanted = room.give(STAR)
    assert room.follow(wanted) == ""
    assert room.held() == wanted
    assert room.paths.page_certificate.stat().st_mode & 0o007 == 0
    tls = page_tls(room.settings)
    assert tls is not None
    assert (tls.name, str(tls.listen)) == (NAME, "0.0.0.0:443")
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate, tls.key)
    assert not are_passwords_clear(room.settings)
    assert room.follow(wanted) == ""
    assert room.given.fetched == 1
    room.given.page = PageCertificate()
    assert room.follow("") == ""
    assert not room.paths.page_certificate.exists()


def test_a_central_of_before_that_knows_of_no_certificate_takes_none_away(room: Room) -> None:
    wanted = room.give(STAR)
    room.follow(wanted)
    room.given.page = None
    for _ in range(3):
        assert room.follow("") == ""
    assert room.held() == wanted
    assert room.given.fetched == 2


def test_what_cannot_be_used_is_refused_and_the_one_before_stays(room: Room) -> None:
    good = room.give(STAR)
    room.follow(good)
    content = room.paths.page_certificate.read_bytes()
    other_key = PAIRS.pair(STAR)[1]
    cases: tuple[tuple[str, Callable[[], str]], ...] = (
        ("ended on", lambda: room.give(STAR, days=-1)),
        ("does not bear the name", lambda: room.give("*.other.example.org")),
        ("does not bear the name", lambda: room.give(f"*.x.{SUFFIX}")),
        ("no browser", lambda: room.give(STAR, name="room 4\nInjected: x")),
        ("no certificate with its key", lambda: room.give(STAR, change=lambda text: text.replace("A", "B", 30))),
        ("no certificate with its key", lambda: room.give(STAR, change=lambda _: "junk \x00 \u202e")),
        ("larger", lambda: room.give(STAR, change=lambda text: text * 200)),
    )
    for words, give in cases:
        assert words in room.follow(give())
        assert room.paths.page_certificate.read_bytes() == content
    wanted = room.give(STAR)
    assert room.given.page is not None
    room.given.page = msgspec.structs.replace(room.given.page, key=other_key)
    assert "no certificate with its key" in room.follow(wanted)
    assert room.held() == good
    assert [path.name for path in room.paths.data.iterdir()] == ["pages.pem"]


def test_a_damaged_file_is_fetched_again_and_brings_no_place_for_a_password_back(room: Room) -> None:
    wanted = room.give(STAR)
    room.follow(wanted)
    whole = room.paths.page_certificate.read_bytes()
    for damage in (b"", b"junk", whole[:300], whole.replace(b"M", b"N", 1), b"null\n" + whole):
        room.paths.page_certificate.write_bytes(damage)
        assert page_tls(room.settings) is not None
        assert not are_passwords_clear(room.settings)
        assert room.follow(wanted) == ""
        assert room.held() == wanted
    for make in (Path.mkdir, os.mkfifo):
        room.paths.page_certificate.unlink()
        make(room.paths.page_certificate)
        assert page_tls(room.settings) is not None
        files = CertificateFiles(certificate=room.paths.page_certificate, key=room.paths.page_certificate)
        with pytest.raises(HallpassError):
            read_validity(files)
        assert room.follow(wanted) == ""
        assert room.held() == wanted


def test_a_technicians_own_certificate_goes_before(room: Room, tmp_path: Path) -> None:
    room.follow(room.give(STAR))
    file = tmp_path / "room.toml"
    file.write_text(SETTINGS + '[web.tls]\ncertificate = "own.pem"\nkey = "own.key"\n')
    tls = page_tls(load_settings(file, RoomSettings))
    assert tls is not None
    assert tls.certificate.name == "own.pem"
    file.write_text(SETTINGS.partition("[central]")[0])
    assert page_tls(load_settings(file, RoomSettings)) is None, "a room alone takes nothing"


def test_a_certificate_of_the_rooms_own_key_is_renewed_at_two_thirds_of_its_life(room: Room) -> None:
    key_file = room.paths.page_key / "key.pem"

    async def sign(request: str) -> PageCertificate:
        room.given.requests.append(request)
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        own = PAIRS.certificate(NAME, key=key, days=90)
        return PageCertificate(digest="d", name=NAME, certificate=own)

    room.given.page = PageCertificate(digest="d", name=NAME)
    room.given.sign_page_certificate = sign  # type: ignore[method-assign]  # what central does with it
    assert room.follow("d") == ""
    first = room.paths.page_certificate.read_bytes()
    assert b"PRIVATE KEY" in first
    assert not room.paths.page_key.exists()
    room.time += timedelta(days=50).total_seconds()
    room.follow("d")
    assert len(room.given.requests) == 1
    room.time += timedelta(days=15).total_seconds()

    async def renew() -> None:
        assert not await room.sync.is_applied("d")
        await room.sync.apply("d")

    asyncio.run(renew())
    assert len(set(room.given.requests)) == 2, "each certificate has a key of its own"
    assert room.paths.page_certificate.read_bytes() != first
