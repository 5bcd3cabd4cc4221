"""What a room takes into use, and what never again: with the process that checks, as it is on a card."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.room.agent import signed_lists
from appliance.room.agent.central_errors import CentralUnreachable
from appliance.room.agent.signed_lists import TRUSTED_FILE, IndexTerms, NotTrusted, SignedLists
from blocklists.compiler import build_index
from blocklists.container import INDEX_NAME
from blocklists.sources import Source
from tests.fakes.signing_central import SigningCentral

SECOND = "b2" * 32


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "list.txt").write_text("bad.example\n")
    source = Source(name="ours", category="games", location=str(folder / "list.txt"), match="subdomains")
    version = build_index([source], folder / "index").version
    return version, (folder / "index" / INDEX_NAME).read_bytes()


class Room:
    """A room's trust, and the central that it asks."""

    def __init__(self, folder: Path, compiled: tuple[str, bytes]) -> None:
        self.central = SigningCentral(folder / "central")
        self.version, self.content = compiled
        self.folder = folder / "room"
        self.is_pinned = True
        self.is_away = False
        self.knows_the_time = True
        self.file = folder / "came"
        self.file.write_bytes(self.content)

    def earliest_time(self) -> float:
        return self.central.now.timestamp() if self.knows_the_time else 0.0

    async def fetch(self, name: str, max_bytes: int) -> bytes | None:
        if self.is_away:
            raise CentralUnreachable("nobody answers")
        return self.central.fetch(name, max_bytes)

    def _run(self, work: Callable[[SignedLists], Any]) -> Any:
        lists = SignedLists(self.folder, self.fetch, self.earliest_time, is_pinned=lambda: self.is_pinned)
        return asyncio.run(work(lists))

    def asks(self, version: str = "") -> IndexTerms | str | None:
        """Return how the files must be, None for a central of before, or why the index is not taken."""
        try:
            terms: IndexTerms | None = self._run(lambda lists: lists.find_terms(version or self.version))
        except NotTrusted as problem:
            return problem.reason
        return terms

    def accepts(self) -> None:
        self._run(lambda lists: lists.note_accepted(self.version))


@pytest.fixture
def room(tmp_path: Path, compiled: tuple[str, bytes]) -> Room:
    return Room(tmp_path, compiled)


def test_unsigned_lists_are_taken_until_the_first_signature_and_never_afterwards(room: Room) -> None:
    assert room.asks() is None, "a central of before"
    room.central.sign(room.version, room.content)
    room.is_pinned = False
    assert room.asks() is None, "whoever answers is not central for certain: nothing is trusted yet"
    room.is_pinned = True
    terms = room.asks()
    assert isinstance(terms, IndexTerms)
    assert terms.are_met(room.file)
    shutil.rmtree(room.central.metadata)  # central is put back to a Hallpass of before
    for room.is_pinned in (True, False):
        assert room.asks() == "missing"
    (room.folder / TRUSTED_FILE).unlink()
    assert room.asks() == "missing", "python-tuf's own copy says that there was a signature"


def test_nothing_but_the_signed_octets_meets_the_terms(room: Room) -> None:
    room.central.sign(room.version, room.content)
    terms = room.asks()
    assert isinstance(terms, IndexTerms)
    for content in (b"", room.content[:-1], room.content + b"\0", room.content[:9] + b"?" + room.content[10:]):
        room.file.write_bytes(content)
        assert not terms.are_met(room.file)


def test_ended_signatures_stop_what_is_new_and_not_what_the_room_had_accepted(room: Room) -> None:
    room.central.sign(room.version, room.content)
    assert isinstance(room.asks(), IndexTerms)
    room.central.pass_days(40)
    assert room.asks() == "expired"
    room.accepts()
    terms = room.asks()
    assert isinstance(terms, IndexTerms)
    assert terms.are_met(room.file)
    room.file.write_bytes(room.content[:-9] + b"?" + room.content[-8:])
    assert not terms.are_met(room.file)
    room.central.sign(SECOND, b"second")
    room.central.pass_days(40)
    assert room.asks(SECOND) == "expired"
    room.knows_the_time = False  # a card without a clock, that has heard nothing yet
    assert isinstance(room.asks(SECOND), IndexTerms)


def test_a_central_that_is_away_is_away_and_nothing_worse(room: Room) -> None:
    room.is_away = True
    with pytest.raises(CentralUnreachable):
        room.asks()
    room.is_away = False
    room.central.sign(room.version, room.content)
    assert isinstance(room.asks(), IndexTerms)
    room.is_away = True
    with pytest.raises(CentralUnreachable):
        room.asks()


def test_a_first_root_that_is_none_is_not_kept(room: Room) -> None:
    room.central.sign(room.version, room.content)
    room.central.answers["root.json"] = b"<html>"
    assert room.asks() == "damaged"
    room.central.answers.clear()
    assert isinstance(room.asks(), IndexTerms)


def test_a_check_that_cannot_be_made_takes_nothing_into_use(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.central.sign(room.version, room.content)
    assert isinstance(room.asks(), IndexTerms)
    for command in (("/bin/false",), ("/bin/echo", '{"type": "result"}'), ("/bin/echo", "{}")):
        monkeypatch.setattr(signed_lists, "_CHILD", command)
        assert room.asks() == "not-checked"


def test_without_a_place_to_keep_it_nothing_is_checked() -> None:
    async def nobody(name: str, max_bytes: int) -> bytes | None:
        pytest.fail(f"{name} was asked for, {max_bytes}")

    lists = SignedLists(None, nobody, lambda: 0.0, is_pinned=lambda: True)
    assert asyncio.run(lists.find_terms(SECOND)) is None
