"""The keys of the rooms' logs: in the database only wrapped, by a key that stands elsewhere."""

from datetime import timedelta
from pathlib import Path

import pytest

from appliance.central import log_keys, lookups, webhooks
from appliance.central.key_file import KeyFile, KeyFileUnusable
from appliance.protocol import LookupAnswer
from tests.fakes.school import FakeSchool

OLD_KEY = "ab" * 32


def key_of(school: FakeSchool, name: str = "Room 4", keys: KeyFile | None = None) -> str:
    with school.store.write_session() as session:
        return log_keys.log_key_of(session, keys or school.central.keys, session.merge(school.room(name)))


@pytest.fixture
def room(school: FakeSchool) -> str:
    return school.enrol()


def dump(school: FakeSchool) -> bytes:
    return b"".join(path.read_bytes() for path in school.central.settings.central.data.glob("central.db*"))


@pytest.mark.usefixtures("room")
def test_a_rooms_key_stays_the_same_and_is_nowhere_in_the_database(school: FakeSchool) -> None:
    key = key_of(school)
    assert len(bytes.fromhex(key)) == 32
    school.enrol()
    assert key_of(school) == key
    assert key.encode() not in dump(school)
    assert school.central.keys.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("room")
def test_a_key_of_before_is_wrapped_at_the_next_start_and_stays_the_same(school: FakeSchool) -> None:
    with school.store.write_session() as session:
        session.merge(school.room()).log_key = OLD_KEY
    school.central.prepare_database()
    assert school.room().log_key.startswith("wrapped:")
    assert key_of(school) == OLD_KEY


@pytest.mark.usefixtures("room")
def test_without_the_right_key_file_no_key_is_given_and_no_other_made(school: FakeSchool, tmp_path: Path) -> None:
    key_of(school)
    school.enrol("Room 5")
    with pytest.raises(KeyFileUnusable, match="is missing"):
        key_of(school, keys=KeyFile(tmp_path / "gone"))
    with pytest.raises(KeyFileUnusable, match="is missing"):
        key_of(school, "Room 5", KeyFile(tmp_path / "gone"))
    assert not (tmp_path / "gone").exists()
    other = KeyFile(tmp_path / "other")
    other.seal("x", "y")
    with pytest.raises(KeyFileUnusable, match="is not the key"):
        key_of(school, keys=other)
    for content in ("", "no key", "ab" * 31, "ü"):
        other.path.write_text(content)
        with pytest.raises(KeyFileUnusable):
            key_of(school, keys=other)
        with pytest.raises(KeyFileUnusable, match="damaged"):
            other.seal("x", "y")
        assert other.path.read_text() == content, "never replaced: what it wrapped would be lost"


def test_nothing_that_is_sealed_makes_a_key_beside_one_that_is_missing(school: FakeSchool) -> None:
    now, path = school.clock(), school.central.keys.path

    def add_webhook(url: str) -> None:
        with school.store.write_session() as session:
            webhooks.add_webhook(
                session, now, school.central.keys, url=url, events=["list.held"], is_inside=False, by="cora"
            )

    def answer_lookup() -> None:
        with school.store.write_session() as session:
            asked = lookups.ask_room(
                session, now, room_id=school.room().id, device="0123456789ab", since=now - timedelta(hours=1),
                until=now, reason="a parent asked", by="lead", whose="pupils",
            )  # fmt: skip
            said = LookupAnswer(id=asked.id)
            lookups.receive_answer(session, now, school.central.keys, session.merge(school.room()), said)

    school.enrol()
    add_webhook("https://one.example.org/")
    path.unlink()
    for seal in (lambda: add_webhook("https://two.example.org/"), answer_lookup, lambda: key_of(school)):
        with pytest.raises(KeyFileUnusable, match="is missing"):
            seal()
        assert not path.exists()


def test_no_rooms_key_can_be_put_in_anothers_place(school: FakeSchool) -> None:
    for name in ("Room 4", "Room 5"):
        school.enrol(name)
        key_of(school, name)
    with school.store.write_session() as session:
        session.merge(school.room("Room 5")).log_key = school.room("Room 4").log_key
    with pytest.raises(KeyFileUnusable):
        key_of(school, "Room 5")
