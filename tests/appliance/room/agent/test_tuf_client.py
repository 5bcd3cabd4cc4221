"""A room believes nothing but what central has signed: each file, damaged in each way, by whoever may answer."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.room.agent.tuf_client import MAX_METADATA_BYTES, check_index
from appliance.room.agent.tuf_messages import FileTerms, SignatureCheck, SignaturesBad, SignaturesGood
from tests.fakes.signing_central import SigningCentral

FIRST, SECOND, THIRD = "a1" * 32, "b2" * 32, "c3" * 32
ROLES = ("timestamp", "snapshot", "targets")


class Room:
    """What a room has kept, and what it is told."""

    def __init__(self, folder: Path, lists: SigningCentral) -> None:
        self.folder = folder
        self.lists = lists
        self.root: bytes | None = None

    def asks(self, version: str, base: str = "", *, at: float | None = None) -> SignaturesGood | str:
        """Return how the files must be, or why the index is not taken."""
        root = self.root or self.lists.read("root.json") or b""
        job = SignatureCheck(
            folder=str(self.folder), trusted_root=root, is_first=self.root is None, version=version, base=base,
            time=self.lists.now.timestamp() if at is None else at,
        )  # fmt: skip
        result = check_index(job, self.lists.fetch)
        if isinstance(result, SignaturesBad):
            return result.reason
        self.root = result.trusted_root
        return result

    def takes(self, version: str) -> bool:
        return isinstance(self.asks(version), SignaturesGood)


@pytest.fixture
def lists(tmp_path: Path) -> SigningCentral:
    made = SigningCentral(tmp_path / "central")
    made.sign(FIRST, b"first")
    return made


@pytest.fixture
def room(tmp_path: Path, lists: SigningCentral) -> Room:
    """A room that has taken the first index."""
    made = Room(tmp_path / "room", lists)
    assert made.takes(FIRST)
    return made


def test_the_signed_index_is_taken_with_its_size_and_its_hash(room: Room) -> None:
    found = room.asks(FIRST)
    assert isinstance(found, SignaturesGood)
    assert found.whole == FileTerms(5, "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e")
    assert found.overlay is None
    room.lists.put(SECOND, b"from first to second", f"from-{FIRST}.hpx")
    room.lists.sign(SECOND, b"second")
    found = room.asks(SECOND, FIRST)
    assert isinstance(found, SignaturesGood)
    assert found.overlay is not None
    assert found.overlay.length == 20


def test_an_older_index_and_one_that_nobody_signed_are_not_taken(room: Room) -> None:
    room.lists.sign(SECOND, b"second")
    assert room.takes(SECOND)
    assert room.asks(FIRST) == "not-current"
    assert room.asks(THIRD) == "not-current"


def test_what_was_signed_before_is_not_taken_again(room: Room) -> None:
    before = room.lists.copy()
    room.lists.pass_days(1)
    room.lists.sign(SECOND, b"second")
    assert room.takes(SECOND)
    room.lists.answers = before
    assert room.asks(FIRST) == "older"
    for name in before:  # one file of before at a time
        room.lists.answers = {name: before[name]}
        said = room.asks(SECOND)
        assert said == "older" or isinstance(said, SignaturesGood)
    room.lists.answers = {}
    assert room.takes(SECOND)


def signed_part(change: Callable[[dict[str, object]], object]) -> Callable[[bytes], bytes]:
    """Return what alters what is signed, and leaves the signatures."""

    def damage(content: bytes) -> bytes:
        found = json.loads(content)
        change(found["signed"])
        return json.dumps(found).encode()

    return damage


def without_signatures(content: bytes) -> bytes:
    return json.dumps(json.loads(content) | {"signatures": []}).encode()


def with_another_signature(content: bytes) -> bytes:
    found = json.loads(content)
    for one in found["signatures"]:
        one["sig"] = "00" * 64
    return json.dumps(found).encode()


DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "missing": lambda _: None,
    "empty": lambda _: b"",
    "cut short": lambda content: content[:-20],
    "a flipped bit": lambda content: content[:200] + bytes([content[200] ^ 1]) + content[201:],
    "zeros": lambda content: bytes(len(content)),
    "no JSON": lambda _: b"<html>Sign in to the Wi-Fi</html>",
    "another JSON": lambda _: b'{"signed": [], "signatures": "none"}',
    "deep JSON": lambda _: b"[" * 100_000,
    "NUL": lambda content: content + b"\0",
    "endless": lambda content: content + b" " * MAX_METADATA_BYTES,
    "without signatures": without_signatures,
    "another signature": with_another_signature,
    "a later end": signed_part(lambda signed: signed.update(expires="2999-01-01T00:00:00Z")),
    "a huge version": signed_part(lambda signed: signed.update(version=10**300)),
    "a version of text": signed_part(lambda signed: signed.update(version="1")),
    "another role": signed_part(lambda signed: signed.update(_type="mirrors")),
    "another specification": signed_part(lambda signed: signed.update(spec_version="9.0.0")),
    "no end": signed_part(lambda signed: signed.pop("expires")),
}


def test_each_file_damaged_in_each_way_is_refused_and_the_right_one_taken_afterwards(room: Room) -> None:
    room.lists.sign(SECOND, b"second")
    room.lists.rotate()  # so that a root is fetched as well
    names = ["2.root.json", *(room.lists.newest(role) for role in ROLES)]
    for name in names:
        for what, damage in DAMAGES.items():
            room.lists.answers = {name: damage(room.lists.read(name) or b"")}
            said = room.asks(SECOND)
            assert said in {"damaged", "missing", "foreign", "older"}, (name, what, said)
    room.lists.answers = {}
    assert room.takes(SECOND)


@pytest.mark.exhaustive
@pytest.mark.parametrize("role", ["root", *ROLES])
def test_no_single_changed_octet_makes_another_index_believed(room: Room, role: str) -> None:
    """What is read otherwise than it was written is refused, or means the same."""
    room.lists.sign(SECOND, b"second")
    room.lists.rotate()
    name = "2.root.json" if role == "root" else room.lists.newest(role)
    content = room.lists.read(name) or b""
    good = Room(room.folder.with_name("good"), room.lists).asks(SECOND)
    kept = room.root
    for place in range(len(content)):
        room.root = kept
        (room.folder / "root_history" / "2.root.json").unlink(missing_ok=True)  # were it taken, so is the next
        changed = bytes([content[place] ^ 1])
        room.lists.answers = {name: content[:place] + changed + content[place + 1 :]}
        said = room.asks(SECOND)
        assert isinstance(said, str) or said.whole == good.whole  # type: ignore[union-attr]  # it is taken


def test_what_ended_stops_what_is_new_by_a_time_that_has_passed_for_certain(room: Room) -> None:
    room.lists.sign(SECOND, b"second")
    room.lists.pass_days(31)
    assert room.asks(SECOND) == "expired"
    assert room.asks(SECOND, at=0.0) != "expired", "a room that knows no time takes nothing for ended"
    room.lists.repository.renew()
    assert room.takes(SECOND)


def test_a_room_follows_the_keys_also_where_it_was_off_while_they_changed(room: Room) -> None:
    for with_root in (False, True, True, False):
        room.lists.rotate(with_root=with_root)
    room.lists.sign(SECOND, b"second")
    room.lists.asked.clear()
    assert room.takes(SECOND)
    assert room.lists.asked[:5] == [f"{number}.root.json" for number in (2, 3, 4, 5, 6)]
    room.lists.asked.clear()
    assert room.takes(SECOND)
    assert room.lists.asked == ["6.root.json", "timestamp.json"], "nothing is fetched twice"


def test_other_keys_help_where_centrals_clock_was_years_ahead_before_it_was_restored(room: Room) -> None:
    before = room.lists.copy()
    room.lists.pass_days(20_000)
    room.lists.sign(SECOND, b"second")
    assert isinstance(room.asks(SECOND, at=0.0), SignaturesGood)
    for path in room.lists.metadata.iterdir():
        path.unlink()
    for name, content in before.items():
        (room.lists.metadata / name).write_bytes(content or b"")
    room.lists.pass_days(-19_999)
    room.lists.sign(THIRD, b"third")
    assert room.asks(THIRD) == "older"
    room.lists.rotate()
    assert room.takes(THIRD)


def test_keys_that_central_made_anew_are_not_believed_until_the_room_is_told_to(
    room: Room, tmp_path: Path
) -> None:
    room.lists.repository.begin_anew()
    room.lists.sign(SECOND, b"second")
    assert room.asks(SECOND) == "foreign"
    room.lists.rotate(with_root=True)
    assert room.asks(SECOND) == "foreign"
    assert Room(tmp_path / "told", room.lists).takes(SECOND)


def test_somebody_elses_signatures_are_not_believed(room: Room, tmp_path: Path) -> None:
    other = SigningCentral(tmp_path / "other")
    other.pass_days(10)
    other.sign(SECOND, b"not the school's")
    room.lists.answers = other.copy()
    assert room.asks(SECOND) == "foreign"
    other.rotate(with_root=True)
    room.lists.answers = other.copy()
    assert room.asks(SECOND) == "foreign"


def test_a_way_that_answers_with_what_it_likes_leads_nowhere_else(room: Room) -> None:
    """A hostile mirror: roots without end, and files in each other's places."""
    root = room.lists.read("root.json")
    room.lists.answers = {f"{number}.root.json": root for number in range(2, 400)}
    assert room.asks(FIRST) in ("older", "foreign", "damaged")
    room.lists.answers = {}
    room.lists.sign(SECOND, b"second")
    for name in (room.lists.newest("snapshot"), room.lists.newest("targets"), "timestamp.json"):
        for other in ("timestamp", "snapshot", "targets"):
            if other not in name:
                room.lists.answers = {name: room.lists.read(room.lists.newest(other))}
                assert isinstance(room.asks(SECOND), str), (name, other)


def test_what_a_room_has_kept_may_be_damaged_and_is_fetched_again(room: Room) -> None:
    """A card wears out. Only the root is what nobody can fetch again, and it is there twice."""
    kept = {path: path.read_bytes() for path in room.folder.rglob("*.json") if not path.is_symlink()}
    assert len(kept) == 4
    room.lists.sign(SECOND, b"second")
    for path in kept:
        for damage in (b"", b"{}", b"\0" * 100):
            path.write_bytes(damage)
            assert room.takes(SECOND), path
    (room.folder / "tmpabc").write_bytes(b"left by a process that was cut off")
    trusted, room.root = room.root, b"\0" * 500
    assert room.takes(SECOND)
    assert room.root == trusted
    assert not (room.folder / "tmpabc").exists()
    (room.folder / "root_history" / "1.root.json").write_bytes(b"")
    room.root = b""
    job = SignatureCheck(folder=str(room.folder), trusted_root=b"{}", time=0.0, version=SECOND)
    found = check_index(job, room.lists.fetch)
    assert isinstance(found, SignaturesBad)
    assert found.reason == "no-trust"
