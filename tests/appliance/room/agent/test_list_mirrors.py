"""What a mirror can give a room, and that a hostile one can do no more than give nothing."""

import asyncio
import hashlib
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.room.agent import list_mirrors
from appliance.room.agent.list_mirrors import ListMirrors
from appliance.room.agent.signed_lists import METADATA_FOLDER, TRUSTED_FILE, IndexTerms, SignedLists
from appliance.room.agent.tuf_messages import FileTerms
from tests.fakes.list_mirror import FakeMirror, export, fake_mirror
from tests.fakes.signing_central import SigningCentral

FIRST, SECOND = "a1" * 32, "b2" * 32
CONTENT, OVERLAY = b"the second index" * 20_000, b"from the first to the second"
WHOLE_FILE, OVERLAY_FILE = f"indexes/{SECOND}/index.hpx", f"indexes/{SECOND}/from-{FIRST}.hpx"


class Story:
    """A central of two days, a mirror of today's, and a room that has seen the first day's signatures."""

    def __init__(self, folder: Path, mirror: FakeMirror) -> None:
        self.folder, self.mirror = folder, mirror
        self.central = SigningCentral(folder / "central")
        self.central.sign(FIRST, b"the first index")
        self.first_day = export(self.central, folder / "first-day")
        self.trust = folder / "trust"
        self._begin = folder / "begin"
        asyncio.run(SignedLists(self._begin, self._ask, self.now, is_pinned=lambda: True).find_terms(FIRST))
        self.central.pass_days(1)
        self.central.put(SECOND, OVERLAY, f"from-{FIRST}.hpx")
        self.central.sign(SECOND, CONTENT)
        self.today = export(self.central, folder / "today")
        self.path = folder / "fetched"
        self.signed_at = self.central.now.timestamp()
        self.start_anew()

    async def _ask(self, name: str, max_bytes: int) -> bytes | None:
        return self.central.fetch(name, max_bytes)

    def now(self) -> float:
        return self.central.now.timestamp()

    def start_anew(self) -> None:
        shutil.rmtree(self.trust, ignore_errors=True)
        shutil.copytree(self._begin, self.trust)
        self.path.unlink(missing_ok=True)
        self.mirror.hold(self.today)
        self.mirror.forget()
        self.signed = SignedLists(self.trust, self._ask, self.now, is_pinned=lambda: True)
        self.mirrors = self.opened()

    def opened(self, *urls: str, monotonic: Callable[[], float] = time.monotonic) -> ListMirrors:
        return ListMirrors(urls or (self.mirror.url,), self.signed, monotonic)

    def finds(self, base: str = "", mirrors: ListMirrors | None = None) -> IndexTerms | None:
        return asyncio.run((mirrors or self.mirrors).find_terms(base=base))

    def terms(self) -> IndexTerms:
        """Return how the second index must be, as central has said it."""
        return IndexTerms(SECOND, _terms(CONTENT), _terms(OVERLAY))

    def fetches(self, base: str = "", terms: IndexTerms | None = None) -> bool:
        return asyncio.run(self.mirrors.fetch_index(terms or self.terms(), base, self.path))


def _terms(content: bytes) -> FileTerms:
    return FileTerms(len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with fake_mirror() as mirror:
        yield Story(tmp_path_factory.mktemp("mirrors"), mirror)


@pytest.fixture
def story(shared: Story) -> Iterator[Story]:
    now = shared.central.now
    shared.start_anew()
    yield shared
    shared.central.now = now


def test_a_mirror_says_which_index_is_signed_and_has_its_files(story: Story) -> None:
    terms = story.finds(base=FIRST)
    assert terms == IndexTerms(SECOND, _terms(CONTENT), _terms(OVERLAY), story.signed_at)
    assert story.fetches(FIRST, terms)
    assert story.path.read_bytes() == OVERLAY
    assert story.fetches("", IndexTerms(SECOND, terms.whole))
    assert story.path.read_bytes() == CONTENT


def test_a_room_that_has_seen_no_signature_of_central_asks_no_mirror(story: Story) -> None:
    shutil.rmtree(story.trust)
    assert story.finds() is None
    assert story.mirror.asked == []
    assert not story.trust.exists()


def test_an_overlay_that_a_mirror_lacks_is_no_trouble_where_it_has_the_whole(story: Story) -> None:
    story.mirror.says(OVERLAY_FILE, 404)
    assert story.fetches(FIRST)
    assert story.path.read_bytes() == CONTENT


def test_what_the_room_had_accepted_and_nobody_signs_any_more_comes_from_central_alone(story: Story) -> None:
    assert not story.fetches(FIRST, IndexTerms(SECOND))
    assert story.mirror.asked == []


ELSEWHERE = "stolen"
BAD_FILES: dict[str, Callable[[FakeMirror], None]] = {
    "altered": lambda mirror: mirror.gives(WHOLE_FILE, CONTENT[:-1] + b"?"),
    "truncated": lambda mirror: mirror.gives(WHOLE_FILE, CONTENT[:-1]),
    "empty": lambda mirror: mirror.gives(WHOLE_FILE, b""),
    "longer": lambda mirror: mirror.gives(WHOLE_FILE, CONTENT + b"?"),
    "endless": lambda mirror: mirror.never_ends(WHOLE_FILE),
    "slow": lambda mirror: mirror.trickles(WHOLE_FILE, CONTENT),
    "redirecting": lambda mirror: mirror.says(WHOLE_FILE, 302, Location=mirror.url + ELSEWHERE),
    "broken": lambda mirror: mirror.says(WHOLE_FILE, 500),
    "behind": lambda mirror: mirror.says(WHOLE_FILE, 404),
    "a login page": lambda mirror: mirror.gives(WHOLE_FILE, b"<html>Sign in to the Wi-Fi</html>"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_mirror_that_has_no_good_file_is_left_and_costs_neither_disk_nor_time(
    story: Story, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(list_mirrors, "CALL_SECONDS", 1.0)
    monkeypatch.setattr(list_mirrors, "PIECE_SECONDS", 1.0)
    caplog.set_level(logging.INFO)
    story.mirror.gives(ELSEWHERE, CONTENT)
    BAD_FILES[kind](story.mirror)
    began = time.monotonic()
    assert not story.fetches()
    assert time.monotonic() - began < 20
    assert not story.path.exists() or story.path.stat().st_size <= len(CONTENT)
    assert ELSEWHERE not in story.mirror.asked
    assert story.mirror.url in caplog.text, "somebody is told"


def replay(story: Story) -> None:
    """Have the room see today's, and the mirror hand out what was signed before."""
    assert story.finds() is not None
    story.mirror.hold(story.first_day)


def freeze(story: Story) -> None:
    story.central.pass_days(40)


def be_another_school(story: Story) -> None:
    other = SigningCentral(story.folder / "other")
    other.now = story.central.now
    other.sign(SECOND, CONTENT)
    story.mirror.hold(export(other, story.folder / "other-export"))


BAD_SIGNATURES: dict[str, tuple[Callable[[Story], None], str]] = {
    "older": (replay, "older"),
    "ended": (freeze, "have ended"),
    "of another school": (be_another_school, "does not trust"),
    "without a timestamp": (lambda story: story.mirror.says("signatures/timestamp.json", 404), "missing"),
    "endless": (lambda story: story.mirror.never_ends("signatures/timestamp.json"), "more than metadata"),
    "slow": (lambda story: story.mirror.trickles("signatures/timestamp.json", b" " * 1000), "too slow"),
    "redirecting": (
        lambda story: story.mirror.says("signatures/timestamp.json", 307, Location=story.mirror.url + ELSEWHERE),
        "answered 307",
    ),
    "a page for all names": (lambda story: story.mirror.gives("signatures/2.root.json", b"<html>"), "damaged"),
}


# The other kinds of the same lot: each costs a process that checks.
RARE = ("without a timestamp", "endless", "slow", "a page for all names")


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.exhaustive) if kind in RARE else kind for kind in BAD_SIGNATURES]
)
def test_a_mirror_neither_rolls_back_nor_freezes_nor_feeds_what_central_has_not_signed(
    story: Story, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(list_mirrors, "CALL_SECONDS", 2.0)
    arrange, words = BAD_SIGNATURES[kind]
    arrange(story)
    caplog.clear()
    assert story.finds(mirrors=story.opened()) is None
    assert words in caplog.text
    assert ELSEWHERE not in story.mirror.asked
    assert (story.trust / TRUSTED_FILE).read_bytes() == (story.today / "signatures/root.json").read_bytes()
    assert (story.trust / METADATA_FOLDER).is_dir()


def test_a_mirror_that_failed_is_left_alone_longer_each_time_and_the_next_one_is_asked(story: Story) -> None:
    clock = [0.0]
    nobody = "http://127.0.0.1:9/"
    for url in (f"{story.mirror.url}none/", nobody):
        mirrors = story.mirrors = story.opened(url, story.mirror.url, monotonic=lambda: clock[0])
        assert story.fetches()
    assert [one.is_ready for one in mirrors._mirrors] == [False, True]
    clock[0] += list_mirrors.REST_SECONDS
    assert [one.is_ready for one in mirrors._mirrors] == [True, True]
    assert story.fetches()
    clock[0] += list_mirrors.REST_SECONDS
    assert [one.is_ready for one in mirrors._mirrors] == [False, True]
    clock[0] += list_mirrors.MAX_REST_SECONDS
    assert [one.is_ready for one in mirrors._mirrors] == [True, True]
